"""What was seen in part where it is seen whole: not to be told twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .sighting import Sighting

# What is read from parts of a canary. Inside compressed data such parts stand by accident, and another form may read the same text.
_FROM_PARTS = frozenset(("middle", "pglz", "lines"))


@dataclass(frozen=True)
class Span:
    """Bytes that an encoding was decoded from, and whether a canary was recognised in them."""

    start: int
    end: int
    known: bool

    def holds(self, place: int) -> bool:
        return self.start <= place < self.end


class Doubts:
    """Holds back sightings that may be parts of what is seen otherwise, until the encodings around them are decoded."""

    def __init__(self) -> None:
        self._held: list[Sighting] = []
        self._spans: list[Span] = []

    def decoded(self, span: Span) -> None:
        """An encoding came to its natural end."""
        self._spans.append(span)

    def sort(self, found: list[Sighting], still_open: Iterable[int], base: int) -> list[Sighting]:
        """The sightings that stand for themselves. `still_open` are the beginnings of encodings being decoded; nothing before `base` is
        decoded any more."""
        certain = [seen for seen in found if not _doubtful(seen)]
        first = min(still_open, default=None)
        waiting: list[Sighting] = []
        for seen in (*self._held, *(seen for seen in found if _doubtful(seen))):
            if self._explained(seen, certain, found):  # by what is told now: later it would not be at hand
                continue
            (waiting if first is not None and first <= seen.start else certain).append(seen)
        self._held = waiting
        keep = min([base, *(seen.start for seen in waiting)])
        self._spans = [span for span in self._spans if span.end > keep]
        return certain

    def _explained(self, seen: Sighting, certain: list[Sighting], found: list[Sighting]) -> bool:
        if seen.canary is None:
            return any(span.known and span.holds(seen.start) for span in self._spans) or any(
                other.canary is not None and other.start <= seen.start and seen.end <= other.end for other in found
            )
        return any(span.holds(seen.start) for span in self._spans) or any(
            other.start < seen.end and seen.start < other.end and other.forms[0] not in _FROM_PARTS for other in certain
        )


def _doubtful(seen: Sighting) -> bool:
    return seen.canary is None or seen.forms[0] in _FROM_PARTS
