"""What the levels of one search share: the options, the bounds and the notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .forms import Needle
from .opener import Opener, Part
from .passes import Pass

STOPPED = "the search stopped"
"""How the note begins that says that an object was not searched to its end."""
_MAX_NOTES = 10
_MOST_JOINS = 500


class Options(Protocol):
    """What a search needs of its seeker."""

    literal: bytes
    identify: Callable[[str], str | None]
    max_depth: int
    max_inflate_bytes: int
    max_ratio: int
    max_sightings: int
    needles: list[Needle]
    passes: list[Pass]
    starts: list[tuple[tuple[Opener | Part, int], ...]]

    def find(self, data: bytes) -> list[tuple[int, int, int]]: ...


class Search:
    """What the layers of one top object share: the bounds and the notes."""

    def __init__(self, options: Options, on_note: Callable[[str], None] | None, on_broken: Callable[[int], None] | None) -> None:
        self.options = options
        self.on_broken = on_broken
        self.stopped = False
        self._on_note = on_note
        self._notes: set[str] = set()
        self._taken = self._decoded = self._sighted = 0
        self.spent = False
        self._joins = 0

    def note(self, reason: str) -> None:
        if self._on_note is None or reason in self._notes or len(self._notes) > _MAX_NOTES:
            return
        self._notes.add(reason)
        self._on_note(reason if len(self._notes) <= _MAX_NOTES else "more could not be examined; only the first reasons are listed")

    def took(self, count: int) -> None:
        self._taken += count

    def decoded(self, count: int) -> bool:
        """Count decoded bytes; false once the bound is reached."""
        self._decoded += count
        bound = max(self.options.max_inflate_bytes, self.options.max_ratio * self._taken)
        if self._decoded > bound and not self.spent:
            self.spent = True
            self.note(
                f"decoding stopped after {self._decoded} bytes from the first {self._taken} (a decompression bomb, or very repetitive data)"
            )
        return not self.spent

    def may_join(self) -> bool:
        """Whether to look once more for the pieces around a literal: it takes long, so not without end."""
        self._joins += 1
        return self._joins <= _MOST_JOINS

    def sighted(self) -> None:
        self._sighted += 1
        if self._sighted >= self.options.max_sightings and not self.stopped:
            self.stopped = True
            if self._on_note is not None:  # told however many notes there were
                self._on_note(f"{STOPPED} at {self._sighted} sightings; the rest was not examined")
