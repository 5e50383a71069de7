"""A restart changes nothing: not who has ZDR, not what is refused and kept, not the log."""

from __future__ import annotations

from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control

from . import restarts as after


@control("ZDR-ENB-15", after=after.the_service_begins_anew, reads_late=True)
def test_zdr_is_what_it_was_before_the_restart(expect: Expect) -> None:
    for step, state in (("on", "enabled"), ("subject", "enabled"), ("control", "disabled"), ("still on", "enabled"), ("off", "disabled")):
        expect.zdr_status(expect.some(step=f"{step}: status"), state, f"after a restart ZDR must be {state}, as before")
    for step in ("on", "still on"):
        expect.features_refused(
            expect.some(step=f"{step}: features"), "after a restart features that need storage must be refused as before"
        )
    expect.served(expect.some(step="off: features"), "after a restart an organization without ZDR must have its features as before")
    expect.kept_nowhere(expect.some(step="ask after a restart"), epochs=("late",), promise="after a restart nothing must be kept under ZDR")
    if tried := expect.where(step="a revoked key after a restart"):
        expect.presupposes(expect.some(step="the key works"), "the key must work before it is revoked, so that its refusal means something")
        expect.not_served(tried, "after a restart a revoked key must open nothing, as before")


@control("ZDR-AUD-12", after=after.the_service_begins_anew)
def test_what_was_answered_is_in_the_log_after_a_restart(expect: Expect) -> None:
    for story in Story.all(expect):
        story.has_one_entry_for_each(expect, refused=False)
        if story.logs_refusals:
            story.has_one_entry_for_each(expect, refused=True)
