"""Moments that calendars stumble over."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

import pytest

from zdr_audit.suite.dates import moments

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_is_what_it_is_called_and_comes_in_order(seed: int) -> None:
    found = moments(NOW, 12, seed)
    assert [at for _, at in found] == sorted(at for _, at in found)
    assert all(at > NOW for _, at in found)
    for kind, at in found:
        last = calendar.monthrange(at.year, at.month)[1]
        match kind:
            case "leap day":
                assert (at.month, at.day) == (2, 29)
            case "day early in a month":
                assert 2 <= at.day <= 5
            case "first day of a month":
                assert at.day == 1
            case "last day of a month":
                assert at.day == last
            case "turn of a year":
                assert (at + timedelta(hours=15)).year != (at - timedelta(hours=15)).year
            case _:
                assert at.weekday() == 6
                assert at.month == (3 if kind == "clocks go forward" else 10)
                assert at.day > last - 7
                assert abs(at - at.replace(hour=1, minute=0, second=0)) <= timedelta(hours=1)


def test_few_moments_have_a_leap_day_among_them_and_the_same_seed_gives_the_same() -> None:
    assert moments(NOW, 2, 7) == moments(NOW, 2, 7)
    assert [kind for kind, _ in moments(NOW, 1, 7)] == ["leap day"]


@pytest.mark.parametrize("seed", range(20))
def test_two_moments_show_what_ends_with_a_month_instead_of_with_its_period(seed: int) -> None:
    ends = [at + timedelta(days=730) for _, at in moments(NOW, 2, seed)]
    assert any(calendar.monthrange(end.year, end.month)[1] - end.day > 7 for end in ends)


def test_within_a_leap_year_the_next_one_is_meant() -> None:
    ((_, at),) = moments(datetime(2028, 3, 1, tzinfo=UTC), 1, 1)
    assert at.year == 2032
