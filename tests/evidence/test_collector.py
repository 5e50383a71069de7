"""What a reading gathers: each sighting once, what could not be examined once, and of both no more than a stated number."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from zdr_audit.canary.sighting import Sighting
from zdr_audit.evidence.collector import Collector, byte_range


def seen(canary: str | None = "c", forms: tuple[str, ...] = ("plain",), start: int = 5) -> Sighting:
    return Sighting(start, start + 32, forms, canary, "excerpt")


@pytest.fixture
def collector(lab) -> Collector:
    return Collector("source", "files", lab.seeker)


def test_a_sighting_is_a_hit_with_all_that_is_known_of_it(collector):
    collector.hit("log", "row 7", seen(forms=("gzip", "plain")), residue=True)
    (hit,) = collector.reading().hits
    assert hit.model_dump() == {
        "source": "source",
        "object": "log",
        "location": "row 7",
        "forms": ("gzip", "plain"),
        "canary": "c",
        "residue": True,
        "excerpt": "excerpt",
    }
    assert byte_range(seen()) == "bytes 5-37"


def test_the_same_is_told_once_and_whatever_differs_is_told_too(collector):
    different = [
        ("log", "row 7", seen(), False),
        ("other", "row 7", seen(), False),
        ("log", "row 8", seen(), False),
        ("log", "row 7", seen("d"), False),
        ("log", "row 7", seen(None), False),
        ("log", "row 7", seen(forms=("base64", "plain")), False),
        ("log", "row 7", seen(), True),
    ]
    for _ in range(2):
        for name, place, sighting, residue in different:
            collector.hit(name, place, sighting, residue)
    assert len(collector.reading().hits) == len(different)


def test_hits_and_what_was_not_examined_are_bounded_and_what_is_beyond_is_counted(collector):
    for number in range(10_007):
        collector.hit("log", f"row {number}", seen())
        collector.not_examined(f"file {number}", "refused")
    collector.hit("log", "row 3", seen())  # known already
    reading = collector.reading()
    assert len(reading.hits) == 10_000
    assert len(reading.not_examined) == 10_002
    assert [(note.object, note.reason) for note in reading.not_examined[-2:]] == [
        ("source", "7 more hits are not listed (bound: 10000)"),
        ("source", "7 more objects that were not examined are not listed (bound: 10000)"),
    ]


def test_of_what_is_not_listed_the_latest_time_is_kept(collector):
    for number in range(10_000):
        collector.not_examined(f"file {number}", "refused")
    for day in (3, 5, 4):
        collector.not_examined("late", "refused", datetime(2026, 1, day, 2, tzinfo=timezone(timedelta(hours=2))))
    assert collector.reading().not_examined[-1].written == "2026-01-05T00:00:00+00:00"


def test_no_canary_is_crowded_out_by_many_hits_of_others(collector):
    for number in range(10_001):
        collector.hit("log", f"row {number}", seen("control"))
    for name in ("subject", None):
        collector.hit("log", f"row of {name}", seen(name))
        collector.hit("table", f"row of {name}", seen(name))
    reading = collector.reading()
    assert [(hit.canary, hit.object) for hit in reading.hits[10_000:]] == [("subject", "log"), (None, "log")]
    assert reading.not_examined[-1].reason == "3 more hits are not listed (bound: 10000)"


def test_a_search_that_was_given_up_makes_a_reading_that_failed_and_keeps_what_was_seen(lab, collector, monkeypatch):
    monkeypatch.setattr(lab.seeker, "max_sightings", 50)
    collector.search("log", "\n".join([lab.canary("one")] * 500).encode())
    collector.search("other", lab.canary("two").encode())
    reading = collector.reading()
    assert reading.error == "log: the search stopped at 50 sightings; the rest was not examined"
    assert {hit.canary for hit in reading.hits} == {"one", "two"}
    assert reading.searched == ()
    assert collector.reading("refused").error == "refused"


def test_of_the_notes_of_some_searches_only_the_one_of_giving_up_is_taken(collector):
    tell = collector.only_if_stopped("database")
    tell("a value broke off")
    assert collector.reading().not_examined == ()
    tell("the search stopped at 9 sightings; the rest was not examined")
    assert [note.object for note in collector.reading().not_examined] == ["database"]
    assert collector.reading().error


def test_what_could_not_be_examined_is_told_once(collector):
    for _ in range(2):
        collector.not_examined("log", "refused")
        collector.not_examined("log", "cut off")
    assert [(note.object, note.reason) for note in collector.reading().not_examined] == [("log", "refused"), ("log", "cut off")]


def test_a_search_adds_what_is_seen_where_it_is_said_to_be_and_what_was_not_examined(lab, collector):
    collector.search("log", f"see {lab.canary('one')}".encode())
    collector.search("log", f"see {lab.canary('two')}".encode(), lambda _: "row 1", residue=True)
    assert [(hit.canary, hit.location, hit.residue) for hit in collector.reading().hits] == [
        ("one", "bytes 4-36", False),
        ("two", "row 1", True),
    ]
    collector.search("packed", b"PK\x03\x04\x14\x00\x01\x00\x08\x00" + bytes(40))
    (note,) = collector.reading().not_examined
    assert note.object == "packed"
    assert "it is encrypted" in note.reason


def test_a_source_that_could_not_be_read_was_searched_for_nothing(lab, collector):
    assert collector.reading().searched == lab.seeker.searched
    failed = collector.reading(error="gone")
    assert (failed.error, failed.searched) == ("gone", ())
