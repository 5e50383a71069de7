"""The live rows of a SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from zdr_audit.canary.seeker import Sighting

from .collector import Collector
from .row_split import RowSplit, pieces
from .units import MIB

_BATCH = MIB
_LARGE = 32 * MIB
_PIECE = MIB
_SCHEMA = "sqlite_master"
_GENERATED = 2  # of a virtual generated column, in pragma table_xinfo: nothing of it is stored


@dataclass
class Rows:
    """What the live rows showed: the ids of the canaries in them, and whether every row could be read."""

    canaries: set[str] = field(default_factory=set)
    complete: bool = True


@dataclass(frozen=True)
class _Cell:
    table: str
    location: str
    value: bytes


def read_rows(collector: Collector, database: Path, undo: bool = False) -> Rows:
    """Search every table and column of a copied database. What cannot be read is noted, and the rest read on.

    With `undo` SQLite may change the copy, so as to undo an unfinished transaction by the rollback journal beside it.
    """
    rows = Rows()
    mode = "rw" if undo else "ro"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode={mode}", uri=True, isolation_level=None)) as connection:
            connection.text_factory = bytes
            for pragma in ("query_only=on", "trusted_schema=off", "cell_size_check=on"):
                connection.execute(f"pragma {pragma}")
            _read_tables(_Search(collector, rows), connection)
    except sqlite3.Error as problem:
        rows.complete = False
        collector.not_examined(database.name, f"the rows cannot be read: {problem}")
    return rows


class _Search:
    """Searches values, many small ones at a time: most batches hold nothing that a search would have to look at closely."""

    def __init__(self, collector: Collector, rows: Rows) -> None:
        self.collector, self.rows = collector, rows
        self._batch: list[_Cell] = []
        self._size = 0

    def add(self, cell: _Cell) -> None:
        self._batch.append(cell)
        self._size += len(cell.value)
        if self._size >= _BATCH:
            self.flush()

    def flush(self) -> None:
        batch, self._batch, self._size = self._batch, [], 0
        seeker = self.collector.seeker
        if not batch or not seeker.may_see_in([cell.value for cell in batch]):
            return
        for cell in batch:
            if seeker.may_see(cell.value):
                self.search(cell.table, cell.location, cell.value)

    def search(self, table: str, location: str, value: bytes | Iterator[bytes]) -> None:
        def locate(sighting: Sighting) -> str:
            if sighting.canary is not None:
                self.rows.canaries.add(sighting.canary)
            return location

        self.collector.search(table, value, locate)

    def failed(self, table: str, problem: Exception) -> None:
        self.rows.complete = False
        self.collector.not_examined(table, f"not all rows can be read: {problem}")


def _read_tables(search: _Search, connection: sqlite3.Connection) -> None:
    tables = connection.execute(f"select name, sql from {_SCHEMA} where type = 'table' order by rowid").fetchall()  # noqa: S608
    for name, sql in [(_SCHEMA.encode(), b""), *tables]:
        table = name.decode("utf-8", "backslashreplace")
        try:
            _read_table(search, connection, table, virtual=(sql or b"").lower().startswith(b"create virtual"))
        except (sqlite3.Error, UnicodeError, OverflowError, MemoryError) as problem:
            search.failed(table, problem)
        search.flush()


def _read_table(search: _Search, connection: sqlite3.Connection, table: str, virtual: bool) -> None:
    columns = [
        name.decode() for _, name, _, _, _, _, hidden in connection.execute(f"pragma table_xinfo({_quoted(table)})") if hidden != _GENERATED
    ]
    row_id = _row_id(connection, table, columns)
    # Blobs of any size are measured without being loaded, and large ones read in pieces.
    chosen = ", ".join(
        f"case when typeof({name}) = 'blob' and length({name}) > {_LARGE} then length({name}) else {name} end, typeof({name})"
        for name in map(_quoted, columns)
    )
    # A scan of the table itself: an index may be the part that is damaged, or need a collation that is not here.
    source = _quoted(table) + ("" if virtual else " not indexed")
    joined = RowSplit(search.collector)
    for count, (number, *values) in enumerate(connection.execute(f"select {row_id or 'null'}, {chosen} from {source}"), 1):  # noqa: S608
        row = f"row {number}" if row_id else f"entry {count}"
        for column, value, kind in zip(columns, values[::2], values[1::2], strict=True):
            location = f"{row}, column {column}"
            if isinstance(value, bytes):
                search.add(_Cell(table, location, value))
            elif kind == b"blob":
                if row_id is None:
                    raise sqlite3.NotSupportedError(f"{location} holds {value} bytes, too many for a table without row ids")
                search.search(table, location, _pieces(connection, table, column, number))
        joined.add(table, row, pieces(columns, values[::2]))
    joined.finish(table)


def _row_id(connection: sqlite3.Connection, table: str, columns: list[str]) -> str | None:
    """The name by which the table's row ids can be had; None for a table without."""
    taken = {column.lower() for column in columns}
    for name in ("rowid", "_rowid_", "oid"):
        if name not in taken:
            try:
                connection.execute(f"select {name} from {_quoted(table)} limit 0")  # noqa: S608
            except sqlite3.OperationalError:
                return None
            return name
    return None


def _pieces(connection: sqlite3.Connection, table: str, column: str, number: int) -> Iterator[bytes]:
    with connection.blobopen(table, column, number, readonly=True) as blob:
        while piece := blob.read(_PIECE):
            yield piece


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
