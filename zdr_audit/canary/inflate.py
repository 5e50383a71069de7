"""Inflating with zlib-ng: the interface of the standard library's zlib, at twice its speed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

from zlib_ng import zlib_ng

ZlibError = cast("type[Exception]", zlib_ng.error)
RAW, ZLIB, GZIP = -15, 15, 31
"""Window bits: which framing is expected."""
BLOCK = 256 * 1024
"""Decoded bytes handed on at a time."""
_STEPS = (4096, 512, 64, 8, 1)
"""Encoded bytes at a time, on the way to the one that does not decode."""


class Inflate(Protocol):
    """What `zlib.decompressobj` gives."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...
    def copy(self) -> Inflate: ...


def inflate(window_bits: int) -> Inflate:
    """A fresh decompressor."""
    return cast("Inflate", zlib_ng.decompressobj(window_bits))


def starts(head: bytes, window_bits: int) -> bool:
    """Whether data that begin with `head` decode so far, and to something: as an `Inflater` would tell, without looking for what can be saved."""
    one = inflate(window_bits)
    try:
        found = one.decompress(head, BLOCK)
    except ZlibError:
        return False
    return bool(found) or not one.eof


class Inflater:
    """Decodes gzip, zlib or raw deflate, as the window bits say. `ended` is set at the natural end, `error` where decoding failed."""

    error: str | None

    def __init__(self, window_bits: int) -> None:
        self.ended, self.error, self.consumed = False, None, 0
        self._window_bits = window_bits
        self._inflate = inflate(window_bits)
        self._fresh = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        pending = data
        while pending and not self.ended:
            # zlib gives nothing of a call that fails, so a call that may fail must be repeatable.
            saved = None if self._fresh else self._inflate.copy()
            self._fresh = False
            try:
                block = self._inflate.decompress(pending, BLOCK)
            except ZlibError as problem:
                self.error, self.ended = str(problem), True
                self.consumed += len(data) - len(pending)
                yield from self._salvage(saved or inflate(self._window_bits), pending)
                return
            if block:
                yield block
            if self._inflate.eof:
                self.ended = True
                self.consumed += len(data) - len(self._inflate.unused_data)
                return
            pending = self._inflate.unconsumed_tail
        self.consumed += len(data)

    def _salvage(self, inflater: Inflate, pending: bytes) -> Iterator[bytes]:
        """What decodes before the byte that does not."""
        at = 0
        for step in _STEPS:
            while at < len(pending):
                saved = inflater.copy()
                piece = pending[at : at + step]
                try:
                    block = inflater.decompress(piece, BLOCK)
                    while inflater.unconsumed_tail:
                        block += inflater.decompress(inflater.unconsumed_tail, BLOCK)
                except ZlibError:
                    inflater = saved
                    break
                self.consumed += len(piece)
                at += len(piece)
                if block:
                    yield block

    def close(self) -> Iterator[bytes]:
        if not self.ended:
            self.error, self.ended = "the stream is cut off", True
        return iter(())
