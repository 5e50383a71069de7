"""Text that was cut into pieces and stored one piece to a row: the values of one column, joined in the order of the rows."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from zdr_audit.canary.mint import CANARY_LENGTH
from zdr_audit.canary.sighting import Sighting

from .collector import Collector

_LONGEST = 4096  # bytes of a value that may be a piece; more is searched as it is
_HELD = 1024 * 1024
FORM = "rows"


@dataclass
class _Column:
    data: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)

    def value(self, number: int) -> bytes:
        """The piece of one row."""
        return bytes(self.data[self.starts[number] : self.starts[number + 1] if number + 1 < len(self.starts) else len(self.data)])


class RowSplit:
    """Joins the columns of one table while its rows go by. Pieces that are too long to be such break the text."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._columns: dict[str, _Column] = {}

    def add(self, table: str, column: str, row: str, value: bytes) -> None:
        """The next row's value."""
        kept = self._columns.setdefault(column, _Column())
        piece = value if len(value) <= _LONGEST else b"\n"
        if piece:
            kept.starts.append(len(kept.data))
            kept.rows.append(row)
            kept.data += piece
        if len(kept.data) >= _HELD:
            self._look(table, column, kept)
            self._columns[column] = _rest(kept)

    def finish(self, table: str) -> None:
        """No more rows of this table."""
        for column, kept in self._columns.items():
            self._look(table, column, kept)
        self._columns = {}

    def _look(self, table: str, column: str, kept: _Column) -> None:
        """Canaries that no single row tells: all others are seen in their rows."""
        seeker = self._collector.seeker
        text = kept.data.lower()
        at = text.find(seeker.literal)
        while at >= 0:
            end = at + len(seeker.literal)
            first, last = (bisect_right(kept.starts, place) - 1 for place in (at, end - 1))
            around = kept.data[max(0, at - CANARY_LENGTH) : end + CANARY_LENGTH].decode("latin-1")
            canary = seeker.identify(around[min(at, CANARY_LENGTH) :]) or seeker.identify(around)
            if first != last or (canary is not None and seeker.identify(kept.value(first).decode("latin-1")) is None):
                rows = f"{kept.rows[first]} to {kept.rows[last]}" if first != last else f"{kept.rows[first]} and those beside it"
                sighting = Sighting(at, end, (FORM, "plain"), canary, text[at:end].decode("latin-1"))
                self._collector.hit(table, f"{rows}, column {column}", sighting)
            at = text.find(seeker.literal, end)


def _rest(kept: _Column) -> _Column:
    """The last rows of a column, in which a canary may have begun."""
    begin = next((number for number, start in enumerate(kept.starts) if start > len(kept.data) - 2 * CANARY_LENGTH), len(kept.starts))
    low = kept.starts[begin] if begin < len(kept.starts) else len(kept.data)
    return _Column(kept.data[low:], [start - low for start in kept.starts[begin:]], kept.rows[begin:])
