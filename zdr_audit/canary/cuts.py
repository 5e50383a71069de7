"""Searches for canaries that were cut: out of their middle, over lines of a log, or by the control bytes of a compressor that keeps no frame."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable, Iterator

from .form import Decoded, Form, Needle
from .mint import CANARY_LENGTH, LITERAL_LENGTH, TAIL_LENGTH
from .parts import HALF, Beginnings, Fragments, begun, cases
from .passes import Event, Pass


def _no_patterns(_payload: bytes) -> list[tuple[bytes, int]]:
    return []


def middle(literal: bytes, fragments: Fragments) -> Pass:
    """A window out of a canary's middle, with neither literal whole: the end of the first, the tail, the beginning of the second."""
    wanted = {text[-HALF:]: text[:HALF] for text in cases(literal)}
    form = Form("middle", _no_patterns, lambda window, start, _phase: _restored(window, start, literal))

    def find(data: bytes) -> Iterator[Event]:
        for place in fragments.find(data):
            for at in (place, place + 1):  # what was found may begin a letter before the half
                start_of_second = wanted.get(data[at : at + HALF])
                second = at + HALF + TAIL_LENGTH
                if start_of_second is None or data[second : second + HALF] != start_of_second:
                    continue
                if literal not in data[max(0, at - HALF) : second + LITERAL_LENGTH].lower():
                    yield at, second + HALF, Needle(b"", form, reach=CANARY_LENGTH)

    return Pass("middle", find)


def _restored(window: bytes, start: int, literal: bytes) -> Decoded:
    """The canary with its literals made whole, each byte of which stands somewhere in the window."""
    tail = window[start + HALF : start + HALF + TAIL_LENGTH]
    places = [min(max(start, start - HALF + at), start + TAIL_LENGTH + 2 * HALF - 1) for at in range(CANARY_LENGTH)]
    return Decoded("middle", literal + tail + literal, places, [at + 1 for at in places])


def pglz(literal: bytes, fragments: Fragments) -> Pass:
    """PostgreSQL's compression writes a control byte before each eight items; text that was not seen before stands between as it is. A zero,
    or what looks like a letter, hides it from the search for text with something between."""
    rest = [
        b"[\x00A-Za-z0-9]".join(
            piece for piece in (literal[1:first], literal[first : first + 8], literal[first + 8 :]) if piece or first == 1
        )
        for first in range(1, LITERAL_LENGTH)
    ]
    wanted = re.compile(literal[:1] + b"(?:" + b"|".join(rest) + b")")
    form = Form("pglz", _no_patterns, _pglz_decode)

    def find(data: bytes) -> Iterator[Event]:
        done = -1
        for place in fragments.find(data):
            found = wanted.search(data, max(0, place - HALF - 1), place + LITERAL_LENGTH + 1)  # one control byte before it, or behind
            if found is None or found.start() <= done:
                continue
            done = found.start()
            first = next((at for at in range(1, LITERAL_LENGTH) if found[0][at] != literal[at]), 0)
            # A literal that is whole can look like that with the letter beside it.
            if first and literal not in data[max(0, found.start() - LITERAL_LENGTH) : found.end() + LITERAL_LENGTH]:
                yield found.start(), found.end(), Needle(b"", form, first, 4 * CANARY_LENGTH)

    return Pass("pglz", find)


def _pglz_decode(window: bytes, start: int, first: int) -> Decoded:
    """The text from `start` on, `first` bytes of which stand before the next control byte."""
    data = bytearray(window[start : start + first])
    starts = list(range(start, start + first))
    ends = [at + 1 for at in starts]
    at = start + first
    while at < len(window) and len(data) < 2 * CANARY_LENGTH:
        control, at = window[at], at + 1
        for item in range(8):
            if at >= len(window):
                break
            if not control >> item & 1:
                data.append(window[at])
                starts.append(at)
                at += 1
                ends.append(at)
                continue
            if at + 2 > len(window):
                return Decoded("pglz", bytes(data), starts, ends)
            length, back = (window[at] & 0x0F) + 3, (window[at] & 0xF0) << 4 | window[at + 1]
            begin, at = at, at + 2
            if length == 18 and at < len(window):
                length, at = 18 + window[at], at + 1
            if not 0 < back <= len(data):
                return Decoded("pglz", bytes(data), starts, ends)
            for _ in range(min(length, 2 * CANARY_LENGTH)):
                data.append(data[-back])
                starts.append(begin)
                ends.append(at)
    return Decoded("pglz", bytes(data), starts, ends)


# Over lines

_LOOK = 8192
_LINES, _NEXT = 64, 9  # lines looked at in all, and after a piece for the one that goes on with it
_MOST_TRIES = 64  # words that are taken for the next piece, where the lines hold several that would do
_WORD = re.compile(rb"[A-Za-z0-9]+")
_LEAST_LISTED = 3
_CONTEXT, _LEAST_CONTEXT = 16, 2
_PLACES_BACK = 12
_BITS_A_LETTER, _LEAST_BITS = math.log2(36), 32.0


def lines(literal: bytes, beginnings: Beginnings) -> Pass:
    """Text in pieces, one to a line of a log, with whatever the log writes before and after."""
    wanted = []
    for text in cases(literal):
        alone = text[:1] + b"(?<![A-Za-z0-9]" + text[:1] + b")"
        wanted.append((text, re.compile(alone + begun(text[1:-1]) + b"(?=[^A-Za-z0-9])")))
    form = Form("lines", _no_patterns, lambda window, start, _phase: _joined(window, start, literal))

    def find(data: bytes) -> Iterator[Event]:
        for at in beginnings.find(data):
            for text, pattern in wanted:
                found = pattern.match(data, at)
                if found is not None and _told(data, found, text):
                    yield found.start(), found.end(), Needle(b"", form, reach=_LOOK)

    return Pass("lines", find)


def _told(data: bytes, found: re.Match[bytes], text: bytes) -> bool:
    """Whether the lines that follow go on with what was found of the text."""
    if not data[max(0, found.start() - _CONTEXT) : found.end() + _CONTEXT].isascii() or _listed(data, found.end(), text[len(found[0]) :]):
        return False
    # No further than it is read afterwards: a text of single letters would be gone through from each of them to its end.
    begin = max(0, found.start() - _CONTEXT)
    near = data[begin : found.start() + _LOOK]
    return _goes_on(near, found.start() - begin, found.end() - begin, text) is not None


def _listed(data: bytes, at: int, rest: bytes) -> bool:
    """Whether the same line goes on with the text: a prompt that lists pieces to be joined does, and holds no answer."""
    return _line_holds(data, at, rest, min(_LEAST_LISTED, len(rest)))


def _line_holds(data: bytes, at: int, rest: bytes, least: int) -> bool:
    """Whether a word of at least so many characters, in what follows in the same line, fits the text."""
    end = data.find(b"\n", at, at + _LOOK)
    end = end if end >= 0 else min(len(data), at + _LOOK)
    head = rest[:least]
    found = data.find(head, at, end)
    while found >= 0:
        word = _WORD.match(data, found, end)
        if word is not None and not data[found - 1 : found].isalnum() and len(word[0]) >= least and _fits(word[0], rest):
            return True
        found = data.find(head, found + len(head), end)
    return False


def _lines(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """The lines from the one that begins at `start` on."""
    for _ in range(_LINES):
        if start >= len(data):
            return
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield start, end
        start = end + 1


def _after(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The lines after the one in which `at` stands."""
    end = data.find(b"\n", at)
    return _lines(data, len(data) if end < 0 else end + 1)


def _earlier(data: bytes, at: int) -> list[tuple[int, int]]:
    """The lines near before the one in which `at` stands."""
    found: list[tuple[int, int]] = []
    end = data.rfind(b"\n", 0, at)
    while end >= 0 and len(found) < _LINES:
        start = data.rfind(b"\n", 0, end) + 1
        found.append((start, end))
        end = start - 1
    return found[::-1]


def _goes_on(data: bytes, start: int, end: int, text: bytes) -> list[tuple[int, int]] | None:
    """The pieces, from `start` on, that make up the text; None where the lines that follow do not go on with it."""
    tries = itertools.count(1)

    def follow(pieces: list[tuple[int, int]], rest: bytes) -> list[tuple[int, int]] | None:
        for line_start, line_end in itertools.islice(_after(data, pieces[-1][1]), _NEXT):
            fitting = list(itertools.islice(_fitting(rest).finditer(data, line_start, line_end), _MOST_TRIES))
            # First the one that stands like the piece before it, or the longest: a number that counts the lines is short.
            fitting.sort(key=lambda found: (len(_before(data, [pieces[-1], found.span()])), len(found[0])), reverse=True)
            for word in fitting:
                if next(tries) > _MOST_TRIES:
                    return None
                found, left = [*pieces, word.span()], rest[len(word[0]) :]
                if left:
                    whole = follow(found, left)
                else:
                    told = len(found) == 2 or _are_told(data, found)
                    whole = found if told and data[start : word.end()].isascii() else None
                if whole is not None:
                    return whole
            if fitting:
                return None
        return None

    return follow([(start, end)], text[end - start :])


def _are_told(data: bytes, pieces: list[tuple[int, int]]) -> bool:
    """Whether pieces tell a text from words that fit by chance, by the bits that their letters tell, less the choice among the words that stand behind
    the same in the lines looked at. A log of made-up requests has a word of one letter in every place."""
    before = _before(data, pieces[1:])
    if len(before) < _LEAST_CONTEXT:
        return False
    place = re.compile(re.escape(before) + b"(?=[A-Za-z0-9])")
    bits = _BITS_A_LETTER * LITERAL_LENGTH
    for (_, done), (_, end) in itertools.pairwise(pieces):
        line = data.index(b"\n", done)
        bits -= math.log2(max(1, sum(1 for _ in place.finditer(data, line, end))))
    return bits >= _LEAST_BITS


@functools.cache
def _fitting(rest: bytes) -> re.Pattern[bytes]:
    """Whole words that are a beginning of `rest`, or begin with it. Found by the first letter: most words need no look."""
    first = re.escape(rest[:1])
    return re.compile(first + b"(?<![A-Za-z0-9]" + first + b")" + begun(rest[1:], b"[A-Za-z0-9]*") + b"(?![A-Za-z0-9])")


def _before(data: bytes, pieces: list[tuple[int, int]]) -> bytes:
    """What stands near before each of the pieces in its line; a line's beginning counts as such, where it is so near."""
    found = [_near(data, at) for at, _ in pieces]
    common = found[0]
    for other in found[1:]:
        while not other.endswith(common):
            common = common[1:]
    return common


def _near(data: bytes, at: int) -> bytes:
    low = max(0, at - _CONTEXT)
    _, begins, near = (b"\n" * (not low) + data[max(0, low - 1) : at]).rpartition(b"\n")
    return (begins + near) if begins else near[-_CONTEXT:]


def _fits(word: bytes, rest: bytes) -> bool:
    return rest.startswith(word) or word.startswith(rest)


def _joined(window: bytes, start: int, literal: bytes) -> Decoded | None:
    """The pieces of the canary: those of the literal, then what stands in the same place of the following lines."""
    text = literal if window[start : start + 1] == literal[:1] else literal.upper()
    first = re.findall(begun(text), window[start : start + LITERAL_LENGTH])[0]
    pieces = _goes_on(window, start, start + len(first), text)
    if pieces is None:
        return None
    return _around_pieces(window, pieces, _before(window, pieces[1:]))


def _around_pieces(window: bytes, pieces: list[tuple[int, int]], before: bytes) -> Decoded:
    """These pieces, with what stands in the same place of the lines before and after them: behind what stands `before` them."""
    common = before.lstrip(b"\n")
    for line_start, line_end in itertools.islice(_after(window, pieces[-1][1]), 1):
        while len(common) > _LEAST_CONTEXT and common not in window[line_start:line_end]:  # a number that counts the lines, say
            common = common[1:]
    earlier, later = _earlier(window, pieces[0][0]), _after(window, pieces[-1][1])
    pieces = [*_same_place(earlier, window, common), *pieces, *_same_place(later, window, common)]
    places = [at for a, b in pieces for at in range(a, b)]
    return Decoded("lines", bytes(window[at] for at in places), places, [at + 1 for at in places])


def continued(window: bytes, start: int) -> Iterator[Decoded]:
    """Where a literal that stands whole ends a line's piece, or begins it: the text of the lines around it, for each place of its own line at
    which the piece may begin."""
    word = _WORD.match(window, start)
    if word is None:
        return
    before = max(window.rfind(b"\n", 0, start), start - 8 * _CONTEXT)
    begins = [at for at in range(start, before, -1) if not window[max(0, at - 1) : at].isalnum()]
    for first in begins[:_PLACES_BACK]:
        yield _around_pieces(window, [(first, word.end())], _before(window, [(first, word.end())]))


def _same_place(among: Iterable[tuple[int, int]], window: bytes, before: bytes) -> list[tuple[int, int]]:
    """The words of these lines that stand behind the same bytes."""
    found = []
    for line_start, line_end in among:
        at = window.find(before, line_start, line_end) if before else line_start
        word = _WORD.match(window, at + len(before), line_end) if at >= 0 else None
        if word is not None:
            found.append(word.span())
    return found


def cut_passes(literal: bytes, fragments: Fragments, beginnings: Beginnings) -> list[Pass]:
    """All of these searches, for one literal."""
    return [middle(literal, fragments), pglz(literal, fragments), lines(literal, beginnings)]
