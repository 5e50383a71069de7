"""Which canary is this? Answered from keyed digests alone, so that what a journal keeps does not itself retain prompts."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

from .mint import CANARY_LENGTH, LITERAL_LENGTH, SHORTEST_CUT, TAIL_LENGTH, check_literal

CUT_LENGTH = 6
"""Characters of the tail that must stand beside a literal for a damaged canary to be identified."""
CLEAN_CUTS = (6, 5, 4, SHORTEST_CUT)
"""Characters of the tail that identify a canary where nothing but them was left: a cut that is not damage."""

_LETTERS_AFTER = re.compile(r"[a-z0-9]+")
_LETTERS_BEFORE = re.compile(r"[a-z0-9]+\Z")
_TAIL = re.compile(rf"[a-z0-9]{{{TAIL_LENGTH}}}")
_AMBIGUOUS = ""
_CUT_DIGITS = 24


class Registry:
    """Keyed digests of a run's canaries. A canary is literal, tail and literal again, so the tail next to one literal identifies it.

    Where the tail is damaged or cut off, the half of it that touches a literal does: 6 characters, one in 2 * 10^9 by chance. A half that
    two canaries share identifies neither.
    """

    def __init__(self, literal: str, key: bytes) -> None:
        self.literal = check_literal(literal)
        self._key = key
        self._ids: dict[str, str] = {}
        self._cuts: dict[str, str] = {}

    def __len__(self) -> int:
        """How many canaries are known."""
        return len(self._ids)

    def digest(self, canary: str) -> str:
        """HMAC-SHA-256 of the lower-cased canary, as 64 hex digits."""
        return hmac.new(self._key, canary.lower().encode(), hashlib.sha256).hexdigest()

    def cuts(self, canary: str) -> tuple[str, ...]:
        """The keyed digests of what identifies a damaged or cut canary: its beginning (literal and 6 characters, and fewer) and its end."""
        sizes = [LITERAL_LENGTH + kept for kept in CLEAN_CUTS]
        return tuple(self._cut(part) for size in sizes for part in (canary[:size], canary[-size:]))

    def _cut(self, part: str) -> str:
        return self.digest(part)[:_CUT_DIGITS]

    def add(self, canary_id: str, canary: str) -> None:
        """Remember a canary by its digest. Raises ValueError when it is not literal, 12 characters, literal."""
        lowered = canary.lower()
        tail = lowered[LITERAL_LENGTH:-LITERAL_LENGTH]
        if len(lowered) != CANARY_LENGTH or lowered != f"{self.literal}{tail}{self.literal}" or not _TAIL.fullmatch(tail):
            raise ValueError(f"canary {canary_id} is not the literal, {TAIL_LENGTH} characters of a-z and 0-9, and the literal again")
        self.load(canary_id, self.digest(lowered), self.cuts(lowered))

    def load(self, canary_id: str, digest: str, cuts: Iterable[str] = ()) -> None:
        """Remember a canary by what `digest` and `cuts` gave earlier. Raises ValueError when another canary has the same digest."""
        known = self._ids.setdefault(digest, canary_id)
        if known != canary_id:
            raise ValueError(f"canaries {known} and {canary_id} have the same digest")
        for cut in cuts:
            if self._cuts.setdefault(cut, canary_id) != canary_id:
                self._cuts[cut] = _AMBIGUOUS

    def identify(self, text: str) -> str | None:
        """The id of the first known canary in a text of any case, None when there is none. A canary with one literal cut off comes before
        one of which only a literal and the 6 characters beside it are left."""
        lowered = text.lower()
        places = [found.start() for found in re.finditer(re.escape(self.literal), lowered)]
        for at in places:
            for tail in (lowered[at + LITERAL_LENGTH : at + LITERAL_LENGTH + TAIL_LENGTH], lowered[max(0, at - TAIL_LENGTH) : at]):
                if _TAIL.fullmatch(tail) and (known := self._ids.get(self.digest(f"{self.literal}{tail}{self.literal}"))):
                    return known
        for at in places if self._cuts else ():
            for cut in (lowered[at : at + LITERAL_LENGTH + CUT_LENGTH], lowered[max(0, at - CUT_LENGTH) : at + LITERAL_LENGTH]):
                if len(cut) == LITERAL_LENGTH + CUT_LENGTH and (known := self._cuts.get(self._cut(cut))):
                    return known
        for at in places if self._cuts else ():
            after, before = _LETTERS_AFTER.match(lowered, at), _LETTERS_BEFORE.search(lowered, 0, at + LITERAL_LENGTH)
            for found in (after, before):
                if found and len(found[0]) - LITERAL_LENGTH in CLEAN_CUTS and (known := self._cuts.get(self._cut(found[0]))):
                    return known
        return None
