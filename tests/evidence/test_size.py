"""What a source takes on disk, and when it last changed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from zdr_audit.evidence import size
from zdr_audit.evidence.size import changed_at, size_of


def fill(path: Path, rows: int, *, wal: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma page_size = 1024")
    if wal:
        connection.execute("pragma journal_mode = wal")
    connection.execute("create table t (body)")
    connection.executemany("insert into t values (zeroblob(900))", [()] * rows)
    return connection


def test_the_files_of_a_tree_are_summed_up_and_links_are_not(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"x" * 10)
    (tmp_path / "a" / "two").write_bytes(b"x" * 200)
    (tmp_path / "a" / "b" / "three").write_bytes(b"x" * 3000)
    (tmp_path / "link").symlink_to("one")
    assert size_of("files", tmp_path) == 3210
    assert size_of("files", tmp_path / "a" / "two") == 200


def test_a_file_that_is_rotated_away_meanwhile_counts_nothing(tmp_path, monkeypatch):
    for name in ("a", "gone", "z"):
        (tmp_path / name).write_bytes(b"x" * 10)
    real = Path.is_symlink

    def rotated(path: Path) -> bool:
        if path.name == "gone":
            path.unlink()
        return real(path)

    monkeypatch.setattr(Path, "is_symlink", rotated)
    assert size_of("files", tmp_path) == 20


def test_free_pages_of_a_database_count_nothing_and_pages_in_its_log_do(tmp_path):
    path = tmp_path / "app.db"
    with closing(fill(path, 20)) as connection:
        assert size_of("sqlite", path) == 22 * 1024 == path.stat().st_size
        connection.execute("delete from t where rowid > 10")
        assert size_of("sqlite", path) == 12 * 1024
        assert path.stat().st_size == 22 * 1024
    logged = tmp_path / "logged.db"
    with closing(fill(logged, 20, wal=True)):
        assert logged.stat().st_size < 22 * 1024
        assert size_of("sqlite", logged) == 22 * 1024


def test_a_database_that_is_none_cannot_be_measured(tmp_path):
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at" * 20)
    with pytest.raises(sqlite3.Error, match="not a database"):
        size_of("sqlite", tmp_path / "text")
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        size_of("sqlite", tmp_path / "nothing")


def test_a_database_that_vanishes_while_it_is_measured_is_said_to(tmp_path, monkeypatch):
    path = tmp_path / "app.db"
    fill(path, 1).close()
    real = size.private_copies

    def late(paths):
        path.unlink(missing_ok=True)
        return real(paths)

    monkeypatch.setattr(size, "private_copies", late)
    with pytest.raises(FileNotFoundError, match=r"app\.db vanished"):
        size_of("sqlite", path)


def stamp(path: Path, seconds: int) -> None:
    path.touch()
    os.utime(path, (seconds, seconds))


def test_a_source_changed_when_its_newest_file_was_written(tmp_path):
    assert changed_at(tmp_path) is None
    assert changed_at(tmp_path / "nothing") is None
    (tmp_path / "folder").mkdir()
    stamp(tmp_path / "old", 86_400)
    stamp(tmp_path / "folder" / "new", 2 * 86_400)
    assert changed_at(tmp_path) == "1970-01-03T00:00:00.000000+00:00"
    assert changed_at(tmp_path / "old") == "1970-01-02T00:00:00.000000+00:00"
    stamp(tmp_path / "old-wal", 3 * 86_400)
    assert changed_at(tmp_path / "old") == "1970-01-04T00:00:00.000000+00:00"


def test_a_source_that_cannot_be_looked_at_has_no_time(tmp_path, monkeypatch):
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refuse)
    assert changed_at(tmp_path) is None
