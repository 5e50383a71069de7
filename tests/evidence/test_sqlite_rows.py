"""The live rows of a SQLite database, of every kind of table and value."""

from __future__ import annotations

import base64
import gzip
import sqlite3
from contextlib import closing

import pytest
from sqlite_files import connect, fill, live, residue

from zdr_audit.evidence import sqlite_rows
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.sqlite import read_sqlite
from zdr_audit.evidence.sqlite_rows import read_rows


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


def test_a_value_of_100_kb_is_found_live_wherever_the_canary_stands(lab, path):
    canaries = [lab.canary(f"at {number}") for number in range(60)]
    fill(path, *(f"{'a' * (1000 * number + number)}{canary}{'b' * (100_000 - 1000 * number)}" for number, canary in enumerate(canaries)))
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {f"at {number}": f"bodies: row {number + 1}, column body" for number in range(60)}
    assert not residue(reading)


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


@pytest.mark.parametrize(("more", "noted"), [(0, 0), (1, 1)])
def test_a_blob_of_more_than_32_mib_is_read_in_pieces_by_its_row_id_or_not_at_all(lab, path, more, noted):
    with connect(path) as connection:
        connection.execute("pragma synchronous = off")
        connection.execute("create table t (key text primary key, body blob) without rowid")
        connection.execute("insert into t values ('a', zeroblob(?))", (32 * 1024 * 1024 + more,))
    collector = Collector("db", "sqlite", lab.seeker)
    assert read_rows(collector, path).complete != noted
    assert len(collector.reading().not_examined) == noted


@pytest.mark.parametrize("batch", [1, 50, 100])
def test_values_are_searched_in_batches_of_whatever_size(lab, path, monkeypatch, batch):
    monkeypatch.setattr(sqlite_rows, "_BATCH", batch)
    fill(path, *(f"{'x' * number}{lab.canary(f'{number}')}" for number in range(9)), "x" * 500)
    assert set(live(read_sqlite("db", path, lab.seeker))) == {str(number) for number in range(9)}


def test_values_are_gathered_until_they_are_large_enough_for_a_search(lab, path, monkeypatch):
    monkeypatch.setattr(sqlite_rows, "_BATCH", 30)
    fill(path, *["x" * 10] * 8, "x" * 29, "x", "x" * 30, "x" * 31, "x")
    gathered: list[list[int]] = []

    def may_see_in(values):
        gathered.append([len(value) for value in values])
        return False

    monkeypatch.setattr(lab.seeker, "may_see_in", may_see_in)
    read_rows(Collector("db", "sqlite", lab.seeker), path)
    assert gathered[-6:] == [[10, 10, 10], [10, 10, 10], [10, 10, 29], [1, 30], [31], [1]]


@pytest.mark.parametrize(
    "problem",
    [sqlite3.DatabaseError("x"), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), OverflowError("x"), MemoryError("x")],
    ids=lambda problem: type(problem).__name__,
)
def test_a_table_that_cannot_be_read_is_listed_and_the_next_is_read(lab, path, monkeypatch, problem):
    with connect(path) as connection:
        for name in ("first", "broken", "last"):
            connection.execute(f"create table {name} (body)")
            connection.execute(f"insert into {name} values (?)", (lab.canary(name),))
    real = sqlite_rows._read_table

    def read_table(search, connection, table, virtual):
        real(search, connection, table, virtual)
        if table == "broken":
            raise problem

    monkeypatch.setattr(sqlite_rows, "_read_table", read_table)
    collector = Collector("db", "sqlite", lab.seeker)
    rows = read_rows(collector, path)
    assert (rows.complete, rows.canaries) == (False, {"first", "broken", "last"})
    assert [(note.object, note.reason) for note in collector.reading().not_examined] == [("broken", f"not all rows can be read: {problem}")]


def test_names_that_are_no_utf_8_are_shown_or_listed(lab, path):
    with connect(path) as connection:
        for name in ("first", "second"):
            connection.execute(f"create table {name} (body)")
            connection.execute(f"insert into {name} values (?)", (lab.canary(name),))
        connection.execute("pragma writable_schema = on")
        odd = "update sqlite_master set name = cast(x'66e9' as text), tbl_name = cast(x'66e9' as text), sql = {} where name = 'first'"
        connection.execute(odd.format("cast('create table f' || x'e9' || ' (body)' as text)"))
        connection.execute("update sqlite_master set sql = cast('create table second (b' || x'e9' || ')' as text) where name = 'second'")
    reading = read_sqlite("db", path, lab.seeker)
    assert {note.object for note in reading.not_examined} == {"f\\xe9", "second"}
    assert all(note.reason.startswith("not all rows can be read: ") for note in reading.not_examined)


@pytest.mark.parametrize("undo", [False, True])
def test_nothing_is_written_and_no_schema_trusted(lab, tmp_path, monkeypatch, undo):
    """Also where SQLite may undo a transaction: what then is read, it may not change."""
    place = tmp_path / "some.db"
    with closing(sqlite3.connect(place)) as made:
        made.execute("create table t (a)")
    asked = {}

    def look(_search: object, connection: sqlite3.Connection) -> None:
        asked.update(
            {name: connection.execute(f"pragma {name}").fetchone()[0] for name in ("query_only", "trusted_schema", "cell_size_check")}
        )
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("insert into t values (1)")

    monkeypatch.setattr(sqlite_rows, "_read_tables", look)
    collector = Collector(lab.seeker, "db", "sqlite")
    assert sqlite_rows.read_rows(collector, place, undo).complete
    assert asked == {"query_only": 1, "trusted_schema": 0, "cell_size_check": 1}
