"""One model, many histories: whatever the sequence, the target does what the model says, and keeps nothing under ZDR."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.histories.replay import judge_histories
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive
from zdr_audit.suite.passed import has_passed

from . import scenarios as after

TIMES = after.histories_through_time


@control("ZDR-ENB-13", after=after.many_histories)
def test_every_history_keeps_to_the_model(expect: Expect) -> None:
    judge_histories(expect)


@control("ZDR-ENB-14", after=after.many_histories)
def test_no_history_leaves_content_under_zdr(expect: Expect) -> None:
    expect.kept_nowhere(promise="whatever came before, content under ZDR must not be kept")


@control("ZDR-ENB-14", after=(after.many_histories, after.disabling))
def test_what_was_begun_under_zdr_is_not_kept_though_it_ends_afterwards(expect: Expect) -> None:
    expect.about(after.disabling)
    asked = expect.where(step="ask while it is disabled")
    disabled = expect.where(step="disable", during="an answer", outcome="accepted")
    if not asked:
        raise DoesNotApply("the target has no streams")
    across = [
        i for i in asked if i.accepted and any(d.labels.get("about") == i.organization_id and d.ended_at < i.ended_at for d in disabled)
    ]
    if not across:
        raise Inconclusive("no answer was still coming when ZDR was disabled")
    expect.kept_nowhere(across, promise="what was begun under ZDR must not be kept, though ZDR is disabled before it ends")


@control("ZDR-ENB-16", after=TIMES, reads_late=True)
def test_every_history_through_time_and_restarts_keeps_to_the_model(expect: Expect) -> None:
    judge_histories(expect)


@control("ZDR-ENB-16", after=TIMES, reads_late=True)
def test_what_was_of_standard_retention_is_gone_when_its_period_has_passed(expect: Expect) -> None:
    asked = expect.some(step="ask", content="standard")
    expect.some(step="what is due is purged", outcome="accepted")
    has_passed(expect, TIMES)
    expect.kept_nowhere(
        asked, epochs=("late",), residue=False, promise="content without ZDR must be gone when the standard period has passed"
    )
