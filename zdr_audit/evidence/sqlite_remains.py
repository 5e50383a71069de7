"""What the files of a SQLite database hold beyond its live rows: free pages, unused space in pages, old frames of the write-ahead log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from zdr_audit.canary.registry import CUT_LENGTH
from zdr_audit.canary.seeker import Sighting

from .collector import MAX_HITS, Collector, byte_range
from .files import CHUNK
from .sqlite_pages import Frame, Pages
from .sqlite_rows import Rows

_AROUND = 16  # bytes on either side that must agree for an outdated page to be a copy of the current one
_CHARACTER = 8  # bytes at most that a form takes for one character
_LINK = 4  # bytes at the start of an overflow page that name the next one
_MAX_BROKEN = 1000
_MAX_LINKS = 8
_CUT = 64  # bytes after a literal within which a page border can have cut its canary


class Copies(NamedTuple):
    """Private copies of a database, its write-ahead log and its rollback journal."""

    database: Path
    wal: Path | None
    journal: Path | None


def search_remains(collector: Collector, copies: Copies, rows: Rows, progress: Callable[[int], None] | None) -> None:
    """Search the raw bytes of a database, its log and its journal.

    Seen raw but not live is residue; what is live is dropped unless it lies on a free page. Where the rows could not be read in full,
    nothing can be told apart: everything raw is reported, and not as residue.
    """
    database, wal = copies.database, copies.wal
    name = database.name
    try:
        pages = Pages(database, wal)
    except ValueError as problem:
        collector.not_examined(name, str(problem))
        _search_as_is(collector, name, database, progress, residue=False)
        if wal is not None:
            _search_as_is(collector, f"{name}-wal", wal, progress, residue=False)
    else:
        try:
            remains = _Remains(collector, pages, rows)
            remains.search_database(name, _chunks(database, progress))
            if wal is not None:
                remains.search_log(f"{name}-wal", _chunks(wal, progress))
        finally:
            pages.close()
    if copies.journal is not None:
        _search_as_is(collector, f"{name}-journal", copies.journal, progress, residue=True)


def _chunks(path: Path, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if progress is not None:
                progress(len(chunk))
            yield chunk


def _search_as_is(collector: Collector, name: str, path: Path, progress: Callable[[int], None] | None, residue: bool) -> None:
    collector.search(name, _chunks(path, progress), byte_range, residue)


@dataclass(frozen=True)
class _Raw:
    """A sighting in the raw bytes of the file `name`: at byte `start` of a page, in the log's `frame` or (None) in the database file.

    What lies between two frames is in no page: in number 0, counted from the beginning of the file.
    """

    name: str
    where: str
    sighting: Sighting
    page: int
    start: int
    frame: Frame | None

    @property
    def end(self) -> int:
        return self.start + self.sighting.end - self.sighting.start


class _ReadOn(NamedTuple):
    """A canary with its name, and the page on which it goes on with so many bytes."""

    raw: _Raw
    following: int
    taken: int


class _Remains:
    def __init__(self, collector: Collector, pages: Pages, rows: Rows) -> None:
        self._collector, self._pages, self._rows = collector, pages, rows

    def search_database(self, name: str, chunks: Iterable[bytes]) -> None:
        self._search(name, chunks, self._in_database)

    def search_log(self, name: str, chunks: Iterable[bytes]) -> None:
        self._search(name, chunks, self._in_log)

    def _search(self, name: str, chunks: Iterable[bytes], place: Callable[[str, Sighting], _Raw]) -> None:
        broken: deque[int] = deque(maxlen=_MAX_BROKEN)
        # Notes are dropped: compressed values break off at every page border, and the live ones were read as rows.
        sightings = self._collector.seeker.search(chunks, self._collector.only_if_stopped(name), broken.append)
        self._judge(place(name, sighting) for sighting in sightings)
        for start in broken if self._rows.complete else ():
            self._mend(place(name, Sighting(start, start, (), None, "")))

    def _seen(self, data: bytes | Iterable[bytes], start: int = 0) -> Iterator[Sighting]:
        return (seen for seen in self._collector.seeker.search(data) if seen.canary is not None and seen.start == start)

    def _in_database(self, name: str, sighting: Sighting) -> _Raw:
        page, start = sighting.start // self._pages.size + 1, sighting.start % self._pages.size
        return _Raw(name, f"page {page}, {byte_range(sighting)}", sighting, page, start, None)

    def _in_log(self, name: str, sighting: Sighting) -> _Raw:
        frame = self._pages.frame_at(sighting.start)
        if frame is None or sighting.start < frame.at:  # between two frames
            return _Raw(name, byte_range(sighting), sighting, 0, sighting.start, None)
        where = f"frame {frame.number}, page {frame.page}, {byte_range(sighting)}"
        return _Raw(name, where, sighting, frame.page, sighting.start - frame.at, frame)

    def _judge(self, found: Iterable[_Raw]) -> None:
        fragments: deque[_Raw] = deque(maxlen=MAX_HITS)
        named: deque[_Raw] = deque(maxlen=MAX_HITS)
        for raw in found:
            if raw.sighting.canary is None and raw.page and self._rows.complete:
                if not self._is_live(raw):
                    fragments.append(raw)
                continue
            self._add(raw)
            if raw.page:
                named.append(raw)
        self._join(fragments, named)

    def _add(self, raw: _Raw) -> None:
        if not self._rows.complete:
            self._collector.hit(raw.name, raw.where, raw.sighting)
        elif raw.sighting.canary not in self._rows.canaries or raw.page in self._pages.free:
            self._collector.hit(raw.name, raw.where, raw.sighting, residue=True)

    def _image(self, raw: _Raw) -> bytes:
        return self._pages.stored(raw.page) if raw.frame is None else self._pages.image(raw.frame)

    def _is_live(self, raw: _Raw) -> bool:
        """Whether a literal without a readable canary is a part of live data: cut by a page border, or stored cut."""
        current = raw.frame.current if raw.frame is not None else not self._pages.in_log(raw.page)
        if not current:
            around = slice(max(0, raw.start - _AROUND), raw.end + _AROUND)
            if self._image(raw)[around] != self._pages.page(raw.page)[around]:
                return False
        return self._pages.is_live(raw.page, raw.start, raw.end)

    def _join(self, fragments: Collection[_Raw], named: Iterable[_Raw]) -> None:
        """Read on where a page border cut a canary: its rest begins the overflow page that the page names."""
        if not fragments:
            return
        # Cut so that most of its tail is before the border, a canary has its name already. Zeros of the link can pass for a half of a wide character.
        edge = range(_LINK + CUT_LENGTH * _CHARACTER)
        continued = {following for raw in named for _, following in self._links(raw, self._image(raw), _CHARACTER)}
        whole = {raw: read for raw in fragments if (read := self._read_on(raw)) is not None}
        explained = {(read.following, _LINK + at) for read in whole.values() for at in range(read.taken)}
        for raw in fragments:
            if raw in whole:
                self._add(whole[raw].raw)
            elif not ((raw.page in continued and raw.start in edge) or (raw.page, raw.start) in explained):
                self._add(raw)

    def _read_on(self, raw: _Raw) -> _ReadOn | None:
        image = self._image(raw)
        # An encoding of several characters a group may begin before its first whole byte.
        first = max(0, raw.start - _CHARACTER)
        for place, following in self._links(raw, image, _CUT):
            piece, rest = image[first:place], next(self._pages.chain(following), b"")[:_CUT]
            joined = next(self._seen(piece + rest, raw.start - first), None) if rest else None
            if joined is not None:
                sighting = replace(raw.sighting, canary=joined.canary, forms=joined.forms)
                return _ReadOn(replace(raw, sighting=sighting), following, joined.end - len(piece))
        return None

    def _mend(self, raw: _Raw) -> None:
        """Decompress across page borders what was deleted, where its overflow pages are still free."""
        if not raw.page or self._is_live(raw):
            return
        image = self._image(raw)
        free = ((place, following) for place, following in self._links(raw, image, len(image)) if following in self._pages.free)
        for place, following in islice(free, _MAX_LINKS):
            for seen in self._seen(chain((image[raw.start : place],), self._pages.chain(following))):
                sighting = replace(seen, start=raw.sighting.start, end=raw.sighting.start + place - raw.start)
                where = raw.where.replace(byte_range(raw.sighting), f"{byte_range(sighting)}, and overflow from page {following}")
                self._add(replace(raw, sighting=sighting, where=where))

    def _links(self, raw: _Raw, image: bytes, reach: int) -> Iterator[tuple[int, int]]:
        """Where the content of a page may end within `reach` bytes, and the overflow page on which it may go on."""
        last = self._pages.usable
        if last - raw.end <= reach:
            yield last, int.from_bytes(image[:4])
        for place in range(raw.end, min(raw.end + reach + 1, last - 3)):
            yield place, int.from_bytes(image[place : place + 4])
