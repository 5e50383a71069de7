"""Reading the canary around a hit: decoding the text in which a pattern stands, as often as it was encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .forms import Decoded, Needle
from .mint import CANARY_LENGTH, LITERAL_LENGTH, TAIL_LENGTH
from .search import Search

_TAIL_AFTER = re.compile(rb"[A-Za-z0-9]{1,%d}" % TAIL_LENGTH)
_TAIL_BEFORE = re.compile(rb"[A-Za-z0-9]{1,%d}\Z" % TAIL_LENGTH)
_LEAST_ALONE = 6  # bytes of a pattern that tells by itself: a group of five base-85 digits is met by chance in some megabytes of noise
_CHARACTER = 8  # bytes at most that a form takes for one character

# Start and end in the window, forms, canary, excerpt.
Read = tuple[int, int, tuple[str, ...], str | None, str]


class Around:
    """Reads windows of bytes around hits, for one search."""

    def __init__(self, search: Search) -> None:
        self._search, self._options = search, search.options

    def read(self, needle: Needle, window: bytes, hit: tuple[int, int], phase: int, depth: int) -> Iterator[Read]:
        """The canary at each place where the needle's pattern, in bytes `hit` of the window, decodes to the literal: mostly one.

        `phase` is that of the pattern (see `forms.Pattern`), `depth` the number of encodings around the window.
        """
        start, end = hit
        if needle.sighted is not None:
            yield start, end, *needle.sighted, ""
            return
        if needle.form is None:
            yield self._plain(window, start)
            return
        decoded = needle.form.decode(window, start, phase) or Decoded(needle.form.name, b"", (), ())
        if depth >= self._options.max_depth:
            self._search.note(f"{decoded.name} content nested more than {self._options.max_depth} deep was not decoded")
            return
        other = LITERAL_LENGTH + TAIL_LENGTH
        seen = False
        for inner_start, inner_end, index in self._options.find(decoded.data):
            if index >= len(self._options.needles):
                continue
            first, last = decoded.locate(inner_start, inner_end)
            if last <= start or first >= end:
                # Another canary in the same text, which has a hit of its own; or the first literal of this one.
                seen |= inner_start + other < len(decoded.starts) and abs(decoded.starts[inner_start + other] - start) < _CHARACTER
                continue
            seen = True
            inner = self._options.needles[index]
            for a, b, forms, canary, excerpt in self.read(inner, decoded.data, (inner_start, inner_end), inner.phase, depth + 1):
                first, last = decoded.locate(a, b)
                yield first, last, (decoded.name, *forms), canary, excerpt
        if (
            not seen and end - start >= _LEAST_ALONE
        ):  # the pattern leaves out what it shares with its surroundings: here the literal's last bits are cut off
            yield start, end, (decoded.name, "plain"), None, _printable(window[start:end])

    def _plain(self, window: bytes, start: int) -> Read:
        """Read the canary around a literal that stands at `start`, as it is."""
        literal = self._options.literal
        other = LITERAL_LENGTH + TAIL_LENGTH
        end = start + LITERAL_LENGTH
        first, last = start, end
        if window[start + other : end + other].lower() == literal:
            last = start + CANARY_LENGTH
        elif start >= other and window[start - other : end - other].lower() == literal:
            first = start - other
        canary = self._identify(window[first:last])
        if canary is None:
            before, after = _TAIL_BEFORE.search(window, max(0, start - TAIL_LENGTH), start), _TAIL_AFTER.match(window, end)
            for a, b in ((start, after.end() if after else end), (before.start() if before else start, end)):
                canary = self._identify(window[a:b])
                if canary is not None:
                    first, last = a, b
                    break
        text = window[first:last]
        form = "plain" if text == text.lower() else "upper-case" if text == text.upper() else "mixed-case"
        return first, last, (form,), canary, _printable(text)

    def _identify(self, text: bytes) -> str | None:
        return self._options.identify(text.decode("latin-1"))


def _printable(text: bytes) -> str:
    return "".join(chr(code) if 32 <= code < 127 else "." for code in text[:16])
