"""What the files of a PostgreSQL server hold beyond the live rows: deleted rows until they are overwritten, indexes, the log of writes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zdr_audit.canary.seeker import Sighting

from .collector import MAX_HITS, Room, byte_range
from .files import CHUNK, open_evidence, reason, shown
from .postgres_catalog import Catalog, Relation
from .postgres_toast import Toast, inline_values
from .postgres_wal import Mentions
from .server import Values
from .units import KIB

_SEGMENT = re.compile(r"(\.\d+)?$")
_FORK = re.compile(r"_(?:fsm|vm|init)(?=\.|$)")
_WAL_NAME = re.compile(r"[0-9A-F]{24}(?:\.partial)?")
_FIRST_HEADER, _HEADER = 40, 24  # of the first page of a segment of the write-ahead log, and of the others
_LARGEST_INLINE = 8 * KIB
_STORES = ("base", "global", "pg_tblspc", "pg_wal")


@dataclass(frozen=True)
class _Raw:
    """A hit in a file. `title` is the relation's, empty for a file of none; `store` tells files of rows from logs and the like."""

    title: str
    object: str
    location: str
    sighting: Sighting
    store: bool


class DataDirectory:
    """Searches a data directory: `search` before the rows are read, `report` after, when it is known what is live.

    Files of other databases are left out. What lies beside the stores, such as a log or the texts of statements, is no residue.
    """

    def __init__(self, values: Values, folder: Path, catalog: Catalog, progress: Callable[[int], None] | None) -> None:
        self._values, self._folder, self._catalog, self._progress = values, folder, catalog, progress
        self._found: dict[_Raw, None] = {}
        self._room = Room(MAX_HITS)
        self._fragments = 0

    def search(self) -> None:
        """Search every file. Those that cannot be read are noted. Raises OSError where the folder is none of PostgreSQL."""
        if not (self._folder / "PG_VERSION").is_file():
            raise OSError(f"{self._folder} is not the data directory of a PostgreSQL server that can be read")
        for path in self._walk():
            name = path.relative_to(self._folder).as_posix()
            try:
                self._file(name, path)
            except FileNotFoundError:  # a table that was dropped, a segment that was recycled: gone, and so no evidence any more
                continue
            except OSError as problem:
                self._values.collector.not_examined(shown(name), reason(problem))

    def report(self, unread: set[str]) -> None:
        """Add the hits that the live rows do not explain. `unread` are the titles of tables that could not be read in full."""
        collector = self._values.collector
        unknown = any(not title.startswith("pg_catalog.") and "." in title for title in unread)
        for raw in self._found:
            if not raw.store:
                collector.hit(raw.object, raw.location, raw.sighting)
            elif not self._values.live(raw.sighting.canary):
                known = raw.title.removeprefix("TOAST of ").partition(", index ")[0] not in unread if raw.title else not unknown
                collector.hit(raw.object, raw.location, raw.sighting, residue=known)
        if self._room.more:
            collector.not_examined("data directory", f"{self._room.more} more hits in files are not listed (bound: {MAX_HITS})")
        if self._fragments:
            collector.not_examined(
                "data directory",
                f"{self._fragments} fragments that begin or end like a canary could not be read in full (index or log pages)",
            )

    def _walk(self) -> Iterator[Path]:
        """Files, by name. Links are followed where PostgreSQL itself makes them: to tablespaces and to the write-ahead log."""
        roots = [self._folder, self._folder / "pg_wal", *sorted((self._folder / "pg_tblspc").glob("*"))]
        own = str(self._catalog.database)
        for root in roots:
            if root != self._folder and not root.is_symlink():
                continue
            for folder, folders, files in os.walk(root, onerror=self._unlisted):
                inside = Path(folder).relative_to(self._folder).parts
                if inside == ("base",) or (len(inside) == 3 and inside[0] == "pg_tblspc"):
                    folders[:] = [name for name in folders if not name.isdigit() or name == own]
                folders.sort()
                yield from (Path(folder) / name for name in sorted(files) if not (Path(folder) / name).is_symlink())

    def _unlisted(self, problem: OSError) -> None:
        self._values.collector.not_examined(shown(str(Path(problem.filename).relative_to(self._folder))), reason(problem))

    def _file(self, name: str, path: Path) -> None:
        self._values.collector.objects += 1
        parts = name.split("/")
        relation = self._catalog.files.get(_FORK.sub("", _SEGMENT.sub("", name)))
        with os.fdopen(open_evidence(path), "rb") as file:
            chunks = self._chunks(file)
            if parts[0] == "pg_wal" and _WAL_NAME.fullmatch(parts[-1]):
                self._log(name, chunks)
            elif parts[0] in _STORES and parts[-1][:1].isdigit():
                self._pages(name, relation or Relation("", False), chunks)
            else:
                for sighting in self._values.collector.seeker.search(chunks, self._values.collector.only_if_stopped(shown(name))):
                    self._add(_Raw("", shown(name), byte_range(sighting), sighting, parts[0] in _STORES))

    def _chunks(self, file: BinaryIO) -> Iterator[bytes]:
        """What the file holds now, in chunks of whole pages (the last may be short)."""
        left = os.fstat(file.fileno()).st_size
        while chunk := file.read(min(CHUNK, left)):
            left -= len(chunk)
            self._values.collector.bytes += len(chunk)
            if self._progress is not None:
                self._progress(len(chunk))
            yield chunk

    def _add(self, raw: _Raw) -> None:
        if raw not in self._found and self._room.takes(raw.sighting.canary):
            self._found[raw] = None

    def _pages(self, name: str, relation: Relation, chunks: Iterator[bytes]) -> None:
        """A file of a table or an index, page by page."""
        seeker, block = self._values.collector.seeker, self._catalog.block
        title = relation.title or shown(name)
        toast = Toast(block) if relation.toast else None
        compressed: list[tuple[int, int]] = []
        seen: set[str | None] = set()
        joined: list[tuple[str, Sighting]] = []

        def take(offset: int, chunk: bytes) -> None:
            for value in inline_values(chunk, block):
                compressed.append((offset + value.start, offset + value.end))
                for sighting in seeker.search(value.data) if seeker.may_see(value.data) else ():
                    whole = _within(sighting, value.method, offset + value.start, offset + value.end)
                    self._add(_Raw(relation.title, title, self._place(name, whole), whole, True))
            for stored in toast.feed(offset, chunk) if toast is not None else ():
                whole_values(stored)

        def whole_values(value: tuple[int, int, bytes, str]) -> None:
            number, start, data, method = value
            for sighting in seeker.search(data) if seeker.may_see(data) else ():
                place = f"file {name}, value {number} that begins in page {start // block}, {byte_range(sighting)}"
                joined.append((place, _within(sighting, method, sighting.start, sighting.end) if method else sighting))

        for sighting in seeker.search(_watched(chunks, take), self._values.collector.only_if_stopped(shown(name))):
            # A part of a canary in compressed data is read in full from the value; chunks are put together below.
            if sighting.canary is None and (toast or any(start <= sighting.start < end for start, end in compressed)):
                continue
            if sighting.canary is None and ", index " in title:
                self._fragments += 1
                continue
            seen.add(sighting.canary)
            self._add(_Raw(relation.title, title, self._place(name, sighting), sighting, True))
        for value in toast.finish() if toast is not None else ():
            whole_values(value)
        for place, sighting in joined:
            if sighting.canary not in seen:
                self._add(_Raw(relation.title, title, place, sighting, True))

    def _place(self, name: str, sighting: Sighting) -> str:
        return f"file {shown(name)}, page {sighting.start // self._catalog.block}, {byte_range(sighting)}"

    def _log(self, name: str, chunks: Iterator[bytes]) -> None:
        """A segment of the write-ahead log: the headers of its pages cut records in two, and are taken out."""
        seeker, block = self._values.collector.seeker, self._catalog.wal_block
        object_name = shown(name)
        mentions = Mentions(self._catalog)
        held = b""

        def place(sighting: Sighting) -> str:
            about = mentions.title(sighting.start)
            return f"{f'row of {about}, ' if about else ''}bytes {stored(sighting.start)}-{stored(sighting.end - 1) + 1}"

        def stored(at: int) -> int:
            page, rest = divmod(at + _FIRST_HEADER - _HEADER, block - _HEADER)
            return page * block + _HEADER + rest

        def take(offset: int, chunk: bytes) -> None:
            nonlocal held
            mentions.learn(chunk)
            base = offset - len(held)
            held += chunk
            for value in inline_values(held):
                for sighting in seeker.search(value.data) if seeker.may_see(value.data) else ():
                    whole = _within(sighting, value.method, base + value.start, base + value.end)
                    self._add(_Raw("", object_name, place(whole), whole, True))
            held = held[-_LARGEST_INLINE:]

        def bare() -> Iterator[bytes]:
            header = _FIRST_HEADER
            for chunk in chunks:
                pieces = []
                for at in range(0, len(chunk), block):
                    pieces.append(chunk[at + header : at + block])
                    header = _HEADER
                yield b"".join(pieces)

        for sighting in seeker.search(_watched(bare(), take), self._values.collector.only_if_stopped(object_name)):
            if sighting.canary is None:
                self._fragments += 1
            else:
                self._add(_Raw("", object_name, place(sighting), sighting, True))


def _watched(chunks: Iterator[bytes], watch: Callable[[int, bytes], None]) -> Iterator[bytes]:
    offset = 0
    for chunk in chunks:
        watch(offset, chunk)
        offset += len(chunk)
        yield chunk


def _within(sighting: Sighting, method: str, start: int, end: int) -> Sighting:
    """A sighting in a decompressed value, as one of the stored bytes."""
    return Sighting(start, end, (method, *sighting.forms), sighting.canary, sighting.excerpt)
