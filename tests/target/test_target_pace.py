"""How fast and how much may be sent: shown on a clock of our own, on which waiting takes no time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from engine_servers import Write, answer, serving

from zdr_audit.profile.model import Limits
from zdr_audit.target.pace import BudgetSpent, Pace, seconds_of, tokens
from zdr_audit.target.transport import Outgoing, Transport


class Clock:
    """Moves on when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.now += seconds


Make = Callable[..., tuple[Pace, Clock]]


@pytest.fixture
def make() -> Make:
    def made(**limits: object) -> tuple[Pace, Clock]:
        clock = Clock()
        return Pace(Limits.model_validate(limits), pause=clock.wait, clock=lambda: clock.now), clock

    return made


def go(pace: Pace, *operations: str) -> None:
    for operation in operations:
        with pace.turn(operation):
            pass


# -- rates --------------------------------------------------------------------------------------------------------------------------


def test_without_bounds_nothing_waits(make):
    pace, clock = make()
    go(pace, *["messages.create"] * 50)
    assert clock.waits == []


def test_so_many_a_second_overall(make):
    pace, clock = make(requests_per_second=4)
    go(pace, "messages.create", "zdr.status", "messages.create")
    assert clock.waits == [0.25, 0.25]


def test_a_bound_of_one_operation_is_for_that_one_and_patterns_are_taken(make):
    pace, clock = make(operations={"messages.*": {"requests_per_second": 2}})
    go(pace, "messages.create", "zdr.status", "messages.count_tokens", "zdr.status")
    assert clock.waits == [0.5]


def test_the_stricter_of_two_bounds_holds(make):
    pace, clock = make(requests_per_second=10, operations={"zdr.*": {"requests_per_second": 1}})
    go(pace, "zdr.status", "zdr.status", "models.list")
    assert clock.waits == [1.0, 0.1]


@pytest.mark.parametrize("limits", [{"concurrency": 3}, {"operations": {"messages.create": {"concurrency": 3}}}])
def test_no_more_than_so_many_at_a_time(make, limits):
    pace, _ = make(**limits)
    inside, most, lock, full = 0, 0, threading.Lock(), threading.Barrier(3)

    def one() -> None:
        nonlocal inside, most
        with pace.turn("messages.create"):
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait(60)  # three are in at once, else nobody gets past
            with lock:
                inside -= 1

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, inside, pace.requests) == (3, 0, 12)


# -- budgets ------------------------------------------------------------------------------------------------------------------------


def test_the_request_budget_is_kept_to_the_last_request(make):
    pace, _ = make(max_requests=3)
    go(pace, "a", "b", "c")
    with pytest.raises(BudgetSpent, match=r"^the budget of 3 requests \(limits.max_requests\) is spent$"):
        go(pace, "d")
    assert pace.requests == 3


def test_a_part_of_the_budget_can_be_kept_back_for_the_end(make):
    pace, _ = make(max_requests=5)
    pace.keep_back(2, 0)
    go(pace, "a", "b", "c")
    with pytest.raises(BudgetSpent):
        go(pace, "d")
    pace.release()
    go(pace, "d", "e")


def test_what_an_earlier_part_of_the_run_used_counts():
    pace = Pace(Limits(max_requests=3), requests=2)
    go(pace, "a")
    with pytest.raises(BudgetSpent):
        go(pace, "b")


def test_the_token_budget_counts_requests_and_answers_of_inference_alone():
    with serving(answer(b"x" * 400)) as server:
        transport = Transport(server.base_url, 5, 1 << 20, pace=Pace(Limits(max_tokens=150)))
        transport.send(Outgoing("POST", "/", body=b"y" * 4000))
        transport.send(Outgoing("POST", "/", body=b"y" * 100, inference=True))
        assert transport.pace.spent == tokens(100) + tokens(400) == 125
        with pytest.raises(BudgetSpent, match=r"^the budget of about 150 tokens"):
            transport.send(Outgoing("POST", "/", body=b"y" * 104, inference=True))
        transport.send(Outgoing("POST", "/", body=b"y" * 4000))
    assert len(server.requests) == 3, "what the budget does not allow is not sent"


# -- backing off --------------------------------------------------------------------------------------------------------------------


def test_the_wait_is_what_the_target_asks_for(make):
    pace, clock = make()
    assert pace.back_off("a", 1, "7")
    go(pace, "a")
    assert clock.waits == [7.0]


def test_without_a_word_from_the_target_the_wait_doubles(make):
    pace, clock = make(retries=4)
    for attempt in range(1, 5):
        assert pace.back_off("a", attempt, None)
        go(pace, "a")
    assert clock.waits == [0.5, 1.0, 2.0, 4.0]
    assert not pace.back_off("a", 5, None)


def test_other_operations_do_not_wait(make):
    pace, clock = make()
    assert pace.back_off("a", 1, "7")
    go(pace, "b")
    assert clock.waits == []


@pytest.mark.parametrize(
    ("limits", "attempt", "asked"),
    [({"retries": 0}, 1, "1"), ({"retries": 2}, 3, "1"), ({"retry_wait_seconds": 5}, 1, "6"), ({"retry_wait_total_seconds": 5}, 1, "6")],
)
def test_waiting_is_bounded(make, limits, attempt, asked):
    pace, clock = make(**limits)
    assert not pace.back_off("a", attempt, asked)
    go(pace, "a")
    assert clock.waits == []


def test_a_target_that_puts_everything_off_costs_no_more_than_the_total(make):
    pace, clock = make(retry_wait_total_seconds=20, retries=3)
    for _ in range(500):
        attempt = 1
        while pace.back_off("a", attempt, "6"):
            go(pace, "a")
            attempt += 1
    assert sum(clock.waits) == 18


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        (" 1.5 ", 1.5),
        ("", None),
        (None, None),
        ("soon", None),
        ("-3", None),
        ("1e9", None),
        ("٣", None),
        ("nan", None),
    ],
)
def test_retry_after_in_seconds(text, seconds):
    assert seconds_of(text) == seconds


def test_retry_after_as_a_date():
    later = datetime.now(UTC) + timedelta(seconds=600)
    found = seconds_of(format_datetime(later, usegmt=True))
    assert found is not None
    assert 0 < found <= 600
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_a_place_is_free_again_after_a_request_that_broke():
    def drop(_: bytes, write: Write) -> None:
        write(b"nonsense\r\n\r\n")

    with serving(drop) as server:
        transport = Transport(server.base_url, 5, 1 << 20, pace=Pace(Limits(concurrency=1)))
        assert [transport.send(Outgoing("GET", "/")).status for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize("year", ["9" * 20, "10000"])
def test_a_date_beyond_all_dates_says_nothing(year):
    assert seconds_of(f"Thu, 01 Jan {year} 00:00:00 GMT") is None
    assert seconds_of("Thu, 01 Jan 2026 00:00:00 +99999999999999") is None
