"""What an entry of an audit log says of its place and its time."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from zdr_audit.profile.audit import AuditTypes

ENABLES = ("zdr", "zero data", "zero_data", "zero-data", "retention")
_OURS = re.compile(r"zdr-?audit|zdrref")
"""What the run calls itself, and its references."""
_TOO_LATE = 10**11
"""Seconds since 1970 of a year that nobody means."""


def oldest_first(entries: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The entries as they are; those of a log that lists the newest first, from its first page to its last, the other way round. Where they have no number,
    their times say which it is."""
    numbers = [n for e in entries if (n := number_of(e)) is not None]
    if len(numbers) == len(entries):
        return entries[::-1] if all(a > b for a, b in pairwise(numbers)) else entries
    times = [at for e in entries if (at := moment(e.get("at"))) is not None]
    falls = len(times) == len(entries) and len(set(times)) > 1 and all(a >= b for a, b in pairwise(times))
    return entries[::-1] if falls else entries


def tells_of_zdr(entry: dict[str, Any], types: AuditTypes) -> bool:
    """Whether an entry says that ZDR came to be on, by its type or in any of its words: how else than by our steps it does is nowhere said."""
    if entry.get("outcome") in types.refused:
        return False
    said = _OURS.sub("", json.dumps(entry, default=str).casefold())
    kinds = {types.requested, types.approved, types.enabled} - {None}
    return entry.get("type") in kinds or any(word in said for word in ENABLES)


def moment(text: object) -> datetime | None:
    """An ISO 8601 time with a zone, or a number: seconds since 1970, or milli-, micro- or nanoseconds where it is as large as that. None for anything
    else: a time without its zone could be any hour of the day."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return _since_1970(text)
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _since_1970(number: float) -> datetime | None:
    try:
        while _TOO_LATE <= abs(number) < math.inf:
            number /= 1000
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def number_of(entry: dict[str, Any]) -> int | None:
    """The entry's sequence number, also where it is written as text."""
    try:
        return int(str(entry.get("sequence")))
    except ValueError:
        return None
