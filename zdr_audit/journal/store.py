"""The run journal: an append-only, hash-chained SQLite file. Everything is written here first."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from zdr_audit.evidence.model import Frozen
from zdr_audit.journal.events import EVENTS, KINDS
from zdr_audit.journal.redact import Redactor

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, previous TEXT NOT NULL, digest TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_replace BEFORE INSERT ON events WHEN NEW.sequence <= (SELECT COALESCE(MAX(sequence), 0) FROM events)
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""
_WRITTEN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class JournalError(Exception):
    """A journal that cannot be read or written; the message is one line for the user."""


def chain_digest(previous: str, sequence: int, kind: str, body: str) -> str:
    """SHA-256 (hex) that binds an event to the one before."""
    return hashlib.sha256(f"{previous}\n{sequence}\n{kind}\n{body}".encode()).hexdigest()


def _made_of(database: sqlite3.Connection) -> set[tuple[str, str]]:
    """Kind and text of all that is defined in it."""
    return {(str(kind), str(text)) for kind, text in database.execute("SELECT type, sql FROM sqlite_master WHERE sql IS NOT NULL")}


def _refuse_what_is_no_journal(path: Path, read_only: bool) -> None:
    """What somebody else hands over is opened only where it is a table of events as `_SCHEMA` makes it: a view may have no end, a trigger may write. Raises
    JournalError."""
    if path.is_symlink() and not read_only:
        raise JournalError(f"{path}: is a link, and a journal is not written through one")
    if not path.is_file() or not path.stat().st_size:
        return
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        there = _made_of(database)
    finally:
        database.close()
    with contextlib.closing(sqlite3.connect(":memory:")) as own:
        own.executescript(_SCHEMA)
        strange = there - _made_of(own)
    if strange or (there and all(kind != "table" for kind, _ in there)):
        raise JournalError(f"{path}: cannot be used as a run journal: it holds other things than the events of a run")


class Journal:
    """Append events, read them back. Safe for several threads of one process."""

    def __init__(self, path: Path, redactor: Redactor | None = None, *, read_only: bool = False) -> None:
        self.path = path
        self._redactor = redactor or Redactor()
        self._lock = threading.Lock()
        self._read_only = read_only
        try:
            _refuse_what_is_no_journal(path, read_only)
            if read_only:
                self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
                # Write-ahead: an append costs no disk flush, and a killed process loses nothing. `close` folds it back into one file.
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(_SCHEMA)
            self._sequence, self._head = self._last()
        except (sqlite3.Error, OSError) as exc:
            raise JournalError(f"{path}: cannot be used as a run journal: {exc}") from None

    @property
    def redactor(self) -> Redactor:
        return self._redactor

    @property
    def head(self) -> str:
        """Digest of the last event: binds the whole journal."""
        return self._head

    def append(self, event: Frozen) -> None:
        """Write one event, blotted out by the redactor, chained to the one before. Raises JournalError where it cannot be written."""
        kind = KINDS[type(event)]
        clean = self._redactor.clean(event.model_dump())  # not mode="json", which stumbles over half a surrogate pair
        body = _WRITTEN(clean)
        with self._lock:
            sequence = self._sequence + 1
            digest = chain_digest(self._head, sequence, kind, body)
            try:
                self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (sequence, kind, body, self._head, digest))
                self._sequence, self._head = sequence, digest
            except sqlite3.Error as exc:
                raise JournalError(f"{self.path}: event {sequence} cannot be written: {exc}") from None
            except BaseException:  # a signal, which is seen to as soon as the event is written: the next one goes on behind it
                self._sequence, self._head = self._last()
                raise

    def _last(self) -> tuple[int, str]:
        """Number and digest of the last event; 0 and nothing where there is none."""
        row = self._db.execute("SELECT sequence, digest FROM events ORDER BY sequence DESC LIMIT 1").fetchone()
        return (int(row[0]), str(row[1])) if row else (0, "")

    def events(self, after: int = 0) -> Iterator[Frozen]:
        """All events in order, as models, or those after the first so many. Raises JournalError for a body that does not fit its kind."""
        try:
            with self._lock:
                rows = self._db.execute("SELECT sequence, kind, body FROM events WHERE sequence > ? ORDER BY sequence", (after,)).fetchall()
        except sqlite3.Error as exc:
            raise JournalError(f"{self.path}: cannot be read: {exc}") from None
        for sequence, kind, body in rows:
            try:
                yield EVENTS[kind].model_validate_json(body)
            except (KeyError, ValueError) as exc:
                raise JournalError(f"{self.path}: event {sequence} ({kind}) cannot be read: {' '.join(str(exc).split())}") from None

    def problems(self, head: str | None = None) -> list[str]:
        """What is wrong with the hash chain, one line each; empty when it is whole.

        Events cut off at the end leave a whole chain: only `head`, the digest that the report gives of the journal, betrays them.
        """
        found, previous, expected = [], "", 1
        for sequence, kind, body, before, digest in self._db.execute("SELECT * FROM events ORDER BY sequence"):
            if sequence != expected:
                found.append(f"event {expected} is missing")
            if before != previous or chain_digest(before, sequence, kind, body) != digest:
                found.append(f"event {sequence} ({kind}) does not fit the chain")
            previous, expected = digest, sequence + 1
        if head is not None and head != previous:
            found.append(f"the journal does not end with the event whose digest begins with {head[:12]}")
        return found

    def close(self) -> None:
        """Leaves one file, without a write-ahead log beside it."""
        if not self._read_only:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
