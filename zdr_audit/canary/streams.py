"""Encodings that are opened as a stream from where they begin: compressed data, and text that encodes compressed data.

An entry of `OPENERS` says which patterns may begin one, how to check cheaply that one really does, and how to decode it.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from . import rdb
from .forms import FORMS

BLOCK = 256 * 1024
"""Decoded bytes handed on at a time."""

GZIP_MAGIC = b"\x1f\x8b\x08"
_GZIP_SYSTEMS = frozenset((*range(20), 255))  # up to 19, Darwin


class StreamDecoder(Protocol):
    """Decodes what it is fed. `ended` is set at its natural end, `error` where decoding failed; `consumed` counts encoded bytes used."""

    ended: bool
    error: str | None
    consumed: int

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded blocks of at most `BLOCK` bytes; lazily, so that a caller can stop at a bomb."""

    def close(self) -> Iterator[bytes]:
        """What is left when the input is over."""


class Inflater:
    """gzip (window bits 31) and zlib (15)."""

    error: str | None

    def __init__(self, window_bits: int) -> None:
        self.ended, self.error, self.consumed = False, None, 0
        self._window_bits = window_bits
        self._inflate = zlib.decompressobj(window_bits)
        self._fresh = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        pending = data
        while pending and not self.ended:
            # zlib gives nothing of a call that fails, so a call that may fail must be repeatable.
            saved = None if self._fresh else self._inflate.copy()
            self._fresh = False
            try:
                block = self._inflate.decompress(pending, BLOCK)
            except zlib.error as problem:
                self.error, self.ended = str(problem), True
                self.consumed += len(data) - len(pending)
                yield from self._salvage(saved or zlib.decompressobj(self._window_bits), pending)
                return
            if block:
                yield block
            if self._inflate.eof:
                self.ended = True
                self.consumed += len(data) - len(self._inflate.unused_data)
                return
            pending = self._inflate.unconsumed_tail
        self.consumed += len(data)

    def _salvage(self, inflate: zlib._Decompress, pending: bytes) -> Iterator[bytes]:
        """What decodes before the byte that does not."""
        for step in (4096, 64, 1):
            while pending:
                saved = inflate.copy()
                try:
                    block = inflate.decompress(pending[:step], BLOCK)
                    while inflate.unconsumed_tail:
                        block += inflate.decompress(inflate.unconsumed_tail, BLOCK)
                except zlib.error:
                    inflate = saved
                    break
                self.consumed += len(pending[:step])
                pending = pending[step:]
                if block:
                    yield block

    def close(self) -> Iterator[bytes]:
        if not self.ended:
            self.error, self.ended = "the stream is cut off", True
        return iter(())


class TextDecoder:
    """base64 or hex text up to the first character that cannot belong to it."""

    error: str | None

    def __init__(self, run: re.Pattern[bytes], dropped: re.Pattern[bytes], group: int, decode: Callable[[bytes], bytes]) -> None:
        self.ended, self.error, self.consumed = False, None, 0
        self._run, self._dropped, self._group, self._decode = run, dropped, group, decode
        self._held = b""
        self._text = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), BLOCK):
            if self.ended:
                return
            yield from self._feed(data[start : start + BLOCK])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        piece = self._held + data
        self._held = b""
        if piece.endswith(b"\\"):  # an escape may continue in the next piece
            piece, self._held = piece[:-1], b"\\"
        match = self._run.match(piece)
        length = match.end() if match else 0
        self._text += self._dropped.sub(b"", piece[:length])
        if length < len(piece):
            self.ended = True
        whole = len(self._text) // self._group * self._group
        self.consumed += length
        if whole:
            block, self._text = self._decode(self._text[:whole]), self._text[whole:]
            yield block
        if self.ended:
            yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        text, self._text = self._text, b""
        if self._group == 4 and len(text) > 1:
            yield self._decode(text + b"A" * (-len(text) % 4))[: len(text) * 6 // 8]

    def close(self) -> Iterator[bytes]:
        if not self.ended:
            self.ended = True
            yield from self._rest()


_BASE64_RUN = re.compile(rb"(?:[A-Za-z0-9+/_-]+|\\[nr/]|[\r\n]+)*")
_BASE64_DROPPED = re.compile(rb"\\[nr]|[\r\n\\]")
_HEX_RUN = re.compile(rb"[0-9a-fA-F]*")
_NOTHING = re.compile(rb"[\s]")
_URLSAFE = bytes.maketrans(b"-_", b"+/")


def _base64_decoder() -> StreamDecoder:
    return TextDecoder(_BASE64_RUN, _BASE64_DROPPED, 4, lambda text: binascii.a2b_base64(text.translate(_URLSAFE)))


def _hex_decoder() -> StreamDecoder:
    return TextDecoder(_HEX_RUN, _NOTHING, 2, binascii.unhexlify)


def is_gzip(data: bytes) -> bool:
    """Whether the bytes begin with a complete gzip header whose every fixed field has a value that some program writes."""
    return len(data) >= 10 and data.startswith(GZIP_MAGIC) and data[3] < 32 and data[8] in (0, 2, 4) and data[9] in _GZIP_SYSTEMS


def _inflates(data: bytes) -> bool:
    try:
        zlib.decompressobj(15).decompress(data, 1)
    except zlib.error:
        return False
    return True


def _base64_holds_gzip(text: bytes) -> bool:
    cleaned = _BASE64_DROPPED.sub(b"", text[:40])[:24].translate(_URLSAFE)
    data = base64.b64decode(cleaned[: len(cleaned) // 4 * 4] if re.fullmatch(rb"[A-Za-z0-9+/]*", cleaned) else b"")
    return any(is_gzip(data[lead:]) for lead in range(3))


def _hex_holds_gzip(text: bytes) -> bool:
    digits = _HEX_RUN.match(text[:20])
    return digits is not None and digits.end() == 20 and is_gzip(bytes.fromhex(digits[0].decode()))


@dataclass(frozen=True)
class Opener:
    """`patterns` with the number of bytes that the encoding begins before each. `check` sees 64 bytes from that beginning, fewer where the
    data end. `strict`: the check leaves no room for chance, so a failure to decode is worth saying. `joins`: one that begins directly after
    the end of another continues its content, as members of one gzip file do."""

    name: str
    patterns: tuple[tuple[bytes, int], ...]
    check: Callable[[bytes], bool]
    decoder: Callable[[], StreamDecoder]
    strict: bool
    joins: bool = False


def _text_magics(form: str) -> tuple[tuple[bytes, int], ...]:
    starts = {pattern: phase for flags in (0, 8) for pattern, phase in FORMS[form].encode(GZIP_MAGIC + bytes([flags]))}
    return tuple(starts.items())


OPENERS: tuple[Opener, ...] = (
    Opener("gzip", ((GZIP_MAGIC, 0),), is_gzip, lambda: Inflater(31), strict=True, joins=True),
    Opener("base64", _text_magics("base64"), _base64_holds_gzip, _base64_decoder, strict=True),
    Opener("hex", _text_magics("hex"), _hex_holds_gzip, _hex_decoder, strict=True),
    Opener("zlib", (), _inflates, lambda: Inflater(15), strict=False),
    Opener("rdb-lzf", ((rdb.MAGIC, 0),), rdb.is_rdb, rdb.RdbDecoder, strict=True),
)

# Two bytes only: searched apart, because so short a pattern slows the automaton down for all others.
ZLIB = next(opener for opener in OPENERS if opener.name == "zlib")
# The third byte opens the first block: stored (with its padding zero), or with fixed or dynamic codes.
_BLOCK_STARTS = b"".join(re.escape(bytes([byte])) for byte in range(256) if byte < 2 or byte >> 1 & 3 in (1, 2))
ZLIB_START = re.compile(rb"x[\x01\x5e\x9c\xda](?=[" + _BLOCK_STARTS + rb"])")
