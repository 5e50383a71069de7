"""Periods hold on every date: kept content ends after its days, not before and not later, whatever the calendar says on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zdr_audit.simulator.app import build_app
from zdr_audit.simulator.bootstrap import bootstrap
from zdr_audit.simulator.clock import stamp
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.exceptional import LONGEST_DAYS
from zdr_audit.simulator.parts import Parts, build_parts

ORGANIZATION, SESSION = "org_subject", "session-1"
OPERATOR = Caller("user_1", "operator@provider.example", "operator", "org_provider")
LATEST = datetime(2090, 1, 1)
SECOND = timedelta(seconds=1)
leap_days = st.builds(
    lambda leap, second: datetime(leap * 4, 2, 29) + timedelta(seconds=second), st.integers(507, 522), st.integers(0, 86_399)
)
turns_of_months = st.builds(
    lambda year, month, seconds: datetime(year, month, 1) + seconds * SECOND,
    st.integers(2028, 2089),
    st.integers(1, 12),
    st.integers(-1, 1),
)
dates = st.one_of(st.datetimes(datetime(2027, 1, 1), LATEST), leap_days, turns_of_months)
zones = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60))
few = settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    made = build_parts(tmp_path_factory.mktemp("dates"), None, True)
    bootstrap(made)
    build_app(made)
    made.exceptions.flag(OPERATOR, ORGANIZATION, SESSION, "CASE-1")
    yield made
    made.stores.close()


def at(parts: Parts, moment: datetime) -> None:
    """It is that moment (give and take how long the test takes to go on)."""
    parts.clock.offset = moment.replace(tzinfo=UTC) - datetime.now(UTC)


def keep(parts: Parts) -> None:
    ctx = RequestContext("req_1", {"x-claude-code-session-id": SESSION}, "", parts.clock.now())
    ctx.caller = Caller("user_2", "member@subject.example", "member", ORGANIZATION)
    with parts.stores.write() as session:
        parts.exceptions.record(session, ctx)


def expired(parts: Parts) -> int:
    with parts.stores.write() as session:
        return parts.exceptions.expire(session)


@few
@given(moment=dates)
def test_what_is_kept_by_exception_ends_after_its_days_to_the_second(parts: Parts, moment: datetime) -> None:
    at(parts, moment)
    keep(parts)
    at(parts, moment + timedelta(days=LONGEST_DAYS) - 60 * SECOND)
    assert expired(parts) == 0
    at(parts, moment + timedelta(days=LONGEST_DAYS) + 60 * SECOND)
    assert expired(parts) == 1
    assert parts.exceptions.list(ORGANIZATION) == []


@few
@given(moment=dates)
def test_the_log_says_that_a_session_was_flagged_on_whatever_date(parts: Parts, moment: datetime) -> None:
    at(parts, moment + timedelta(days=10 * 366))
    expired(parts)
    found = parts.audit.list(ORGANIZATION, None, 500)
    assert found is not None
    assert [entry["reference"] for entry in found[0] if entry["type"] == "session_flagged"] == ["CASE-1"]


@few
@given(one=dates, other=dates, here=zones, there=zones)
def test_times_as_text_sort_in_the_order_of_time_wherever_they_were_taken(
    one: datetime, other: datetime, here: timezone, there: timezone
) -> None:
    first, second = one.replace(tzinfo=here), other.replace(tzinfo=there)
    assert (stamp(first) < stamp(second)) == (first < second)
    assert datetime.fromisoformat(stamp(first)) == first
