"""Long words of base64 or hex that begin as compressed data without a magic do: raw deflate and Brotli, which no pattern can show."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator

from .gates import tokens
from .opener import Opener, StreamDecoder

_WORD = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{60,}")
_HEX, _LONG_HEX = re.compile(rb"[0-9a-fA-F]{56}"), re.compile(rb"[0-9a-fA-F]{132}")  # longer than a digest
_TELLS = 64
_URLSAFE = bytes.maketrans(b"-_", b"+/")


def _lead(data: bytes, start: int) -> int:
    """How many letters of a word that begins there are but a sign that hex follows: `0x`, or the `x` of `\\x`."""
    if data.startswith((b"0x", b"0X"), start):
        return 2
    return int(start > 0 and data[start - 1 : start + 1] == b"\\x")


class Unmarked:
    """Finds them. `is_compressed` is asked about the first bytes that a word encodes."""

    def __init__(
        self, is_compressed: Callable[[bytes], bool], base64: Callable[[], StreamDecoder], hexadecimal: Callable[[], StreamDecoder]
    ) -> None:
        self._is_compressed = is_compressed
        self._base64 = Opener("base64", (), self._in_base64, base64, strict=False, quiet=True)
        self._hex = Opener("hex", (), self._in_hex, hexadecimal, strict=False, quiet=True)

    def find(self, data: bytes) -> Iterator[tuple[int, Opener]]:
        """Where each begins, with what opens it."""
        for low, high in tokens(data):
            for word in _WORD.finditer(data, low, high):
                start = word.start()
                at = start + _lead(data, start)
                if _HEX.match(data, at):
                    if _LONG_HEX.match(data, at) and self._in_hex(data[at : at + _TELLS]):
                        yield at, self._hex
                elif self._in_base64(data[start : start + _TELLS]):
                    yield start, self._base64

    def _in_base64(self, text: bytes) -> bool:
        first = text[:60]
        # Identifiers that stand beside each other: sixty letters of base64 are never all of one case.
        if first.islower() or first.isupper():
            return False
        return _WORD.match(text) is not None and self._is_compressed(binascii.a2b_base64(first.translate(_URLSAFE)))

    def _in_hex(self, text: bytes) -> bool:
        return _HEX.match(text) is not None and self._is_compressed(bytes.fromhex(text[:56].decode()))
