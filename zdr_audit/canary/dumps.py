"""Dumps: text that shows bytes line by line behind an offset, as xxd, hexdump, od and tcpdump write it, decoded to the bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LONGEST_LINE = 1024
_LINE_END = re.compile(rb"\r?\n")
_ESCAPED_END = re.compile(rb"(?<!\\)(?:\\\\)*(?:\\r)?\\n")  # where a backslash that is shown is escaped too
# Not just any escape: the column that shows bytes as text can hold one.
_ESCAPED_END_OF_FIRST = re.compile(rb"[^\r\n]*?\\n(?:(?:[ \t]|\\t)*(?:0x)?[0-9a-fA-F]{4}|\*|$)")
_IN_JSON = re.compile(rb"\\([\"\\/t])")
_BLANK = re.compile(rb"\*|")
_ESCAPES = {b"\\0": 0, b"\\a": 7, b"\\b": 8, b"\\t": 9, b"\\n": 10, b"\\v": 11, b"\\f": 12, b"\\r": 13}

# As they stand at the beginning of a dump that is whole.
STARTS = (b"00000000: ", b"00000000  ", b"0000000 ", b"000000 ", b"0x0000:")


def _straight(body: bytes) -> bytes:
    return bytes.fromhex(re.sub(rb"[\s-]+", b"", body).decode())


def _swapped(body: bytes) -> bytes:
    return b"".join(bytes.fromhex(word.decode())[::-1] for word in body.split())


def _octal_words(body: bytes) -> bytes:
    return b"".join((int(word, 8) & 0xFFFF).to_bytes(2, "little") for word in body.split())


def _octal_bytes(body: bytes) -> bytes:
    return bytes(int(word, 8) & 0xFF for word in body.split())


def _bits(body: bytes) -> bytes:
    return bytes(int(word, 2) for word in body.split())


def _cells(body: bytes) -> bytes:
    """Characters in cells of four, as od -c shows them: themselves, as an escape, or in octal."""
    out = bytearray()
    for at in range(0, len(body), 4):
        cell = body[at : at + 4].strip()
        if len(cell) == 3:
            out.append(int(cell, 8) & 0xFF)
        else:
            out += bytes([_ESCAPES[cell]]) if cell in _ESCAPES else cell or b" "
    return bytes(out)


@dataclass(frozen=True)
class _Style:
    """How one line looks, with what shows the bytes in the group `body`, and how that is read."""

    line: re.Pattern[bytes]
    read: Callable[[bytes], bytes]


def _style(offset: bytes, unit: bytes, between: bytes, column: bytes, read: Callable[[bytes], bytes]) -> _Style:
    body = b"(?P<body>" + unit + b"(?:" + between + unit + b")*)"
    return _Style(re.compile(rb"[ \t]*" + offset + body + rb"[ \t]*" + column + b"$", re.DOTALL), read)


_COLUMN = rb"(?:[ \t]{2}.*)?"
_STYLES = (
    _style(rb"[0-9a-fA-F]{6,16}:[ \t]+", rb"[01]{8}", b" ", _COLUMN, _bits),
    _style(rb"(?:0x)?[0-9a-fA-F]{4,16}:[ \t]+", rb"(?:[0-9a-fA-F]{2}){1,16}", rb"[ -]", _COLUMN, _straight),
    _style(rb"[0-9a-fA-F]{4,16}[ \t]+", rb"[0-9a-fA-F]{2}", rb"(?: {1,2}-?|-)", rb"(?:[|>].*)?", _straight),
    _style(rb"[0-7]{7,16} ", rb"[0-7]{3}", b" ", b"", _octal_bytes),
    _style(rb"[0-7]{7,16} ", rb"[01][0-7]{5}", b" ", b"", _octal_words),
    _style(rb"[0-9a-fA-F]{6,16} ", rb"(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{4})", rb" {1,4}", rb"(?:>.*)?", _swapped),
    _style(rb"[0-9a-fA-F]{6,16}", rb"(?: {3}[!-~]| {2}\\[0abtnvfr]| [0-3][0-7]{2}| {4})", b"", b"", _cells),
)
# What stands in the first bytes of a dump, of whatever style: a null offset and enough of what shows bytes.
_BEGINS = re.compile(
    rb"(?:0x)?0{4,8}:?[ \t]{1,3}(?:(?:[0-9a-fA-F]{2} {1,2}){8}|(?:[0-9a-fA-F]{4,32} ){3}|(?:[01]{8} ){4}|(?:[0-7]{6} ){4}|(?:[0-7]{3} ){8}"
    rb"|(?: {1,3}[!-~]| {1,2}\\[0abtnvfr]| ?[0-3][0-7]{2}| {3,4}){8})"
)


def is_dump(head: bytes) -> bool:
    """Whether bytes begin with the first line of a dump."""
    return _BEGINS.match(head) is not None or (b"\\" in head and _BEGINS.match(_unescaped(head)) is not None)


def _unescaped(line: bytes) -> bytes:
    """What a line in JSON is, where nothing but letters and a tab stand in it."""
    return _IN_JSON.sub(lambda found: b"\t" if found[1] == b"t" else found[1], line)


class Dump:
    """Decodes a dump up to the first line that is none of it."""

    def __init__(self) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._held = b""
        self._style: _Style | None = None
        self._line_end: re.Pattern[bytes] | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._held += data
        found = bytearray()
        start = 0
        if self._line_end is None:
            if b"\n" not in self._held and len(self._held) <= _LONGEST_LINE:
                return
            self._line_end = self._choose_line_end()
        for end in self._line_end.finditer(self._held):
            decoded = self._read(self._held[start : end.start()])
            if decoded is None:
                break
            found += decoded
            start = end.end()
        self.consumed += start
        self._held = self._held[start:]
        if len(self._held) > _LONGEST_LINE:
            self.ended = True
        if found:
            yield bytes(found)

    def _choose_line_end(self) -> re.Pattern[bytes]:
        return _ESCAPED_END if _ESCAPED_END_OF_FIRST.match(self._held) else _LINE_END

    def close(self) -> Iterator[bytes]:
        if self._line_end is None:
            self._line_end = self._choose_line_end()
            yield from self.feed(b"")
        if not self.ended:
            # The end of the last line is whatever cannot belong to it: a quote, say, which in JSON is none that is escaped.
            for end in (rb"(?<!\\)\"", rb"[\"']") if self._line_end is _ESCAPED_END else (rb"[\"']",):
                last = re.split(end, self._held)[0]
                decoded = self._read(last)
                if decoded:
                    self.consumed += len(last)
                    yield decoded
                    break
            self.ended = True

    def _read(self, line: bytes) -> bytes | None:
        """The bytes that a line shows; None, and the end, where it is none of the dump."""
        if self._line_end is _ESCAPED_END:
            line = _unescaped(line)
        if _BLANK.fullmatch(line.strip()) or re.fullmatch(rb"[ \t]*[0-9a-fA-F]{6,16}:?[ \t]*", line):
            return b""
        for style in (self._style,) if self._style else _STYLES:
            shown = style.line.match(line)
            if shown is not None:
                self._style = style
                return style.read(shown["body"])
        self.ended = True
        return None
