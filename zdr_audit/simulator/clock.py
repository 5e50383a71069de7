"""The simulated clock: real time plus an offset that the operator can raise, kept in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from zdr_audit.simulator.errors import ConflictError
from zdr_audit.simulator.tables import ClockOffset

FARTHEST_SECONDS = 100 * 366 * 86_400

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and `Z`: text that sorts in the order of time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_OFFSET = select(ClockOffset.seconds).where(ClockOffset.id == 1)


class Clock:
    """`now()` and friends, in simulated time. The offset survives a restart. `wrong_by`: how much the host's clock is wrong, wherever it is moved to."""

    def __init__(self, parts: Parts):
        self.parts = parts
        self.offset = self.wrong_by = timedelta()
        self.refresh()

    def refresh(self) -> None:
        """Takes the offset from the database: another node may have moved the clock."""
        found = self.parts.stores.first(_OFFSET)
        self.offset = timedelta(seconds=found[0] if found else 0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset + self.wrong_by

    def stamp(self, *, days: float = 0, seconds: float = 0) -> str:
        """Now, plus `days` and `seconds`, as text."""
        return stamp(self.now() + timedelta(days=days, seconds=seconds))

    def today(self) -> str:
        """The simulated date, `YYYY-MM-DD`, UTC."""
        return self.now().strftime("%Y-%m-%d")

    def advance(self, seconds: int) -> str:
        """Moves the clock forward; answers the new time. ConflictError where that would be too far."""
        if self.offset.total_seconds() + seconds > FARTHEST_SECONDS:
            raise ConflictError("The clock cannot be moved that far.")
        with self.parts.stores.write() as session:
            row = session.get(ClockOffset, 1) or ClockOffset(id=1, seconds=0)
            row.seconds += seconds
            session.add(row)
            offset = timedelta(seconds=row.seconds)
        self.offset = offset
        return self.stamp()
