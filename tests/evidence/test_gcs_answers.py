"""What is read of an object whose content breaks off, or is gone, while it is fetched from Google's store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zdr_audit.evidence import gcs
from zdr_audit.evidence.server import ServerPlace


class RefusedError(Exception):
    """What the store says no with."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the store says {code}")
        self.code = code


class Blob:
    """A generation of an object, of which the pieces from byte `fails` on bring a problem."""

    def __init__(self, name: str, content: bytes, problem: Exception | None = None, fails: int = 0) -> None:
        self.name, self.content, self.problem, self.fails = name, content, problem, fails
        self.size, self.generation, self.time_deleted, self._properties = len(content), "7", None, {}
        self.bucket = SimpleNamespace(blob=lambda _name, generation: self)
        self.soft_delete_time = None

    def download_as_bytes(self, start: int, end: int, **_how: Any) -> bytes:
        if self.problem is not None and start >= self.fails:
            raise self.problem
        return self.content[start : end + 1]


@pytest.fixture
def read(lab, monkeypatch):
    def reading(*blobs: Blob):
        client = SimpleNamespace(
            list_blobs=lambda *_, soft_deleted="", **_how: [] if soft_deleted else blobs,
            get_bucket=lambda *_, **_how: SimpleNamespace(_properties={}),
        )
        monkeypatch.setattr(gcs, "_client", lambda _place: client)
        monkeypatch.setattr(gcs, "_retry", lambda: None)
        monkeypatch.setattr(gcs, "_PIECE", 100)
        return gcs.read_gcs("blobs", ServerPlace(bucket="kept"), lab.seeker)

    return reading


def outcome(reading) -> tuple[set[str | None], list[tuple[str, str]], int, int]:
    notes = [(note.object, note.reason) for note in reading.not_examined]
    return {hit.canary for hit in reading.hits}, notes, reading.objects, reading.bytes


def test_what_came_before_a_content_broke_off_is_searched_and_the_object_is_listed(lab, read):
    content = lab.canary("before").encode() + bytes(500)
    told = "the content cannot be read: the store says 503"
    reading = read(Blob("cut", content, RefusedError(503), fails=200), Blob("here", lab.canary("here").encode()))
    assert outcome(reading) == ({"before", "here"}, [("cut (generation 7)", told)], 1, 232)


def test_an_object_that_is_gone_since_it_was_listed_is_passed_over(lab, read):
    reading = read(Blob("gone", b"x", RefusedError(404)), Blob("here", lab.canary("here").encode()), Blob("empty", b""))
    assert outcome(reading) == ({"here"}, [], 2, 32)


def test_an_object_of_which_fewer_bytes_come_than_it_has_is_listed(lab, read):
    short = Blob("short", lab.canary("short").encode())
    short.size = 40
    told = "the content cannot be read: only 32 of 40 bytes came"
    assert outcome(read(short)) == ({"short"}, [("short (generation 7)", told)], 0, 32)


@pytest.mark.parametrize("size", [99, 100, 101, 250])
def test_every_piece_of_an_object_is_read_once(lab, read, size):
    reading = read(Blob("whole", bytes(size - 32) + lab.canary("last").encode()))
    assert outcome(reading) == ({"last"}, [], 1, size)
    assert reading.hits[0].location == f"bytes {size - 32}-{size}"
