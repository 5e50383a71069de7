"""Long words of base64, base32 or hex that begin as compressed data without a magic do: raw deflate and Brotli, which no pattern can show, and
zlib in base32."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from .gates import stretches, tokens
from .opener import Opener, StreamDecoder

# In an address two of its characters are escaped, and in JSON the slash may be, behind more than one backslash in JSON within JSON.
_LETTER = rb"(?:[A-Za-z0-9+/_-]|%2[BbFf]|\\\\{0,3}/)"
_WORD = re.compile(_LETTER + rb"{60,}")
_LEAST = 60
_LONG = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_%%\\-]{%d,}" % _LEAST)
_IN_LONG = bytes(code in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_%\\-" for code in range(256))
_BEFORE_WORD = re.compile(rb"(?:\\+(?!/)[nrt]?|%(?!2[BbFf])[0-9A-Fa-f]{2})*")
_WHOLE_WORD, _BEFORE = re.compile(rb"[A-Za-z0-9+/_%\\-]*"), 256
_ESCAPED = re.compile(rb"%2([BbFf])|\\\\{0,3}/")
_BASE32 = re.compile(rb"(?:[A-Z2-7]{64}|[a-z2-7]{64})")
_HEX, _LONG_HEX = re.compile(rb"[0-9a-fA-F]{56}"), re.compile(rb"[0-9a-fA-F]{132}")  # longer than a digest
_TELLS = 192
_URLSAFE = bytes.maketrans(b"-_", b"+/")


def _lead(data: bytes, start: int) -> int:
    """How many letters of a word that begins there are but a sign that hex follows: `0x`, or the `x` of `\\x`."""
    if data.startswith((b"0x", b"0X"), start):
        return 2
    return int(start > 0 and data[start - 1 : start + 1] == b"\\x")


def _long_words(data: bytes, low: int, high: int) -> Iterator[re.Match[bytes]]:
    """The words of this range that are long enough. The expression is asked only where letters stand long enough in a row."""
    for start, end in stretches(data, low, high, _IN_LONG, _LEAST):
        yield from _LONG.finditer(data, start, end)


class Unmarked:
    """Finds them. `is_compressed` is asked about the first bytes that a word encodes, `is_zlib` about those that could begin as zlib data do."""

    def __init__(
        self,
        is_compressed: Callable[[bytes], bool],
        is_zlib: Callable[[bytes], bool],
        sixty_four: Callable[[], StreamDecoder],
        hexadecimal: Callable[[], StreamDecoder],
        thirty_two: Callable[[], StreamDecoder],
    ) -> None:
        self._is_compressed, self._is_zlib = is_compressed, is_zlib
        self._base64 = Opener("base64", (), self._in_base64, sixty_four, strict=False, quiet=True, looks=_TELLS)
        self._hex = Opener("hex", (), self._in_hex, hexadecimal, strict=False, quiet=True, looks=_TELLS)
        self._base32 = Opener("base32", (), self._in_base32, thirty_two, strict=False, quiet=True, looks=_TELLS)

    def find(self, data: bytes) -> Iterator[tuple[int, Opener]]:
        """Where each begins, with what opens it."""
        for low, high in tokens(data):
            # The word may have begun before, where escapes stand between its letters.
            before = _WHOLE_WORD.match(data[max(0, low - _BEFORE) : low][::-1]).end()  # type: ignore[union-attr]
            for word in _long_words(data, low - before, high):
                start = _BEFORE_WORD.match(data, word.start(), word.end()).end()  # type: ignore[union-attr]
                at = start + _lead(data, start)
                if _HEX.match(data, at):
                    if _LONG_HEX.match(data, at) and self._in_hex(data[at : at + _TELLS]):
                        yield at, self._hex
                elif _BASE32.match(data, start):
                    if self._in_base32(data[start : start + _TELLS]):
                        yield start, self._base32
                elif self._in_base64(data[start : start + _TELLS]):
                    yield start, self._base64

    def _in_base64(self, text: bytes) -> bool:
        first = _ESCAPED.sub(lambda found: b"+" if found[1] in (b"B", b"b") else b"/", text)[:60]
        # Identifiers that stand beside each other: sixty letters of base64 are never all of one case.
        if first.islower() or first.isupper():
            return False
        return _WORD.match(text) is not None and self._is_compressed(binascii.a2b_base64(first.translate(_URLSAFE)))

    def _in_base32(self, text: bytes) -> bool:
        found = _BASE32.match(text)
        data = base64.b32decode(found[0].upper()) if found else b""
        return self._is_compressed(data) or (data[:1] == b"x" and self._is_zlib(data))

    def _in_hex(self, text: bytes) -> bool:
        return _HEX.match(text) is not None and self._is_compressed(bytes.fromhex(text[:56].decode()))
