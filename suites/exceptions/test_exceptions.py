"""Only what is flagged or held is kept, only for its time, and only for those who may read it."""

from __future__ import annotations

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, listed, read_to_the_end
from zdr_audit.suite.passed import has_passed

from . import changes
from . import scenarios as after

STORY = after.a_flagged_session_and_a_legal_hold
CHANGES = (changes.a_flagged_session_and_a_disabling, changes.a_flagged_session_and_a_migration)
GOES_WITH_IT = "what was kept for a hold alone must go with it, also of requests that were under way when it was released"
OTHERS = (
    "ask in another session",
    "a colleague asks",
    "ask without a session",
    "ask in a session of nearly that name",
    "another organization asks in a session of that name",
)


@control("ZDR-EXC-01", after=STORY)
def test_a_flagged_session_does_not_cause_others_to_be_kept(expect: Expect) -> None:
    others = [*(i for step in OTHERS for i in expect.some(step=step)), *expect.where(step=after.GOES_ON["flag"])]
    expect.kept_nowhere(others, refusable=after.GOES_ON.values(), promise="a flagged session must not cause other sessions to be kept")


def _after_changes(expect: Expect, *steps: str) -> list[Interaction]:
    """What was done after a change of the organization. Raises DoesNotApply where the target knows none after which it could be done, Inconclusive where
    none was reached."""
    expect.about(*CHANGES)
    found = [item for step in steps for item in expect.where(step=step)]
    if not found:
        if any(ended.error for item in CHANGES if (ended := expect.history.scenarios.get(item.name)) is not None):
            raise Inconclusive("no organization with a flagged session came to be changed")
        raise DoesNotApply("no organization with a flagged session was changed in a way after which this can be judged")
    return found


@control("ZDR-EXC-01", after=(STORY, *CHANGES))
def test_a_flag_keeps_no_other_session_after_changes_of_the_organization(expect: Expect) -> None:
    others = _after_changes(expect, changes.BESIDE)
    expect.kept_nowhere(
        [*expect.where(step=changes.BEFORE), *others],
        promise="a flagged session must not cause other sessions to be kept when its organization was changed, either",
    )


@control("ZDR-EXC-02", after=(STORY, *CHANGES, after.two_years_pass), reads_late=True)
def test_what_was_kept_for_a_flagged_session_is_gone_after_two_years(expect: Expect) -> None:
    has_passed(expect, after.two_years_pass)
    expect.kept_nowhere(
        expect.some(content="exception"), epochs=("late",), residue=False, promise="exceptional content must be gone after two years"
    )


@control("ZDR-EXC-03", after=(STORY, after.two_years_pass), reads_late=True)
def test_expired_content_is_not_recoverable(expect: Expect) -> None:
    has_passed(expect, after.two_years_pass)
    expect.kept_nowhere(
        expect.some(content="exception"), epochs=("late",), residue=True, promise="expired exceptional content must not be recoverable"
    )


@control("ZDR-EXC-04", after=STORY)
def test_kept_content_is_readable_by_no_customer_and_no_other_organization(expect: Expect) -> None:
    expect.presupposes(expect.some(step="operator reads"), "the operator can read what is kept, so a refusal to others means something")
    expect.not_served(expect.some(step="others read"), "exceptionally kept content must be readable by the operator alone")


@control("ZDR-EXC-04", after=(STORY, *CHANGES))
def test_kept_content_is_readable_by_no_customer_after_changes_of_the_organization(expect: Expect) -> None:
    seen = _after_changes(expect, changes.READ, changes.READ_BACK)
    if read := expect.where(step=changes.READ):
        expect.not_served(read, "exceptionally kept content must be readable by the operator alone, also when its organization was changed")
    expect.dealt_with(i for i in seen if i not in read)
    promise = "what gives stored content back must not show customers what was kept by exception, also when their organization was changed"
    expect.echoes_nothing(seen, promise, of="exception")


@control("ZDR-EXC-05", after=STORY)
def test_a_hold_keeps_only_what_it_names_and_only_until_its_release(expect: Expect) -> None:
    steps = ("ask beside before the hold", "ask beside the held session", "ask after the release")
    outside = [*(item for step in steps for item in expect.some(step=step)), *expect.where(step=after.GOES_ON["hold"])]
    expect.kept_nowhere(outside, refusable=after.GOES_ON.values(), promise="a legal hold must keep only what it names, until its release")


@control("ZDR-EXC-05", after=(STORY, after.a_flag_and_a_hold_from_before))
def test_a_flag_and_a_hold_from_before_keep_only_what_they_name(expect: Expect) -> None:
    expect.about(after.a_flag_and_a_hold_from_before)
    outside = expect.some(step="ask in another session after")
    expect.kept_nowhere(outside, promise="a flag and a hold from before ZDR must keep only what they name")
    expect.zdr_status(
        expect.some(step="status with what is from before"), "enabled", "a flag and a hold from before must leave ZDR enabled"
    )


@control("ZDR-EXC-05", after=(STORY, *CHANGES))
def test_a_hold_keeps_only_what_it_names_after_changes_of_the_organization(expect: Expect) -> None:
    outside = [*expect.where(step=changes.BEFORE), *_after_changes(expect, changes.BESIDE)]
    expect.presupposes(expect.some(step="hold before the change"), "what is outside a hold can be judged where something is held")
    expect.kept_nowhere(outside, promise="a legal hold must keep only what it names, also when its organization was changed")


@control("ZDR-EXC-05", after=(STORY, after.a_hold_that_is_released))
def test_what_was_kept_for_a_hold_ends_with_it(expect: Expect) -> None:
    expect.about(after.a_hold_that_is_released)
    for step, there in (("kept while it stands", True), ("kept after the release", False)):
        pages = expect.some(step=step)
        sessions = {str(item.get("session")) for item in listed(pages) if isinstance(item, dict)}
        kept = pages[0].labels["session"] in sessions
        expect.that(there or not kept, GOES_WITH_IT, pages[0])
        expect.served(pages[:1], "what is kept by exception must be listed")
        if not kept:
            read_to_the_end(pages)
        if there and not kept:
            raise Inconclusive("what is held is not listed as kept, so that its absence later says nothing")
    expect.served(expect.some(step="kept when held anew"), "what is kept by exception must be listed")
    if back := expect.where(step="read when held anew"):
        expect.echoes_nothing(back, "what went with a hold must not come back when the session is held anew")


@control("ZDR-EXC-05", after=(STORY, after.two_holds_on_a_session))
def test_a_hold_stands_until_it_is_released_itself(expect: Expect) -> None:
    expect.about(after.two_holds_on_a_session)
    for step, there in (("kept under two holds", False), ("kept under the other hold", True)):
        pages = expect.some(step=step)
        expect.served(pages[:1], "what is kept by exception must be listed")
        sessions = {str(item.get("session")) for item in listed(pages) if isinstance(item, dict)}
        kept = pages[0].labels["session"] in sessions
        if not kept:
            read_to_the_end(pages)
        expect.that(kept or not there, "the release of one hold must leave another on the same session in place", pages[0])
        if not kept:
            raise Inconclusive("what is held is not listed as kept, so that its absence later says nothing")


@control("ZDR-EXC-06", after=STORY)
def test_flags_and_holds_are_logged_and_leave_zdr_on(expect: Expect) -> None:
    for step in ("status while held", "status afterwards"):
        expect.zdr_status(expect.some(step=step), "enabled", "flags and holds must leave ZDR enabled")
    before = expect.where(step="use before holds")
    expect.dealt_with(before)
    refused = {i.labels["feature"] for i in before if i.outcome == "refused_by_policy"}
    used = [*expect.where(step="use while held"), *expect.where(step="use in such a session")]
    while_held = [i for i in used if i.labels["feature"] in refused]
    if while_held:
        expect.not_served(while_held, "flags and holds must leave features that need storage refused")
    expect.echoes_nothing(expect.some(step="audit log"), "the entries of flags and holds must carry no content")
    log = expect.whole(step="audit log")
    if not expect.audit_types:
        raise Inconclusive("the profile does not say how the audit log names these actions")
    seen = [entry["type"] for entry in (log.data or {}).get("items", [])]
    read = expect.audit_types.read if any(i.outcome == "accepted" for i in expect.where(step="operator reads")) else None
    released = expect.audit_types.released if any(i.outcome == "accepted" for i in expect.where(step="release the hold")) else None
    for name in (expect.audit_types.flagged, expect.audit_types.hold, released, read):
        if name:
            expect.that(name in seen, f"the audit log must have an entry '{name}'", log)


@control("ZDR-EXC-07", after=(STORY, after.two_years_pass, after.dates_that_calendars_stumble_over), reads_late=True)
def test_kept_content_ends_on_whatever_date_it_began(expect: Expect) -> None:
    for began in expect.some(step="kept"):
        sessions = {str(item.get("session")) for item in listed([began]) if isinstance(item, dict)}
        if began.labels["session"] not in sessions:
            raise Inconclusive(f"what is flagged is not listed as kept ({began.labels['kind']}), so that its absence later says nothing")
    gone_on_with = {item.labels["session"] for item in expect.where(step="ask later in the same session") if item.accepted}
    for ended in expect.some(step="past its time"):
        expect.served([ended], "what is kept by exception must be listed")
        sessions = {str(item.get("session")) for item in listed([ended]) if isinstance(item, dict)}
        promise = f"what was kept on a {ended.labels['kind']} must be gone when its time has passed"
        expect.that(ended.labels["session"] not in sessions - gone_on_with, promise, ended)
    asked = expect.some(step="ask on a date")
    remains = expect.where(step="read what is left")
    expect.dealt_with(remains)
    for left in remains:
        older = {canary for item in asked if item.labels["session"] == left.labels["session"] for canary in item.canaries}
        promise = f"what was kept on a {left.labels['kind']} must be gone when its time has passed, also where its session went on"
        expect.that(not older & set(left.echoes), promise, left)
    has_passed(expect, after.dates_that_calendars_stumble_over)
    expect.kept_nowhere(asked, epochs=("late",), promise="exceptional content must be gone on whatever date it was kept")
    for ended in expect.some(step="past its time"):  # last: what was found outranks what may stand on a further page
        read_to_the_end([ended])


@control("ZDR-EXC-07", after=(STORY, after.dates_that_calendars_stumble_over))
def test_the_log_of_a_flag_outlives_what_was_kept(expect: Expect) -> None:
    log = expect.whole(step="the log after years")
    expect.served([log], "an organization's admin must be able to read its audit log")
    if "too_large" in (log.data or {}):
        raise Inconclusive("the log was too large to be recorded")
    entries = listed([log])
    logged = {str(entry.get("reference")) for entry in entries if isinstance(entry, dict)}
    flags = expect.some(step="flag on a date")
    expect.every(
        flags, lambda i: i.labels.get("marker") in logged, "the log must still say that a session was flagged when its content is gone"
    )
