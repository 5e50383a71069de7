"""How many blocks the growth bound takes: others who are busy make noise, and more blocks see through it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from zdr_audit.journal.events import GrowthMeasured
from zdr_audit.verdict.growth import unclear

MOST_MORE = 6
"""Further rounds of blocks, one of each size, where the growth of a source is too noisy to judge."""


def until_clear(measured: Collection[GrowthMeasured], sources: Collection[str], another: Callable[[], Collection[GrowthMeasured]]) -> int:
    """Measures `another` round for the subject until no source is unclear, or `MOST_MORE` were. Returns how many."""
    blocks = list(measured)
    for rounds in range(MOST_MORE):
        if not unclear(blocks, "subject", sources):
            return rounds
        blocks += another()
    return MOST_MORE
