"""Whether a source that holds content is seen to move when content comes: where it never does, that it does not grow says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import CONTROL, SUBJECT, Record, by_control, canary, hit

from zdr_audit.journal.events import Interaction
from zdr_audit.report.model import GrowthBound
from zdr_audit.verdict.growth import MINIMUM_BLOCKS, TOLERATED, never_moves, shrinks

Points = tuple[tuple[int, int], ...]


def bound(*points: tuple[int, int], **changes: Any) -> GrowthBound:
    fields: dict[str, Any] = {
        "source": "db",
        "organization": "control",
        "blocks": len(points),
        "slope": 0.0,
        "low": -0.01,
        "high": 0.01,
        "tolerated": TOLERATED,
        "judged": "bounded",
        "points": points,
    }
    return GrowthBound.model_validate(fields | changes)


def sent(*grown: int) -> Points:
    """Blocks of 100 bits each that made the source grow so."""
    return tuple((100, size) for size in grown)


def holding(
    number: int = MINIMUM_BLOCKS, kind: str = "prompt", place: str = "message", forms: tuple[str, ...] = ("plain",), **changes: Any
) -> Record:
    """The message of so many requests of the control organization is found in the source db; a hit of nobody's stands before them."""
    record = Record()
    asked: list[Interaction] = [by_control(200 + n, **changes) for n in range(number)]
    record.interactions += asked
    record.canaries += [canary(200 + n, one, kind).model_copy(update={"place": place}) for n, one in enumerate(asked)]
    stranger = hit(None, "db")
    record.read("db", [stranger, hit("c-00001", "db"), *(hit(f"c-{200 + n:05d}", "db", forms=forms) for n in range(number))])
    record.read("log", [])
    record.read("api", [hit("c-00012", "api")])
    record.reads = [read for read in record.reads if read.reading == "settled"]
    return record


def still(record: Record, measured: GrowthBound | None = None, source: str = "db") -> bool:
    return never_moves(record.history(), source, ("main",), measured)


def test_a_source_that_holds_enough_and_was_not_measured_is_not_seen_to_move():
    assert still(holding())
    assert not still(holding(MINIMUM_BLOCKS - 1)), "a few may rightly leave nothing"


@pytest.mark.parametrize("source", ["log", "api"])
def test_what_another_source_holds_says_nothing_of_this_one(source):
    assert not still(holding(), source=source)


@pytest.mark.parametrize(
    "changes",
    [
        {"forms": ("sha256", "plain")},
        {"place": "attachment"},
        {"kind": "response"},
        {"organization": "subject", "organization_id": SUBJECT},
        {"organization": "a-neighbour", "organization_id": CONTROL},
        {"operation": "files.create"},
        {"status": 500, "outcome": "server_error"},
    ],
    ids="-".join,
)
def test_what_blocks_do_not_send_or_is_a_digest_is_not_what_it_holds(changes):
    assert not still(holding(**changes))


@pytest.mark.parametrize(
    ("measured", "moves"),
    [
        (bound(*sent(*[0] * 10)), False),
        (bound(*sent(*[0] * 10), judged="retained"), True),
        (bound(*sent(*[0] * 10), judged="noisy"), False),
        (bound(*sent(*[12] * 10)), True),
        (bound(*sent(1, *[0] * 9)), True),
        (bound(*sent(5, 5, 5, -1)), False),
        (bound(*sent(5, 5, 5, 5, -1)), True),
        (bound(*sent(5, 5, 5, 5, -1, -1)), False),
        (bound(*sent(100, *[0] * 7)), True),
        (bound(*sent(101, *[0] * 7)), False),
        (bound(*sent(4_096, *[0] * 7)), False),
        (bound(*sent(4_096, 100, *[0] * 6)), True),
        (bound(*sent(0, 0)), False),
    ],
    ids=[
        "never",
        "as-much-as-was-sent",
        "noisy-and-never",
        "as-much-each-time",
        "once",
        "three-to-one-back",
        "four-to-one-back",
        "four-to-two-back",
        "by-all-that-was-sent",
        "by-more-than-was-sent",
        "by-whole-pages",
        "by-a-small-step-too",
        "two-blocks",
    ],
)
def test_it_moves_by_steps_in_which_what_was_sent_could_not_hide(measured, moves):
    assert still(holding(), measured) is not moves
    assert not still(holding(MINIMUM_BLOCKS - 1), measured)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"judged": "noisy", "high": -0.1}, True),
        ({"judged": "noisy", "high": 0.0}, False),
        ({"judged": "noisy", "high": None}, False),
        ({"judged": "noisy", "high": 0.1}, False),
        ({"judged": "bounded", "high": -0.1}, False),
        ({"judged": "retained", "high": -0.1}, False),
    ],
)
def test_a_source_shrinks_whose_whole_interval_lies_below_nought(changes, said):
    assert shrinks(bound(**changes)) is said
