"""Inflating with zlib-ng: the interface of the standard library's zlib, at twice its speed."""

from __future__ import annotations

from typing import Protocol, cast

from zlib_ng import zlib_ng

ZlibError = cast("type[Exception]", zlib_ng.error)
RAW, ZLIB, GZIP = -15, 15, 31
"""Window bits: which framing is expected."""


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
