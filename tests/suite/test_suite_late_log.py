"""An audit log that is late is waited for, one that is not never; what order a log lists its entries in."""

from __future__ import annotations

import pytest

from zdr_audit.suite import late_log
from zdr_audit.suite.late_log import LateLog
from zdr_audit.suite.log_entries import oldest_first

WINDOW = 2.0


class Target:
    """A log that shows an entry so many seconds of waiting after it was made."""

    def __init__(self, lag: float) -> None:
        self.lag, self.waited, self.looks = lag, 0.0, 0

    def pause(self, seconds: float) -> None:
        self.waited += seconds

    def rows(self):
        self.looks += 1
        return ({"reference": "mine"},) if self.waited >= self.lag else ({"reference": "another"},)


@pytest.fixture
def clock(monkeypatch):
    """The time as the log sees it, moved by hand."""
    now = [100.0]
    monkeypatch.setattr(late_log.time, "monotonic", lambda: now[0])
    return now


def read(log: LateLog, target: Target) -> None:
    log.before("org", WINDOW, target.pause, target.rows)


@pytest.mark.usefixtures("clock")
def test_a_log_that_shows_everything_at_once_is_looked_at_a_few_times_more_in_a_whole_run():
    log, target = LateLog(), Target(0)
    for _ in range(9):
        log.noted("org", "mine", done=True)
        read(log, target)
    assert (target.waited, target.looks, log.late) == (0, 3, False)


def test_a_reading_that_comes_sooner_after_its_action_than_those_before_may_find_the_log_late(clock):
    log, target = LateLog(), Target(0)
    for _ in range(5):
        log.noted("org", "mine", done=True)
        clock[0] += 0.5
        read(log, target)
    assert (target.looks, log.late) == (3, False)
    target.lag = 0.3  # which half a second had hidden
    log.noted("org", "mine", done=True)
    clock[0] += 0.1
    read(log, target)
    assert log.late and target.waited >= 0.3


def test_a_reading_after_the_window_says_nothing_of_a_late_log(clock):
    log, target = LateLog(), Target(0)
    log.noted("org", "mine", done=True)
    clock[0] += WINDOW
    read(log, target)
    assert target.looks == 0


def test_a_late_log_has_the_window_at_each_reading_but_no_longer_than_is_left_of_it(clock):
    log, target = LateLog(), Target(0.3)
    log.noted("org", "mine", done=True)
    read(log, target)
    assert log.late and 0.3 <= target.waited <= WINDOW
    target.waited = 0
    clock[0] += 0.5
    read(log, target)
    assert target.waited == pytest.approx(WINDOW - 0.5)
    clock[0] += WINDOW
    target.waited = 0
    read(log, target)
    assert target.waited == 0


@pytest.mark.usefixtures("clock")
def test_an_entry_that_does_not_come_in_time_is_waited_for_once():
    log, target = LateLog(), Target(WINDOW + 5)
    log.noted("org", "mine", done=True)
    for _ in range(3):
        read(log, target)
    assert target.waited == pytest.approx(WINDOW)
    log.noted("org", "another one", done=True)
    for _ in range(3):
        read(log, target)
    log.noted("org", "a third one", done=True)
    read(log, target)
    assert target.waited == pytest.approx(2 * WINDOW), "two that do not come are enough"
    assert log.late is False


@pytest.mark.usefixtures("clock")
def test_nothing_is_learned_where_nothing_was_done_or_the_log_is_closed():
    log, target = LateLog(), Target(0)
    read(log, target)
    log.noted("org", "mine", done=True)
    log.before("org", WINDOW, target.pause, lambda: None)
    assert (target.looks, log.late) == (0, False)


def test_an_attempt_that_was_refused_has_its_time_too(clock):
    log, target = LateLog(), Target(0.3)
    log.noted("org", "a refused one", done=False)
    read(log, target)
    assert (target.looks, log.late) == (0, False)
    log.noted("org", "mine", done=True)
    read(log, target)
    clock[0] += WINDOW
    log.noted("org", "a refused one", done=False)
    target.waited = 0
    read(log, target)
    assert target.waited == pytest.approx(WINDOW)


def entries(*numbers: object) -> tuple[dict[str, object], ...]:
    return tuple({"sequence": number} for number in numbers)


def test_a_log_that_lists_the_newest_first_is_read_from_its_end():
    assert oldest_first(entries(3, 2, 1)) == entries(1, 2, 3)
    assert oldest_first(entries("12", "11")) == entries("11", "12")


@pytest.mark.parametrize("numbers", [(1, 2, 3), (3, 1, 2), (3, 2, 2), (2, None, 1), ()])
def test_any_other_order_stays_as_it_is(numbers):
    assert oldest_first(entries(*numbers)) == entries(*numbers)
