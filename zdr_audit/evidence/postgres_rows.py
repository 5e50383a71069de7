"""The live rows of a PostgreSQL database, its large objects, and the statements that the server remembers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.adapt import Loader
from psycopg.pq import Format

from .postgres_catalog import Catalog, Column, Table
from .row_split import RowSplit, pieces
from .server import Values, named, one_line
from .units import MIB

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTEA, _TEXT, _VARCHAR = 17, 25, 1043
_LARGE = 8 * MIB
_PIECE = MIB
_ROWS = 200
_FEW_ROWS = 8  # at a time, where a row may hold much
_HIDDEN = b"<insufficient privilege>"
_LARGE_OBJECT = sql.SQL("select lo_get(%(which)s::oid, %(start)s::bigint, %(count)s)")


class _Raw(Loader):  # type: ignore[misc,unused-ignore]  # Any where the extra is not installed
    """Values as the bytes that came over the wire."""

    format = Format.BINARY

    def load(self, data: Any) -> bytes:
        return bytes(data)


class Rows:
    """Reads all of a database within one transaction. What cannot be read is noted, and the rest read on."""

    def __init__(
        self, values: Values, connection: psycopg.Connection[Any], progress: Callable[[int], None] | None, *, files: bool = False
    ) -> None:
        """`files`: those of the database are searched too, so that rows which may not be read were looked into all the same."""
        self._values, self._connection, self._progress, self._files = values, connection, progress, files
        self._names = (f"zdr_audit_{number}" for number in itertools.count())
        self.unread: set[str] = set()
        """Titles of the tables of which not everything was read."""

    def read(self, catalog: Catalog) -> None:
        """Raises psycopg.Error when the connection ends."""
        for other in catalog.others:
            self._note(f"database {other}", "another database of the server: name it as a source of its own")
        for table in catalog.tables:
            self._guarded(table.title, lambda table=table: self._table(table), table.mark)  # type: ignore[misc]
        self._guarded("large objects", self._large_objects)
        self._guarded("statistics", self._statistics)
        self._guarded("running statements", self._activity)
        self._guarded("statement statistics", self._statements)

    def _note(self, name: str, reason: str, mark: str | None = None) -> None:
        self._values.collector.not_examined(name, reason, mark=None if self._files else mark)

    def _guarded(self, name: str, read: Callable[[], None], mark: str | None = None) -> None:
        try:
            with self._connection.transaction():
                read()
        except psycopg.Error as problem:
            if self._connection.closed:
                raise
            self.unread.add(name)
            self._note(name, f"not all of it can be read: {one_line(problem)}", mark)
        self._values.flush()

    def _table(self, table: Table) -> None:
        if table.kind == "f":
            self._note(table.title, "a foreign table: its rows lie on another server")
            return
        if table.foreign_session:
            self.unread.add(table.title)
            self._note(table.title, "a temporary table of another session", table.mark)
            return
        columns = [column for column in table.columns if column.readable and table.reachable]
        hidden = [column.name for column in table.columns if column not in columns]
        if hidden:
            self.unread.add(table.title)
            self._note(table.title, "no permission to read" + (f" the columns {', '.join(hidden)}" if columns else ""), table.mark)
        if columns:
            self._values.collector.objects += 1
            self._rows(table, columns)

    def _rows(self, table: Table, columns: Sequence[Column]) -> None:
        readable = {column.name for column in columns}
        key = table.key if readable.issuperset(table.key) else ()
        # A place needs permission on the whole table; the address of a row can always be had otherwise only by counting.
        whole = all(column.readable for column in table.columns)
        chosen: list[Any] = [_address(key) if key or whole else sql.SQL("null::text")]
        for column in columns:
            chosen += [_value(column), _size(column)]
        source = sql.SQL("only {}").format(sql.Identifier(table.schema, table.name))
        wide = not all(column.small for column in columns)
        joined, names = RowSplit(self._values.collector), [column.name for column in columns]
        for count, (place, *found) in enumerate(
            self._ask(sql.SQL("select {} from {}").format(sql.SQL(", ").join(chosen), source), wide), 1
        ):
            row = f"row {named(place)}" if place else f"row no. {count}"
            told = iter(found)
            for column, value, size in zip(columns, told, told, strict=True):
                where = f"{row}, column {column.name}"
                if value is not None:
                    self._add(table.title, where, value)
                elif size is not None and place is not None:
                    self._values.search(table.title, where, self._large_value(table, column, key, place))
                elif size is not None:
                    self.unread.add(table.title)
                    self._note(table.title, f"{where}: {size} bytes, read only where the row's address may be asked for")
            joined.add(table.title, row, pieces(names, found[::2]))
        joined.finish(table.title)

    def _large_value(self, table: Table, column: Column, key: tuple[str, ...], place: bytes) -> Iterator[bytes]:
        query = sql.SQL("select substring({}::{} from %(start)s for %(count)s) from only {} where {} = %(which)s").format(
            sql.Identifier(column.name), _kind(column), sql.Identifier(table.schema, table.name), _address(key)
        )
        return self._in_pieces(query, 1, place.decode())

    def _in_pieces(self, query: sql.Composable, first: int, which: str | int) -> Iterator[bytes]:
        """What is long, until nothing more comes. Of text, pieces are cut by characters."""
        for start in itertools.count(first, _PIECE):
            with self._cursor(None) as cursor:
                row = cursor.execute(query, {"start": start, "count": _PIECE, "which": which}).fetchone()
            if row is None or not row[0]:
                return
            self._read(len(row[0]))
            yield row[0]

    def _large_objects(self) -> None:
        for (oid,) in self._ask(sql.SQL("select oid::text from pg_largeobject_metadata order by oid"), wide=False):
            name = f"large object {oid.decode()}"
            self._values.collector.objects += 1
            try:
                with self._connection.transaction():
                    self._values.search(name, "content", self._in_pieces(_LARGE_OBJECT, 0, int(oid)))
            except psycopg.Error as problem:
                if self._connection.closed:
                    raise
                self._note(name, one_line(problem), mark="")

    def _statistics(self) -> None:
        """Sampled values of columns, which outlive the rows. The view shows those of the tables that may be read, the table below it none."""
        query = sql.SQL(
            "select concat(schemaname, '.', tablename, ', column ', attname), concat(most_common_vals, ' ', histogram_bounds) from pg_stats"
        )
        for name, text in self._ask(query, wide=True):
            self._add("statistics", named(name), text)

    def _activity(self) -> None:
        sessions = sql.SQL("select pid::text, query from pg_stat_activity where pid <> pg_backend_pid() and query <> ''")
        for pid, query in self._ask(sessions, False):
            if query == _HIDDEN:
                self._note("running statements", "those of other users are hidden from this one (the role pg_read_all_stats shows them)")
            else:
                self._add("running statements", f"session {pid.decode()}", query)

    def _statements(self) -> None:
        with self._cursor(None) as cursor:
            row = cursor.execute(
                "select nspname::text from pg_extension e join pg_namespace n on n.oid = extnamespace where extname = 'pg_stat_statements'"
            ).fetchone()
        if row is None:
            return
        view = sql.Identifier(row[0].decode(), "pg_stat_statements")
        for number, query in self._ask(sql.SQL("select queryid::text, query from {}").format(view), wide=False):
            if query == _HIDDEN:
                self._note("statement statistics", "those of other users are hidden from this one (the role pg_read_all_stats shows them)")
            elif query is not None:
                self._add("statement statistics", f"query {(number or b'').decode()}", query)

    def _ask(self, query: sql.Composable, wide: bool) -> Iterator[tuple[Any, ...]]:
        with self._cursor(next(self._names)) as cursor:
            cursor.itersize = _FEW_ROWS if wide else _ROWS
            cursor.execute(query)
            yield from cursor

    def _cursor(self, name: str | None) -> Any:
        cursor: Any = self._connection.cursor(name, binary=True) if name else self._connection.cursor(binary=True)
        for kind in (_BYTEA, _TEXT):
            cursor.adapters.register_loader(kind, _Raw)
        return cursor

    def _add(self, name: str, place: str, value: bytes) -> None:
        self._values.add(name, place, value)
        if self._progress is not None:
            self._progress(len(value))

    def _read(self, count: int) -> None:
        self._values.collector.bytes += count
        if self._progress is not None:
            self._progress(count)


# concat() writes a value with its type's own output function: a cast could be code of the database's own.


def _address(key: Sequence[str]) -> sql.Composable:
    """What tells a row from the others: its primary key, or else where it lies."""
    return sql.SQL(" || ', ' || ").join(map(_shown, key)) if key else sql.SQL("ctid::text")


def _shown(name: str) -> sql.Composable:
    return sql.SQL("concat({}::text, {})").format(sql.Literal(f"{name}="), sql.Identifier(name))


def _value(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.type in (_BYTEA, _TEXT, _VARCHAR):
        return sql.SQL("case when octet_length({}) <= {} then {}::{} end").format(name, sql.Literal(_LARGE), name, _kind(column))
    return sql.SQL("case when {} is not null then concat({}) end").format(name, name)


def _kind(column: Column) -> sql.SQL:
    return sql.SQL("bytea") if column.type == _BYTEA else sql.SQL("text")


def _size(column: Column) -> sql.Composable:
    if column.type in (_BYTEA, _TEXT, _VARCHAR):
        return sql.SQL("octet_length({})").format(sql.Identifier(column.name))
    return sql.SQL("null::int")
