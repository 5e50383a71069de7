"""The log cannot be changed, carries no content, and is for its own organization."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.log_growth import entries_keep_what_they_say, every_log_only_grows
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import Inconclusive, listed, read_to_the_end
from zdr_audit.suite.watched import content_was_sent

from ..blocked import scenarios as blocked
from ..exceptions.scenarios import a_flagged_session_and_a_legal_hold, dates_that_calendars_stumble_over
from ..retention.scenarios import plain_requests, requests_in_error, streamed_requests
from ..scope.scenarios import a_sibling_is_disabled
from . import scenarios as after

READ_AGAIN = (after.enablement_actions, after.a_migration_is_logged, a_sibling_is_disabled, after.logs_after_all_the_traffic)
OTHERS = ("neighbour's admin", "control's admin", "own member")
TRAFFIC = (
    plain_requests,
    streamed_requests,
    requests_in_error,
    blocked.web_sessions,
    blocked.remote_sessions,
    blocked.feedback,
    blocked.other_features,
    a_flagged_session_and_a_legal_hold,
)


@control("ZDR-AUD-06", after=after.tampering_is_tried)
def test_no_role_can_change_or_delete_an_entry(expect: Expect) -> None:
    expect.not_served(expect.some(step="tamper"), "no role may change or delete an audit entry")
    before, later = expect.some(step="before"), expect.some(step="after")
    expect.served([before[0], later[0]], "an organization's admin must be able to read its audit log")
    entries, kept = listed(before), {e["id"]: e for e in listed(later)}
    if not entries:
        raise Inconclusive("the log was empty before the attempts, so that none of its entries could be changed")
    for entry in sorted(entries, key=lambda e: e["id"] not in kept):  # what is seen to be changed outranks what was not read
        if entry["id"] not in kept:
            read_to_the_end(later)
        expect.that(kept.get(entry["id"]) == entry, f"entry {entry['id']} must be there unchanged after the attempts", later[0])
    for pages in (before, later):
        read_to_the_end(pages)


@control("ZDR-AUD-06", after=after.tampering_is_tried, watching=READ_AGAIN)
def test_no_log_loses_or_changes_an_entry(expect: Expect) -> None:
    every_log_only_grows(expect, READ_AGAIN[:-1], READ_AGAIN[-1])


@control("ZDR-AUD-06", after=(after.tampering_is_tried, dates_that_calendars_stumble_over))
def test_no_entry_changes_with_time(expect: Expect) -> None:
    expect.about(dates_that_calendars_stumble_over)
    entries_keep_what_they_say(expect, expect.some(step="the log before years"), expect.some(step="the log after years"))


@control("ZDR-AUD-07", after=after.logs_after_all_the_traffic, watching=TRAFFIC)
def test_the_log_carries_no_content(expect: Expect) -> None:
    steps = ("subject log", "control log", "reference log")
    expect.echoes_nothing([page for step in steps for page in expect.some(step=step)], "the audit log must carry no prompt or answer")
    logs = [expect.whole(step=step) for step in steps]
    expect.served(logs, "an organization's admin must be able to read its audit log")
    reference = expect.one(step="a reference to be found again").labels.get("marker", "")
    if not any(reference and reference in str(e.get("reference")) for e in (logs[-1].data or {}).get("items", [])):
        raise Inconclusive("our own reference was not found in the log, so not finding content there says nothing")
    content_was_sent(expect, TRAFFIC)


@control("ZDR-AUD-08", after=after.enablement_actions)
def test_the_log_is_not_readable_by_others(expect: Expect) -> None:
    own = expect.some(step="own log")
    organization = own[0].organization_id
    if organization not in {str(e.get("organization")) for e in listed(own)}:
        raise Inconclusive("not even the organization's own admin read an entry of it, so that others read none says nothing")
    for who in OTHERS:
        pages = expect.some(step=f"read by {who}")
        expect.dealt_with(pages[:1])
        about = {str(e.get("organization")) for e in listed(page for page in pages if page.outcome == "accepted")}
        expect.that(organization not in about, f"{who} must not read the organization's audit log", pages[0])
        if single := expect.where(step=f"read by {who}, one entry"):  # where entries can be read by their ids
            expect.not_served(single, f"{who} must not read an entry of the organization's audit log by its id")
    for who in OTHERS:
        read_to_the_end(expect.some(step=f"read by {who}"))
