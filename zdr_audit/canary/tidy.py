"""What was seen in part where it is seen whole: not to be told twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .sighting import Sighting

# What is read from parts of a canary. Inside compressed data such parts stand by accident, and another form may read the same text.
_FROM_PARTS = frozenset(("middle", "pglz", "lines"))


def tidied(found: Sequence[Sighting], decoded: Iterable[tuple[int, int]]) -> list[Sighting]:
    """The sightings without literals of nobody that stand inside a canary, and without canaries put together from parts where the parts
    stand inside data that were decoded, or were put together in another form as well."""
    spans = list(decoded)
    known = [(seen.start, seen.end) for seen in found if seen.canary is not None]
    otherwise = [(seen.start, seen.end) for seen in found if seen.forms[0] not in _FROM_PARTS]
    return [
        seen
        for seen in found
        if not (
            (seen.canary is None and any(low <= seen.start and seen.end <= high for low, high in known))
            or (
                seen.forms[0] in _FROM_PARTS
                and (
                    any(low <= seen.start < high for low, high in spans)
                    or any(low < seen.end and seen.start < high for low, high in otherwise)
                )
            )
        )
    ]
