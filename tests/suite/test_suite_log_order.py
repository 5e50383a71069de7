"""The order of an audit log's entries: by their numbers, else by how they are listed and what their times say."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from zdr_audit.suite.log_order import in_order

BEGAN = datetime(2026, 11, 28, 12, tzinfo=UTC)


def entry(number: int, second: int | None, *, numbered: bool = False) -> dict[str, object]:
    at = None if second is None else (BEGAN + timedelta(seconds=second)).isoformat()
    return {"id": f"e{number}", "at": at} | ({"sequence": str(number)} if numbered else {})


def ids(rows: list[dict[str, object]]) -> list[str]:
    return [str(row["id"]) for row in in_order(rows)]


WANTED = ["e1", "e2", "e3", "e4", "e5"]


def test_numbers_decide_whatever_the_list_and_the_times_say():
    rows = [entry(number, 60 - number, numbered=True) for number in range(1, 6)]
    for _ in range(5):
        random.shuffle(rows)
        assert ids(rows) == WANTED


@pytest.mark.parametrize("seconds", [(1, 2, 3, 4, 5), (1, 1, 2, 2, 2), (1, 1, 1, 1, 2), (1, None, 2, 2, 3)])
def test_without_numbers_a_list_that_begins_with_the_newest_is_turned_round(seconds):
    rows = [entry(number, second) for number, second in zip(range(1, 6), seconds, strict=True)]
    assert ids(rows) == WANTED
    assert ids(rows[::-1]) == WANTED, "those of one second stay in the order of the list"


def test_without_numbers_and_order_the_times_decide():
    assert ids([entry(3, 3), entry(1, 1), entry(5, 5), entry(2, 2), entry(4, 4)]) == WANTED


@pytest.mark.parametrize("second", [None, 1])
def test_where_no_time_tells_the_list_is_taken_as_it_is(second):
    assert ids([entry(number, second) for number in range(1, 6)]) == WANTED


def test_where_some_have_numbers_these_decide_nothing():
    rows = [entry(1, 1, numbered=True), entry(2, 2), entry(3, 3, numbered=True)]
    assert ids(rows[::-1]) == WANTED[:3]
    assert in_order([]) == []
