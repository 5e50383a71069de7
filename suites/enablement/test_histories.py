"""One model, many histories: whatever the sequence, the target does what the model says, and keeps nothing under ZDR."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.histories.replay import judge_histories
from zdr_audit.suite.marks import control

from . import scenarios as after


@control("ZDR-ENB-13", after=after.many_histories)
def test_every_history_keeps_to_the_model(expect: Expect) -> None:
    judge_histories(expect)


@control("ZDR-ENB-14", after=after.many_histories)
def test_no_history_leaves_content_under_zdr(expect: Expect) -> None:
    expect.kept_nowhere(promise="whatever came before, content under ZDR must not be kept")
