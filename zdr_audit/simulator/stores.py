"""The stores: two databases, day files for the log and the traces, and a folder of blobs. Nothing else is ever written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session

from zdr_audit.simulator.tables import Base, CacheBase


def _sqlite_pragmas(engine: Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "secure_delete=ON",
            f"synchronous={synchronous}",
            "temp_store=MEMORY",  # else VACUUM and sorting would spill content into the system's folder for temporary files
            "foreign_keys=ON",
            "busy_timeout=10000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _engine(url: str, synchronous: str) -> Engine:
    # hide_parameters: a database error must not carry bound values into a message or a log
    engine = create_engine(url, hide_parameters=True, pool_size=16, max_overflow=48)
    if engine.dialect.name == "sqlite":
        _sqlite_pragmas(engine, synchronous)
    return engine


def _scrub(engine: Engine) -> None:
    """Makes deletions final: rewrites the file, so that no freed page keeps old bytes, and empties the write-ahead log."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM" if engine.dialect.name == "sqlite" else "VACUUM FULL"))
        if engine.dialect.name == "sqlite" and connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]:
            raise RuntimeError("the write-ahead log is in use")  # old bytes may still be in it: better to say so than to call it purged


class DayFiles:
    """Append-only JSON lines, one file a day: `<folder>/<stem>-YYYY-MM-DD.jsonl`."""

    def __init__(self, folder: Path, stem: str):
        self.folder, self.stem = folder, stem
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def append(self, day: str, line: dict[str, Any]) -> None:
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock, (self.folder / f"{self.stem}-{day}.jsonl").open("ab") as file:
            file.write(data)

    def files(self) -> Iterator[tuple[str, Path]]:
        """(day, path) of every day file, oldest first."""
        for path in sorted(self.folder.glob(f"{self.stem}-????-??-??.jsonl")):
            yield path.stem[-10:], path

    def delete_until(self, day: str) -> int:
        """Deletes the files of the days up to and including `day`; answers how many."""
        with self._lock:
            old = [path for name, path in self.files() if name <= day]
            for path in old:
                path.unlink()
        return len(old)

    def rewrite(self, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Puts every line through `edit`, in place of the old files."""
        with self._lock:
            for _day, path in self.files():
                lines = [
                    json.dumps(edit(json.loads(line)), ensure_ascii=False, separators=(",", ":")) for line in path.read_bytes().splitlines()
                ]
                fresh = path.with_suffix(".tmp")
                fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
                fresh.replace(path)


class Blobs:
    """Bodies by organization and id, a file each. Ids are ours, never a client's text."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, organization: str, blob_id: str, data: bytes) -> None:
        place = self.folder / organization
        place.mkdir(exist_ok=True)
        (place / blob_id).write_bytes(data)

    def get(self, organization: str, blob_id: str) -> bytes:
        return (self.folder / organization / blob_id).read_bytes()

    def delete(self, organization: str, blob_id: str) -> int:
        """Deletes the blob and its parts (`<id>.<n>`); answers how many files went."""
        place = self.folder / organization
        gone = [place / blob_id, *place.glob(f"{blob_id}.*")]
        found = [path for path in gone if path.is_file()]
        for path in found:
            path.unlink()
        return len(found)

    def delete_all(self, organization: str) -> None:
        """Deletes every blob of an organization."""
        place = self.folder / organization
        if place.is_dir():
            for path in place.iterdir():
                path.unlink()
            place.rmdir()


class Stores:
    """All stores below one folder. Writing is serialized: one writer in the process, so a decision and its effect are one step."""

    def __init__(self, folder: Path, database_url: str | None = None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.database = _engine(database_url or f"sqlite:///{folder / 'zdr.db'}", "FULL")
        self.cache = _engine(f"sqlite:///{folder / 'cache.db'}", "NORMAL")
        Base.metadata.create_all(self.database)
        CacheBase.metadata.create_all(self.cache)
        self.logs = DayFiles(folder / "logs", "app")
        self.traces = DayFiles(folder / "traces", "otlp")
        self.blobs = Blobs(folder / "blobs")
        self._writer = threading.Lock()
        self._owner: int | None = None
        self._cache_writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self.database, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the writer's place without a transaction. Not reentrant: nesting is a programming error."""
        if self._owner == threading.get_ident():
            raise RuntimeError("nested write")
        with self._writer:
            self._owner = threading.get_ident()
            try:
                yield
            finally:
                self._owner = None

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an exception."""
        with self.exclusive(), Session(self.database, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def cached(self) -> Iterator[Session]:
        """One transaction on the prompt cache."""
        with self._cache_writer, Session(self.cache, expire_on_commit=False) as session, session.begin():
            yield session

    def scrub(self) -> None:
        """Makes what was deleted unrecoverable in both databases."""
        with self.exclusive(), self._cache_writer:
            _scrub(self.database)
            _scrub(self.cache)

    def close(self) -> None:
        self.database.dispose()
        self.cache.dispose()
