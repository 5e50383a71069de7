"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sighting:
    """A canary, or its literal alone (`canary` None), in bytes `start` to `end` of the top object.

    Inside compressed data the range is that of the whole encoded region. `forms` are the decodings, outermost first, the last being the
    letter case (`plain`, `upper-case`, `mixed-case`). `excerpt` quotes at most 16 decoded bytes.
    """

    start: int
    end: int
    forms: tuple[str, ...]
    canary: str | None
    excerpt: str
