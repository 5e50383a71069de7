"""Moments that calendars stumble over: leap days, first and last days of months, the turn of a year, hours in which clocks are put forward or back."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

YEARS = 6
Moment = tuple[str, datetime]
Drawn = st.SearchStrategy[datetime]


def _next_leap_year(year: int) -> int:
    return next(y for y in range(year, year + 9) if calendar.isleap(y))


def _at(dates: st.SearchStrategy[tuple[int, int, int]]) -> Drawn:
    """Any second of a day; days are given as year, month and day."""
    return st.builds(
        lambda day, second: datetime(day[0], day[1], day[2], tzinfo=UTC) + timedelta(seconds=second), dates, st.integers(0, 86_399)
    )


def _days(after: datetime, day: Callable[[int, int], int]) -> st.SearchStrategy[tuple[int, int, int]]:
    years = st.integers(after.year + 1, after.year + YEARS)
    return st.builds(lambda year, month: (year, month, day(year, month)), years, st.integers(1, 12))


def _last_sunday(after: datetime, month: int) -> Drawn:
    """Within the hour before or after one in the morning, UTC, of the last Sunday of a month."""

    def moment(year: int, second: int) -> datetime:
        last = datetime(year, month, calendar.monthrange(year, month)[1], 1, tzinfo=UTC)
        return last - timedelta(days=(last.weekday() + 1) % 7) + timedelta(seconds=second)

    return st.builds(moment, st.integers(after.year + 1, after.year + YEARS), st.integers(-3_600, 3_600))


def _kinds(after: datetime) -> Mapping[str, Drawn]:
    leap = _next_leap_year(after.year + 1)
    return {
        "leap day": _at(st.just((leap, 2, 29))),
        # Whatever is counted in days or in years ends early in a month, too: what ends with months does not.
        "day early in a month": st.integers(2, 5).flatmap(lambda early: _at(_days(after, lambda _year, _month: early))),
        "first day of a month": _at(_days(after, lambda _year, _month: 1)),
        "last day of a month": _at(_days(after, lambda year, month: calendar.monthrange(year, month)[1])),
        "turn of a year": st.builds(
            lambda year, second: datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=second),
            st.integers(after.year + 1, after.year + YEARS),
            st.integers(-50_400, 50_400),
        ),
        "clocks go forward": _last_sunday(after, 3),
        "clocks go back": _last_sunday(after, 10),
    }


def moments(after: datetime, count: int, run_seed: int) -> list[Moment]:
    """`count` moments in the years after `after`, in order of time: of each kind in turn, so that the first kinds are always there."""
    kinds = list(_kinds(after).items())
    wanted = [kinds[number % len(kinds)] for number in range(count)]
    drawn: list[Moment] = []

    @seed(run_seed)
    @settings(max_examples=2, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(st.tuples(*(strategy for _, strategy in wanted)))
    def collect(found: tuple[datetime, ...]) -> None:
        drawn[:] = [(name, moment) for (name, _), moment in zip(wanted, found, strict=True)]

    collect()
    return sorted(drawn, key=lambda one: one[1])
