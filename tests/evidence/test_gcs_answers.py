"""What is read of an object whose content breaks off, or is gone, while it is fetched from Google's store."""

from __future__ import annotations

from datetime import UTC, datetime
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
        self.soft_delete_time: object = None
        self.time_created = datetime(2026, 1, 1, tzinfo=UTC)
        self.asked: list[tuple[int, int]] = []

    def download_as_bytes(self, start: int, end: int, **_how: Any) -> bytes:
        self.asked.append((start, end))
        if self.problem is not None and start >= self.fails:
            raise self.problem
        return self.content[start : end + 1]


def given(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.fixture
def asked(monkeypatch) -> list[dict[str, Any]]:
    """How blobs were asked for."""
    monkeypatch.setattr(gcs, "_retry", lambda: None)
    return []


@pytest.fixture
def bucket(monkeypatch, asked):
    """Makes the store answer with these generations, and with these of softly deleted objects."""

    def filled(*blobs: Blob, soft: Any = (), properties: Any = None) -> None:
        def list_blobs(bucket: str, **how: Any) -> Any:
            asked.append({"bucket": bucket} | how)
            return given(soft if "soft_deleted" in how else blobs)

        def get_bucket(*_where: Any, **_how: Any) -> Any:
            return SimpleNamespace(_properties=given(properties or {}))

        monkeypatch.setattr(gcs, "_client", lambda _place: SimpleNamespace(list_blobs=list_blobs, get_bucket=get_bucket))

    return filled


KEPT = ServerPlace(bucket="kept")


@pytest.fixture
def read(lab, monkeypatch, bucket):
    def reading(*blobs: Blob, progress=None, place=KEPT, **more: Any):
        bucket(*blobs, **more)
        monkeypatch.setattr(gcs, "_PIECE", 100)
        return gcs.read_gcs("blobs", place, lab.seeker, progress)

    return reading


def outcome(reading) -> tuple[set[str | None], list[tuple[str, str]], int, int]:
    notes = [(note.object, note.reason) for note in reading.not_examined]
    return {hit.canary for hit in reading.hits}, notes, reading.objects, reading.bytes


def test_what_came_before_a_content_broke_off_is_searched_and_the_object_is_listed(lab, read):
    content = lab.canary("before").encode() + bytes(500)
    told = "the content cannot be read: the store says 503"
    reading = read(Blob("cut", content, RefusedError(503), fails=200), Blob("here", lab.canary("here").encode()))
    assert outcome(reading) == ({"before", "here"}, [("cut (generation 7)", told)], 1, 232)
    assert reading.not_examined[0].written == "2026-01-01T00:00:00+00:00"


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


def test_an_object_is_asked_for_in_pieces_of_some_megabytes_each_told_once(lab, bucket):
    size = 9 << 20
    large = Blob("large", bytes(size))
    bucket(large)
    told: list[int] = []
    assert gcs.read_gcs("blobs", ServerPlace(bucket="kept"), lab.seeker, told.append).bytes == size
    starts, ends = zip(*large.asked, strict=True)
    assert starts == (0, *(end + 1 for end in ends[:-1]))
    assert ends[-1] == size - 1
    assert told == [end + 1 - start for start, end in large.asked]
    assert 1 << 20 <= max(told) <= 8 << 20


@pytest.mark.parametrize("deleted", [None, "2026-01-01"])
def test_what_is_said_of_a_generation_is_residue_where_it_is_deleted(lab, read, deleted):
    blob = Blob(f"doc {lab.canary('name')}", lab.canary("content").encode())
    blob.time_deleted = deleted
    own = {"kind": lab.canary("kind"), "etag": lab.canary("etag"), "md5Hash": "x", "softDeleteTime": lab.canary("when")}
    blob._properties = own | {"metadata": {"prompt": lab.canary("metadata")}, "contentType": lab.canary("type"), "size": "32"}
    found = {hit.canary: (hit.location.partition(" ")[0], hit.residue) for hit in read(blob).hits}
    residue = deleted is not None
    assert found == {
        "name": ("name", residue),
        "content": ("bytes", residue),
        "metadata": ("property", residue),
        "type": ("property", residue),
    }


def test_what_is_softly_deleted_is_listed_with_its_size_and_its_name_and_properties_are_searched(lab, read, asked):
    one, two, live = Blob(lab.canary("one"), b"12345"), Blob("two", b""), Blob("live", lab.canary("live").encode())
    one.soft_delete_time = two.soft_delete_time = "2026-01-01"
    two.size, two._properties = None, {"contentLanguage": lab.canary("language")}  # type: ignore[assignment]
    reading = read(soft=(one, live, two), place=ServerPlace(bucket="kept", prefix="day/"))
    assert [(hit.canary, hit.location, hit.residue) for hit in reading.hits] == [
        ("one", "name", True),
        ("language", "property contentLanguage", True),
    ]
    assert [(note.object, note.reason.partition(":")[0]) for note in reading.not_examined] == [
        (f"softly deleted {one.name} (generation 7)", "5 bytes"),
        ("softly deleted two (generation 7)", "0 bytes"),
    ]
    assert {note.written for note in reading.not_examined} == {"2026-01-01T00:00:00+00:00"}
    kept = [{name: how.get(name) for name in ("bucket", "prefix", "versions", "soft_deleted")} for how in asked]
    assert kept == [
        {"bucket": "kept", "prefix": "day/", "versions": "true", "soft_deleted": None},
        {"bucket": "kept", "prefix": "day/", "versions": None, "soft_deleted": "true"},
    ]
    assert reading.objects == 0


def test_the_properties_of_the_bucket_are_searched(lab, read):
    reading = read(properties={"labels": {"prompt": lab.canary("label")}, "name": lab.canary("bucket"), "owner": "x"})
    assert [(hit.object, hit.location, hit.canary, hit.residue) for hit in reading.hits] == [
        ("bucket properties", "property labels", "label", False)
    ]


def test_what_the_store_refuses_is_listed_without_its_token_and_the_rest_is_read(lab, read):
    refused = RefusedError(403)
    refused.args = ("the-token may not",)
    place = ServerPlace(bucket="kept", credentials=("", "the-token"))
    reading = read(Blob("here", lab.canary("here").encode()), soft=refused, properties=refused, place=place)
    told = "[credential] may not"
    assert outcome(reading) == ({"here"}, [("softly deleted objects", told), ("bucket properties", told)], 1, 32)


@pytest.mark.parametrize("what", ["soft", "properties"])
def test_a_store_that_does_not_answer_ends_the_reading(lab, read, what):
    reading = read(Blob("here", lab.canary("here").encode()), **{what: ConnectionError("no route of the-token\nto it")})
    assert (reading.error, reading.not_examined) == ("no route of the-token", ())
    assert [hit.canary for hit in reading.hits] == ["here"]


def test_the_size_of_a_bucket_is_that_of_all_generations_below_its_prefix(bucket, asked):
    nothing = Blob("nothing", b"")
    nothing.size = None  # type: ignore[assignment]
    bucket(Blob("a", b"x" * 100), Blob("a", b"y" * 23), nothing)
    assert gcs.total_size(ServerPlace(bucket="kept")) == 123
    assert gcs.total_size(ServerPlace(bucket="kept", prefix="day/")) == 123
    assert [(how["prefix"], how["versions"]) for how in asked] == [(None, "true"), ("day/", "true")]


@pytest.mark.parametrize("prefix", ["", "day/"])
def test_one_name_is_asked_for_to_know_whether_a_bucket_is_there(bucket, asked, prefix):
    bucket()
    gcs.first_name(ServerPlace(bucket="kept", prefix=prefix))
    bucket(Blob("a", b""))
    gcs.first_name(ServerPlace(bucket="kept", prefix=prefix))
    assert {(how["bucket"], how["prefix"], how["max_results"]) for how in asked} == {("kept", prefix or None, 1)}
