"""How much room a source takes, measured cheaply and often: what the growth bound rests on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from .snapshot import private_copies


class SizeError(Exception):
    """A source cannot be measured; the message is one line."""


def size_of(kind: str, path: Path) -> int:
    """Bytes in use. Of a SQLite database the pages in use (free pages do not count: rows written into them would not make the file grow), of a file
    tree the sum of file sizes. Raises OSError or sqlite3.Error where the source cannot be measured."""
    if kind == "sqlite":
        return _sqlite(path)
    if path.is_file():
        return path.stat().st_size
    total = 0
    for item in path.rglob("*"):
        try:
            if item.is_file() and not item.is_symlink():
                total += item.stat().st_size
        except FileNotFoundError:
            continue  # rotated away between listing and looking
    return total


def changed_at(path: Path) -> str | None:
    """When the newest file of a source on disk was last written (UTC, ISO 8601); None where there is no file, or none can be looked at."""
    try:
        if path.is_dir():
            files = [item for item in path.rglob("*") if item.is_file()]
        else:
            files = [item for item in (path, path.with_name(path.name + "-wal")) if item.exists()]
        newest = max((item.stat().st_mtime for item in files), default=None)
    except OSError:
        return None
    return None if newest is None else datetime.fromtimestamp(newest, UTC).isoformat(timespec="microseconds")


def _sqlite(path: Path) -> int:
    real = path.resolve(strict=True)
    with private_copies([real, real.with_name(real.name + "-wal")]) as (copies, _):
        copy = copies.get(real)
        if copy is None:
            raise FileNotFoundError(f"{path.name} vanished")
        with closing(sqlite3.connect(copy)) as database:
            pages, free, size = (
                int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
            )
    return (pages - free) * size
