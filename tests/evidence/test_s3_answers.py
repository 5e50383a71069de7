"""How the answers of an object store are walked, on answers that are written here: refusals, and what vanishes or breaks off meanwhile."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from zdr_audit.evidence import s3
from zdr_audit.evidence.s3 import first_key, read_s3, total_size
from zdr_audit.evidence.server import ServerPlace


class RefusedError(Exception):
    """What the store says no with."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the store says {code}")
        self.response = {"Error": {"Code": code}}


class Body(io.BytesIO):
    """A content, which breaks off after its first piece where it is to."""

    def __init__(self, content: bytes, breaks: bool) -> None:
        super().__init__(content)
        self._breaks, self._read = breaks, False

    def read(self, size: int | None = -1) -> bytes:
        if self._breaks and self._read:
            raise ConnectionError("the connection broke")
        self._read = True
        return super().read(size)


class Client:
    """A bucket of versions: key, version and content, or with what the store refuses to give it. Each page of a listing holds two items."""

    def __init__(self, *versions: tuple[str, str, Any], **answers: Any) -> None:
        self.versions, self.answers, self.asked = versions, answers, []
        self.listed: list[tuple[str, dict[str, Any]]] = []
        self.headers: dict[str, str] = {}
        self.markers: list[tuple[str, str | None]] = []
        self.parts: dict[str, list[int] | Exception] = {}
        self.breaks: set[str] = set()
        self.begun: datetime | None = None

    def get_paginator(self, operation: str) -> Client:
        pages = Client(*self.versions, **self.answers)
        pages.begun = self.begun
        pages.parts, pages.operation, pages.markers, pages.listed = self.parts, operation, self.markers, self.listed  # type: ignore[attr-defined]
        return pages

    def paginate(self, **which: Any) -> Any:
        self.listed.append((self.operation, which))  # type: ignore[attr-defined]
        answer = self.answers.get(self.operation)  # type: ignore[attr-defined]
        if isinstance(answer, Exception):
            raise answer
        kind, items = {
            "list_object_versions": (
                "Versions",
                [{"Key": k, "VersionId": v, "IsLatest": v != "old", "Size": 100, "LastModified": self.begun} for k, v, _ in self.versions],
            ),
            "list_objects_v2": (
                "Contents",
                [{"Key": k, "Size": 100, "LastModified": self.begun} for k, v, _ in self.versions if v != "old"],
            ),
            "list_multipart_uploads": ("Uploads", [{"Key": key, "UploadId": "u", "Initiated": self.begun} for key in self.parts]),
            "list_parts": ("Parts", self.parts.get(which.get("Key", ""), [])),
        }[self.operation]  # type: ignore[attr-defined]
        if isinstance(items, Exception):
            raise items
        if kind == "Parts":
            items = [{"Size": size} for size in items]
        markers = [{"DeleteMarkers": [{"Key": key, "VersionId": version}]} for key, version in self.markers if kind == "Versions"]
        return [{}, *({kind: items[at : at + 2]} for at in range(0, len(items), 2)), *markers, {kind: None}]

    def list_object_versions(self, **which: Any) -> Any:
        self.listed.append(("list_object_versions", which))
        return self._said("list_object_versions", {})

    def list_objects_v2(self, **which: Any) -> Any:
        self.listed.append(("list_objects_v2", which))
        return self._said("list_objects_v2", {})

    def get_object(self, Bucket: str, Key: str, VersionId: str | None = None) -> Any:  # noqa: N803 - the client's own names
        self.asked.append((Key, VersionId))
        content = next(c for k, v, c in self.versions if k == Key and VersionId in (v, None))
        if isinstance(content, Exception):
            raise content
        return {"ResponseMetadata": {"HTTPHeaders": self.headers}, "Body": Body(content, Key in self.breaks)}

    def get_object_tagging(self, **_which: Any) -> Any:
        return self._said("tags", {"TagSet": []})

    def get_bucket_tagging(self, **_which: Any) -> Any:
        return self._said("bucket_tags", {"TagSet": []})

    def get_bucket_policy(self, **_which: Any) -> Any:
        return self._said("policy", {"Policy": "{}"})

    def _said(self, name: str, usual: Any) -> Any:
        answer = self.answers.get(name, usual)
        if isinstance(answer, Exception):
            raise answer
        return answer


KEPT = ServerPlace(bucket="kept")


@pytest.fixture
def read(lab, monkeypatch):
    def reading(client: Client, progress=None, place=KEPT):
        monkeypatch.setattr(s3, "_client", lambda _place: client)
        return read_s3("blobs", place, lab.seeker, progress)

    return reading


def notes(reading) -> list[tuple[str, str]]:
    return [(note.object, note.reason) for note in reading.not_examined]


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion", "404"])
def test_an_object_that_was_deleted_since_it_was_listed_is_passed_over(lab, read, code):
    reading = read(Client(("gone", "1", RefusedError(code)), ("here", "1", lab.canary("here").encode())))
    assert ([hit.canary for hit in reading.hits], notes(reading), reading.objects, reading.error) == (["here"], [], 1, None)


def test_an_object_that_the_store_refuses_is_listed_and_the_rest_is_read(lab, read):
    reading = read(Client(("closed", "1", RefusedError("AccessDenied")), ("here", "1", lab.canary("here").encode())))
    assert [hit.canary for hit in reading.hits] == ["here"]
    assert (notes(reading), reading.objects, reading.error) == ([("closed (version 1)", "the store says AccessDenied")], 1, None)


def test_a_store_that_no_longer_answers_is_an_error_of_the_reading(read):
    reading = read(Client(("lost", "1", ConnectionError("no route\nto the host"))))
    assert (reading.error, notes(reading)) == ("no route", [])


def test_a_content_that_breaks_off_is_listed_and_what_came_before_is_searched(lab, read, monkeypatch):
    monkeypatch.setattr(s3, "_PIECE", 100)
    client = Client(("cut", "1", lab.canary("before").encode() + bytes(500)), ("here", "1", lab.canary("here").encode()))
    client.breaks = {"cut"}
    told: list[int] = []
    reading = read(client, told.append)
    assert {hit.canary for hit in reading.hits} == {"before", "here"}
    assert notes(reading) == [("cut (version 1)", "the content broke off: the connection broke")]
    assert (told, reading.objects) == ([100, 32], 2)


def test_where_versions_cannot_be_listed_the_latest_are_read_and_that_is_said(lab, read):
    client = Client(
        *((f"k{number}", "1", lab.canary(f"c{number}").encode()) for number in range(5)),
        list_object_versions=RefusedError("NotImplemented"),
    )
    reading = read(client)
    assert {hit.canary for hit in reading.hits} == {f"c{number}" for number in range(5)}
    assert {hit.residue for hit in reading.hits} == {False}
    assert client.asked == [(f"k{number}", None) for number in range(5)]
    assert notes(reading) == [("versions", "they cannot be listed, so only the latest were read: the store says NotImplemented")]


def test_a_bucket_that_may_not_be_listed_is_an_error_of_the_reading(read):
    assert read(Client(list_object_versions=RefusedError("NoSuchBucket"))).error == "the store says NoSuchBucket"


def test_tags_and_descriptions_that_are_refused_are_listed_and_those_that_there_are_none_of_are_not(lab, read):
    refused = RefusedError("AccessDenied")
    client = Client(
        ("here", "1", lab.canary("here").encode()), tags=refused, bucket_tags=refused, policy=RefusedError("NoSuchBucketPolicy")
    )
    reading = read(client)
    assert [hit.canary for hit in reading.hits] == ["here"]
    assert notes(reading) == [("here (version 1)", "the store says AccessDenied"), ("bucket tags", "the store says AccessDenied")]


def test_older_versions_are_residue_and_tags_and_descriptions_are_searched(lab, read):
    client = Client(
        ("k", "old", lab.canary("older").encode()),
        ("k", "new", b"x"),
        tags={"TagSet": [{"Key": "prompt", "Value": lab.canary("tag")}]},
        policy={"Policy": lab.canary("policy"), "ResponseMetadata": {"RequestId": lab.canary("ours")}},
    )
    found = {(hit.object, hit.location.partition(",")[0], hit.canary, hit.residue) for hit in read(client).hits}
    assert found == {
        ("k (version old)", "bytes 0-32", "older", True),
        ("k (version old)", "tag prompt", "tag", True),
        ("k (version new)", "tag prompt", "tag", False),
        ("bucket policy", "content", "policy", False),
    }


def test_unfinished_uploads_are_listed_with_their_size_where_it_is_told(lab, read):
    client = Client()
    client.parts = {"a": [5, 6, 7], "b": RefusedError("AccessDenied"), lab.canary("key"): []}
    reading = read(client)
    assert [(hit.canary, hit.location) for hit in reading.hits] == [("key", "key")]
    assert [note.reason.partition(":")[0] for note in reading.not_examined] == [
        "18 bytes in 3 parts",
        "parts of unknown size (the store says AccessDenied)",
        "0 bytes in 0 parts",
    ]
    client.parts = {"a": ConnectionError("no route")}
    assert read(client).error == "no route"


@pytest.mark.parametrize(("data_dir", "begun"), [(None, "2026-01-01T00:00:00+00:00"), (Path("data"), None)])
def test_when_an_upload_began_is_told_where_nobody_reads_its_parts(read, monkeypatch, data_dir, begun):
    monkeypatch.setattr(s3, "with_files", lambda reading, *_more: reading)
    client = Client()
    client.parts = {"a": [5]}
    client.begun = datetime(2026, 1, 1, tzinfo=UTC)
    reading = read(client, place=ServerPlace(bucket="kept", data_dir=data_dir))
    assert [note.written for note in reading.not_examined] == [begun]


def test_when_an_object_was_written_that_may_not_be_read_is_told(read):
    client = Client(("k", "1", RefusedError("AccessDenied")), ("l", "1", b"x" * 9))
    client.begun, client.breaks = datetime(2026, 1, 1, tzinfo=UTC), {"l"}
    assert {(note.object, note.written) for note in read(client).not_examined} == {
        (f"{key} (version 1)", "2026-01-01T00:00:00+00:00") for key in ("k", "l")
    }


def test_the_size_of_a_bucket_counts_every_version_and_part_on_every_page(monkeypatch):
    client = Client(("k", "old", b""), ("k", "new", b""), ("l", "1", b""))
    client.parts = {"a": [5, 6, 7], "b": [1], "c": []}
    monkeypatch.setattr(s3, "_client", lambda _place: client)
    assert total_size(ServerPlace(bucket="kept")) == 319


def test_the_headers_of_an_object_are_searched_but_for_those_of_the_transfer(lab, read):
    client = Client(("k", "1", b"x"), ("k", "old", b"x"))
    client.headers = {
        "x-amz-meta-prompt": lab.canary("metadata"),
        "date": lab.canary("date"),
        "x-amz-request-id": lab.canary("transfer"),
        "content-disposition": f"attachment; filename={lab.canary('file')}",
        "etag": "none",
    }
    found = {(hit.object, hit.location, hit.canary, hit.residue) for hit in read(client).hits}
    assert found == {
        (f"k (version {version})", f"header {header}", canary, version == "old")
        for version in ("1", "old")
        for header, canary in {"x-amz-meta-prompt": "metadata", "content-disposition": "file"}.items()
    }


def test_the_keys_of_objects_and_of_delete_markers_are_searched(lab, read):
    live, old, gone = (f"prompts/{lab.canary(name)}" for name in ("live", "old", "gone"))
    client = Client((live, "null", b"x"), (old, "old", b"x"))
    client.markers = [(gone, "2"), (gone, None)]
    found = [(hit.object, hit.location, hit.canary, hit.residue) for hit in read(client).hits]
    assert found == [
        (live, "key", "live", False),
        (f"{old} (version old)", "key", "old", True),
        (f"{gone} (version 2)", "key of a delete marker", "gone", True),
        (gone, "key of a delete marker", "gone", True),
    ]
    assert [key for key, _ in client.asked] == [live, old]


def test_tags_are_named_and_searched_with_what_they_are_called(lab, read):
    key, value = lab.canary("key"), lab.canary("value")
    client = Client(("k", "1", b"x"), tags={"TagSet": [{"Key": key, "Value": "x"}, {"Key": "prompt", "Value": value}]})
    assert [(hit.canary, hit.location) for hit in read(client).hits] == [("key", f"tag {key}"), ("value", "tag prompt")]


@pytest.mark.parametrize("name", ["tags", "bucket_tags", "policy", "list_multipart_uploads"])
@pytest.mark.parametrize("code", ["NotImplemented", "MethodNotAllowed", "NoSuchTagSet", "AccessDenied", None])
def test_what_a_store_does_not_know_is_passed_over_what_it_refuses_is_listed_and_silence_is_an_error(lab, read, name, code):
    problem = RefusedError(code) if code else ConnectionError("no route")
    reading = read(Client(("here", "1", lab.canary("here").encode()), **{name: problem}))
    assert [hit.canary for hit in reading.hits] == ["here"]
    assert reading.error == (None if code else "no route")
    assert [note.reason for note in reading.not_examined] == (["the store says AccessDenied"] if code == "AccessDenied" else [])


@pytest.mark.parametrize("prefix", ["", "day/"])
def test_everything_is_asked_for_below_the_prefix(read, prefix):
    client = Client(("day/k", "1", b"x"))
    client.parts = {"day/u": [1]}
    place = ServerPlace(bucket="kept", prefix=prefix)
    assert read(client, place=place).error is None
    where = {"Bucket": "kept", "Prefix": prefix} if prefix else {"Bucket": "kept"}
    assert [which for operation, which in client.listed if operation != "list_parts"] == [where, where]
    client.listed.clear()
    assert total_size(place) == 101
    assert [which for operation, which in client.listed if operation != "list_parts"] == [where, where]
    client.listed.clear()
    first_key(place)
    assert client.listed == [("list_object_versions", where | {"MaxKeys": 1})]


@pytest.mark.parametrize("code", ["NotImplemented", "MethodNotAllowed", "AccessDenied"])
def test_where_versions_cannot_be_listed_a_key_is_asked_for_as_it_will_be_read(monkeypatch, code):
    client = Client(list_object_versions=RefusedError(code))
    monkeypatch.setattr(s3, "_client", lambda _place: client)
    first_key(ServerPlace(bucket="kept"))
    assert [operation for operation, _ in client.listed] == ["list_object_versions", "list_objects_v2"]
    client.answers["list_objects_v2"] = RefusedError("AccessDenied")
    with pytest.raises(RefusedError):
        first_key(ServerPlace(bucket="kept"))


@pytest.mark.parametrize("problem", [RefusedError("NoSuchBucket"), ConnectionError("no route")])
def test_a_bucket_that_is_not_there_is_not_asked_for_twice(monkeypatch, problem):
    client = Client(list_object_versions=problem)
    monkeypatch.setattr(s3, "_client", lambda _place: client)
    with pytest.raises(type(problem)):
        first_key(ServerPlace(bucket="kept"))
    assert [operation for operation, _ in client.listed] == ["list_object_versions"]


def test_a_place_without_a_bucket_is_told_before_anything_is_asked(read):
    client = Client()
    assert read(client, place=ServerPlace()).error == "no bucket is named"
    with pytest.raises(ValueError, match="no bucket is named"):
        first_key(ServerPlace())
    assert client.listed == []


def test_content_comes_in_pieces_of_about_a_megabyte(read):
    told: list[int] = []
    reading = read(Client(("k", "1", bytes(3 << 20))), told.append)
    assert sum(told) == 3 << 20
    assert 0 < reading.bytes - sum(told) < 200  # what the bucket says of itself
    assert 500_000 < max(told) < 2_000_000


def test_the_files_of_a_store_are_residue_where_its_objects_do_not_show_the_same(lab, read, tmp_path):
    live, old, gone = (lab.canary(name) for name in ("live", "old", "gone"))
    (tmp_path / "volume").write_text(f"{live} {old} {gone}")
    client = Client(("k", "1", live.encode()), ("k", "old", old.encode()))
    reading = read(client, place=ServerPlace(bucket="kept", data_dir=tmp_path))
    assert {hit.canary: hit.residue for hit in reading.hits if hit.object == "volume"} == {"live": False, "old": True, "gone": True}
    assert reading.objects == 3
