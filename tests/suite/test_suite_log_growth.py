"""An audit log that loses or changes what somebody had seen in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from engine_events import NOON, SUBJECT, Record, interaction

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import DoesNotApply, Expect, Violated
from zdr_audit.suite.log_growth import every_log_only_grows

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
