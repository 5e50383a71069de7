"""Evidence in a SQLite database: its live rows, and what its files still hold of rows that are gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from zdr_audit.canary.seeker import Seeker

from .collector import Collector
from .earlier import Earlier, digest_of
from .model import Reading
from .snapshot import private_copies
from .sqlite_remains import Copies, search_remains
from .sqlite_rows import read_rows


def read_sqlite(
    source_id: str, path: Path, seeker: Seeker, progress: Callable[[int], None] | None = None, earlier: Earlier | None = None
) -> Reading:
    """Search a database with its write-ahead log and rollback journal.

    Works on a private copy, so nothing is written beside the evidence. `objects` and `bytes` count the files. Live hits name table, row and
    column. Hits in the raw bytes name page and byte range; they are `residue` where live data does not explain them. Where the rows cannot
    be read, as in an encrypted database, the raw bytes are searched all the same and a `NotExamined` says so. `earlier` is what earlier readings gave:
    files that are the same, byte for byte, are not searched again for the same things.
    """
    collector = Collector(source_id, "sqlite", seeker)
    try:
        real = path.resolve(strict=True)
        files = [real.with_name(real.name + suffix) for suffix in ("", "-wal", "-journal")]
        with private_copies(files) as (copies, steady):
            if not steady:
                collector.not_examined(path.name, "kept changing while it was copied: the copy may not be consistent")
                earlier = None
            digest = digest_of({str(file): copies.get(file) for file in files}) if earlier is not None else b""
            if earlier is not None and (same := earlier.of(source_id, digest)) is not None:
                if progress is not None:
                    progress(same.bytes)
                return same
            _search(collector, *(copies.get(file) for file in files), progress=progress)
    except (OSError, RuntimeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        return collector.reading(error=f"{path}: {reason}")
    reading = collector.reading()
    if earlier is not None:
        earlier.keep(source_id, digest, reading)
    return reading


def _search(
    collector: Collector, database: Path | None, wal: Path | None, journal: Path | None, *, progress: Callable[[int], None] | None
) -> None:
    if database is None:
        raise FileNotFoundError("vanished while it was copied")
    present = [copy for copy in (database, wal, journal) if copy is not None]
    collector.objects, collector.bytes = len(present), sum(copy.stat().st_size for copy in present)
    if not database.stat().st_size:  # a database in which nothing was ever stored
        return
    undone = _undone(database, journal) if journal is not None and journal.stat().st_size else None
    rows = read_rows(collector, undone or database, undo=bool(undone))
    search_remains(collector, Copies(database, wal, journal), rows, progress)


def _undone(database: Path, journal: Path) -> Path:
    """A second copy, in which SQLite undoes an unfinished transaction: what that transaction wrote is to be searched as it is."""
    folder = database.parent / "undone"
    folder.mkdir()
    for copy in (database, journal):
        shutil.copy(copy, folder / copy.name)
    return folder / database.name
