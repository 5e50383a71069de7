"""How PostgreSQL stores what is long: compressed within a row, or cut into chunks in a table of its own (TOAST), live or deleted."""

from __future__ import annotations

import re
import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from zdr_audit.canary.lzf import copy_back

from .units import KIB, MIB

MAX_RAW = 64 * MIB
_HELD = 64 * MIB
_MAX_CHUNK = 32 * KIB
_PGLZ, _LZ4 = 0, 1
_METHODS = {_PGLZ: "pglz", _LZ4: "lz4"}
# A compressed value within a row: its size in 30 bits (at most a page) and the two bits 10; then its size when decompressed (below 16 MiB
# here: pglz shrinks nothing further than to 1/90) and the method in two bits.
_INLINE = re.compile(
    rb"(?s)(?=[" + b"".join(re.escape(bytes([code])) for code in range(2, 256, 4)) + rb"][\x00-\x7f]\x00\x00...[\x00\x40])"
)
_XMIN_COMMITTED, _XMIN_INVALID, _XMAX_INVALID = 0x0100, 0x0200, 0x0800
_NORMAL = 1


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
        if end > limit or end - start <= 8:
            continue
        found = decompressed(info, data[start + 8 : end], whole=True)
        if found is not None:
            yield Value(start, end, *found)


def decompressed(info: int, data: bytes, whole: bool) -> tuple[bytes, str] | None:
    """The value and the method's name, None where these are no compressed data. Without `whole` the end may be missing."""
    size, method = info & 0x3FFFFFFF, info >> 30
    if method not in _METHODS or not len(data) < size <= min(MAX_RAW, 300 * len(data)):
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
    at, end = 0, len(data)
    while at < end and len(out) < size:
        control = data[at]
        at += 1
        for bit in range(8):
            if at >= end or len(out) >= size:
                break
            if not control >> bit & 1:
                out.append(data[at])
                at += 1
                continue
            length = (data[at] & 0x0F) + 3
            offset = (data[at] & 0xF0) << 4 | data[at + 1]
            at += 2
            if length == 18:
                length += data[at]
                at += 1
            if not 0 < offset <= len(out):
                raise ValueError("a reference to what is before the beginning")
            copy_back(out, len(out) - offset, min(length, size - len(out)))
    if at < end:
        raise ValueError("more data than the value needs")
    return out


def _lz4(data: bytes, size: int) -> bytearray:
    out = bytearray()
    at, end = 0, len(data)

    def extended(length: int) -> int:
        nonlocal at
        if length == 15:
            while True:
                more = data[at]
                at += 1
                length += more
                if more != 255:
                    break
        return length

    while at < end:
        token = data[at]
        at += 1
        run = extended(token >> 4)
        out += data[at : at + run]
        at += run
        if at >= end:
            break
        offset = data[at] | data[at + 1] << 8
        at += 2
        length = extended(token & 15) + 4
        if not 0 < offset <= len(out) or len(out) + length > size:
            raise ValueError("a reference to what is not there")
        copy_back(out, len(out) - offset, length)
    return out


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
        if 0 in chunks.pieces and not chunks.live and len(runs[0]) > 8:
            found = decompressed(int.from_bytes(runs[0][:4], "little"), bytes(runs[0][4:]), whole=False)
            if found is not None:
                yield number, chunks.start, *found


def _tuples(page: bytes) -> Iterator[tuple[int, int, bytes, bool, int]]:
    """(chunk_id, chunk_seq, data, known to be live, offset) of the chunks in a page of a TOAST table, deleted ones too."""
    if len(page) < 24:
        return
    lower = struct.unpack_from("<H", page, 12)[0]
    for place in range(24, min(lower, len(page)), 4):
        if place + 4 > len(page):
            return
        pointer = struct.unpack_from("<I", page, place)[0]
        at, flags, length = pointer & 0x7FFF, pointer >> 15 & 3, pointer >> 17
        if flags != _NORMAL or at + length > len(page) or length < 32:
            continue
        xmax = struct.unpack_from("<I", page, at + 4)[0]
        mask, begin = struct.unpack_from("<H", page, at + 20)[0], page[at + 22]
        body = page[at + begin : at + length]
        if len(body) < 10:
            continue
        number, sequence = struct.unpack_from("<Ii", body)
        if body[8] & 1:
            data = body[9 : 8 + (body[8] >> 1)]
        else:
            size = struct.unpack_from("<I", body, 8)[0] >> 2 if len(body) >= 12 else 0
            data = body[12 : 8 + size]
        if not data or not 0 <= sequence < 1 << 20 or len(data) > _MAX_CHUNK:
            continue
        live = bool((not xmax or mask & _XMAX_INVALID) and mask & _XMIN_COMMITTED)
        yield number, sequence, data, live, at
