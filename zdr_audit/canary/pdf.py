"""Text filters of PDF streams, in which compressed streams are written as text. What they hold is then opened where it begins."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from .walk import MOST_DECODED, MOST_PACKED

ASCII85 = (b"/ASCII85Decode", b"/A85")
ASCII_HEX = (b"/ASCIIHexDecode", b"/AHx")
LZW = (b"/LZWDecode", b"/LZW")
ENCRYPT = b"/Encrypt"

_STREAM = re.compile(rb"\bstream\r?\n")
_FILTERS = re.compile(rb"/[A-Za-z0-9]+[\s\]/>]")
_ENCRYPTED = re.compile(rb"/Encrypt\s+\d+\s+\d+\s+R\b")
RUN_LENGTH = (b"/RunLengthDecode", b"/RL")
_FARTHEST = 4096  # bytes from the filter's name to the stream
_END = b"endstream"
_NAMES_LZW = re.compile(rb"/LZW(?:Decode)?\b")
_CLEAR, _OVER, _FIRST = 256, 257, 258
_BLANKS = re.compile(rb"[\s\x00]+")


def is_filter(head: bytes) -> bool:
    return _FILTERS.match(head) is not None


def is_lzw(head: bytes) -> bool:
    """Whether the filter is named, and its stream, where it is near enough to be seen, begins as every writer's does: with the code to clear."""
    begin = _STREAM.search(head)
    return _FILTERS.match(head) is not None and (begin is None or head[begin.end() : begin.end() + 1] in (b"", b"\x80"))


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
        self._packed: bytearray | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        self.consumed += len(data)
        self._held += data
        if not self._found:
            begin = _STREAM.search(self._held)
            if begin is None:
                self.ended = len(self._held) > _FARTHEST
                return
            if _NAMES_LZW.search(self._held, 0, begin.start()):  # by which the text is to be decoded once more
                self._packed = bytearray()
            self._found, self._held = True, self._held[begin.end() :]
        end = self._held.find(self._end)
        yield from self._twice(self._text(self._held if end < 0 else self._held[:end], at_end=end >= 0))

    def close(self) -> Iterator[bytes]:
        if not self.ended and self._found:
            self.error = "the stream is cut off"
            yield from self._twice(self._text(self._held, at_end=True))
        self.ended = True

    def _twice(self, decoded: Iterator[bytes]) -> Iterator[bytes]:
        """What was decoded; where LZW is behind it, that decoded too, at the end."""
        for piece in decoded:
            if self._packed is None:
                yield piece
            elif len(self._packed) < MOST_PACKED:
                self._packed += piece
        if self._packed and self.ended:
            try:
                yield unlzw(bytes(self._packed))
            except ValueError as problem:
                self.error = str(problem)
            self._packed.clear()

    def _text(self, text: bytes, at_end: bool) -> Iterator[bytes]:
        text = _BLANKS.sub(b"", text)
        if self._fill == b"u":
            text = text.removeprefix(b"<~")
            text = text.replace(b"z", b"!!!!!")  # which stands for a whole group
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


class Binary:
    """Finds the stream behind a filter's name and decodes it whole, up to where it ends."""

    def __init__(self, decode: Callable[[bytes], bytes]) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._decode = decode
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Nothing before the stream has ended."""
        known = max(0, len(self._held) - len(_END))
        self.consumed += len(data)
        self._held += data
        begin = _STREAM.search(self._held, 0, _FARTHEST)
        if begin is None:
            self.ended = len(self._held) > _FARTHEST
            return
        end = self._held.find(_END, max(known, begin.end()))
        if end >= 0:
            yield from self._decoded(bytes(self._held[begin.end() : end]))
        elif len(self._held) > MOST_PACKED:
            self.error, self.ended = f"it takes more than {MOST_PACKED} bytes", True

    def close(self) -> Iterator[bytes]:
        """What there is of a stream that is cut off."""
        begin = None if self.ended else _STREAM.search(self._held)
        if begin is not None:
            yield from self._decoded(bytes(self._held[begin.end() :]))
            self.error = self.error or "the stream is cut off"
        self.ended = True

    def _decoded(self, stream: bytes) -> Iterator[bytes]:
        self.ended = True
        try:
            yield self._decode(stream)
        except ValueError as problem:
            self.error = str(problem)


def unlzw(data: bytes) -> bytes:
    """LZW as PDF and TIFF have it: codes of nine to twelve bits, which grow a code early. Raises ValueError where it is none."""
    out = bytearray()
    table: list[bytes] = []
    held = bits = 0
    width, last = 9, b""
    for byte in data:
        held, bits = (held << 8 | byte) & 0xFFFFFF, bits + 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits & (1 << width) - 1
        if code == _CLEAR:
            table, width, last = [], 9, b""
            continue
        if code == _OVER:
            return bytes(out)
        if code < _CLEAR:
            piece = bytes([code])
        elif code - _FIRST < len(table):
            piece = table[code - _FIRST]
        elif last and code - _FIRST == len(table):
            piece = last + last[:1]
        else:
            raise ValueError("its codes refer to what was not written yet")
        if last and len(table) < 4096 - _FIRST:
            table.append(last + piece[:1])
        out += piece
        last = piece
        if len(out) > MOST_DECODED:
            raise ValueError(f"it decodes to more than {MOST_DECODED} bytes")
        width = min(12, max(9, (len(table) + _FIRST + 1).bit_length()))
    return bytes(out)


def unrun(data: bytes) -> bytes:
    """Runs of bytes, and bytes repeated, behind their numbers."""
    out = bytearray()
    at = 0
    while at < len(data) and data[at] != 128:
        count = data[at]
        if count < 128:
            out += data[at + 1 : at + 2 + count]
            at += count + 2
        else:
            out += data[at + 1 : at + 2] * (257 - count)
            at += 2
    return bytes(out)


def lzw() -> Binary:
    return Binary(unlzw)


def run_length() -> Binary:
    return Binary(unrun)


def ascii85() -> Filtered:
    return Filtered(5, b"~>", _a85, b"u")


def ascii_hex() -> Filtered:
    return Filtered(2, b">", _hex, b"0")
