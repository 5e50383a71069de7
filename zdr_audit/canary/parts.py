"""Where parts of the literal stand: what several searches start from, found once for all of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from .fast import Fast, letter, nested
from .gates import letters, texts
from .mint import LITERAL_LENGTH

HALF = LITERAL_LENGTH // 2


def cases(literal: bytes) -> tuple[bytes, bytes]:
    """The literal in small letters and in capitals."""
    return literal, literal.upper()


def begun(text: bytes, then: bytes = b"") -> bytes:
    """A pattern of the text, or as much of its beginning as stands there, and be it nothing; `then` follows the whole."""
    pattern = then
    for code in reversed(text):
        pattern = b"(?:%b%b)?" % (re.escape(bytes([code])), pattern)
    return pattern


def fragments(literal: bytes) -> list[bytes]:
    """The halves of the literal, and the second once more a letter earlier, because a control byte may stand before either's last or first letter."""
    return [part for text in cases(literal) for part in (text[:HALF], text[HALF:], text[HALF - 1 : -1])]


class _Remembered:
    """The places in the data that were asked about last, for each thread."""

    def __init__(self, look: Callable[[bytes], list[int]]) -> None:
        self._look, self._last = look, threading.local()

    def find(self, data: bytes) -> list[int]:
        """The places, by start."""
        last: tuple[bytes, list[int]] | None = getattr(self._last, "answer", None)
        if last is None or last[0] is not data:
            last = data, self._look(data)
            self._last.answer = last
        return last[1]


class Fragments(_Remembered):
    """Where a half of the literal stands."""

    def __init__(self, literal: bytes, fast: Fast, first: int) -> None:
        """`first` is the number of the first fragment among the patterns of `fast`."""
        parts = fragments(literal)
        search = BytesAhoCorasick(parts, MatchKind.LeftmostFirst)

        def look(data: bytes) -> list[int]:
            known = fast.patterns(data)
            if known is None or any(first <= number < first + len(parts) for _, _, number in known):
                return [start for _, start, _ in search.find_matches_as_indexes(data)]
            return []

        super().__init__(look)


_GAP, _SPECIAL = rb"[^A-Za-z0-9\x00]", rb"[\"\\<)&{}\x1b]"
_MOST_BETWEEN = 64
"""Bytes between two letters, at least as many as the searches that start from beginnings allow."""


def _going_on(literal: bytes) -> re.Pattern[bytes]:
    """A beginning of the literal before signs and the next letter, or before signs that begin markup, an escape or another value; or alone in a word."""
    signs = rb"(?=%b)(?:[nrt]|(?!%b)%b){0,%d}?" % (_GAP, _SPECIAL, _GAP, _MOST_BETWEEN)
    apart = nested(literal, lambda size: rb"%b(?:%b|%b)" % (signs, letter(literal, size), _SPECIAL))
    alone = nested(literal, lambda _size: b"[^A-Za-z0-9]")
    return re.compile(b"%b|(?<![A-Za-z0-9])%b" % (apart, alone))


class Beginnings(_Remembered):
    """Where, in text, the literal begins and something else than its letters comes before its end; not only there, but near enough."""

    def __init__(self, literal: bytes, fast: Fast) -> None:
        either = {literal[1], *literal[1:2].upper()}
        follows = np.array([code in either or (code > 0 and not bytes([code]).isalnum()) for code in range(256)], np.uint8)
        goes_on = _going_on(literal)

        def look(data: bytes) -> list[int]:
            found = fast.beginnings(data)
            if found is None:
                found = []
                for low, high in texts(data):
                    part = data[low:high]
                    found.extend(low + place for place in letters(part, literal[0], follows))
                found.sort()
            return [place for place in found if goes_on.match(data, place)]

        super().__init__(look)
