"""Numbers, sizes and times as the human-readable reports write them."""

from __future__ import annotations

import re
from datetime import datetime


def sentence(text: str) -> str:
    """A text that begins like a sentence."""
    return text[:1].upper() + text[1:]


def number(value: int) -> str:
    """With a comma between thousands."""
    return f"{value:,}"


def size(value: int) -> str:
    """Bytes in the unit that reads best (decimal multiples)."""
    amount = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{value} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def percent(share: float) -> str:
    """A share (0 to 1) in percent."""
    return f"{share * 100:.1f} %"


def when(stamp: str) -> str:
    """An ISO 8601 time in UTC as `2026-11-23 09:05:11 UTC`; anything else as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)", stamp)
    return f"{found[1]} {found[2]} UTC" if found else stamp


def instant(stamp: str) -> datetime | None:
    """An ISO 8601 time with its zone; None for anything else. Long texts are no times, and reading them as such would take long."""
    if len(stamp) > 40:
        return None
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return found if found.utcoffset() is not None else None


def duration(start: str, end: str) -> str:
    """The time between two ISO 8601 stamps in words; empty where they cannot be compared."""
    first, last = instant(start), instant(end)
    if first is None or last is None:
        return ""
    seconds = round((last - first).total_seconds())
    if seconds < 0:
        return ""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60} min"
