"""7z archives: their packed streams, which stand one after another behind the first header, decoded as they stream by.

What packed them stands in a header at the archive's end, so it is found by trying: LZMA2 and LZMA with the properties that archivers write
by default, deflate, and what has a magic. Where py7zr is installed, archives of a moderate size are read by it, in whatever it knows: PPMd,
Brotli, filters. What fits nothing, as encrypted streams do, is said.
"""

from __future__ import annotations

import importlib
import io
import lzma
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast

from .compression import Engine, Unpacker, bz2_decoder, deflate_decoder, zstd_decoder
from .opener import StreamDecoder
from .walk import BLOCK, MOST_DECODED, MOST_PACKED

MAGIC = b"7z\xbc\xaf\x27\x1c"
_HEADER = 32
_HEAD = 4096  # bytes from which it is told what packed a stream
_DICTIONARY = 64 * 1024 * 1024


def _raw(kind: int) -> Callable[[], Unpacker]:
    filters = [{"id": kind, "dict_size": _DICTIONARY}]
    return lambda: Unpacker(cast("Engine", lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)))


# How a stream may begin, what then unpacks it, and whether it is opened where it stands anyway. LZMA ends where the archive's last header says
# and nowhere by itself, and takes almost anything, so it comes last.
_WAYS: tuple[tuple[Callable[[bytes], bool], Callable[[], StreamDecoder], bool], ...] = (
    (lambda head: head.startswith(b"BZh"), bz2_decoder, True),
    (lambda head: head.startswith(b"\x28\xb5\x2f\xfd"), zstd_decoder, True),
    (lambda head: head[0] in (1, 2) or head[0] >= 0xE0, _raw(lzma.FILTER_LZMA2), False),
    (lambda head: head[0] == 0, _raw(lzma.FILTER_LZMA1), False),
    (lambda head: head[0] & 6 != 6, deflate_decoder, False),
)


def is_7z(head: bytes) -> bool:
    """Whether bytes begin with the first header of an archive: version 0, and a second header that is not too far."""
    return len(head) >= _HEADER and head.startswith(MAGIC) and head[6] == 0 and int.from_bytes(head[12:20], "little") < 1 << 48


@cache
def _reader() -> Any:
    """The library that reads whole archives; None where it is not installed."""
    try:
        return importlib.import_module("py7zr")
    except ImportError:
        return None


class _Content(io.RawIOBase):
    """Takes what a member holds, to a bound."""

    def __init__(self, parts: list[bytes], room: list[int]) -> None:
        super().__init__()
        self._parts, self._room, self._taken = parts, room, 0

    def write(self, data: Any) -> int:
        self._room[0] -= len(data)
        if self._room[0] < 0:
            raise ValueError(f"it decodes to more than {MOST_DECODED} bytes")
        self._parts.append(bytes(data))
        self._taken += len(data)
        return len(data)

    def size(self) -> int:
        """Bytes taken so far."""
        return self._taken


class _Members:
    """What py7zr asks for where to write each member."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._room = [MOST_DECODED]

    def create(self, _name: str) -> _Content:
        """Where one member goes."""
        return _Content(self.parts, self._room)


def _members(archive: bytes) -> list[bytes] | None:
    """What a whole archive holds; None where it cannot be read."""
    reader, members = _reader(), _Members()
    try:
        with reader.SevenZipFile(io.BytesIO(archive)) as opened:
            opened.extractall(factory=members)
    except Exception:  # it raises errors of its own, of its codecs and of whatever a damaged archive leads to
        return None
    return members.parts or None


class SevenZip:
    """Decodes an archive's packed streams."""

    def __init__(self) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._held = bytearray()
        self._left: int | None = None  # bytes of packed streams still to come, without those held
        self._stream: StreamDecoder | None = None
        self._silent = False
        self._kept: bytearray | None = None
        self._whole = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._held += data
        if self._left is None:
            if len(self._held) < _HEADER:
                return
            self._left = int.from_bytes(self._held[12:20], "little")
            self._whole = _HEADER + self._left + int.from_bytes(self._held[20:28], "little")
            if self._whole <= MOST_PACKED and _reader() is not None:
                self._kept = bytearray()
        if self._kept is not None:
            self._kept += self._held
            self._held.clear()
            yield from self._read_whole(at_end=False)
            return
        if not self.consumed:
            self._begin()
        yield from self._follow(at_end=False)

    def _begin(self) -> None:
        del self._held[:_HEADER]
        self.consumed = _HEADER

    def _read_whole(self, at_end: bool) -> Iterator[bytes]:
        if self._kept is None or (len(self._kept) < self._whole and not at_end):
            return
        archive, self._kept = bytes(self._kept), None
        parts = _members(archive[: self._whole]) if len(archive) >= self._whole else None
        if parts is None:  # as far as its streams can be told
            self._held = bytearray(archive)
            self._begin()
            yield from self._follow(at_end)
            return
        for part in parts:
            for start in range(0, len(part), BLOCK):
                yield part[start : start + BLOCK]
        self.ended, self.consumed = True, self._whole

    def close(self) -> Iterator[bytes]:
        yield from self._read_whole(at_end=True)
        if not self.ended:
            yield from self._follow(at_end=True)
        if not self.ended:
            self.error, self.ended = "the archive is cut off", True

    def _follow(self, at_end: bool) -> Iterator[bytes]:
        while not self.ended and self._left is not None:
            if self._left == 0:
                self.ended = True
                return
            ready = bytes(self._held[: self._left])
            if not ready or (self._stream is None and len(ready) < min(_HEAD, self._left) and not at_end):
                return
            if self._stream is None and not self._choose(ready[:_HEAD]):
                self.error, self.ended = "its streams are encrypted, stored as they are, or packed in a way that is not decoded", True
                return
            yield from self._unpack(ready)

    def _choose(self, head: bytes) -> bool:
        for begins, make, silent in _WAYS:
            if begins(head):
                tried = make()
                next(tried.feed(head), None)
                if tried.error is None:
                    self._stream, self._silent = make(), silent
                    return True
        return False

    def _unpack(self, ready: bytes) -> Iterator[bytes]:
        stream = cast("StreamDecoder", self._stream)
        before = stream.consumed
        for block in stream.feed(ready):
            if not self._silent:
                yield block
        taken = stream.consumed - before
        del self._held[:taken]
        self._left = cast("int", self._left) - taken
        self.consumed += taken
        if stream.error is not None and self._left:
            self.error, self.ended = "the streams behind the first one could not be followed", True
        elif stream.ended:
            self._stream = None
