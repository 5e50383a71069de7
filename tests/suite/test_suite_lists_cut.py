"""Lists that were not read to their end: what may not stand in them is a violation where it was seen; of what was not seen nothing is said."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import SUBJECT, Record, interaction

from zdr_audit.journal.events import ScenarioEnded
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect

LOG = importlib.import_module("suites.audit_log.test_log")
ADMINISTRATION = importlib.import_module("suites.administration.test_administration")
EXCEPTIONS = importlib.import_module("suites.exceptions.test_exceptions")
SCENARIO = "some.scenario"
CUT: dict[str, Any] = {"more": "true"}
FAILED: dict[str, Any] = {"status": 429, "outcome": "rate_limited", "accepted": False, "data": None}
UNREAD = ("the list was not read to its end", "the list has more pages than the ")
Page = dict[str, Any]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def page(*items: dict[str, Any], **labels: str) -> Page:
    return {"data": {"items": list(items)}, "labels": labels}


def ends(*items: dict[str, Any], **labels: str) -> list[list[Page]]:
    """The list of these items, of which something was not read: its second page failed, or there are more than were read."""
    return [[page(*items, **labels, **CUT), FAILED | {"labels": labels}], [page(*items, **labels, **CUT)]]


def judged(profile: Profile, check: Callable[[Expect], None], steps: dict[str, list[Page]], ended: str = SCENARIO) -> None:
    record, number = Record(), 40
    record.scenarios.append(ScenarioEnded(name=ended))
    for step, pages in steps.items():
        for changes in pages:
            number += 1
            record.interactions.append(interaction(number, **({"scenario": SCENARIO, "step": step, "operation": "list"} | changes)))
    check(Expect(record.history(), profile, "ZDR-AUD-06", (SCENARIO,), ("main", "late")))


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"act_{number}", "organization": SUBJECT} | more


# -- entries that nobody may change (ZDR-AUD-06) ---------------------------------------------------------------------------------------


def tampered(profile: Profile, before: list[Page], later: list[Page]) -> None:
    tried = [{"status": 405, "outcome": "client_error", "accepted": False, "data": None}]
    judged(profile, LOG.test_no_role_can_change_or_delete_an_entry, {"tamper": tried, "before": before, "after": later})


@pytest.mark.parametrize("which", range(2))
def test_an_entry_that_was_seen_changed_is_a_violation_though_others_were_not_read(profile, which):
    tampered(profile, [page(entry(1), entry(2))], [page(entry(1), entry(2))])
    cut, changed = ends(entry(1))[which], ends(entry(1, type="nothing"))[which]
    assert inconclusive(lambda: tampered(profile, [page(entry(1), entry(2))], cut)).startswith(UNREAD)
    message, _ = violated(lambda: tampered(profile, [page(entry(1), entry(2))], changed))
    assert message.startswith("entry act_1 must be there unchanged after the attempts")


# -- who else reads the log (ZDR-AUD-08) -----------------------------------------------------------------------------------------------


def read_by_others(profile: Profile, theirs: list[Page], own: list[Page] | None = None) -> None:
    refused = [{"status": 403, "outcome": "denied", "accepted": False, "data": None}]
    others = {f"read by {who}": refused for who in LOG.OTHERS} | {f"read by {who}, one entry": refused for who in LOG.OTHERS}
    steps = {"own log": own or [page(entry(1))]} | others | {f"read by {LOG.OTHERS[0]}": theirs}
    judged(profile, LOG.test_the_log_is_not_readable_by_others, steps)


@pytest.mark.parametrize("which", range(2))
def test_what_another_organization_was_shown_of_a_log_is_a_violation_though_not_all_was_read(profile, which):
    other = entry(1, organization="org_neighbour")
    read_by_others(profile, [page(other)], ends(entry(1))[which])
    assert inconclusive(lambda: read_by_others(profile, ends(other)[which])).startswith(UNREAD)
    message, _ = violated(lambda: read_by_others(profile, ends(entry(1))[which]))
    assert message.startswith("neighbour's admin must not read the organization's audit log")


def test_where_entries_cannot_be_read_by_their_ids_the_lists_say_who_reads_the_log(profile):
    def looked(theirs: Page) -> None:
        judged(
            profile,
            LOG.test_the_log_is_not_readable_by_others,
            {"own log": [page(entry(1))]} | {f"read by {who}": [theirs] for who in LOG.OTHERS},
        )

    looked({"status": 403, "outcome": "denied", "accepted": False, "data": None})
    assert violated(lambda: looked(page(entry(1))))[0].startswith("neighbour's admin must not read the organization's audit log")


# -- analytics (ZDR-ADM-04, -05) and users (ZDR-ADM-08) --------------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(2))
def test_content_that_was_seen_in_analytics_is_a_violation_though_not_all_was_read(profile, which):
    def looked(fresh: list[Page]) -> None:
        judged(profile, ADMINISTRATION.test_analytics_carry_no_content, {"subject analytics": [page({"n": 1})], "fresh analytics": fresh})

    looked([page({"n": 1})])
    cut = ends({"n": 1})[which]
    assert inconclusive(lambda: looked(cut)).startswith(UNREAD)
    assert violated(lambda: looked([cut[0] | {"echoes": ("c-00001",)}, *cut[1:]]))[0].startswith("analytics must carry no prompt or answer")


@pytest.mark.parametrize("which", range(2))
def test_contributions_that_were_seen_are_a_violation_though_not_all_was_read(profile, which):
    def looked(fresh: list[Page]) -> None:
        steps = {
            "control analytics": [page({"contribution": {"lines": 1}})],
            "subject analytics": [page({"n": 1})],
            "fresh analytics": fresh,
        }
        judged(profile, ADMINISTRATION.test_contribution_metrics_are_absent_under_zdr, steps)

    looked([page({"n": 1})])
    assert inconclusive(lambda: looked(ends({"n": 1})[which])).startswith(UNREAD)
    assert violated(lambda: looked(ends({"contribution": {"lines": 1}})[which]))[0].startswith("contribution metrics must not be shown")


def test_a_newcomer_may_stand_on_a_page_that_was_not_read(profile):
    def looked(*pages: Page) -> None:
        users = [page({"email": "a@x.example", "seat": "s"}, email="a@x.example")]
        judged(profile, ADMINISTRATION.test_users_and_seats_are_listed, {"users": users, "users with a newcomer": list(pages)})

    other, new = {"email": "b@x.example"}, {"email": "new@x.example"}
    looked(page(other, newcomer="new@x.example"), page(new, newcomer="new@x.example"))
    looked(page(new, newcomer="new@x.example", **CUT))
    assert inconclusive(lambda: looked(page(other, newcomer="new@x.example", **CUT))).startswith(UNREAD)
    assert violated(lambda: looked(page(other, newcomer="new@x.example")))[0].startswith("the list must name a user who came under ZDR")


# -- what is kept by exception (ZDR-EXC-05) --------------------------------------------------------------------------------------------


def held(profile: Profile, later: list[Page], first: list[Page] | None = None) -> None:
    told = {"session": "held"}
    steps = {"kept while it stands": first or [page({"session": "held"}, **told)], "kept after the release": later}
    judged(profile, EXCEPTIONS.test_what_was_kept_for_a_hold_ends_with_it, steps | {"kept when held anew": [page(**told)]})


@pytest.mark.parametrize("which", range(2))
def test_what_stays_after_a_hold_is_a_violation_where_it_was_seen_and_gone_where_all_was_read(profile, which):
    there, other = ends({"session": "held"}, session="held")[which], ends({"session": "other"}, session="held")[which]
    held(profile, [page({"session": "other"}, session="held")], first=there)
    assert inconclusive(lambda: held(profile, other)).startswith(UNREAD)
    assert inconclusive(lambda: held(profile, [page(session="held")], first=other)).startswith(UNREAD)
    assert violated(lambda: held(profile, there))[0].startswith(EXCEPTIONS.GOES_WITH_IT)


# -- what is kept past its time (ZDR-EXC-07) -------------------------------------------------------------------------------------------


def dated(profile: Profile, first: Page, later: Page) -> None:
    told = {"labels": {"session": "dated", "kind": "leap day"}}
    asked = told | {"canaries": ("c-00001",)}
    steps = {"kept": [told | first], "ask on a date": [asked], "past its time": [told | later]}
    judged(
        profile, EXCEPTIONS.test_kept_content_ends_on_whatever_date_it_began, steps, EXCEPTIONS.after.dates_that_calendars_stumble_over.name
    )


def test_what_is_past_its_time_may_stand_on_a_page_that_was_not_read(profile):
    told = {"session": "dated", "kind": "leap day"}
    there, other = page({"session": "dated"}, **told), page({"session": "other"}, **told)
    further = other | {"labels": told | CUT}
    dated(profile, there, other)
    assert inconclusive(lambda: dated(profile, there, further)).startswith(UNREAD)
    assert violated(lambda: dated(profile, there, there | {"labels": told | CUT}))[0].startswith("what was kept on a leap day must be gone")
    dated(profile, there | {"labels": told | CUT}, other)
