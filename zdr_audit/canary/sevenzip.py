"""7z archives: their packed streams, which stand one after another behind the first header, decoded as they stream by.

What packed them stands in a header at the archive's end, so it is found by trying: LZMA2 and LZMA with the properties that archivers write
by default, deflate, and what has a magic. Encrypted streams and those in PPMd fit nothing, which is said.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator
from typing import cast

from .compression import Engine, Unpacker, bz2_decoder, deflate_decoder, zstd_decoder
from .opener import StreamDecoder

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

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._held += data
        if self._left is None:
            if len(self._held) < _HEADER:
                return
            self._left = int.from_bytes(self._held[12:20], "little")
            del self._held[:_HEADER]
            self.consumed = _HEADER
        yield from self._follow(at_end=False)

    def close(self) -> Iterator[bytes]:
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
