"""Decoders for compressed data beside gzip and zlib: each is fed as the data come, gives bounded blocks and knows where its data end."""

from __future__ import annotations

import bz2
import importlib
import lzma
import re
from collections.abc import Iterator
from typing import Protocol, cast

import brotli
import lz4.frame

from .inflate import BLOCK, RAW, Inflater, ZlibError, starts
from .snappy import SnappyFrames

__all__ = ["SnappyFrames", "Unpacker", "Unsupported", "ZipMember", "brotli_decoder", "is_brotli", "lz4_decoder", "zstd_decoder"]

_STEP = 4096  # encoded bytes at a time: a call that fails gives nothing, so this much before the damage is lost
_MEMORY = 160 * 1024 * 1024
_KEPT = 256 * 1024  # bytes of Brotli up to which its end is looked for

# In the standard library from Python 3.14 on, before that from a wheel of the same interface.
try:
    _zstd = importlib.import_module("compression.zstd")
except ModuleNotFoundError:
    _zstd = importlib.import_module("backports.zstd")


class Engine(Protocol):
    """The interface that the decompressors of the standard library share."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Unpacker:
    """Decodes with an engine. `ended` is set at the natural end, `error` where decoding failed; `consumed` counts encoded bytes used."""

    def __init__(self, engine: Engine) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._engine = engine

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded blocks of at most `BLOCK` bytes, lazily."""
        for start in range(0, len(data), _STEP):
            piece = data[start : start + _STEP]
            yield from self._feed(piece)
            if self.ended:
                return

    def _feed(self, piece: bytes) -> Iterator[bytes]:
        pending = piece
        while True:
            try:
                block = self._engine.decompress(pending, BLOCK)
            except (
                OSError,
                EOFError,
                ValueError,
                RuntimeError,
                MemoryError,
                lzma.LZMAError,
                ZlibError,
                brotli.error,
                _zstd.ZstdError,
            ) as problem:
                self.error, self.ended = str(problem) or "the data are damaged", True
                self.consumed += len(piece)
                return
            pending = b""
            if block:
                yield block
            if self._engine.eof:
                self.ended = True
                self.consumed += len(piece) - len(self._engine.unused_data or b"")
                return
            if self._engine.needs_input or not block:
                self.consumed += len(piece)
                return

    def close(self) -> Iterator[bytes]:
        """Nothing is left when the input is over, but that it was cut off may have to be said."""
        if not self.ended:
            self.error, self.ended = "the stream is cut off", True
        return iter(())


class _Brotli:
    """Brotli behind the shared interface. It has no magic and no checksum, and its library refuses data that go on behind their end."""

    def __init__(self) -> None:
        self._engine = brotli.Decompressor()
        self._taken: bytearray | None = bytearray()
        self._given = 0
        self._full = False
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._engine.is_finished())

    @property
    def needs_input(self) -> bool:
        return not self._full and bool(self._engine.can_accept_more_data())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            block = cast("bytes", self._engine.process(data, output_buffer_limit=max_length))
        except brotli.error:
            if not data or self._taken is None:
                raise
            block = self._to_the_end(data)
        else:
            if self._taken is not None:
                self._taken += data
                if len(self._taken) > _KEPT:
                    self._taken = None
        self._given += len(block)
        self._full = 0 < max_length <= len(block)  # the library would take more data all the same, while decoded ones wait
        return block

    def _to_the_end(self, data: bytes) -> bytes:
        """What the data hold up to their end, which lies in them. Raises brotli.error where there is none."""
        self._engine = brotli.Decompressor()
        out = bytearray(self._engine.process(bytes(self._taken or b"")))
        for at in range(len(data)):
            out += self._engine.process(data[at : at + 1])
            if self._engine.is_finished():
                self.unused_data = data[at + 1 :]
                break
        return bytes(out[self._given :])


def bz2_decoder() -> Unpacker:
    return Unpacker(bz2.BZ2Decompressor())


def xz_decoder() -> Unpacker:
    return Unpacker(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY))


def lzma_decoder() -> Unpacker:
    return Unpacker(lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY))


def zstd_decoder() -> Unpacker:
    return Unpacker(cast("Engine", _zstd.ZstdDecompressor()))


def lz4_decoder() -> Unpacker:
    return Unpacker(cast("Engine", lz4.frame.LZ4FrameDecompressor()))


def deflate_decoder() -> Inflater:
    return Inflater(RAW)


def brotli_decoder() -> Unpacker:
    return Unpacker(_Brotli())


def _starts(decoder: Unpacker, head: bytes) -> bool:
    """Whether data that begin with `head` decode so far, and to something."""
    found = sum(len(block) for block in decoder.feed(head))
    return decoder.error is None and (bool(found) or not decoder.ended)


def is_brotli(head: bytes) -> bool:
    return is_binary(head) and _starts(brotli_decoder(), head)


def is_deflate(head: bytes) -> bool:
    return is_binary(head) and head[0] >> 1 & 3 in (1, 2) and starts(head, RAW)  # not stored, and of a kind that there is


_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def is_binary(head: bytes) -> bool:
    """Whether bytes hold what no text does: only such are worth an attempt at what has no magic."""
    return len(head) >= 16 and _NO_TEXT.search(head) is not None


_SEEN_ANYWAY = (0, 12, 93, 95)  # stored, bzip2, zstd, xz


class ZipMember:
    """One member of a zip archive, from its local header on. Members end by themselves, so sizes that stand elsewhere are not needed.

    Members stored, or compressed in a way that has a magic of its own, need no decoding here: what is in them is seen where it stands.
    """

    def __init__(self) -> None:
        self.ended = False
        self.error: str | None = None
        self._header = b""
        self.consumed = 0
        self._inner: Unpacker | Inflater | None = None

    @staticmethod
    def matches(head: bytes) -> bool:
        """Whether bytes begin with the local header of a member that is to be decoded."""
        if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
            return False
        version, flags, method = (int.from_bytes(head[at : at + 2], "little") for at in (4, 6, 8))
        return version & 0xFF <= 63 and method < 100 and (method not in _SEEN_ANYWAY or bool(flags & 1))

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded blocks, lazily."""
        if self._inner is None:
            self._header += data
            if len(self._header) < 30:
                return
            size = 30 + sum(int.from_bytes(self._header[at : at + 2], "little") for at in (26, 28))
            if len(self._header) < size:
                return
            self._header, data = self._header[:size], self._header[size:]
            method = int.from_bytes(self._header[8:10], "little")
            if self._header[6] & 1 or method not in (8, 14):
                self.error, self.ended = "it is encrypted" if self._header[6] & 1 else f"no decoder for method {method}", True
                self.consumed = 30
                return
            self._inner = _ZipLzma() if method == 14 else deflate_decoder()
        yield from self._inner.feed(data)
        self.ended, self.error, self.consumed = self._inner.ended, self._inner.error, len(self._header) + self._inner.consumed

    def close(self) -> Iterator[bytes]:
        """What is left when the input is over."""
        if not self.ended:
            self.error, self.ended = "the stream is cut off", True
        return iter(())


class _ZipLzma(Unpacker):
    """LZMA as zip writes it: two bytes of version, two of the size of the properties, then properties and stream."""

    def __init__(self) -> None:
        super().__init__(bz2.BZ2Decompressor())  # replaced once the properties are there
        self._start = b""
        self._ready = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._ready:
            self._start += data
            if len(self._start) < 9:
                return
            data = self._start[4:9] + b"\xff" * 8 + self._start[9:]
            self._engine, self._ready = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY), True
            self.consumed -= 4
        yield from super().feed(data)


class Unsupported:
    """For formats that are known but not decoded: says so."""

    def __init__(self, reason: str) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._reason = reason

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Ends at once, with the reason as error."""
        self.ended, self.error, self.consumed = True, self._reason, 1 if data else 0
        return iter(())

    def close(self) -> Iterator[bytes]:
        """Nothing is left."""
        return iter(())
