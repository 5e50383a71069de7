"""A source whose bytes did not change is read once for the same things; whatever is new, in it or to look for, is looked for."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from zdr_audit.canary.digests import DigestBook
from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence import sqlite as reader
from zdr_audit.evidence.earlier import Earlier, digest_of
from zdr_audit.evidence.model import Reading
from zdr_audit.evidence.sqlite import read_sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that were searched, one after the other."""
    seen: list[str] = []
    search = reader._search

    def counted(collector, *files, progress):
        seen.append(collector.source)
        search(collector, *files, progress=progress)

    monkeypatch.setattr(reader, "_search", counted)
    return seen


def write(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table if not exists bodies (id integer primary key, body)")
        connection.execute(statement, values)


def keep(path: Path, value: object) -> None:
    write(path, "insert into bodies (body) values (?)", value)


def canaries(reading: Reading) -> set[str | None]:
    return {hit.canary for hit in reading.hits}


@pytest.fixture
def earlier(lab) -> Earlier:
    return Earlier(lambda: (len(lab.registry),))


def test_unchanged_bytes_give_the_same_outcome_without_a_second_search(lab, path, earlier, searched):
    keep(path, lab.canary("one"))
    first = read_sqlite("db", path, lab.seeker, None, earlier)
    told: list[int] = []
    again = read_sqlite("db", path, lab.seeker, told.append, earlier)
    assert canaries(first) == {"one"}
    assert again == first == read_sqlite("db", path, lab.seeker)
    assert searched == ["db", "db"]  # the second time by the reading that knows of no earlier one
    assert sum(told) == first.bytes


def test_what_was_written_since_is_found(lab, path, earlier):
    keep(path, lab.canary("one"))
    lab.canary("two")
    read_sqlite("db", path, lab.seeker, None, earlier)
    other = lab.canary("three")
    read_sqlite("db", path, lab.seeker, None, earlier)
    keep(path, other)
    assert canaries(read_sqlite("db", path, lab.seeker, None, earlier)) == {"one", "three"}


def test_what_was_deleted_since_is_live_no_more(lab, path, earlier):
    keep(path, lab.canary("one"))
    keep(path, lab.canary("two"))
    assert {hit.residue for hit in read_sqlite("db", path, lab.seeker, None, earlier).hits} == {False}
    write(path, "delete from bodies where id = ?", 1)
    assert all(hit.residue for hit in read_sqlite("db", path, lab.seeker, None, earlier).hits if hit.canary == "one")


def test_a_log_beside_the_database_counts(lab, path, earlier, searched):
    keep(path, lab.canary("one"))
    canary = lab.canary("two")
    assert canaries(read_sqlite("db", path, lab.seeker, None, earlier)) == {"one"}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        read_sqlite("db", path, lab.seeker, None, earlier)
        database = path.read_bytes()
        with connection:
            connection.execute("insert into bodies (body) values (?)", (canary,))
        assert path.read_bytes() == database
        assert canaries(read_sqlite("db", path, lab.seeker, None, earlier)) == {"one", "two"}
    assert len(searched) == 3


def test_a_canary_known_since_is_looked_for_in_bytes_that_did_not_change(lab, path, earlier):
    canary = lab.mint.new()
    keep(path, canary)
    assert canaries(read_sqlite("db", path, lab.seeker, None, earlier)) == {None}
    lab.registry.add("late", canary)
    assert canaries(read_sqlite("db", path, lab.seeker, None, earlier)) == {"late"}


def test_a_digest_known_since_is_looked_for_in_bytes_that_did_not_change(lab, path):
    book = DigestBook(b"key of a run")
    seeker = Seeker(lab.mint.literal, lab.registry.identify, digests=book)
    earlier = Earlier(lambda: (len(lab.registry), len(book)))
    canary = lab.canary("one")
    keep(path, hashlib.sha256(canary.encode()).hexdigest())
    assert not read_sqlite("db", path, seeker, None, earlier).hits
    book.add(book.entry("one", "canary", canary.encode()))
    assert canaries(read_sqlite("db", path, seeker, None, earlier)) == {"one"}


def test_sources_are_held_apart(lab, tmp_path, earlier):
    for name in ("a", "b"):
        keep(tmp_path / name, lab.canary(name))
    for name in ("a", "b", "a"):
        assert canaries(read_sqlite(name, tmp_path / name, lab.seeker, None, earlier)) == {name}


def test_files_that_kept_changing_are_not_remembered(lab, path, earlier, searched, monkeypatch):
    keep(path, lab.canary("one"))
    copies = reader.private_copies

    class Unsteady:
        def __init__(self, paths: list[Path]) -> None:
            self._copies = copies(paths)

        def __enter__(self):
            return self._copies.__enter__()[0], False

        def __exit__(self, *about: object) -> None:
            self._copies.__exit__(*about)

    monkeypatch.setattr(reader, "private_copies", Unsteady)
    for _ in range(2):
        assert [note.reason for note in read_sqlite("db", path, lab.seeker, None, earlier).not_examined]
    assert len(searched) == 2


def test_a_database_that_cannot_be_read_is_an_error_each_time(lab, path, earlier):
    keep(path, lab.canary("one"))
    read_sqlite("db", path, lab.seeker, None, earlier)
    path.unlink()
    assert read_sqlite("db", path, lab.seeker, None, earlier).error


def test_a_digest_tells_which_bytes_lie_in_which_file(tmp_path):
    digests = set()
    cases = ((b"xy", b"z"), (b"x", b"yz"), (b"xyz", b""), (b"xyz", None), (None, b"xyz"), (None, b"xyy"), (None, None), (b"", b"xyz"))
    for contents in cases:
        files: dict[str, Path | None] = {}
        for name, content in zip("ab", contents, strict=True):
            files[name] = None if content is None else tmp_path / name
            (tmp_path / name).write_bytes(content or b"")
        digests.add(digest_of(files))
    assert len(digests) == len(cases)
