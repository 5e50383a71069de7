"""The class of a request, by what it was and what became of it; and no bound where a store was blind or the target dead."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import NOON, SUBJECT, Record, canary, catalogue, hit, interaction, source_read

from zdr_audit.journal.events import SanityProbed
from zdr_audit.report.model import ClassBound
from zdr_audit.verdict.classes import ALL, classes
from zdr_audit.verdict.judge import judge

MODEL = "Model model-a"


def whole() -> Record:
    """The clean record, each interaction naming its canary."""
    record = Record()
    record.interactions = [i.model_copy(update={"canaries": (f"c-{i.id[2:]}",)}) for i in record.interactions]
    return record


def bounds(record: Record) -> dict[str, ClassBound]:
    return {bound.name: bound for bound in judge(record.history(), catalogue(), "d" * 64).classes}


@pytest.mark.parametrize(
    ("status", "outcome", "said"),
    [
        (200, "accepted", ()),
        (399, "odd", ()),
        (400, "invalid", ("Answered with a client error or a refusal",)),
        (499, "invalid", ("Answered with a client error or a refusal",)),
        (500, "server_error", ("Answered with a server error",)),
        (599, "server_error", ("Answered with a server error",)),
        (200, "abandoned", ("Closed by the client midway",)),
        (500, "abandoned", ("Closed by the client midway",)),
        (None, "abandoned", ("Closed by the client midway",)),
        (None, "no_answer", ()),
    ],
)
def test_the_fate_of_a_request_is_a_class(status, outcome, said):
    plain = ("Plain",) if status == 200 else ()
    found = classes(interaction(1, stimulus={}, status=status, outcome=outcome))
    assert found == (ALL, *plain, MODEL, *said)


@pytest.mark.parametrize(
    ("stimulus", "said"),
    [
        ({}, {"Plain"}),
        ({"places": ["message"]}, {"Plain"}),
        ({"places": ["message", "system"]}, {"System prompts"}),
        ({"places": ["tool_schema", "tool_description"]}, {"Tool definitions"}),
        ({"cache": True}, {"With cache markers"}),
        ({"thinking": True}, {"With thinking"}),
        ({"stream": False, "cache": False}, {"Plain"}),
        ({"padding": 16_383}, {"Plain"}),
        ({"padding": 16_384}, {"Long"}),
        ({"noise": 16_384}, {"Long"}),
        ({"noise": 16_383}, {"Plain"}),
        ({"padding": 8_192, "noise": 8_192}, {"Long"}),
        ({"padding": 8_191, "noise": 8_192}, {"Plain"}),
        ({"wrong": "model"}, set()),
        ({"abandon_after": 3}, set()),
    ],
)
def test_the_shape_of_a_request_is_a_class(stimulus: dict[str, Any], said: set[str]):
    assert set(classes(interaction(1, stimulus=stimulus))) == {ALL, MODEL} | said


def test_a_refused_request_is_not_plain():
    assert "Plain" not in classes(interaction(1, stimulus={}, status=201))


def test_no_model_no_class_of_a_model():
    assert classes(interaction(1, stimulus={}, model=None)) == (ALL, "Plain")


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("messages.count_tokens", ("Token counting", "Other operations")),
        ("feature:web.create", ("Features that need storage",)),
        ("declared:web", ("Features that need storage",)),
        ("features", ("Other operations",)),
        ("audit.list", ("Other operations",)),
    ],
)
def test_operations_without_a_shape_are_classes_too(operation, said):
    assert classes(interaction(1, operation=operation, stimulus=None)) == (ALL, *said)


def test_classes_stand_in_a_fixed_order_and_those_without_a_place_after_them():
    record = whole()
    record.change(1, stimulus={"thinking": True})
    record.change(2, stimulus={"places": ["system"]})
    record.change(3, stimulus={"stream": True, "padding": 20_000})
    record.change(4, stimulus={}, model="model-b")
    record.change(5, stimulus={"cache": True}, operation="messages.count_tokens")
    record.change(21, content="none")
    assert list(bounds(record)) == [
        ALL, "Plain", "Streamed", "System prompts", "Long", "With cache markers", "With thinking", "Token counting",
        MODEL, "Model model-b",
    ]  # fmt: skip


def test_only_accepted_requests_of_what_must_not_be_kept_count_and_only_with_a_canary():
    for change in ({"content": "standard"}, {"accepted": False}, {"canaries": ()}):
        record = whole()
        record.change(1, **change)
        assert bounds(record)[ALL].accepted == 5, change
    assert bounds(whole())[ALL].accepted == 6


def test_every_request_that_leaked_counts_once_however_often_it_was_found():
    record = whole()
    record.change(1, canaries=("c-00001", "c-00050"))
    record.canaries.append(canary(50, record.interactions[0]))
    record.read("db", [hit("c-00011"), hit("c-00001"), hit("c-00050"), hit("c-00001")])
    record.read("log", [hit("c-00011", "log"), hit("c-00001", "log")])
    assert (bounds(record)[ALL].accepted, bounds(record)[ALL].leaked) == (6, 1)


@pytest.mark.parametrize(
    ("sent", "answered", "counts"),
    [
        ("10:00:00", "10:00:01", True),
        ("10:00:04", "10:00:06", False),
        ("10:00:05", "10:00:05", False),
        ("10:00:07", "10:00:08", False),
        ("10:00:11", "10:00:12", True),
    ],
    ids=["before", "in flight", "within", "after", "on again"],
)
def test_what_was_in_flight_while_zdr_was_switched_off_is_no_leak(sent, answered, counts):
    def at(clock: str) -> str:
        return f"2026-11-23T{clock}.000000+00:00"

    record = whole()
    for number, (operation, start, end) in enumerate(
        [("enable", "09:00:00", "09:00:01"), ("disable", "10:00:05", "10:00:06"), ("enable", "10:00:09", "10:00:10")]
    ):
        made = interaction(60 + number, operation=f"zdr.{operation}", content="none", started_at=at(start), ended_at=at(end))
        record.interactions.append(made.model_copy(update={"labels": {"about": SUBJECT}}))
    for number in range(1, 7):
        record.change(number, started_at=at("09:30:00"), ended_at=at("09:30:01"))
    record.change(1, started_at=at(sent), ended_at=at(answered))
    record.read("db", [hit("c-00001")])
    assert (bounds(record)[ALL].accepted, bounds(record)[ALL].leaked) == ((6, 1) if counts else (5, 0))


def test_what_an_interface_reads_back_is_no_leak_of_a_store():
    record = whole()
    record.read("api", [hit("c-00011", "api"), hit("c-00001", "api")])
    assert bounds(record)[ALL].leaked == 0


def test_there_is_no_bound_where_the_target_was_dead_at_the_end():
    record = whole()
    assert bounds(record)[ALL].upper is not None
    record.sanity[1] = SanityProbed(when="last", ok=False, detail="dead", at=NOON)
    assert bounds(record)[ALL].upper is None


def test_there_is_no_bound_without_a_store():
    record = whole()
    record.run = record.run.model_copy(update={"sources": {"api": ("http", "export interface")}})
    record.reads = [source_read("api", [hit("c-00011", "api")], reading=reading) for reading in ("first", "settled")]
    assert bounds(record)[ALL].upper is None


def test_a_blind_interface_takes_no_bound_away():
    record = whole()
    record.read("api", [])
    assert bounds(record)[ALL].upper == pytest.approx(1 - 0.05 ** (1 / 6), abs=1e-6)


def test_a_bound_has_six_digits():
    upper = bounds(whole())[ALL].upper
    assert upper == round(1 - 0.05 ** (1 / 6), 6)


def test_where_no_control_has_proven_sight_there_is_no_bound():
    record = whole()
    record.run = record.run.model_copy(update={"selected": ()})
    assert bounds(record)[ALL].upper is None


def test_a_plain_request_is_plain_as_the_journal_gives_it_back():
    record = whole()
    record.change(1, stimulus={"places": ["message"]})
    record.change(2, stimulus={"places": ["message", "system"]})
    record.change(3, stimulus={"places": ["message"]}, outcome="abandoned", status=None)
    found = bounds(record)
    assert [found[name].accepted for name in ("Plain", "System prompts", "Closed by the client midway")] == [1, 1, 1]
