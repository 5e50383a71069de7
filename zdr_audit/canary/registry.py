"""Which canary is this? Answered from keyed digests alone, so that what a journal keeps does not itself retain prompts."""

from __future__ import annotations

import hashlib
import hmac
import re

from .mint import CANARY_LENGTH, LITERAL_LENGTH, TAIL_LENGTH, check_literal

_TAIL = re.compile(rf"[a-z0-9]{{{TAIL_LENGTH}}}")


class Registry:
    """Keyed digests of a run's canaries. A canary is literal, tail and literal again, so the tail next to one literal identifies it."""

    def __init__(self, literal: str, key: bytes) -> None:
        self.literal = check_literal(literal)
        self._key = key
        self._ids: dict[str, str] = {}

    def digest(self, canary: str) -> str:
        """HMAC-SHA-256 of the lower-cased canary, as 64 hex digits."""
        return hmac.new(self._key, canary.lower().encode(), hashlib.sha256).hexdigest()

    def add(self, canary_id: str, canary: str) -> None:
        """Remember a canary by its digest. Raises ValueError when it is not literal, 12 characters, literal."""
        lowered = canary.lower()
        tail = lowered[LITERAL_LENGTH:-LITERAL_LENGTH]
        if len(lowered) != CANARY_LENGTH or lowered != f"{self.literal}{tail}{self.literal}" or not _TAIL.fullmatch(tail):
            raise ValueError(f"canary {canary_id} is not the literal, {TAIL_LENGTH} characters of a-z and 0-9, and the literal again")
        self.load(canary_id, self.digest(lowered))

    def load(self, canary_id: str, digest: str) -> None:
        """Remember a canary by a digest that `digest` gave earlier. Raises ValueError when another canary has the same digest."""
        known = self._ids.setdefault(digest, canary_id)
        if known != canary_id:
            raise ValueError(f"canaries {known} and {canary_id} have the same digest")

    def identify(self, text: str) -> str | None:
        """The id of the first known canary in a text of any case, whole or with one of its literals cut off; None when there is none."""
        lowered = text.lower()
        at = lowered.find(self.literal)
        while at >= 0:
            after = lowered[at + LITERAL_LENGTH : at + LITERAL_LENGTH + TAIL_LENGTH]
            before = lowered[max(0, at - TAIL_LENGTH) : at]
            for tail in (after, before):
                if _TAIL.fullmatch(tail):
                    found = self._ids.get(self.digest(f"{self.literal}{tail}{self.literal}"))
                    if found is not None:
                        return found
            at = lowered.find(self.literal, at + 1)
        return None
