"""Gathers the hits of one reading: each once, in a bounded number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from zdr_audit.canary.search import STOPPED
from zdr_audit.canary.seeker import Seeker, Sighting

from .model import Hit, NotExamined, Reading

MAX_HITS = 10_000
MAX_NOT_EXAMINED = 10_000

Data = bytes | bytearray | memoryview | Iterable[bytes]


def byte_range(sighting: Sighting) -> str:
    """`bytes 120-156`: the first byte and the one after the last, counted from the start of the object."""
    return f"bytes {sighting.start}-{sighting.end}"


class Room:
    """Room for a number of hits; beyond it only the first of each canary finds any, so that none is crowded out by many of others."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.more = 0
        self._taken = 0
        self._canaries: set[str | None] = set()

    def takes(self, canary: str | None) -> bool:
        """Whether there is room for this one; those turned away are counted in `more`."""
        if self._taken >= self.bound and canary in self._canaries:
            self.more += 1
            return False
        self._taken += 1
        self._canaries.add(canary)
        return True


class Collector:
    """What a reader fills while it reads one source, and turns into a `Reading` at the end."""

    def __init__(self, source: str, kind: str, seeker: Seeker) -> None:
        self.source, self.kind, self.seeker = source, kind, seeker
        self.objects = 0
        self.bytes = 0
        self._hits: dict[tuple[str, str, tuple[str, ...], str | None, bool], Hit] = {}
        self._room = Room(MAX_HITS)
        self._cut = ""
        self._not_examined: dict[NotExamined, None] = {}
        self._beyond = self._marked_beyond = 0
        self._latest = ""

    def search(self, name: str, data: Data, locate: Callable[[Sighting], str] = byte_range, residue: bool = False) -> None:
        """Search one object and add what is seen in it."""
        for sighting in self.seeker.search(data, lambda reason: self.not_examined(name, reason)):
            self.hit(name, locate(sighting), sighting, residue)

    def hit(self, name: str, location: str, sighting: Sighting, residue: bool = False) -> None:
        """Add one sighting, unless the same canary is already known there in the same forms."""
        key = (name, location, sighting.forms, sighting.canary, residue)
        if key in self._hits:
            return
        if not self._room.takes(sighting.canary):
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

    def not_examined(self, name: str, reason: str, written: datetime | None = None, mark: str | None = None) -> None:
        """Add an object, or a part of one, that could not be examined. A search that was given up makes the reading one that failed. `written`: of a whole
        object, when that was (with a zone); where that cannot be told `mark` is what becomes another by it."""
        if reason.startswith(STOPPED):
            self._cut = self._cut or f"{name}: {reason}"
        when = written.astimezone(UTC).isoformat(timespec="seconds") if written is not None else None
        if when is not None:
            self._latest = max(self._latest, when)
        if len(self._not_examined) < MAX_NOT_EXAMINED:
            self._not_examined[NotExamined(object=name, reason=reason, written=when, mark=mark)] = None
        else:
            self._beyond += 1
            self._marked_beyond += mark is not None

    def only_if_stopped(self, name: str) -> Callable[[str], None]:
        """For a search whose notes say nothing, such as one of pages that cut values: takes the one that the search was given up."""
        return lambda reason: self.not_examined(name, reason) if reason.startswith(STOPPED) else None

    def reading(self, error: str | None = None) -> Reading:
        """The outcome. Hits beyond the bound are counted in a last `NotExamined`."""
        error = error or self._cut or None
        if self._room.more:
            said = f"{self._room.more} more hits are not listed (bound: {MAX_HITS})"
            self._not_examined[NotExamined(object=self.source, reason=said)] = None
        if self._beyond:
            said = f"{self._beyond} more objects that were not examined are not listed (bound: {MAX_NOT_EXAMINED})"
            mark = str(self._marked_beyond) if self._marked_beyond else None
            self._not_examined[NotExamined(object=self.source, reason=said, written=self._latest or None, mark=mark)] = None
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
