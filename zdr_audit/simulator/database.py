"""The main database: SQLite by default, PostgreSQL where several nodes share it. Who may write, and how deletions become final."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, LargeBinary, MetaData, Text, create_engine, event, text
from sqlalchemy.orm import Session

WRITER, STARTING = 0x7A6472_01, 0x7A6472_02  # keys of advisory locks: our own, so that nobody else waits for them
# A node that hangs must not keep the others waiting for ever: their requests fail, and the server ends its transaction.
_POSTGRES = "-c lock_timeout=60s -c idle_in_transaction_session_timeout=60s"


def engine(url: str) -> Engine:
    """An engine for `url`."""
    # hide_parameters: a database error must not carry bound values into a message or a log
    if url.startswith("postgresql"):
        return create_engine(
            url,
            hide_parameters=True,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            connect_args={"options": _POSTGRES, "connect_timeout": 20, "application_name": "zdr-simulator"},
        )
    made = create_engine(url, hide_parameters=True, pool_size=16, max_overflow=48)
    if made.dialect.name == "sqlite":
        _sqlite_pragmas(made)
    return made


def _sqlite_pragmas(made: Engine) -> None:
    @event.listens_for(made, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "secure_delete=ON",
            "synchronous=NORMAL",  # what is committed outlives the process, however it is killed; only the machine's own fall could lose the last of it
            "temp_store=MEMORY",  # else VACUUM and sorting would spill content into the system's folder for temporary files
            "foreign_keys=ON",
            "busy_timeout=10000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


class Place:
    """The writer's place: whoever holds it is the only writer, in this process and, on PostgreSQL, among all nodes.

    Between the nodes it is held in the database itself, by an advisory lock: it ends with the transaction or the connection, so with a node that
    is killed, too. Taken before anything is read, it makes what is read the newest that there is. Not reentrant: nesting is a programming error.
    """

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._shared = database.dialect.name == "postgresql"
        self._writer = threading.Lock()
        self._owner: int | None = None

    @contextmanager
    def _mine(self) -> Iterator[None]:
        if self._owner == threading.get_ident():
            raise RuntimeError("nested write")
        with self._writer:
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """The place for one transaction: committed at the end, rolled back on an exception."""
        with self._mine(), Session(self._database, expire_on_commit=False) as session, session.begin():
            if self._shared:
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER})
            yield session

    @contextmanager
    def held(self) -> Iterator[None]:
        """The place without a transaction."""
        with self._mine(), locked(self._database, WRITER):
            yield


@contextmanager
def locked(database: Engine, key: int) -> Iterator[None]:
    """Holds an advisory lock of PostgreSQL on a connection of its own; nothing to do for SQLite, which one process has to itself."""
    if database.dialect.name != "postgresql":
        yield
        return
    with _outside(database) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def make_tables(database: Engine, tables: MetaData) -> None:
    """Makes the tables that are missing. PostgreSQL is told not to sample texts and bytes: its statistics would outlive the rows."""
    tables.create_all(database)
    if database.dialect.name != "postgresql":
        return
    with database.begin() as connection:
        for table in tables.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, Text | LargeBinary):
                    connection.execute(text(f'ALTER TABLE "{table.name}" ALTER COLUMN "{column.name}" SET STATISTICS 0'))


def scrub(database: Engine, tables: MetaData) -> None:
    """Makes deletions final: rewrites the files, so that no freed page keeps old bytes, and empties the write-ahead log.

    On PostgreSQL the log's old segments go with a checkpoint (given `wal_recycle = off` and no archive), which only the superuser and members of
    pg_checkpoint may ask for: where that fails, so does the purge.
    """
    with _outside(database) as connection:
        if database.dialect.name == "sqlite":
            connection.execute(text("VACUUM"))
            if connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]:
                raise RuntimeError("the write-ahead log is in use")  # old bytes may still be in it: better to say so than to call it purged
            return
        names = ", ".join(f'"{table.name}"' for table in tables.sorted_tables)
        connection.execute(text(f"VACUUM (FULL) {names}"))
        connection.execute(text("SELECT pg_switch_wal()"))
        connection.execute(text("CHECKPOINT"))


@contextmanager
def _outside(database: Engine) -> Iterator[Connection]:
    """A connection outside of any transaction."""
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
