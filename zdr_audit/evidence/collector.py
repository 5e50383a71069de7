"""Gathers the hits of one reading: each once, in a bounded number."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zdr_audit.canary.seeker import Seeker, Sighting

from .model import Hit, NotExamined, Reading

MAX_HITS = 10_000
MAX_NOT_EXAMINED = 10_000

Data = bytes | bytearray | memoryview | Iterable[bytes]


def byte_range(sighting: Sighting) -> str:
    """`bytes 120-156`: the first byte and the one after the last, counted from the start of the object."""
    return f"bytes {sighting.start}-{sighting.end}"


class Collector:
    """What a reader fills while it reads one source, and turns into a `Reading` at the end."""

    def __init__(self, source: str, kind: str, seeker: Seeker) -> None:
        self.source, self.kind, self.seeker = source, kind, seeker
        self.objects = 0
        self.bytes = 0
        self._hits: dict[tuple[str, str, tuple[str, ...], str | None, bool], Hit] = {}
        self._more = 0
        self._not_examined: dict[NotExamined, None] = {}

    def search(self, name: str, data: Data, locate: Callable[[Sighting], str] = byte_range, residue: bool = False) -> None:
        """Search one object and add what is seen in it."""
        for sighting in self.seeker.search(data, lambda reason: self.not_examined(name, reason)):
            self.hit(name, locate(sighting), sighting, residue)

    def hit(self, name: str, location: str, sighting: Sighting, residue: bool = False) -> None:
        """Add one sighting, unless the same canary is already known there in the same forms."""
        key = (name, location, sighting.forms, sighting.canary, residue)
        if key in self._hits:
            return
        if len(self._hits) >= MAX_HITS:
            self._more += 1
            return
        self._hits[key] = Hit(
            source=self.source,
            object=name,
            location=location,
            forms=sighting.forms,
            canary=sighting.canary,
            residue=residue,
            excerpt=sighting.excerpt,
        )

    def not_examined(self, name: str, reason: str) -> None:
        """Add an object, or a part of one, that could not be examined."""
        if len(self._not_examined) < MAX_NOT_EXAMINED:
            self._not_examined[NotExamined(object=name, reason=reason)] = None

    def reading(self, error: str | None = None) -> Reading:
        """The outcome. Hits beyond the bound are counted in a last `NotExamined`."""
        if self._more:
            self._not_examined[NotExamined(object=self.source, reason=f"{self._more} more hits are not listed (bound: {MAX_HITS})")] = None
        return Reading(
            source=self.source,
            kind=self.kind,
            objects=self.objects,
            bytes=self.bytes,
            hits=tuple(self._hits.values()),
            not_examined=tuple(self._not_examined),
            error=error,
            searched=() if error else self.seeker.searched,
        )
