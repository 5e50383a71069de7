"""The state machine finds what needs five or more steps: three planted bugs, within standard depth, from at least nine of ten seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from inside import Lab

from zdr_audit.suite.histories.machine import STANDARD, drive
from zdr_audit.suite.histories.replay import Told, histories, replay, script, story

SEEDS = range(1, 11)
PLANTED = ("enb-used-approval-counts-again", "enb-any-approval-counts", "enb-second-enabling-forgets-the-gate")
LEAST_STEPS = 5


def shortest(folder: Path, violation: str | None, seed: int) -> Told | None:
    """The shortest history that departs from the model, as the journal tells it; None where none does."""
    folder.mkdir(exist_ok=True)
    with Lab(folder, violation) as lab:
        assay = lab.assay("enablement.many_histories", seed)
        drive(assay, STANDARD, changes=True)
        told = [replay(lab.profile, name, steps, {}) for name, steps in histories(lab.history().of([assay.scenario])).items()]
        assert told
        assert not [t.unknown for t in told if t.unknown]
        failed = sorted((t for t in told if t.problem), key=lambda t: len(t.steps))
        if failed:
            assert len(story(failed[0]).splitlines()) == len(failed[0].steps)
            assert script(lab.profile, failed[0]).count("curl -s") == len(failed[0].steps)
        return failed[0] if failed else None


@pytest.mark.exhaustive
@pytest.mark.parametrize("violation", PLANTED)
def test_a_planted_bug_is_found_from_nine_of_ten_seeds(violation: str, tmp_path: Path) -> None:
    results = [shortest(tmp_path / str(seed), violation, seed) for seed in SEEDS]
    assert sum(told is not None for told in results) >= 9, results
    for told in results:
        assert told is None or len(told.steps) >= LEAST_STEPS, story(told)


@pytest.mark.exhaustive
def test_the_compliant_simulator_departs_from_the_model_with_no_seed(tmp_path: Path) -> None:
    results = [shortest(tmp_path / str(seed), None, seed) for seed in SEEDS]
    assert results == [None] * len(SEEDS), [story(told) for told in results if told]
