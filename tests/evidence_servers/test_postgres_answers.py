"""How a PostgreSQL database is walked, on answers that are written here: refusals, and what a server seldom says."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from zdr_audit.evidence import postgres
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.postgres_catalog import Catalog, Column, Relation, Table
from zdr_audit.evidence.server import ServerPlace, Values

psycopg = pytest.importorskip("psycopg")
from zdr_audit.evidence import postgres_rows  # noqa: E402 - the library may be missing

ID, BODY, RAW = Column("id", 23, True, True), Column("body", 25, False, True), Column("raw", 17, False, True)
REFUSED = psycopg.errors.InsufficientPrivilege("permission denied\nHINT: ask")


class Connection:
    """Answers a query by the first word of `answers` that it contains: rows, a problem, or what makes them of its parameters."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked, self.steps = answers, [], {}
        self.closed = False

    @contextmanager
    def transaction(self):
        yield

    def cursor(self, name: str | None = None, binary: bool = False) -> Cursor:
        assert binary
        return Cursor(self, name)


class Cursor:
    def __init__(self, connection: Connection, name: str | None) -> None:
        self.connection, self.name, self.itersize, self.rows = connection, name, 1, []
        self.adapters = SimpleNamespace(register_loader=lambda *_: None)

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_problem: object) -> None:
        pass

    def execute(self, query: Any, parameters: Any = None) -> Cursor:
        text = query if isinstance(query, str) else query.as_string(None)
        self.connection.asked.append((text, parameters))
        if self.name:
            self.connection.steps[text] = self.itersize
        word = next((word for word in self.connection.answers if word in text), None)
        answer = self.connection.answers[word] if word is not None else []
        answer = answer(parameters) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        self.rows = answer
        return self

    def fetchone(self) -> Any:
        return next(iter(self.rows), None)

    def __iter__(self):
        return iter(self.rows)


def table(*columns: Column, key: tuple[str, ...] = (), kind: str = "r", foreign: bool = False, reachable: bool = True) -> Table:
    return Table("public", "notes", kind, foreign, reachable, "8192 3 0", key, columns)


@pytest.fixture
def lab(quick_lab):
    return quick_lab


@pytest.fixture
def read(lab):
    """Reads these tables of a connection: what came of it, and the titles of what was not read in full."""

    def reading(connection: Connection, *tables: Table, others: tuple[str, ...] = (), progress=None):
        values = Values(Collector("db", "postgres", lab.seeker))
        rows = postgres_rows.Rows(values, connection, progress)
        rows.read(Catalog(tables, {}, 5, others, 8192, 8192))
        return values.collector.reading(), rows.unread

    return reading


def hits(reading) -> dict[str | None, str]:
    return {hit.canary: f"{hit.object}: {hit.location}" for hit in reading.hits}


def notes(reading) -> list[tuple[str, str]]:
    return [(note.object, note.reason) for note in reading.not_examined]


def test_each_value_is_that_of_its_own_column_and_row(lab, read):
    one, two, three = (lab.canary(name).encode() for name in ("one", "two", "three"))
    rows = [(b"id=1", b"1", None, one, None, None, None), (b"id=2", b"2", None, None, None, two, 32), (b"", b"3", None, b"", 0, three, 32)]
    told: list[int] = []
    reading, unread = read(Connection(notes=rows), table(ID, BODY, RAW, key=("id",)), progress=told.append)
    assert hits(reading) == {
        "one": "public.notes: row id=1, column body, bytes 0-32",
        "two": "public.notes: row id=2, column raw, bytes 0-32",
        "three": "public.notes: row no. 3, column raw, bytes 0-32",
    }
    assert (reading.objects, reading.bytes, sum(told), unread) == (1, 99, 99, set())


def test_an_answer_of_another_width_ends_the_reading(read):
    with pytest.raises(ValueError, match="argument"):
        read(Connection(notes=[(b"id=1", b"1", None, b"x")]), table(ID, BODY))


@pytest.mark.parametrize("column", [BODY, RAW], ids=["text", "bytes"])
@pytest.mark.parametrize("key", [(), ("id",), ("id", "body")], ids=len)
def test_a_large_value_is_asked_for_in_pieces_until_none_comes(lab, read, column, key):
    content = bytes(3 << 20) + lab.canary("last").encode()

    def piece(which: dict[str, Any]) -> list[tuple[bytes]]:
        assert which["which"] == "here"
        first = which["start"] - 1
        return [(content[first : first + which["count"]],)]

    sizes = [(None, len(content) if one is column else None) for one in (BODY, RAW)]
    connection = Connection(substring=piece, notes=[(b"here", b"1", None, *sizes[0], *sizes[1])])
    told: list[int] = []
    reading, unread = read(connection, table(ID, BODY, RAW, key=key), progress=told.append)
    place = f"public.notes: row here, column {column.name}, bytes {3 << 20}-{(3 << 20) + 32}"
    assert (hits(reading), unread) == ({"last": place}, set())
    assert sum(told) == reading.bytes == len(content) + 1
    assert 500_000 < max(told) < 2_000_000
    (query,) = {text for text, _ in connection.asked if "substring" in text}
    kind = {"body": "text", "raw": "bytea"}[column.name]
    named = " || ', ' || ".join(f"concat('{name}='::text, \"{name}\")" for name in key) or "ctid::text"
    assert f'substring("{column.name}"::{kind} from' in query
    assert query.endswith(f'from only "public"."notes" where {named} = %(which)s')


def test_a_large_value_of_a_row_without_an_address_is_listed(lab, read):
    hidden = Column("other", 25, False, False)
    rows = [(None, lab.canary("small").encode(), 32, None, None), (None, None, 9_000_000, None, None)]
    reading, unread = read(Connection(notes=rows), table(BODY, RAW, hidden, key=("other",)))
    assert hits(reading) == {"small": "public.notes: row no. 1, column body, bytes 0-32"}
    assert notes(reading) == [
        ("public.notes", "no permission to read the columns other"),
        ("public.notes", "row no. 2, column body: 9000000 bytes, read only where the row's address may be asked for"),
    ]
    assert unread == {"public.notes"}


def test_a_value_that_ends_while_it_is_read_is_searched_as_far_as_it_came(lab, read):
    first = lab.canary("first").encode().ljust(1 << 20, b".")
    pieces = iter([[(first,)], []])
    connection = Connection(substring=lambda _: next(pieces), notes=[(b"here", None, 9_000_000)])
    reading, _ = read(connection, table(BODY))
    assert hits(reading) == {"first": "public.notes: row here, column body, bytes 0-32"}


def test_what_comes_of_each_kind_of_table(lab, read):
    connection = Connection(notes=[(b"id=1", lab.canary("row").encode(), 32)])
    hidden = Column("other", 25, False, False)
    kinds = {
        "a foreign table: its rows lie on another server": (table(BODY, kind="f"), False, False),
        "a temporary table of another session": (table(BODY, foreign=True), False, True),
        "no permission to read": (table(BODY, reachable=False), False, True),
        "no permission to read the columns other": (table(BODY, hidden), True, True),
        "": (table(BODY), True, False),
    }
    for reason, (one, read_at_all, unread) in kinds.items():
        reading, titles = read(connection, one)
        assert bool(reading.hits) is read_at_all, reason
        assert reading.objects == int(read_at_all)
        assert titles == ({"public.notes"} if unread else set()), reason
        assert notes(reading) == ([("public.notes", reason)] if reason else [])
        assert all(note.mark == "8192 3 0" for note in reading.not_examined if unread)
    reading, titles = read(connection, table(Column("other", 25, False, False), hidden))
    assert notes(reading) == [("public.notes", "no permission to read")]
    assert (read(connection, table())[0].objects, titles) == (0, {"public.notes"})


@pytest.mark.parametrize(
    ("columns", "key", "address"),
    [
        ((ID, BODY), ("id",), "concat('id='::text, \"id\")"),
        ((ID, BODY), (), "ctid::text"),
        ((BODY, Column("id", 23, True, False)), ("id",), "null::text"),
        ((ID, Column("body", 25, False, False)), ("id",), "concat('id='::text, \"id\")"),
        ((ID, Column("body", 25, False, False)), (), "null::text"),
    ],
)
def test_a_row_is_addressed_by_what_may_be_read_of_it(read, columns, key, address):
    connection = Connection()
    read(connection, table(*columns, key=key))
    ((query, _),) = [found for found in connection.asked if 'only "public"."notes"' in found[0]]
    assert query.startswith(f"select {address}, ")


@pytest.mark.parametrize(
    ("type_", "value", "size"),
    [
        (17, '"x"::bytea end', 'octet_length("x")'),
        (25, '"x"::text end', 'octet_length("x")'),
        (1043, '"x"::text end', 'octet_length("x")'),
        (23, 'case when "x" is not null then concat("x") end', "null::int"),
        (3802, 'case when "x" is not null then concat("x") end', "null::int"),
    ],
)
def test_a_value_is_asked_for_as_its_type_allows_and_text_and_bytes_only_up_to_some_megabytes(type_, value, size):
    column = Column("x", type_, False, True)
    asked = postgres_rows._value(column).as_string(None)
    assert asked.endswith(value)
    assert postgres_rows._size(column).as_string(None) == size
    if "octet_length" in size:
        start, _, rest = asked.partition(" <= ")
        assert start == 'case when octet_length("x")'
        assert 1 << 20 < int(rest.split()[0]) <= 16 << 20


@pytest.mark.parametrize(("columns", "many"), [((ID,), True), ((ID, BODY), False), ((RAW,), False)])
def test_rows_that_may_hold_much_come_few_at_a_time(read, columns, many):
    connection = Connection()
    read(connection, table(*columns))
    (step,) = [size for text, size in connection.steps.items() if "notes" in text]
    assert (100 <= step <= 1000) if many else (2 <= step <= 20)
    steps = {text: size for text, size in connection.steps.items() if "notes" not in text}
    assert {size >= 100 for text, size in steps.items() if "pg_stats" not in text} == {True}
    assert all(2 <= size <= 20 for text, size in steps.items() if "pg_stats" in text)


def test_large_objects_are_read_in_pieces_and_one_that_is_refused_is_listed(lab, read):
    content = {7: bytes(1 << 20) + lab.canary("seven").encode(), 9: b"", 11: lab.canary("eleven").encode()}

    def piece(which: dict[str, Any]) -> Any:
        if which["which"] == 8:
            return REFUSED
        return [(content[which["which"]][which["start"] :][: which["count"]],)]

    reading, unread = read(Connection(lo_get=piece, pg_largeobject_metadata=[(b"7",), (b"8",), (b"9",), (b"11",)]))
    assert hits(reading) == {
        "seven": f"large object 7: content, bytes {1 << 20}-{(1 << 20) + 32}",
        "eleven": "large object 11: content, bytes 0-32",
    }
    assert (notes(reading), reading.objects, unread) == ([("large object 8", "permission denied")], 4, set())


@pytest.mark.parametrize("word", ["notes", "pg_largeobject_metadata", "pg_stats", "pg_stat_activity", "pg_extension"])
def test_what_is_refused_is_listed_and_everything_else_is_read(lab, read, word):
    answers: dict[str, Any] = {
        "notes": [(b"id=1", lab.canary("row").encode(), 32)],
        "lo_get": lambda which: [(lab.canary("lo").encode() if which["start"] == 0 else b"",)],
        "pg_largeobject_metadata": [(b"7",)],
        "pg_stats": [(b"public.notes, column body", lab.canary("sample").encode())],
        "pg_stat_activity": [(b"12", lab.canary("running").encode())],
        "pg_extension": [(b"ext",)],
        '"ext"."pg_stat_statements"': [(b"5", lab.canary("remembered").encode()), (None, lab.canary("unnumbered").encode()), (b"6", None)],
    }
    expected = {
        "row": "public.notes: row id=1, column body, bytes 0-32",
        "lo": "large object 7: content, bytes 0-32",
        "sample": "statistics: public.notes, column body, bytes 0-32",
        "running": "running statements: session 12, bytes 0-32",
        "remembered": "statement statistics: query 5, bytes 0-32",
        "unnumbered": "statement statistics: query , bytes 0-32",
    }
    assert hits(read(Connection(**answers), table(BODY))[0]) == expected
    names = {
        "notes": ("public.notes", {"row"}),
        "pg_largeobject_metadata": ("large objects", {"lo"}),
        "pg_stats": ("statistics", {"sample"}),
        "pg_stat_activity": ("running statements", {"running"}),
        "pg_extension": ("statement statistics", {"remembered", "unnumbered"}),
    }
    name, missed = names[word]
    reading, unread = read(Connection(**answers | {word: REFUSED}), table(BODY))
    assert hits(reading) == {canary: place for canary, place in expected.items() if canary not in missed}
    assert (notes(reading), unread) == ([(name, "not all of it can be read: permission denied")], {name})


@pytest.mark.parametrize("word", ["notes", "lo_get"])
def test_a_connection_that_ends_ends_the_reading(read, word):
    connection = Connection(pg_largeobject_metadata=[(b"7",)])

    def end(_parameters: Any) -> Exception:
        connection.closed = True
        return psycopg.OperationalError("the connection is lost")

    connection.answers[word] = end
    with pytest.raises(psycopg.OperationalError):
        read(connection, table(BODY))


def test_what_is_hidden_from_this_user_is_said_once_and_not_searched(lab, read):
    hidden = b"<insufficient privilege>"
    answers = {
        "pg_stat_activity": [(b"1", hidden), (b"2", hidden), (b"3", lab.canary("mine").encode())],
        "pg_extension": [(b"public",)],
        "pg_stat_statements": [(None, hidden), (b"4", lab.canary("also mine").encode())],
    }
    reading, unread = read(Connection(**answers))
    assert hits(reading) == {
        "mine": "running statements: session 3, bytes 0-32",
        "also mine": "statement statistics: query 4, bytes 0-32",
    }
    assert [name for name, _ in notes(reading)] == ["running statements", "statement statistics"]
    assert all("pg_read_all_stats" in reason for _, reason in notes(reading))
    assert unread == set()


def test_a_server_without_statement_statistics_is_not_asked_for_them(read):
    connection = Connection()
    reading, _ = read(connection, others=("other", "more"))
    assert [text for text, _ in connection.asked if "queryid" in text] == []
    assert [name for name, _ in notes(reading)] == ["database other", "database more"]


def test_pieces_over_rows_are_joined(lab, read):
    canary = lab.canary("split").encode()
    rows = [(b"id=%d" % at, b"%d" % at, None, canary[8 * at :][:8], 8) for at in range(4)]
    reading, _ = read(Connection(notes=rows), table(ID, BODY, key=("id",)))
    assert hits(reading) == {"split": "public.notes: row id=2 to row id=3, column body"}


class Asked:
    """Answers the questions of the catalog."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def execute(self, query: str) -> Any:
        rows = next((rows for word, rows in self.answers.items() if word in query), [])
        return Cursor(Connection(**{"": rows}), None).execute("")


CATALOG = {
    "pg_attribute a join": [(7, "id", 23, True, True), (7, "body", 25, False, False), (9, "raw", 17, False, True)],
    "pg_my_temp_schema": [
        (7, "app", "notes", "r", False, True, "8192 3 0", ["id"]),
        (8, "app", "nothing", "m", True, False, "0 0 0", None),
        (9, "other", "notes", "f", False, True, None, []),
    ],
    "pg_relation_filepath": [
        ("base/5/7", "r", "app.notes", "notes"),
        ("base/5/8", "t", "app.notes", "pg_toast_7"),
        ("base/5/9", "i", "app.notes", "by id"),
        ("base/5/10", "S", "app.numbers", "numbers"),
        ("base/5/11", "m", "app.nothing", "nothing"),
    ],
    "where datname = current_database()": [(5,)],
    "where datname <> current_database()": [("more",), ("other",)],
    "current_setting": [(8192, 16384)],
}


def test_the_catalog_tells_tables_with_their_columns_and_what_lies_in_which_file():
    read = Catalog.read(Asked(**CATALOG))
    assert read.tables == (
        Table("app", "notes", "r", False, True, "8192 3 0", ("id",), (ID, Column("body", 25, False, False))),
        Table("app", "nothing", "m", True, False, "0 0 0", (), ()),
        Table("other", "notes", "f", False, True, None, (), (RAW,)),
    )
    assert [table.title for table in read.tables] == ["app.notes", "app.nothing", "other.notes"]
    assert read.files == {
        "base/5/7": Relation("app.notes", False),
        "base/5/8": Relation("TOAST of app.notes", True),
        "base/5/9": Relation("app.notes, index by id", False),
        "base/5/10": Relation("app.numbers", False),
        "base/5/11": Relation("app.nothing", False),
    }
    assert (read.database, read.others, read.block, read.wal_block) == (5, ("more", "other"), 8192, 16384)


@pytest.mark.parametrize("word", ["where datname = current_database()", "current_setting"])
def test_a_server_that_does_not_say_which_database_it_is_ends_the_reading(word):
    with pytest.raises(ValueError, match="does not say which database"):
        Catalog.read(Asked(**CATALOG | {word: []}))


def test_files_are_searched_before_the_rows_are_read_and_told_after(lab, monkeypatch, tmp_path):
    order: list[str] = []

    class Directory:
        def __init__(self, _values: Values, folder: Any, _catalog: Catalog, _progress: Any) -> None:
            order.append(folder.name)

        def search(self) -> None:
            order.append("search")

        def report(self, unread: set[str]) -> None:
            order.append(f"report {unread}")

    class AllRows:
        unread = frozenset(("public.notes",))

        def __init__(self, *_: Any, files: bool) -> None:
            order.append(f"files: {files}")

        def read(self, catalog: Catalog) -> None:
            order.append(f"rows of {len(catalog.tables)}")

    @contextmanager
    def connected(_dsn: str):
        yield Asked(**CATALOG)

    monkeypatch.setattr(postgres, "connect", connected)
    monkeypatch.setattr(postgres_rows, "Rows", AllRows)
    monkeypatch.setattr("zdr_audit.evidence.postgres_files.DataDirectory", Directory)
    assert postgres.read_postgres("db", ServerPlace(url="x", data_dir=tmp_path), lab.seeker).error is None
    assert order == [tmp_path.name, "search", "files: True", "rows of 3", "report frozenset({'public.notes'})"]
    order.clear()
    assert postgres.read_postgres("db", ServerPlace(url="x"), lab.seeker).error is None
    assert order == ["files: False", "rows of 3"]


def test_what_was_read_before_a_problem_is_searched(lab, monkeypatch):
    @contextmanager
    def connected(_dsn: str):
        yield Asked(**CATALOG)

    class SomeRows:
        def __init__(self, values: Values, *_: Any, files: bool) -> None:
            assert not files
            self._values = values

        def read(self, _catalog: Catalog) -> None:
            self._values.add("app.notes", "row 1", lab.canary("early").encode())
            raise psycopg.OperationalError("the server hunter2 is\ngone")

    monkeypatch.setattr(postgres, "connect", connected)
    monkeypatch.setattr(postgres_rows, "Rows", SomeRows)
    reading = postgres.read_postgres("db", ServerPlace(url="postgresql://u:hunter2@h/d"), lab.seeker)
    assert ([hit.canary for hit in reading.hits], reading.error) == (["early"], "the server [credential] is")


def test_without_the_client_library_the_error_says_what_to_install(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert postgres.read_postgres("db", ServerPlace(url="x"), lab.seeker).error == "needs pip install 'zdr-audit[postgres]'"


def test_a_connection_can_only_read_waits_a_minute_at_most_and_prepares_nothing(monkeypatch):
    asked: dict[str, Any] = {}

    def connected(dsn: str, **how: Any) -> Any:
        asked.update(how, dsn=dsn)
        return SimpleNamespace()

    monkeypatch.setattr(psycopg, "connect", connected)
    made = postgres.connect("host=db")
    assert (made.read_only, made.isolation_level) == (True, psycopg.IsolationLevel.REPEATABLE_READ)
    assert "-c default_transaction_read_only=on" in asked["options"]
    assert "-c row_security=off" in asked["options"]
    assert 5 <= asked["connect_timeout"] <= 60
    assert (asked["dsn"], asked["prepare_threshold"]) == ("host=db", None)
    for empty in ("", "  "):
        with pytest.raises(ValueError, match="no DSN"):
            postgres.connect(empty)
