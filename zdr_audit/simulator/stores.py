"""The stores: two databases, day files for the log and the traces, and a place for blobs. Nothing else is ever written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, Row
from sqlalchemy.orm import Session

from zdr_audit.simulator.blobs import Blobs, BucketBlobs, FolderBlobs
from zdr_audit.simulator.database import STARTING, Place, engine, locked, make_tables, scrub
from zdr_audit.simulator.prefixes import CacheStore, RedisCache, SqlCache
from zdr_audit.simulator.tables import Base


class DayFiles:
    """Append-only JSON lines, one file a day: `<folder>/<stem>-YYYY-MM-DD.jsonl`."""

    def __init__(self, folder: Path, stem: str):
        self.folder, self.stem = folder, stem
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def append(self, day: str, line: dict[str, Any]) -> None:
        data = self._line(line) + b"\n"
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

    def rewrite(self, about: str, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Puts every line that holds the text `about` through `edit`, in place of the old files."""
        wanted = about.encode()
        with self._lock:
            for _day, path in self.files():
                old = path.read_bytes().splitlines()
                new = [self._line(edit(json.loads(line))) if wanted in line else line for line in old]
                if new != old:
                    fresh = path.with_suffix(".tmp")
                    fresh.write_bytes(b"".join(line + b"\n" for line in new))
                    fresh.replace(path)

    @staticmethod
    def _line(line: dict[str, Any]) -> bytes:
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()


class Stores:
    """All stores: below one folder, and on servers where URLs name them. Writing is serialized (see `Place`), so a decision and its effect are one
    step, on every node of those that share the database. Nodes share the folder, too: day files are written only in the writer's place."""

    def __init__(self, folder: Path, database_url: str | None = None, cache_url: str | None = None, blob_url: str | None = None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.database = engine(database_url or f"sqlite:///{folder / 'zdr.db'}")
        self.shared = self.database.dialect.name == "postgresql"
        with self.starting():
            make_tables(self.database, Base.metadata)
        self.cache: CacheStore = RedisCache(cache_url) if cache_url else SqlCache(f"sqlite:///{folder / 'cache.db'}")
        self.logs = DayFiles(folder / "logs", "app")
        self.traces = DayFiles(folder / "traces", "otlp")
        self.blobs: Blobs = BucketBlobs(blob_url) if blob_url else FolderBlobs(folder / "blobs")
        self._place = Place(self.database)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """One node after the other: for what only the first does."""
        with locked(self.database, STARTING):
            yield

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self.database, expire_on_commit=False) as session:
            yield session

    def first(self, statement: Executable, **values: Any) -> Row[Any] | None:
        """The first row of plain columns, as committed: for what is looked up with every request."""
        with self.database.connect() as connection:
            return connection.execute(statement, values).first()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the writer's place without a transaction. Not reentrant: nesting is a programming error."""
        with self._place.held():
            yield

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction in the writer's place: committed at the end, rolled back on an exception."""
        with self._place.transaction() as session:
            yield session

    @contextmanager
    def cached(self) -> Iterator[Session]:
        """One transaction on the prompt cache, where that is a database."""
        if not isinstance(self.cache, SqlCache):
            raise TypeError("the prompt cache is no database")
        with self.cache.transaction() as session:
            yield session

    def scrub(self) -> None:
        """Makes what was deleted unrecoverable in both databases."""
        with self.exclusive():
            scrub(self.database, Base.metadata)
            self.cache.scrub()

    def close(self) -> None:
        self.database.dispose()
        self.cache.close()
