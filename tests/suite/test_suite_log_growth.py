"""An audit log that loses or changes what somebody had seen in it."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from engine_events import NOON, SUBJECT, Record, interaction

from zdr_audit.journal.events import Interaction, RunResumed, ScenarioEnded
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.log_growth import entries_keep_what_they_say, every_log_only_grows
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, Violated

READ_AGAIN = importlib.import_module("suites.audit_log.test_log").READ_AGAIN
READER = {"actor": "subject.admin", "operation": "audit.list", "method": "GET", "path": "/log?limit=2", "step": "own log"}


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def entry(number: int, kind: str = "zdr_requested") -> dict[str, Any]:
    return {"id": f"act_{number}", "type": kind, "_whole": {"seen": "now"}}


def page(number: int, *entries: dict[str, Any], more: bool = False, after: float = 0.0, **changes: Any) -> Interaction:
    """A page of a log, read so many seconds after noon."""
    at = (datetime.fromisoformat(NOON) + timedelta(seconds=after)).isoformat()
    labels = {"about": SUBJECT} | ({"more": "true"} if more else {})
    return interaction(
        number, **(READER | {"labels": labels, "data": {"items": list(entries)}, "started_at": at, "ended_at": at} | changes)
    )


def grows(profile: Profile, *pages: Interaction) -> None:
    record = Record()
    record.interactions += pages
    every_log_only_grows(Expect(record.history(), profile, "ZDR-AUD-06", (), ("main",)))


def follow(number: int, *entries: dict[str, Any], **more: Any) -> Interaction:
    return page(number, *entries, path="/log?limit=2&after_id=act_2", **more)


def test_a_log_that_grows_is_accepted_in_whatever_order_and_pages(profile):
    grows(
        profile,
        page(40, entry(1), entry(2)),
        page(41, entry(3), entry(2), more=True, after=10),
        follow(42, entry(1), after=10),
        page(43, entry(4), entry(3), entry(2), entry(1), after=20),
    )


def test_an_entry_that_is_there_no_more_is_found(profile):
    with pytest.raises(
        Violated, match="entry act_2 of an audit log must be there unchanged whenever it is read again, and is there no more"
    ):
        grows(profile, page(40, entry(1), entry(2)), page(41, entry(1), after=10))
    with pytest.raises(Violated, match="entry act_1 of an audit log must be there"):
        grows(profile, page(40, entry(1)), page(41, after=10))


def test_an_entry_that_became_another_is_found(profile):
    with pytest.raises(Violated, match="entry act_1 of an audit log must be there unchanged whenever it is read again, and is another one"):
        grows(profile, page(40, entry(1)), page(41, entry(1, "nothing"), after=10))


def test_what_stands_on_the_second_page_of_an_earlier_reading_is_missed_too(profile):
    first = (page(40, entry(1), entry(2), more=True), follow(41, entry(3)))
    with pytest.raises(Violated, match="entry act_3 of an audit log must be there"):
        grows(profile, *first, page(42, entry(1), entry(2), after=10))


def test_a_reading_that_was_not_brought_to_its_end_misses_nothing(profile):
    seen = page(40, entry(1), entry(2))
    with pytest.raises(DoesNotApply):
        grows(profile, seen, page(41, entry(2), more=True, after=10))


def test_readings_that_went_on_at_the_same_time_are_not_taken_for_half_logs(profile):
    grows(
        profile,
        page(40, entry(1), entry(2), entry(3)),
        page(41, entry(1), entry(2), more=True, after=10),
        page(42, entry(1), entry(2), more=True, after=10),
        follow(43, entry(3), after=10),
        follow(44, entry(3), after=10),
    )


def test_what_was_seen_within_the_settle_window_may_be_on_its_way(profile):
    late = profile.limits.settle_seconds / 2
    grows(profile, page(39, entry(1)), page(40, entry(1), entry(2), after=10), page(41, entry(1), after=10 + late))


@pytest.mark.parametrize(
    "other", [{"actor": "neighbour.admin"}, {"epoch": "late"}, {"outcome": "denied", "status": 403}, {"labels": {"about": "org_other"}}]
)
def test_other_readers_other_logs_refusals_and_the_time_after_time_was_moved_say_nothing(profile, other):
    with pytest.raises(
        DoesNotApply, match="no audit log in which there was an entry was read again by the same reader after the settle window"
    ):
        grows(profile, page(40, entry(1)), page(41, after=10, **other))


def resumed(profile: Profile, *pages: Interaction, killed: bool) -> None:
    """A log was read by a scenario of `READ_AGAIN`, whose run was killed before the one that reads last, or after it; then these pages were read."""
    seen, last = READ_AGAIN[0], READ_AGAIN[-1]
    record = Record()
    record.interactions += [page(40, entry(1), scenario=seen.name)]
    record.scenarios = [ScenarioEnded(name=name) for name in (seen.name, "administration.read")]
    ended, kill = [*pages, ScenarioEnded(name=last.name)], [RunResumed(at=NOON)]
    history = History([*record.events(), *([*kill, *ended] if killed else [*ended, *kill])])
    every_log_only_grows(Expect(history, profile, "ZDR-AUD-06", (), ("main",)), READ_AGAIN[:-1], last)


# Another log, which was read twice whatever became of the first.
ELSEWHERE = tuple(page(50 + n, entry(1), after=20 * n, labels={"about": "org_else"}, scenario="administration.read") for n in range(2))


def test_a_run_that_was_broken_off_before_a_log_was_read_again_says_so(profile):
    with pytest.raises(DoesNotApply, match=f"no log of {READ_AGAIN[0].name} was read again at the end: the run was broken off in between"):
        resumed(profile, *ELSEWHERE, killed=True)


def test_a_run_that_was_broken_off_later_or_read_it_again_all_the_same_holds(profile):
    resumed(profile, *ELSEWHERE, killed=False)
    resumed(profile, page(41, entry(1), after=20, scenario=READ_AGAIN[-1].name), killed=True)


def test_an_entry_that_is_gone_outranks_what_was_not_read_again(profile):
    with pytest.raises(Violated, match="is there no more"):
        resumed(profile, ELSEWHERE[0], page(60, after=20, labels={"about": "org_else"}), killed=True)


def keeps(profile: Profile, before: list[dict[str, Any]], later: list[dict[str, Any]]) -> None:
    pages = [page(40, *before)], [page(41, *later, epoch="late")]
    expect = Expect(Record().history(), profile, "ZDR-AUD-06", (), ("main",))
    entries_keep_what_they_say(expect, *pages)


SAID = {"id": "act_1", "type": "zdr_enabled", "_whole": {"id": "act_1", "ip": "127.0.0.1", "age": 1, "note": ""}}


@pytest.mark.parametrize(
    "later",
    [SAID, SAID | {"_whole": {"id": "act_1", "ip": "127.0.0.1", "age": 700}}, SAID | {"_whole": "none"}],
    ids=["as it was", "what is counted anew", "no whole entry"],
)
def test_an_entry_may_be_told_anew_with_time(profile, later):
    keeps(profile, [SAID, entry(2)], [later])


@pytest.mark.parametrize(
    ("later", "member"),
    [
        (SAID | {"type": "other"}, "type"),
        (SAID | {"_whole": {"id": "act_1", "ip": "", "age": 1}}, "ip"),
        (SAID | {"_whole": {"id": "act_1", "age": 1}}, "ip"),
    ],
)
def test_an_entry_that_lost_a_part_with_time_is_found(profile, later, member):
    with pytest.raises(Violated, match=rf"entry act_1 .* at first \({member}\)"):
        keeps(profile, [SAID], [later])


def test_a_part_that_was_lost_deep_inside_an_entry_is_found(profile):
    told = {"by": {"id": "usr_1", "of": [{"name": "one", "since": 7}, {"name": "two"}]}}
    later = {"by": {"id": None, "of": [{"name": "", "since": 7}]}}
    keeps(profile, [SAID | {"_whole": told}], [SAID | {"_whole": told | {"more": 1}}])
    with pytest.raises(Violated, match=r"at first \(by/id, by/of/0/name, by/of/1\)"):
        keeps(profile, [SAID | {"_whole": told}], [SAID | {"_whole": later}])


def test_where_no_entry_is_there_any_more_nothing_can_be_said(profile):
    with pytest.raises(Inconclusive, match="none was read afterwards"):
        keeps(profile, [SAID], [entry(2)])
