"""Parquet files: the pages of columns, decompressed as they stream by; the footer at the end says whether any was missed.

Pages in gzip and zstd have a magic of their own and are opened where they stand, so they are not decoded here a second time. What codec
the others have stands in the footer alone, so it is found by trying: each must give exactly the size that the page's header announces.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from . import snappy, thrift
from .blocks import BlockDecoder, lz4_block, lz4_hadoop, unbrotli
from .walk import MOST_DECODED, MOST_PACKED, Emit, Failures, Parser, Walk

MAGIC = b"PAR1\x15"  # the magic, and how the header of the first page begins
_CODECS: tuple[BlockDecoder, ...] = (snappy.decompress, lz4_hadoop, lz4_block, unbrotli)
_SEEN_ANYWAY = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd")
_MAGIC = max(len(magic) for magic in _SEEN_ANYWAY)
_DICTIONARY, _DATA_2 = 2, 3


def is_parquet(head: bytes) -> bool:
    """Whether bytes begin as a Parquet file with at least one page: its header begins with three numbers, the first being the kind."""
    return len(head) > 12 and head.startswith(MAGIC) and head[5] in (0, 4, 6) and head[6] == 0x15


def is_encrypted_parquet(head: bytes) -> bool:
    """Whether bytes begin as a Parquet file with an encrypted footer."""
    return head.startswith(b"PARE") and not head.isascii()


def decoder() -> Walk:
    return Walk(_file)


def _file(emit: Emit) -> Parser:
    yield 4
    pages = _Pages(emit)
    while True:
        at_end = yield from _structure(pages)
        if at_end:
            return


class _Pages:
    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.failures = Failures("page")
        self.walked = 0
        self.codecs = list(_CODECS)

    def decode(self, data: bytes, size: int) -> None:
        """One page's values, which decode to `size` bytes."""
        if not data:
            return
        for codec in self.codecs:
            try:
                decoded = codec(data, size)
            except ValueError:
                continue
            if len(decoded) == size:
                self.codecs.remove(codec)
                self.codecs.insert(0, codec)
                self.emit(decoded)
                return
        if size != len(data):  # else it is not compressed
            self.failures.add("encrypted, or in a compression that is not known")


def _structure(pages: _Pages) -> Generator[int, bytes, bool]:
    """One structure: a page's header with the page, or what stands after the pages. Returns whether it was the footer."""
    start = _Counted(thrift.struct())
    header = yield from start.run()
    kind, size, packed = header.get(1), header.get(2), header.get(3)
    if isinstance(kind, int) and isinstance(size, int) and isinstance(packed, int) and kind in (0, 1, _DICTIONARY, _DATA_2):
        if size < 0 or packed < 0:
            raise ValueError("a page announces a negative size")
        pages.walked += start.taken + packed
        yield from _page(pages, header, kind, size, packed)
        return False
    if isinstance(kind, int) and isinstance(size, dict) and not isinstance(packed, int):
        yield -kind  # a Bloom filter
        return False
    if isinstance(size, list) and isinstance(header.get(4), list):
        yield from _footer(pages, header)
        return True
    if not header or isinstance(kind, list):
        return False  # padding; column and offset indexes
    raise ValueError("what follows a page is neither another one nor an index nor the footer")


def _page(pages: _Pages, header: thrift.Struct, kind: int, size: int, packed: int) -> Parser:
    levels, compressed = 0, True
    if kind == _DATA_2:
        second = header.get(8) or {}
        levels = sum(second.get(field) or 0 for field in (5, 6))
        compressed = second.get(7, True)
    if not compressed or packed <= levels or kind == 1:
        yield -packed
    elif packed > MOST_PACKED or size > MOST_DECODED:
        pages.failures.add(f"{packed} bytes, too many")
        yield -packed
    else:
        head = yield min(packed, levels + _MAGIC)
        rest = packed - len(head)
        if head[levels:].startswith(_SEEN_ANYWAY):
            yield -rest
        else:
            data = head + (yield rest)
            pages.decode(data[levels:], size - levels)


def _footer(pages: _Pages, footer: thrift.Struct) -> Parser:
    yield 8  # its length and the magic
    wanted = sum(size for size in _column_sizes(footer))
    if pages.walked < wanted:
        raise ValueError(f"{wanted - pages.walked} of {wanted} bytes of its pages were not met")
    pages.failures.raise_any()


def _column_sizes(footer: thrift.Struct) -> Iterator[int]:
    for group in footer[4]:
        for column in group.get(1) or ():
            about = column.get(3) if isinstance(column, dict) else None
            size = about.get(7) if isinstance(about, dict) else None
            yield size if isinstance(size, int) else 0


class _Counted:
    """Runs a parser and counts the bytes it takes."""

    def __init__(self, parser: thrift.Reading) -> None:
        self.taken = 0
        self._parser = parser

    def run(self) -> thrift.Reading:
        need = next(self._parser)
        while True:
            self.taken += abs(need)
            data = yield need
            try:
                need = self._parser.send(data)
            except StopIteration as done:
                return done.value
