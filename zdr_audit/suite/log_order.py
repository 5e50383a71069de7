"""The order in which the entries of an audit log stand, by what the log says of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from zdr_audit.suite.log_entries import moment, number_of

_NEVER = datetime.min.replace(tzinfo=UTC)


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries with the first that was written first: by their numbers where all have one. Else by how they are listed, turned round where their times fall
    all along; and where these rise and fall, by their times."""
    listed = list(rows)
    numbers = [number_of(row) for row in listed]
    if None not in numbers:
        return [row for _, row in sorted(zip(numbers, listed, strict=True), key=lambda pair: pair[0] or 0)]
    times = [moment(row.get("at")) for row in listed]
    known = [time for time in times if time is not None]
    if all(one <= two for one, two in pairwise(known)):
        return listed
    if all(one >= two for one, two in pairwise(known)):
        return listed[::-1]
    return [row for _, row in sorted(zip(times, listed, strict=True), key=lambda pair: pair[0] or _NEVER)]
