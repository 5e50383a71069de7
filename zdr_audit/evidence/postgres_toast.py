"""How PostgreSQL stores what is long: compressed within a row, or cut into chunks in a table of its own (TOAST), live or deleted."""

from __future__ import annotations

import re
import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from zdr_audit.canary.lzf import copy_back

from .units import MIB

_HELD = 64 * MIB  # of one value, and of all chunks that wait for their neighbours
_PGLZ, _LZ4 = 0, 1
_METHODS = {_PGLZ: "pglz", _LZ4: "lz4"}
# A compressed value within a row: its size in 30 bits (at most a page) and the two bits 10; then its size when decompressed (below 16 MiB
# here: pglz shrinks nothing further than to 1/90) and the method in two bits.
_INLINE = re.compile(rb"(?s)(?=[" + re.escape(bytes(range(2, 255, 4))) + rb"][\x00-\x7f]\x00\x00...[\x00\x40])")
_XMIN_COMMITTED, _XMAX_INVALID = 0x0100, 0x0800
_NORMAL = 1
_SHORTEST = 32  # bytes of a row: its header and the two numbers of its chunk
_CHUNKS = 1 << 20  # more than the longest value has


@dataclass(frozen=True)
class Value:
    """A value that was put together or decompressed. `start` and `end` are the stored bytes, counted in what was given."""

    start: int
    end: int
    data: bytes
    method: str


def inline_values(data: bytes, block: int | None = None) -> Iterator[Value]:
    """The compressed values that lie whole in these bytes; with `block`, none crosses a border of so many bytes."""
    for match in _INLINE.finditer(data):
        start = match.start()
        header, info = struct.unpack_from("<II", data, start)
        end = start + (header >> 2)
        limit = len(data) if block is None else (start // block + 1) * block
        if end <= limit and (found := decompressed(info, data[start + 8 : end], whole=True)):
            yield Value(start, end, *found)


def decompressed(info: int, data: bytes, whole: bool) -> tuple[bytes, str] | None:
    """The value and the method's name, None where these are no compressed data. Without `whole` the end may be missing."""
    size, method = info & 0x3FFFFFFF, info >> 30
    if method not in _METHODS or not len(data) < size <= min(_HELD, 300 * len(data)):
        return None
    try:
        out = _pglz(data, size) if method == _PGLZ else _lz4(data, size)
    except (ValueError, IndexError):
        return None
    if len(out) > size or (whole and len(out) != size):
        return None
    return bytes(out), _METHODS[method]


def _pglz(data: bytes, size: int) -> bytearray:
    out = bytearray()
    at, items = 0, 1  # the kinds of the items to come, lowest bit first, below a bit that ends them
    while at < len(data) and len(out) < size:
        if items == 1:
            items = 0x100 | data[at]
            at += 1
            continue
        copied, items = items & 1, items >> 1
        if not copied:
            out.append(data[at])
            at += 1
            continue
        length = (data[at] & 0x0F) + 3
        offset = (data[at] & 0xF0) << 4 | data[at + 1]
        at += 2
        if length == 18:
            length += data[at]
            at += 1
        _copy(out, offset, min(length, size - len(out)))
    if at < len(data):
        raise ValueError("more data than the value needs")
    return out


def _lz4(data: bytes, size: int) -> bytearray:
    out = bytearray()
    at = 0

    def extended(length: int) -> int:
        nonlocal at
        going_on = length == 15
        while going_on:
            length += data[at]
            going_on = data[at] == 255
            at += 1
        return length

    while at < len(data) and len(out) <= size:
        token = data[at]
        at += 1
        run = extended(token >> 4)
        out += data[at : at + run]
        at += run
        if at < len(data):
            offset = data[at] | data[at + 1] << 8
            at += 2
            _copy(out, offset, min(extended(token & 15) + 4, size))
    return out


def _copy(out: bytearray, offset: int, length: int) -> None:
    if not 0 < offset <= len(out):
        raise ValueError("a reference to what is not there")
    copy_back(out, len(out) - offset, length)


@dataclass
class _Chunks:
    start: int  # of the first chunk met, in the file
    pieces: dict[int, bytes] = field(default_factory=dict)
    live: bool = False


class Toast:
    """Puts the values of one TOAST file together again from its pages, whether deleted or not.

    At most 64 MiB of chunks wait for their neighbours; then the values begun first are given as far as they go.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self._values: OrderedDict[int, _Chunks] = OrderedDict()
        self._held = 0

    def feed(self, offset: int, pages: bytes) -> Iterator[tuple[int, int, bytes, str]]:
        """Take whole pages from byte `offset` of the file. Yields (chunk_id, offset of its first chunk, content, method) of a value."""
        for base in range(0, len(pages), self._block):
            for number, sequence, data, live, at in _tuples(pages[base : base + self._block]):
                chunks = self._values.setdefault(number, _Chunks(offset + base + at))
                if sequence not in chunks.pieces:
                    self._held += len(data)
                    chunks.pieces[sequence] = data
                chunks.live |= live
        while self._held > _HELD:
            yield from self._put_together(*self._values.popitem(last=False))

    def finish(self) -> Iterator[tuple[int, int, bytes, str]]:
        """What still waits."""
        while self._values:
            yield from self._put_together(*self._values.popitem(last=False))

    def _put_together(self, number: int, chunks: _Chunks) -> Iterator[tuple[int, int, bytes, str]]:
        self._held -= sum(map(len, chunks.pieces.values()))
        runs: list[bytearray] = []
        previous = None
        for sequence in sorted(chunks.pieces):
            if previous is None or sequence != previous + 1:
                runs.append(bytearray())
            runs[-1] += chunks.pieces[sequence]
            previous = sequence
        for run in runs:
            yield number, chunks.start, bytes(run), ""
        # Live values were read as rows; decompressing them again would find nothing more.
        if 0 in chunks.pieces and not chunks.live:
            first, *_ = runs
            if found := decompressed(int.from_bytes(first[:4], "little"), bytes(first[4:]), whole=False):
                yield number, chunks.start, *found


def _tuples(page: bytes) -> Iterator[tuple[int, int, bytes, bool, int]]:
    """(chunk_id, chunk_seq, data, known to be live, offset) of the chunks in a page of a TOAST table, deleted ones too."""
    pointers = page[24 : int.from_bytes(page[12:14], "little")]
    for (pointer,) in struct.iter_unpack("<I", pointers[: len(pointers) & ~3]):
        at, flags, length = pointer & 0x7FFF, pointer >> 15 & 3, pointer >> 17
        row = page[at : at + length]
        if flags != _NORMAL or len(row) < max(length, _SHORTEST):
            continue
        xmax, mask, begin = struct.unpack_from("<4xI12xHB", row)
        number, sequence, size = struct.unpack("<III", row[begin : begin + 12].ljust(12, b"\x00"))
        data = row[begin + 9 : begin + 8 + (size >> 1 & 0x7F)] if size & 1 else row[begin + 12 : begin + 8 + (size >> 2)]
        if data and sequence < _CHUNKS:
            live = bool((not xmax or mask & _XMAX_INVALID) and mask & _XMIN_COMMITTED)
            yield number, sequence, data, live, at
