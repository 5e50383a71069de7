"""The simulator is killed between effect and answer: nothing acknowledged is lost, and nothing is logged that did not happen.

A few times by default; ZDR_AUDIT_KILLS says how often.
"""

from __future__ import annotations

import os

from kill_rounds import Mortal, kill_rounds

KILLS = int(os.environ.get("ZDR_AUDIT_KILLS", "6"))


def test_nothing_acknowledged_is_lost_and_nothing_is_logged_that_did_not_happen(tmp_path):
    with Mortal(["--data-dir", str(tmp_path / "data")]) as mortal:
        counted = kill_rounds(mortal, KILLS, seed=1)
    assert sum(counted[moment] for moment in ("before", "after", "outside")) == KILLS
    assert counted["acknowledged"] > KILLS
    assert counted["unanswered and done"] > 0, "no life ended between effect and answer"
    assert counted["unanswered and not done"] > 0, "no life ended before the effect"
