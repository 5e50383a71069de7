"""Text filters of PDF streams, in which compressed streams are written as text. What they hold is then opened where it begins."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

ASCII85 = (b"/ASCII85Decode", b"/A85")
ASCII_HEX = (b"/ASCIIHexDecode", b"/AHx")
LZW = (b"/LZWDecode",)
ENCRYPT = b"/Encrypt"

_STREAM = re.compile(rb"\bstream\r?\n")
_FILTERS = re.compile(rb"/[A-Za-z0-9]+[\s\]/>]")
_ENCRYPTED = re.compile(rb"/Encrypt\s+\d+\s+\d+\s+R\b")
_FARTHEST = 4096  # bytes from the filter's name to the stream
_BLANKS = re.compile(rb"[\s\x00]+")


def is_filter(head: bytes) -> bool:
    return _FILTERS.match(head) is not None


def is_encryption(head: bytes) -> bool:
    return _ENCRYPTED.match(head) is not None


def _a85(text: bytes) -> bytes:
    return base64.a85decode(text)


def _hex(text: bytes) -> bytes:
    return binascii.unhexlify(text)


class Filtered:
    """Finds the stream behind a filter's name and decodes its text in groups of `group` characters, up to the mark that ends it."""

    def __init__(self, group: int, end: bytes, decode: Callable[[bytes], bytes], fill: bytes) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._group, self._end, self._decode, self._fill = group, end, decode, fill
        self._held = b""
        self._found = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self.consumed += len(data)
        self._held += data
        if not self._found:
            begin = _STREAM.search(self._held)
            if begin is None:
                self.ended = len(self._held) > _FARTHEST
                return
            self._found, self._held = True, self._held[begin.end() :]
        end = self._held.find(self._end)
        yield from self._text(self._held if end < 0 else self._held[:end], at_end=end >= 0)

    def close(self) -> Iterator[bytes]:
        if not self.ended and self._found:
            self.error = "the stream is cut off"
            yield from self._text(self._held, at_end=True)
        self.ended = True

    def _text(self, text: bytes, at_end: bool) -> Iterator[bytes]:
        text = _BLANKS.sub(b"", text)
        if self._fill == b"u":
            text = text.removeprefix(b"<~")
            if not at_end and b"z" in text:  # which stands for a whole group
                text = text.replace(b"z", b"!!!!!")
        whole = len(text) if at_end else len(text) // self._group * self._group
        self._held = text[whole:]
        self.ended = self.ended or at_end
        piece = text[:whole]
        if self._fill == b"0" and len(piece) % 2:
            piece += self._fill
        if piece:
            try:
                yield self._decode(piece)
            except (ValueError, binascii.Error) as problem:
                self.error, self.ended = str(problem), True


def ascii85() -> Filtered:
    return Filtered(5, b"~>", _a85, b"u")


def ascii_hex() -> Filtered:
    return Filtered(2, b">", _hex, b"0")
