"""A SQLite database as a source: private copies, its log and journal, and what cannot be read."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from sqlite_files import connect, fill, live, residue

from fixtures.corpus import noise
from zdr_audit.evidence import snapshot
from zdr_audit.evidence import sqlite as reader
from zdr_audit.evidence.sqlite import read_sqlite


def test_a_row_that_is_only_in_the_write_ahead_log_is_live(lab, path):
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (lab.canary("one"),))
        reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"one": "bodies: row 1, column body"}
    assert not residue(reading)
    assert reading.objects == 2


def test_a_rollback_journal_is_residue_and_is_not_played_back(lab, path, fingerprint):
    fill(path, lab.canary("old"), *["x" * 3000] * 20)
    with connect(path) as connection:
        connection.execute("pragma journal_mode = persist")
        connection.execute("update bodies set body = ?", (lab.canary("new"),))
    before = fingerprint(path.parent)
    reading = read_sqlite("db", path, lab.seeker)
    assert "new" in live(reading)
    assert {hit.canary for hit in reading.hits if hit.object == "app.db-journal" and hit.residue} == {"old"}
    assert fingerprint(path.parent) == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_reading_leaves_the_evidence_as_it_was_and_no_copy_behind(lab, path, fingerprint, tmp_path, monkeypatch, mode):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with connect(path) as connection:
        connection.execute(f"pragma journal_mode = {mode}")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (lab.canary("one"),))
        shutil.copytree(path.parent, tmp_path / "seized")  # as after a crash: the log is there, no process has it open
    seized = tmp_path / "seized"
    (seized / "app.db-shm").unlink(missing_ok=True)
    before = fingerprint(seized)
    assert "one" in live(read_sqlite("db", seized / "app.db", lab.seeker))
    assert fingerprint(seized) == before
    assert set(before) == ({"app.db", "app.db-wal"} if mode == "wal" else {"app.db"})
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_copy_is_private_and_removed_even_after_an_error(lab, path, tmp_path, monkeypatch):
    fill(path, "x")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes = []

    def fail(_collector, database, undo):
        modes.append((database.parent.stat().st_mode & 0o777, database.parent.parent))
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("zdr_audit.evidence.sqlite.read_rows", fail)
    assert read_sqlite("db", path, lab.seeker).error == f"{path}: Input/output error"
    assert modes == [(0o700, tmp_path)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("content", [b"", b"plain text {canary}", noise(8192, b"encrypted"), b"SQLite format 3\x00" + bytes(84)])
def test_what_is_no_readable_database_is_searched_raw_and_listed(lab, path, content):
    canary = lab.canary("raw")
    path.write_bytes(content.replace(b"{canary}", canary.encode()) + (b"" if not content else canary.encode()))
    reading = read_sqlite("db", path, lab.seeker)
    if content:
        assert {(hit.object, hit.canary, hit.residue) for hit in reading.hits} == {("app.db", "raw", False)}
        assert "app.db" in {item.object for item in reading.not_examined}
    else:
        assert (reading.hits, reading.not_examined) == ((), ())
    assert reading.error is None


def test_a_database_without_a_readable_schema_is_searched_raw_and_nothing_of_it_is_called_residue(lab, path):
    fill(path, lab.canary("one"))
    content = bytearray(path.read_bytes())
    content[100] = 0
    path.write_bytes(content)
    reading = read_sqlite("db", path, lab.seeker)
    (note,) = reading.not_examined
    assert (note.object, note.reason.split(":")[0]) in (
        ("app.db", "the rows cannot be read"),
        ("sqlite_master", "not all rows can be read"),
    )
    assert [(hit.object, hit.canary, hit.residue) for hit in reading.hits] == [("app.db", "one", False)]


def test_an_unfinished_transaction_is_undone_for_the_rows_and_its_pages_are_residue(lab, path, tmp_path, fingerprint):
    fill(path, *(f"{lab.canary(f'committed {number}')}{'x' * 3000}" for number in range(30)))
    with connect(path) as connection:
        connection.execute("pragma cache_size = 1")
        connection.execute("begin")
        for number in range(30):
            connection.execute("update bodies set body = ? where id = ?", (f"{lab.canary(f'unfinished {number}')}{'y' * 3000}", number + 1))
        shutil.copytree(path.parent, tmp_path / "seized")
        connection.execute("rollback")
    seized = tmp_path / "seized"
    assert (seized / "app.db-journal").stat().st_size > 10_000
    before = fingerprint(seized)
    reading = read_sqlite("db", seized / "app.db", lab.seeker)
    assert set(live(reading)) == {f"committed {number}" for number in range(30)}
    assert any(str(canary).startswith("unfinished") for canary in residue(reading))
    assert fingerprint(seized) == before
    assert reading.not_examined == ()


def test_a_missing_database_is_an_error(lab, tmp_path):
    reading = read_sqlite("db", tmp_path / "nowhere.db", lab.seeker)
    assert reading.error == f"{tmp_path / 'nowhere.db'}: No such file or directory"
    assert "not a regular file" in (read_sqlite("db", tmp_path, lab.seeker).error or "")
    (tmp_path / "loop").symlink_to("loop")
    assert (read_sqlite("db", tmp_path / "loop", lab.seeker).error or "").startswith(f"{tmp_path / 'loop'}: ")


def test_a_database_that_changes_while_it_is_copied_is_copied_again(lab, path, monkeypatch):
    fill(path, "x")
    real, rounds = snapshot._copy, []

    def copy(source, target):
        result = real(source, target)
        if source == path and len(rounds) < 2:
            rounds.append(None)
            with connect(path) as connection:
                connection.execute("insert into bodies (body) values (?)", (lab.canary(f"late {len(rounds)}"),))
        return result

    monkeypatch.setattr(snapshot, "_copy", copy)
    reading = read_sqlite("db", path, lab.seeker)
    assert set(live(reading)) == {"late 1", "late 2"}
    assert reading.not_examined == ()


def test_a_database_that_vanishes_before_it_is_copied_is_an_error(lab, path, monkeypatch):
    fill(path, lab.canary("one"))
    real = reader.private_copies

    def late(files):
        path.unlink(missing_ok=True)
        return real(files)

    monkeypatch.setattr(reader, "private_copies", late)
    reading = read_sqlite("db", path, lab.seeker)
    assert (reading.error, reading.hits) == (f"{path}: vanished while it was copied", ())


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal"])
def test_an_empty_file_is_counted_and_no_more(lab, path, suffix):
    """As a log is after its last transaction was taken over, or a journal that is kept but cut to nothing."""
    if suffix:
        fill(path, lab.canary("one"))
    path.with_name(path.name + suffix).touch()
    reading = read_sqlite("db", path, lab.seeker)
    assert (reading.objects, reading.bytes) == (2 if suffix else 1, path.stat().st_size)
    assert live(reading) == ({"one": "bodies: row 1, column body"} if suffix else {})
    assert (reading.error, reading.not_examined, residue(reading)) == (None, (), {})


def test_a_database_that_never_stands_still_is_listed(lab, path, monkeypatch):
    fill(path, lab.canary("one"))
    real = snapshot._copy

    def copy(source, target):
        os.utime(source)
        return real(source, target)

    monkeypatch.setattr(snapshot, "_copy", copy)
    reading = read_sqlite("db", path, lab.seeker)
    assert "one" in live(reading)
    assert [item.reason for item in reading.not_examined] == ["kept changing while it was copied: the copy may not be consistent"]


def test_progress_is_told_every_byte(lab, path):
    fill(path, "x" * 100_000)
    told: list[int] = []
    reading = read_sqlite("db", path, lab.seeker, told.append)
    assert sum(told) == reading.bytes == path.stat().st_size
