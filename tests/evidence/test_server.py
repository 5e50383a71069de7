"""What the readers of servers share: problems told in one line without their secrets, values searched many at a time, and the server's files."""

from __future__ import annotations

import pytest

from zdr_audit.evidence import server
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.model import Hit
from zdr_audit.evidence.server import MissingExtraError, ServerPlace, Values, named, one_line, secrets_in, with_files


@pytest.fixture
def values(lab) -> Values:
    return Values(Collector("cache", "redis", lab.seeker))


def hits(values: Values) -> list[tuple[str, str, str | None]]:
    return [(hit.object, hit.location, hit.canary) for hit in values.collector.reading().hits]


def test_a_problem_is_told_in_its_first_line_that_says_anything():
    assert one_line(ValueError("\n  \n  no such host \nmore\n")) == "no such host"
    assert one_line(ValueError("")) == one_line(ValueError(" \n ")) == "ValueError"


def test_secrets_are_blotted_out_of_a_problem_and_nothing_else_is():
    assert (
        one_line(ValueError("bad secret1 of secret2, secret1"), "secret1", "", "secret2")
        == "bad [credential] of [credential], [credential]"
    )
    assert one_line(ValueError("plain"), "") == "plain"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("redis://cache:6379/0", ()),
        ("redis://user@cache:6379/0", ()),
        ("redis://:hunter2@cache:6379/0", ("hunter2",)),
        ("redis://user:pa%2Fss@cache", ("pa%2Fss", "pa/ss")),
        ("postgresql://db/app?password=hunter2&sslmode=require", ("hunter2",)),
        ("host=db PASSWORD = hunter2 dbname=app", ("hunter2",)),
        ("host=db password='hun ter\\'2' dbname=app", ("hun ter\\'2",)),
        ("redis://:abcd@cache", ("abcd",)),
        ("redis://:abc@cache", ()),
        ("redis://[::1:hunter2", ("redis://[::1:hunter2",)),
    ],
)
def test_a_url_with_a_password_is_never_shown_nor_is_its_password(url, secrets):
    whole = (url,) if secrets or ":abc@" in url else ()
    assert secrets_in(url) == tuple(dict.fromkeys((*whole, *secrets)))


def test_a_key_is_shown_as_text_and_cut_where_it_is_long():
    assert named(b"caf\xe9") == "caf\\xe9"
    assert named("k" * 80) == "k" * 80
    assert named(b"k" * 81) == f"{'k' * 80}... (81 characters)"
    assert named("lone \udce9") == "lone \\udce9"


def test_a_missing_library_says_what_to_install():
    assert str(MissingExtraError("redis")) == "needs pip install 'zdr-audit[redis]'"


def test_credentials_are_not_shown_with_a_place():
    assert "hunter2" not in repr(ServerPlace(bucket="b", credentials=("key", "hunter2")))


def test_values_wait_for_one_another_until_they_are_flushed(lab, values):
    values.add("key 1", "value", f"see {lab.canary('one')}".encode())
    values.add("key 2", "value", b"nothing")
    values.add("key 3", "field f", lab.canary("three").encode())
    assert hits(values) == []
    values.flush()
    assert hits(values) == [("key 1", "value, bytes 4-36", "one"), ("key 3", "field f, bytes 0-32", "three")]
    assert values.collector.bytes == 36 + 7 + 32
    values.flush()
    assert len(hits(values)) == 2


def test_values_are_searched_without_being_asked_once_they_are_many(lab, values, monkeypatch):
    monkeypatch.setattr(server, "_BATCH", 100)
    values.add("key 1", "value", f"{lab.canary('one')}{'x' * 67}".encode())
    assert hits(values) == []
    values.add("key 2", "value", b"x")
    assert hits(values) == [("key 1", "value, bytes 0-32", "one")]
    values.add("key 3", "value", lab.canary("three").encode())
    assert len(hits(values)) == 1


def test_what_live_values_show_explains_the_same_elsewhere_and_nothing_more(lab, values):
    assert not values.live("one")
    assert not values.live(None)
    values.search("key 1", "value", [lab.canary("one").encode()])
    assert values.live("one")
    assert not values.live("two")
    assert not values.live(None)
    values.search("key 2", "value", lab.registry.literal.encode() + b"~~~")
    assert values.live(None)
    assert not values.live("two")
    assert values.collector.bytes == 0


def test_a_servers_files_are_residue_where_its_live_data_do_not_show_the_same(lab, values, tmp_path):
    values.add("key", "value", lab.canary("kept").encode())
    values.flush()
    (tmp_path / "kept").write_text(lab.canary("gone"))
    (tmp_path / "both").write_text(f"{lab.canary('kept')} and {lab.canary('gone too')}")
    before = values.collector.reading()
    told: list[int] = []
    reading = with_files(before, tmp_path, values, told.append)
    assert [(hit.object, hit.canary, hit.residue) for hit in reading.hits] == [
        ("key", "kept", False),
        ("both", "kept", False),
        ("both", "gone too", True),
        ("kept", "gone", True),
    ]
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert (reading.source, reading.kind, reading.error, reading.objects, reading.bytes) == ("cache", "redis", None, 2, 32 + size)
    assert sum(told) == size
    assert reading.searched == before.searched == lab.seeker.searched
    assert len(reading.searched) > 10


def test_the_problems_of_a_server_and_of_its_files_are_both_told(lab, values, tmp_path):
    values.collector.not_examined("key", "refused")
    (tmp_path / "link").symlink_to("/")
    whole = with_files(values.collector.reading(), tmp_path, values, None)
    assert [note.object for note in whole.not_examined] == ["key", "link"]
    missing = with_files(values.collector.reading(), tmp_path / "none", values, None)
    assert missing.error == f"data_dir: {tmp_path / 'none'}: No such file or directory"
    assert with_files(values.collector.reading(error="gone"), tmp_path / "none", values, None).error == "gone"


def test_a_part_of_a_mark_is_dropped_only_where_the_same_file_shows_a_mark_that_was_decompressed(lab, values, tmp_path, monkeypatch):
    part, packed = (None, ("plain",)), ("one", (server.LZF_FORM, "plain"))
    shown = {"dump.rdb": (part, packed), "other.rdb": (part, (None, (server.LZF_FORM, "plain")))}

    def found(source, _folder, seeker, _progress):
        collector = Collector(source, "files", seeker)
        reading = collector.reading()
        made = [
            Hit(source=source, object=name, location=f"bytes {at}", forms=forms, canary=canary)
            for name, of in shown.items()
            for at, (canary, forms) in enumerate(of)
        ]
        return reading.model_copy(update={"hits": tuple(made)})

    monkeypatch.setattr(server, "read_files", found)
    reading = with_files(values.collector.reading(), tmp_path, values, None)
    assert [(hit.object, hit.canary) for hit in reading.hits] == [("dump.rdb", "one"), ("other.rdb", None), ("other.rdb", None)]
