from __future__ import annotations

import base64
import gzip
import os
import re
import shutil
import sqlite3
import tempfile
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.corpus import noise
from zdr_audit.canary.mint import Mint
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence import snapshot, sqlite_rows
from zdr_audit.evidence.sqlite import read_sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "app.db"


def connect(path: Path, **options) -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, **options)
    connection.execute("pragma secure_delete = off")
    return closing(connection)


def fill(path: Path, *values: object, ddl: str = "create table bodies (id integer primary key, body)") -> None:
    with connect(path) as connection:
        connection.execute(ddl)
        connection.executemany("insert into bodies (body) values (?)", [(value,) for value in values])


def residue(reading) -> dict[str | None, str]:
    return {hit.canary: hit.location for hit in reading.hits if hit.residue}


def live(reading) -> dict[str | None, str]:
    return {hit.canary: f"{hit.object}: {hit.location}" for hit in reading.hits if not hit.residue}


def test_a_live_row_is_named_by_table_row_and_column_and_reported_once(lab, path):
    fill(path, "hello", f"prompt {lab.canary('one')}")
    (hit,) = read_sqlite("db", path, lab.seeker).hits
    assert (hit.source, hit.object, hit.location, hit.forms, hit.canary, hit.residue) == (
        "db",
        "bodies",
        "row 2, column body",
        ("plain",),
        "one",
        False,
    )


def test_row_ids_are_the_tables_own(lab, path):
    with connect(path) as connection:
        connection.execute("create table log (rowid text, body text)")
        connection.execute("insert into log (_rowid_, body) values (4711, ?)", (lab.canary("one"),))
    assert live(read_sqlite("db", path, lab.seeker)) == {"one": "log: row 4711, column body"}


def test_text_blobs_keys_and_encoded_values_are_read(lab, path):
    values = {
        "blob": lambda canary: b"\x00\xff" + canary.encode(),
        "zipped": lambda canary: gzip.compress(canary.encode()),
        "encoded": lambda canary: base64.b64encode(canary.encode()).decode(),
        "wide": lambda canary: canary.encode("utf-16le"),
    }
    fill(path, *(make(lab.canary(name)) for name, make in values.items()))
    reading = read_sqlite("db", path, lab.seeker)
    assert {(hit.canary, hit.forms) for hit in reading.hits} == {
        ("blob", ("plain",)),
        ("zipped", ("gzip", "plain")),
        ("encoded", ("base64", "plain")),
        ("wide", ("utf-16le", "plain")),
    }
    assert not residue(reading)


def test_a_table_without_row_ids_is_read(lab, path):
    with connect(path) as connection:
        connection.execute("create table cache (key text primary key, value blob) without rowid")
        connection.execute("insert into cache values ('a', 'x')")
        connection.execute("insert into cache values (?, ?)", (f"b{lab.canary('key')}", lab.canary("value")))
    assert live(read_sqlite("db", path, lab.seeker)) == {"key": "cache: entry 2, column key", "value": "cache: entry 2, column value"}


def test_a_full_text_index_is_read_as_a_table_and_in_its_shadow_tables(lab, path):
    with connect(path) as connection:
        connection.execute("create virtual table search using fts5(body)")
        connection.execute("insert into search values (?)", (f"find {lab.canary('one')} here",))
    tables = {hit.object for hit in read_sqlite("db", path, lab.seeker).hits if not hit.residue}
    assert {"search", "search_content"} <= tables


def test_names_of_tables_and_columns_are_searched(lab, path):
    with connect(path) as connection:
        connection.execute(f'create table "t{lab.canary("table")}" ("c{lab.canary("column")}")')
    assert {hit.canary: hit.object for hit in read_sqlite("db", path, lab.seeker).hits} == {
        "table": "sqlite_master",
        "column": "sqlite_master",
    }


def test_odd_names_can_be_read(lab, path):
    with connect(path) as connection:
        connection.execute('create table "a ""b"" [c]; --" ("x "" y")')
        connection.execute('insert into "a ""b"" [c]; --" values (?)', (lab.canary("one"),))
    assert live(read_sqlite("db", path, lab.seeker)) == {"one": 'a "b" [c]; --: row 1, column x " y'}


def test_a_database_in_utf_16_is_read_live_and_raw(lab, path):
    with connect(path) as connection:
        connection.execute("pragma encoding = 'UTF-16le'")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (lab.canary("kept"),))
        connection.execute("insert into bodies values (?)", (lab.canary("deleted"),))
        connection.execute("delete from bodies where rowid = 2")
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"kept": "bodies: row 1, column body"}
    assert set(residue(reading)) == {"deleted"}


def test_a_deleted_row_is_residue_with_its_page(lab, path):
    fill(path, lab.canary("kept"), lab.canary("deleted"))
    with connect(path) as connection:
        connection.execute("delete from bodies where id = 2")
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"kept": "bodies: row 1, column body"}
    (location,) = residue(reading).values()
    start, end = map(int, location.removeprefix("page 2, bytes ").split("-"))
    assert path.read_bytes()[start:end].startswith(lab.registry.literal.encode())
    (hit,) = [hit for hit in reading.hits if hit.residue]
    assert (hit.object, hit.canary) == ("app.db", "deleted")


def test_a_row_that_secure_delete_wiped_is_not_found(lab, path):
    fill(path, lab.canary("wiped"))
    with connect(path) as connection:
        connection.execute("pragma secure_delete = on")
        connection.execute("delete from bodies")
    assert read_sqlite("db", path, lab.seeker).hits == ()


def test_pages_freed_by_dropping_a_table_are_residue(lab, path):
    fill(path, *(f"{lab.canary(f'dropped {number}')}{'x' * 500}" for number in range(100)))
    with connect(path) as connection:
        connection.execute("drop table bodies")
    reading = read_sqlite("db", path, lab.seeker)
    assert not live(reading)
    assert len(residue(reading)) > 90  # the page that became the trunk of the free list is overwritten in part


def test_a_live_canary_is_residue_too_where_it_lies_on_a_free_page(lab, path):
    canary = lab.canary("both")
    fill(path, *[f"{canary}{'x' * 3000}"] * 10)
    with connect(path) as connection:
        connection.execute("create table copy (body)")
        connection.execute("insert into copy values (?)", (canary,))
        connection.execute("drop table bodies")
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"both": "copy: row 1, column body"}
    assert set(residue(reading)) == {"both"}


def test_a_value_of_100_kb_is_found_live_wherever_the_canary_stands(lab, path):
    canaries = [lab.canary(f"at {number}") for number in range(60)]
    fill(path, *(f"{'a' * (1000 * number + number)}{canary}{'b' * (100_000 - 1000 * number)}" for number, canary in enumerate(canaries)))
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {f"at {number}": f"bodies: row {number + 1}, column body" for number in range(60)}
    assert not residue(reading)


def test_canaries_that_page_borders_cut_in_live_rows_are_no_residue(lab, path):
    # 4092 bytes of content an overflow page: 40 starts, one byte apart, put the border at every place of a canary.
    canary = lab.canary("cut")
    fill(path, *("x" * (12_200 + start) + canary + "y" * 9000 for start in range(0, 4092 + 40, 1) if start % 4092 < 40 or start % 100 == 0))
    reading = read_sqlite("db", path, lab.seeker)
    assert set(live(reading)) == {"cut"}
    assert not residue(reading)


@pytest.mark.parametrize("encode", [str.encode, lambda text: base64.b64encode(text.encode()), lambda text: text.encode("utf-16le")])
def test_canaries_that_page_borders_cut_in_deleted_rows_keep_their_name(lab, path, encode):
    # Rows of 9000 bytes keep about 820 in the b-tree page, then fill overflow pages of 4092: a border stands at about 4910.
    starts = range(4910 - 100, 4910 + 10)
    bodies = [b"x" * start + encode(lab.canary(f"cut {start}")) for start in starts]
    fill(path, "z" * 20_000, *(body + b"y" * (9000 - len(body)) for body in bodies))
    with connect(path) as connection:
        connection.execute("delete from bodies")
    found = residue(read_sqlite("db", path, lab.seeker))
    assert set(found) == {f"cut {start}" for start in starts}


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed_values_deleted_from_overflow_pages_are_decompressed_across_them(lab, path, pack):
    text = noise(17_000, b"text").hex()
    bodies = [pack(f"{text}{number}{lab.canary(f'zipped {number}')}".encode()) for number in range(24)]
    # Five overflow pages and 600 bytes in the b-tree page, so that several rows share one and it stays in use.
    fill(path, "z" * 20_000, *(body + noise(21_049 - len(body), b"padding") for body in bodies))
    with connect(path) as connection:
        connection.execute("delete from bodies where id = 1 or id % 3 = 2")
    reading = read_sqlite("db", path, lab.seeker)
    assert set(live(reading)) == {f"zipped {number}" for number in range(24) if number % 3}
    assert set(residue(reading)) == {f"zipped {number}" for number in range(24) if number % 3 == 0}
    stored = path.read_bytes()
    for page, start, end, following in (map(int, re.findall(r"\d+", location)) for location in residue(reading).values()):
        assert f"page {page}, bytes {start}-{end}, and overflow from page {following}" in residue(reading).values()
        assert stored[start:].startswith(pack(b"")[:2])
        assert stored[end : end + 4] == following.to_bytes(4)
        assert (page - 1) * 4096 < start < end <= page * 4096 - 4
    assert {hit.forms[-1] for hit in reading.hits} == {"plain"}
    assert reading.not_examined == ()


def test_a_literal_stored_cut_in_a_live_row_is_a_live_hit_of_nobody_and_no_residue(lab, path):
    fill(path, f"title: {lab.canary('one')[:12]}...")
    reading = read_sqlite("db", path, lab.seeker)
    assert [(hit.object, hit.canary, hit.residue) for hit in reading.hits] == [("bodies", None, False)]


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


def test_a_row_deleted_again_stays_residue_in_the_write_ahead_log(lab, path):
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (lab.canary("gone"),))
        connection.execute("update bodies set body = ?", ("y" * 3900,))
        reading = read_sqlite("db", path, lab.seeker)
    assert not live(reading)
    (hit,) = [hit for hit in reading.hits if hit.residue]
    assert (hit.object, hit.canary) == ("app.db-wal", "gone")
    assert hit.location.startswith("frame 2, page 2, bytes ") or hit.location.startswith("frame 3, page 2, bytes ")


def test_a_cut_literal_in_an_old_frame_is_residue_where_other_data_now_stand(lab, path):
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (f"{lab.canary('one')[:12]} and what follows it",))
        connection.execute("update bodies set body = ?", ("other data of the same length 4567",))
        reading = read_sqlite("db", path, lab.seeker)
    assert [(hit.object, hit.canary, hit.residue) for hit in reading.hits] == [("app.db-wal", None, True)]


def test_an_uncommitted_row_in_the_log_is_residue(lab, path):
    with connect(path, cached_statements=0) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma cache_size = 1")
        connection.execute("create table bodies (body)")
        connection.execute("begin")
        connection.executemany("insert into bodies values (?)", [(f"{lab.canary(f'c{number}')}{'x' * 3000}",) for number in range(50)])
        reading = read_sqlite("db", path, lab.seeker)
        connection.execute("rollback")
    assert not live(reading)
    assert len(residue(reading)) > 10


def test_canaries_cut_by_page_borders_in_the_log_are_no_residue_while_live(lab, path):
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (body)")
        canary = lab.canary("cut")
        for start in range(0, 45):
            connection.execute("insert into bodies values (?)", ("x" * (12_180 + start) + canary + "y" * 5000,))
        reading = read_sqlite("db", path, lab.seeker)
    assert set(live(reading)) == {"cut"}
    assert not residue(reading)


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

    def fail(_collector, database, _undo):
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


def test_a_damaged_table_is_listed_and_the_others_are_read(lab, path):
    fill(path, *("x" * 500 for _ in range(200)))
    with connect(path) as connection:
        connection.execute("create table other (body)")
        connection.execute("insert into other values (?)", (lab.canary("other"),))
        root = connection.execute("select rootpage from sqlite_master where name = 'bodies'").fetchone()[0]
    with path.open("r+b") as database:
        database.seek((root - 1) * 4096)
        database.write(b"\xff" * 4096)
    reading = read_sqlite("db", path, lab.seeker)
    assert "other: row 1, column body" in {f"{hit.object}: {hit.location}" for hit in reading.hits}
    assert [(item.object, item.reason.split(":")[0]) for item in reading.not_examined] == [("bodies", "not all rows can be read")]
    assert not residue(reading)  # what is left over cannot be told from what is live


def test_a_damaged_index_does_not_keep_its_table_from_being_read(lab, path):
    fill(path, lab.canary("one"))
    with connect(path) as connection:
        connection.execute("create index by_body on bodies (body)")
        root = connection.execute("select rootpage from sqlite_master where name = 'by_body'").fetchone()[0]
    with path.open("r+b") as database:
        database.seek((root - 1) * 4096)
        database.write(b"\xff" * 4096)
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"one": "bodies: row 1, column body"}
    assert reading.not_examined == ()


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


def test_a_large_blob_is_read_in_pieces(lab, path, monkeypatch):
    monkeypatch.setattr(sqlite_rows, "_LARGE", 10_000)
    fill(path, bytes(60_000) + lab.canary("blob").encode() + bytes(60_000))
    assert live(read_sqlite("db", path, lab.seeker)) == {"blob": "bodies: row 1, column body"}


def test_stored_generated_columns_are_read_and_virtual_ones_cause_no_error(lab, path):
    with connect(path) as connection:
        connection.execute("create table t (a, b as ('v' || a) virtual, c as ('s' || a) stored)")
        connection.execute("insert into t (a) values (?)", (lab.canary("one"),))
    reading = read_sqlite("db", path, lab.seeker)
    assert {hit.location for hit in reading.hits} == {"row 1, column a", "row 1, column c"}
    assert reading.not_examined == ()


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


def test_a_database_of_other_page_sizes_is_read(lab, tmp_path):
    for size in (512, 1024, 65536):
        path = tmp_path / f"{size}.db"
        with connect(path) as connection:
            connection.execute(f"pragma page_size = {size}")
            connection.execute("create table bodies (id integer primary key, body)")
            for name in ("kept", "gone"):
                connection.execute("insert into bodies (body) values (?)", (f"{'x' * 3000}{lab.canary(f'{name} {size}')}{'y' * 3000}",))
            connection.execute("delete from bodies where id = 2")
        reading = read_sqlite("db", path, lab.seeker)
        assert (set(live(reading)), set(residue(reading))) == ({f"kept {size}"}, {f"gone {size}"}), size


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000)), min_size=1, max_size=12),
    deleted=st.sets(st.integers(1, 12)),
    wal=st.booleans(),
)
def test_live_rows_are_live_and_nothing_that_was_not_written_is_found(sizes, deleted, wal):
    registry = Registry("zqx482j913", b"key")
    mint, seeker = Mint("zqx482j913"), Seeker("zqx482j913", registry.identify)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.db"
        with connect(path) as connection:
            connection.execute(f"pragma journal_mode = {'wal' if wal else 'delete'}")
            connection.execute("create table bodies (id integer primary key, body)")
            for number, (before, after) in enumerate(sizes, 1):
                canary = mint.new()
                registry.add(str(number), canary)
                connection.execute("insert into bodies values (?, ?)", (number, "x" * before + canary + "y" * after))
            connection.executemany("delete from bodies where id = ?", [(number,) for number in deleted])
            reading = read_sqlite("db", path, seeker)
    written = {str(number) for number in range(1, len(sizes) + 1)}
    kept = written - {str(number) for number in deleted}
    assert set(live(reading)) == kept
    assert set(residue(reading)) - {None} <= written  # None: what is left where SQLite moved a row over an old one
    assert reading.not_examined == ()


@pytest.mark.parametrize(
    ("columns", "row"), [("a", "row 7"), ("rowid, a", "row 7"), ("rowid, _rowid_, a", "row 7"), ("ROWID, _RowID_, oid, a", "entry 1")]
)
def test_a_row_is_named_by_its_id_under_whatever_name_it_can_be_had(lab, path, columns, row):
    free = next((name for name in ("rowid", "_rowid_", "oid") if name not in columns.lower()), None)
    with connect(path) as connection:
        connection.execute(f"create table t ({columns})")
        connection.execute(f"insert into t ({f'{free}, ' if free else ''}a) values ({'7, ' if free else ''}?)", (lab.canary("one"),))
    assert live(read_sqlite("db", path, lab.seeker)) == {"one": f"t: {row}, column a"}


def test_a_blob_that_is_too_large_for_a_table_without_row_ids_is_said(lab, path, monkeypatch):
    monkeypatch.setattr(sqlite_rows, "_LARGE", 1000)
    with connect(path) as connection:
        connection.execute("create table t (key text primary key, body blob) without rowid")
        connection.execute("insert into t values ('a', zeroblob(1000))")
        connection.execute("insert into t values ('b', zeroblob(1001))")
    (note,) = read_sqlite("db", path, lab.seeker).not_examined
    assert (note.object, note.reason) == (
        "t",
        "not all rows can be read: entry 2, column body holds 1001 bytes, too many for a table without row ids",
    )


@pytest.mark.parametrize("batch", [1, 50, 100])
def test_values_are_searched_in_batches_of_whatever_size(lab, path, monkeypatch, batch):
    monkeypatch.setattr(sqlite_rows, "_BATCH", batch)
    fill(path, *(f"{'x' * number}{lab.canary(f'{number}')}" for number in range(9)), "x" * 500)
    assert set(live(read_sqlite("db", path, lab.seeker))) == {str(number) for number in range(9)}


def test_what_an_old_frame_of_the_log_holds_is_named_by_frame_page_and_bytes(lab, path, tmp_path):
    gone = lab.canary("gone")
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (id integer primary key, body)")
        connection.execute("insert into bodies values (1, ?)", (f"{'x' * 300}{gone}",))
        connection.execute("pragma secure_delete = on")
        connection.execute("delete from bodies")
        shutil.copytree(path.parent, tmp_path / "seized")
    wal = tmp_path / "seized" / "app.db-wal"
    log = wal.read_bytes()
    at = log.index(gone.encode())
    wal.write_bytes(log + b"torn " + lab.canary("torn").encode())
    hits = [
        (hit.object, hit.location, hit.canary, hit.residue) for hit in read_sqlite("db", tmp_path / "seized" / "app.db", lab.seeker).hits
    ]
    assert hits == [
        ("app.db-wal", f"frame {(at - 32) // 4120 + 1}, page 2, bytes {at}-{at + 32}", "gone", True),
        ("app.db-wal", f"bytes {len(log) + 5}-{len(log) + 37}", "torn", True),
    ]
