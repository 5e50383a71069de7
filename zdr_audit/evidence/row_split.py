"""Text that was cut into pieces and stored one piece to a row: the values of one column, joined in the order of the rows, or in that of other columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from zdr_audit.canary.mint import CANARY_LENGTH
from zdr_audit.canary.sighting import Sighting

from .collector import Collector
from .units import MIB

_LONGEST = 4096  # bytes of a value that may be a piece; more is searched as it is
_HELD = MIB
_ORDERING = 8  # columns that may say in which order pieces belong
_PART = 3
"""Letters of the literal by which a column of pieces is suspected: pieces of so many letters or more, wherever they are cut, leave three together of the
first five, which are rare. Of shorter ones, all letters must be there."""
FORM = "rows"

Value = bytes | int | None


@dataclass
class _Column:
    data: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=lambda: [0])
    """Of each row's piece, and of what comes next."""
    rows: list[str] = field(default_factory=list)
    told: int = 0
    """What begins before it was seen when more of it was held."""

    def add(self, row: str, piece: bytes) -> None:
        if piece:
            self.rows.append(row)
            self.data += piece
            self.starts.append(len(self.data))

    def value(self, number: int) -> bytes:
        """The piece of one row."""
        first, last = self.starts[number : number + 2]
        return bytes(self.data[first:last])


class RowSplit:
    """Joins the columns of one table while its rows go by. Pieces that are too long to be such break the text.

    Rows of several texts may lie between each other, or in no order: where a column of short values holds parts of the literal, its pieces are also
    joined in the order of each other column, and of each two (the text that a piece is of, then its number), as far as rows are held at a time.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._columns: dict[str, _Column] = {}
        self._rows: list[tuple[str, dict[str, Value]]] = []
        self._size = 0
        literal = collector.seeker.literal
        self._parts, self._letters = [literal[at : at + _PART] for at in range(_PART)], set(literal)

    def add(self, table: str, row: str, values: dict[str, Value]) -> None:
        """The next row: the values of its columns, those that are no text or bytes for the order alone."""
        self._rows.append(
            (row, {column: value for column, value in values.items() if not isinstance(value, bytes) or len(value) <= _LONGEST})
        )
        for column, value in values.items():
            if isinstance(value, bytes):
                piece = value if len(value) <= _LONGEST else b"\n"
                self._columns.setdefault(column, _Column()).add(row, piece)
                self._size += len(piece)
        self._size += len(values)
        if self._size >= _HELD:
            self._look(table, CANARY_LENGTH)
            self._columns = {column: _rest(kept) for column, kept in self._columns.items()}
            self._rows, self._size = [], sum(len(kept.data) for kept in self._columns.values())

    def finish(self, table: str) -> None:
        """No more rows of the table."""
        self._look(table)

    def _look(self, table: str, later: int = 0) -> None:
        """What begins in the last so many bytes is left for when more is held."""
        for column, kept in self._columns.items():
            found = list(self._seen(column, kept, len(kept.data) - later))
            ordered = [seen for seen in self._in_other_orders(column, kept, found) if seen[1].canary is not None]
            # Neighbours by chance hold the literal with what belongs to another piece: where the pieces' own order is known, that says nothing.
            for location, sighting in [*(seen for seen in found if not ordered or seen[1].canary is not None), *ordered]:
                self._collector.hit(table, location, sighting)

    def _in_other_orders(self, column: str, kept: _Column, found: Sequence[tuple[str, Sighting]]) -> Iterator[tuple[str, Sighting]]:
        told = {sighting.canary for _, sighting in found}
        if (told and None not in told) or len(kept.data) > CANARY_LENGTH * len(kept.rows):
            return
        text = bytes(kept.data).lower()
        if not (any(part in text for part in self._parts) if len(text) >= _PART * len(kept.rows) else self._letters.issubset(text)):
            return
        others = [name for name in dict.fromkeys(name for _, values in self._rows for name in values) if name != column][:_ORDERING]
        for order in (*((one,) for one in others), *permutations(others, 2)):
            joined = self._ordered(column, order)
            seen = list(self._seen(column, joined, len(joined.data)))
            yield from ((f"{location}, in the order of {' and '.join(order)}", one) for location, one in seen if one.canary not in told)
            told |= {one.canary for _, one in seen}
            if seen and all(one.canary is not None for _, one in seen):
                return

    def _ordered(self, column: str, order: Sequence[str]) -> _Column:
        joined = _Column()
        for row, values in sorted(self._rows, key=lambda item: [_rank(item[1].get(name)) for name in order]):
            value = values.get(column)
            joined.add(row, value if isinstance(value, bytes) else b"")
        return joined

    def _seen(self, column: str, kept: _Column, before: int) -> Iterator[tuple[str, Sighting]]:
        """Canaries that no single row tells, with their rows: all others are seen in their rows."""
        seeker = self._collector.seeker
        text = kept.data.lower()
        at = text.find(seeker.literal, kept.told)
        while 0 <= at < before:
            end = at + len(seeker.literal)
            first, last = (bisect_right(kept.starts, place) - 1 for place in (at, end - 1))
            around = kept.data[max(0, at - CANARY_LENGTH) : end + CANARY_LENGTH].decode("latin-1")
            canary = seeker.identify(around[min(at, CANARY_LENGTH) :]) or seeker.identify(around)
            if first != last or (canary is not None and seeker.identify(kept.value(first).decode("latin-1")) is None):
                rows = f"{kept.rows[first]} to {kept.rows[last]}" if first != last else f"{kept.rows[first]} and those beside it"
                yield f"{rows}, column {column}", Sighting(at, end, (FORM, "plain"), canary, text[at:end].decode("latin-1"))
            at = text.find(seeker.literal, end)


def _rank(value: Value) -> tuple[int] | tuple[int, int | bytes]:
    """Numbers in their order, also those that are written as text; then text; then what is missing."""
    if isinstance(value, bytes):
        return (0, int(value)) if value.isdigit() and len(value) < 20 else (1, value)
    return (2,) if value is None else (0, value)


def _rest(kept: _Column) -> _Column:
    """The last rows of a column, in which a canary may have begun."""
    begin = max(0, bisect_right(kept.starts, len(kept.data) - 2 * CANARY_LENGTH) - 1)
    low = kept.starts[begin]
    told = max(0, len(kept.data) - CANARY_LENGTH - low)
    return _Column(kept.data[low:], [start - low for start in kept.starts[begin:]], kept.rows[begin:], told)


def pieces(columns: Sequence[str], values: Sequence[object]) -> dict[str, Value]:
    """The values of a row by column, for `RowSplit.add`: text, bytes and whole numbers."""
    return {column: value for column, value in zip(columns, values, strict=True) if isinstance(value, bytes | int)}
