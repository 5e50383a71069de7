"""Searching many byte patterns at once, fast."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from .anchors import SHORTEST, anchors
from .fast import Fast
from .gates import is_text, texts

# The library searches up to 64 patterns with vector instructions, at eight times the speed of the automaton proper.
# A few such groups are still faster than one automaton; beyond that one automaton, compiled to a table, is.
_GROUP = 60
_MAX_GROUPS = 6
_WHOLE = 4  # where the windows around anchors make up this part of the data, or more, all of it is searched
_COMPANY = 8
_MANY = 4  # groups
_SMALL = 4096  # bytes that are not worth looking for anchors first

_Group = tuple[int, BytesAhoCorasick]
Match = tuple[int, int, int]


class Automaton:
    """Finds every pattern of a sequence in a buffer; the cost grows with the bytes searched, hardly with the number of patterns.

    Most data hold none of the anchors (see `anchors`) of the patterns. Where they hold one, its surroundings are searched for the patterns proper.
    """

    def __init__(self, patterns: Sequence[bytes], in_text: Collection[int] = (), fast: Fast | None = None) -> None:
        """`in_text` are the numbers of the patterns that are looked for where text stands alone (see `gates.texts`). `fast` is the quick way
        to all of them, whose patterns begin with these."""
        self._fast, self._count = fast, len(patterns)
        short = [at for at, pattern in enumerate(patterns) if len(pattern) < SHORTEST]
        long = [at for at, pattern in enumerate(patterns) if len(pattern) >= SHORTEST]
        self._reach = max((len(pattern) for pattern in patterns), default=0)
        # Matches of one group do not overlap, so a pattern that stands within another is in a group behind it.
        every = set(patterns)
        within = {part for at in long for part in _parts_of(patterns[at]) if part in every}
        outer, inner = [at for at in long if patterns[at] not in within], [at for at in long if patterns[at] in within]
        self._numbers = [*short, *outer, *inner]
        self._long = [
            *_groups([patterns[at] for at in outer], len(short), _size(len(outer))),
            *_groups([patterns[at] for at in inner], len(short) + len(outer), _size(len(inner))),
        ]
        pieces = anchors(patterns[at] for at in long if at not in in_text)
        # Two bytes make no anchor, and would slow down many others in their group; alone they would be searched by a slower method than with a few.
        self._short_count = len(short)
        fit = [piece for piece in pieces if len(piece) > SHORTEST and not any(set(patterns[at]) & set(piece) for at in short)]
        company = fit[:_COMPANY] if short else []
        self._short = _groups([*(patterns[at] for at in short), *company], 0, _GROUP)
        self._short_in_text = _groups([patterns[at] for at in short], 0, _GROUP)  # where what is as common in text as company would be met
        self._anchors = _spread([piece for piece in pieces if piece not in company])
        self._text_anchors = _spread(anchors(patterns[at] for at in long if at in in_text))

    def find(self, data: bytes) -> list[Match]:
        """(start, end, index of the pattern) of each match, by start. Matches of one group of 60 patterns do not overlap."""
        known = self._fast.patterns(data) if self._fast is not None and len(data) > _SMALL else None
        found: list[Match] = []
        if known is not None:
            found.extend(self._around(sorted((start, end) for start, end, index in known if index < self._count), data))
            short = self._short_in_text if is_text(data) else self._short
            found.extend((start, end, self._numbers[index]) for start, end, index in _matches(short, data) if index < self._short_count)
            found.sort()
            return found
        places: list[tuple[int, int]] = []
        for start, end, index in _matches(self._short, data):
            if index < self._short_count:
                found.append((start, end, self._numbers[index]))
            else:
                places.append((start, end))
        if len(data) <= _SMALL:
            found.extend((start, end, self._numbers[index]) for start, end, index in _matches(self._long, data))
        elif len(self._text_anchors) > _MANY and is_text(data):  # the patterns themselves are found sooner than as many anchors
            found.extend(self._around([(0, len(data))], data))
        else:
            places.extend((start, end) for start, end, _ in _matches(self._anchors, data))
            for low, high in texts(data):
                text = data[low:high]
                places.extend((low + start, low + end) for start, end, _ in _matches(self._text_anchors, text))
            found.extend(self._around(sorted(places), data))
        found.sort()
        return found

    def _around(self, places: list[tuple[int, int]], data: bytes) -> Iterator[Match]:
        """The matches of the longer patterns around these places."""
        for start, end in self._windows(places, len(data)):
            piece = data[start:end]
            for first, last, index in _matches(self._long, piece):
                yield start + first, start + last, self._numbers[index]

    def _windows(self, places: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
        """What must be searched: as far around each anchor as any pattern that holds it can reach."""
        if len(places) * self._reach * 2 * _WHOLE > size:
            return [(0, size)]
        merged: list[tuple[int, int]] = []
        for start, end in places:
            low, high = max(0, start - self._reach), min(size, end + self._reach)
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
            else:
                merged.append((low, high))
        return merged


def _parts_of(pattern: bytes) -> Iterator[bytes]:
    """What stands in a pattern but is not its beginning."""
    for first in range(1, len(pattern) - SHORTEST + 1):
        for last in range(first + SHORTEST, len(pattern) + 1):
            yield pattern[first:last]


def _size(count: int) -> int:
    return _GROUP if count <= _GROUP * _MAX_GROUPS else max(1, count)


def _groups(patterns: Sequence[bytes], first: int, size: int) -> list[_Group]:
    # Leftmost match kinds alone are searched with vector instructions.
    implementation = Implementation.DFA if size > _GROUP else None
    return [
        (first + at, BytesAhoCorasick(patterns[at : at + size], MatchKind.LeftmostFirst, implementation))
        for at in range(0, len(patterns), size)
    ]


def _spread(pieces: Sequence[bytes]) -> list[_Group]:
    """Groups of about the same size, the shortest pieces by themselves: a group is searched for as many first bytes as its shortest one has.

    Pieces that resemble one another go to different groups: the library would take what they share for rare.
    """
    short = [piece for piece in pieces if len(piece) == SHORTEST]
    rest = sorted((piece for piece in pieces if len(piece) > SHORTEST), key=lambda piece: (piece[1:], piece))
    count = -(-len(rest) // _GROUP)
    parts = [rest[at::count] for at in range(count)]
    return [(0, BytesAhoCorasick(part, MatchKind.LeftmostFirst)) for part in (short, *parts) if part]


def _matches(groups: list[_Group], data: bytes) -> Iterator[Match]:
    for first, group in groups:
        for index, start, end in group.find_matches_as_indexes(data):
            yield start, end, first + index
