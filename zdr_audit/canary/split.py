"""Text that a stream cut into pieces, kept piece by piece: the values of one JSON field, joined in the order in which they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .form import Decoded, Form, Needle
from .parts import Beginnings, begun, cases

LOOK = 8192
"""Bytes after a cut within which the rest of the canary is looked for, and before it."""

_NAME = re.compile(rb'(\\*")([\w.$-]{1,60})\1\s*:\s*\1$')
_LONGEST = 2000  # bytes of a value before the cut
_EMPTY = 8  # empty pieces between two that matter


def _values(data: bytes, quote: bytes, name: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
    """The values of the field, in group 1. They hold no quotes where they matter: a canary has none."""
    marks = re.escape(quote)
    return re.compile(marks + re.escape(name) + marks + rb"\s*:\s*" + marks + rb"((?:[^\"\\]|\\(?!\"))*)" + marks).finditer(
        data, start, end
    )


def _field(data: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Quote, name and beginning of the field in whose value `at` stands."""
    opening = data.rfind(b'"', max(0, at - _LONGEST), at)
    if opening < 0:
        return None
    low = max(0, opening - 100)
    found = _NAME.search(data[low : opening + 1])
    return (found[1], found[2], low + found.start()) if found else None


def continued(window: bytes, start: int, _phase: int) -> Decoded | None:
    """The values, one after another, of the JSON field in whose value `start` stands."""
    field = _field(window, start)
    if field is None:
        return None
    quote, name, _ = field
    data = bytearray()
    starts: list[int] = []
    for value in _values(window, quote, name, 0, len(window)):
        data += value[1]
        starts.extend(range(value.start(1), value.end(1)))
    return Decoded("split", bytes(data), starts, [at + 1 for at in starts])


_FORM = Form("split", lambda _payload: [], continued)


class SplitSearch:
    """Finds where a value of a JSON field ends within the literal and the next value of that field goes on with it."""

    def __init__(self, literal: bytes, beginnings: Beginnings) -> None:
        self._wanted = [(text, _cut_off(text)) for text in cases(literal)]
        self._beginnings = beginnings

    def find(self, data: bytes) -> Iterator[tuple[int, int, Needle]]:
        """The places where the literal is first cut."""
        for place in self._beginnings.find(data):
            for text, pattern in self._wanted:
                found = pattern.match(data, place)
                if found and self._goes_on(data, place, text, len(found[0])):
                    yield found.start(), found.end(), Needle(b"", _FORM, reach=LOOK)

    @staticmethod
    def _goes_on(data: bytes, at: int, text: bytes, size: int) -> bool:
        field = _field(data, at)
        if field is None:
            return False
        quote, name, start = field
        rest, empty = text[size:], 0
        for number, value in enumerate(_values(data, quote, name, start, at + LOOK)):
            if not number:
                continue
            piece = value[1][: len(rest)]
            empty = 0 if piece else empty + 1
            if empty > _EMPTY or not rest.startswith(piece):
                return False
            rest = rest[len(piece) :]
            if not rest:
                return True
        return False


def _cut_off(text: bytes) -> re.Pattern[bytes]:
    """A beginning of the text, but not the whole, before a quote."""
    return re.compile(text[:1] + begun(text[1:-1]) + rb'(?=\\*")')
