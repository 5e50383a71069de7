"""Files of databases that compress blocks without a magic, or cut compressed data into pieces: WiredTiger (MongoDB), ClickHouse, dumps of pg_dump.

Blocks in codecs with a magic of their own are opened where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import blocks, snappy
from .compression import Unsupported
from .walk import MOST_DECODED, MOST_PACKED, Emit, Failures, Parser, Walk

WIRED_TIGER = b"\x41\xd8\x01\x00\x01\x00\x00\x00"
PG_DUMP = b"PGDMP\x01"
DUCKDB = b"DUCK"
_PAGE, _HEADER, _LENGTH = 4096, 64, 8
_COMPRESSED = 1


def wired_tiger() -> Walk:
    return Walk(_wired_tiger)


def _wired_tiger(emit: Emit) -> Parser:
    """Pages at multiples of 4096 bytes: a header that tells the size and whether, but for 64 bytes, it is compressed; of the codecs, Snappy has no magic."""
    failures = Failures("page")
    yield -_PAGE
    while True:
        try:
            head = yield _HEADER
            kind, flags, size = head[24], head[25], int.from_bytes(head[28:32], "little")
            if not 0 < kind < 8 or not size or size % 512 or not flags & _COMPRESSED or size > MOST_PACKED:
                yield _HEADER - _PAGE
                continue
            # What fills the page up may be missing where the file ends.
            lead = yield _LENGTH
            packed, rest = int.from_bytes(lead, "little"), size - _HEADER - _LENGTH
            fits = 0 < packed <= rest and lead[:1] != b"x"
            page = (yield packed) if fits else b""
            if fits and page[:4] != b"\x28\xb5\x2f\xfd":
                try:
                    emit(head + snappy.decompress(page, MOST_DECODED))
                except ValueError as problem:
                    failures.add(str(problem))
            if left := rest - len(page) + -size % _PAGE:
                yield -left
        except EOFError:
            break
    failures.raise_any()


_SUM, _LZ4, _FRAME = 16, 0x82, 9


def is_clickhouse(head: bytes) -> bool:
    """Whether bytes begin with a block in LZ4: a checksum, the codec, both sizes."""
    if len(head) < _HEADER or head[_SUM] != _LZ4:
        return False
    packed, size = (int.from_bytes(head[at : at + 4], "little") for at in (17, 21))
    return _FRAME < packed <= MOST_PACKED and 0 < size <= MOST_DECODED and blocks.is_lz4_start(head[25:], size)


def clickhouse() -> Walk:
    return Walk(_clickhouse)


def _clickhouse(emit: Emit) -> Parser:
    failures = Failures("block")
    while True:
        try:
            head = yield _SUM + _FRAME
            packed, size = (int.from_bytes(head[at : at + 4], "little") for at in (17, 21))
            if not _FRAME < packed <= MOST_PACKED or size > MOST_DECODED:
                break
            data = yield packed - _FRAME
        except EOFError:
            break
        if head[_SUM] == _LZ4:
            try:
                emit(blocks.lz4_block(data, size))
            except ValueError as problem:
                failures.add(str(problem))
    failures.raise_any()


def is_pg_dump(head: bytes) -> bool:
    return len(head) > 11 and head[7] < 64 and head[8] in (4, 8) and head[9] in (4, 8) and head[10] == 1


# A block of data, whose it is, how long its first piece is; and that begins as compressed data do.
_BLOCK = re.compile(rb"\x01\x00.{4}\x00(?=.{3}\x00(?:x[\x01\x5e\x9c\xda]|\x28\xb5\x2f\xfd|\x04\x22\x4d\x18))", re.DOTALL)
_LONGEST = 64


class PgDump:
    """The custom format: a table's compressed data in pieces behind their lengths, of five bytes each. Gives them without the lengths."""

    def __init__(self) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._buffer = b""
        self._left = 0
        self._inside = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the pieces hold."""
        self.consumed += len(data)
        self._buffer += data
        while self._buffer:
            if self._left:
                piece, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
                self._left -= len(piece)
                yield piece
            elif self._inside:
                if len(self._buffer) < 5:
                    return
                self._left = int.from_bytes(self._buffer[1:5], "little") if not self._buffer[0] else 0
                self._buffer, self._inside = self._buffer[5:], 0 < self._left <= MOST_PACKED
                self._left = self._left if self._inside else 0
            else:
                found = _BLOCK.search(self._buffer)
                self._buffer = self._buffer[found.end() - 1 :] if found else self._buffer[-_LONGEST:]
                self._inside = found is not None
                if found is None:
                    return

    def close(self) -> Iterator[bytes]:
        """Nothing is left."""
        self.ended = True
        return iter(())


def is_duckdb(head: bytes) -> bool:
    return head[8:12] == DUCKDB and len(head) >= 20 and head[14:20] == bytes(6)


def no_duckdb() -> Unsupported:
    return Unsupported("text that a DuckDB file packs (FSST) is not decoded")
