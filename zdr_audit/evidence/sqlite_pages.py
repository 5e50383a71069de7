"""The pages of a SQLite database file and its write-ahead log, as bytes: which are free, which are current, where live cells lie.

The file format is read directly because SQLite itself shows live rows alone (https://www.sqlite.org/fileformat2.html).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HEADER = b"SQLite format 3\x00"
_WAL_MAGICS = (0x377F0682, 0x377F0683)
_WAL_HEADER = 32
_FRAME_HEADER = 24
_INDEX_INTERIOR, _TABLE_INTERIOR, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
MAX_CHAIN = 1 << 18
"""Pages of an overflow chain that are followed: what has more is no value, but a file that wants to be read for ever."""


@dataclass(frozen=True)
class Frame:
    """One page image in a write-ahead log: `at` is its offset in the log, `current` whether it is the page's present content."""

    number: int
    page: int
    at: int
    current: bool


class Pages:
    """Reads pages of a copied database, of which nobody else writes. Page numbers count from 1.

    Raises ValueError when the file is no SQLite database.
    """

    def __init__(self, database: Path, wal: Path | None) -> None:
        self._file = database.open("rb")
        self._wal = wal.open("rb") if wal is not None else None
        header = self._file.read(100)
        if not header.startswith(HEADER) or len(header) < 100:
            self.close()
            raise ValueError("not a SQLite database, or an encrypted one")
        self.size = 65536 if header[16:18] == b"\x00\x01" else int.from_bytes(header[16:18])
        if self.size < 512 or self.size & (self.size - 1):
            self.close()
            raise ValueError(f"not a SQLite database: its page size is {self.size}")
        self.usable = self.size - header[20]

    def close(self) -> None:
        self._file.close()
        if self._wal is not None:
            self._wal.close()

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """The whole frames of the write-ahead log, those of older generations too."""
        if self._wal is None:
            return ()
        end = self._wal.seek(0, os.SEEK_END)
        self._wal.seek(0)
        header = self._wal.read(_WAL_HEADER)
        if len(header) < _WAL_HEADER or struct.unpack(">I", header[:4])[0] not in _WAL_MAGICS or self._int(header, 8) != self.size:
            return ()
        raw: list[tuple[int, int, int, int]] = []  # number, page, place, pages after commit
        committed = 0
        fresh = True
        at, whole = _WAL_HEADER, _FRAME_HEADER + self.size
        while at + whole <= end:
            self._wal.seek(at)
            frame = self._wal.read(_FRAME_HEADER)
            fresh = fresh and frame[8:16] == header[16:24]  # the first frame with another salt ends the present generation
            raw.append((len(raw) + 1, self._int(frame, 0), at + _FRAME_HEADER, self._int(frame, 4)))
            if fresh and raw[-1][3]:
                committed = len(raw)
            at += whole
        latest = {page: number for number, page, _, _ in raw[:committed]}
        return tuple(Frame(number, page, place, latest.get(page) == number) for number, page, place, _ in raw)

    @cached_property
    def _current(self) -> dict[int, Frame]:
        return {frame.page: frame for frame in self.frames if frame.current}

    def in_log(self, page: int) -> bool:
        """Whether the page's present content is in the write-ahead log, so that the database file holds an outdated one."""
        return page in self._current

    def frame_at(self, offset: int) -> Frame | None:
        """The frame of the write-ahead log in which a byte of the log lies."""
        index = (offset - _WAL_HEADER) // (_FRAME_HEADER + self.size)
        return self.frames[index] if 0 <= index < len(self.frames) else None

    def page(self, number: int) -> bytes:
        """A page's present content; empty for a page that does not exist."""
        if number < 1:
            return b""
        frame = self._current.get(number)
        return self.stored(number) if frame is None else self.image(frame)

    def stored(self, number: int) -> bytes:
        """A page as the database file has it, outdated or not."""
        self._file.seek((number - 1) * self.size)
        return self._file.read(self.size)

    def image(self, frame: Frame) -> bytes:
        """The page image of a frame of the write-ahead log."""
        assert self._wal is not None
        self._wal.seek(frame.at)
        return self._wal.read(self.size)

    @cached_property
    def free(self) -> frozenset[int]:
        """The numbers of the pages on the free list."""
        found: set[int] = set()
        trunk = self._int(self.page(1), 32)
        while trunk and trunk not in found:
            found.add(trunk)
            content = self.page(trunk)
            if len(content) < self.size:
                break
            count = min(self._int(content, 4), self.usable // 4 - 2)
            leaves = struct.unpack_from(f">{count}I", content, 8)
            found.update(leaf for leaf in leaves if leaf)
            trunk = self._int(content, 0)
        return frozenset(found)

    def chain(self, number: int) -> Iterator[bytes]:
        """The contents of an overflow chain from a page on, without the links."""
        seen: set[int] = set()
        while number not in seen and len(seen) < MAX_CHAIN:
            seen.add(number)
            content = self.page(number)
            if len(content) < self.size:
                return
            yield content[4 : self.usable]
            number = self._int(content, 0)

    def is_live(self, number: int, start: int, end: int) -> bool:
        """Whether bytes `start` to `end` of a page's present content touch live data: a cell of a b-tree page, or an overflow page in use.

        The slack of a chain's last overflow page counts as live: nothing in the page says where it begins.
        """
        if number in self.free:
            return False
        content = self.page(number)
        base = 100 if number == 1 else 0
        if len(content) < self.size or content[base] not in (_INDEX_INTERIOR, _TABLE_INTERIOR, _INDEX_LEAF, _TABLE_LEAF):
            return True
        return any(first < end and start < last for first, last in self._cells(content, base))

    def _cells(self, content: bytes, base: int) -> Iterator[tuple[int, int]]:
        kind = content[base]
        count = int.from_bytes(content[base + 3 : base + 5])
        header = base + (12 if kind in (_INDEX_INTERIOR, _TABLE_INTERIOR) else 8)
        yield 0, header + 2 * count
        for index in range(count):
            at = int.from_bytes(content[header + 2 * index : header + 2 * index + 2])
            yield at, self._cell_end(content, kind, at)

    def _cell_end(self, content: bytes, kind: int, at: int) -> int:
        place = at + (4 if kind in (_INDEX_INTERIOR, _TABLE_INTERIOR) else 0)
        if kind == _TABLE_INTERIOR:
            return _varint(content, place)[1]
        payload, place = _varint(content, place)
        if kind == _TABLE_LEAF:
            _, place = _varint(content, place)
        largest = self.usable - 35 if kind == _TABLE_LEAF else (self.usable - 12) * 64 // 255 - 23
        if payload <= largest:
            return place + payload
        least = (self.usable - 12) * 32 // 255 - 23
        local = least + (payload - least) % (self.usable - 4)
        return place + (local if local <= largest else least) + 4

    @staticmethod
    def _int(content: bytes, at: int) -> int:
        return int.from_bytes(content[at : at + 4])


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for following, byte in enumerate(content[at : at + 8], at + 1):
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, following
    return value << 8 | int.from_bytes(content[at + 8 : at + 9]), at + 9
