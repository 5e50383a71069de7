"""Usage analytics that show what was used only a while after it was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

FIRST_SECONDS = 0.1


def count_of(rows: Iterable[Any], email: str | None) -> int | None:
    """How many requests the rows count for a user; None where no row names the user, or none of those that do has a count."""
    counts = [row["requests"] for row in rows if row.get("actor") == email and isinstance(row.get("requests"), int)]
    return sum(counts) if counts else None


def spent_by(rows: Iterable[Any], email: str | None) -> float | None:
    """What the rows say that a user spent; None where no row names the user, or none of those that do has a number."""
    costs = [row["cost"] for row in rows if row.get("actor") == email and isinstance(row.get("cost"), int | float)]
    return float(sum(costs)) if costs else None


def lacks(rows: Iterable[Any], used: Mapping[str, int]) -> bool:
    """Whether not every user is named in the rows, with at least as many requests as were served."""
    known = list(rows)
    return any((count_of(known, email) or 0) < served for email, served in used.items())


def waited_for(used: Mapping[str, int], window: float, pause: Callable[[float], None], read: Callable[[], Iterable[Any] | None]) -> float:
    """Reads until all that was used is counted, or the window is over, or nothing can be read (None); gives the seconds that were waited."""
    waited, step = 0.0, FIRST_SECONDS
    while (rows := read()) is not None and lacks(rows, used) and waited < window:
        step = min(step, window - waited)
        pause(step)
        waited, step = waited + step, step * 2
    return waited
