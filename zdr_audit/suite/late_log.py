"""An audit log that shows an action only a while after it was answered: learned once in a run, from the first action that is looked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

_FIRST_SECONDS = 0.05


class LateLog:
    """What was done last in each organization, by the reference that it left, and whether the log is late with it. A log that shows everything at once is
    never waited for; one that is late, but within the settle window, has that window at each reading."""

    def __init__(self) -> None:
        self.late: bool | None = None
        self._last: dict[str, tuple[str, float]] = {}

    def noted(self, organization: str, reference: str, done: bool) -> None:
        """Something was `done`, or tried, that must stand in the organization's log under this reference."""
        known, _ = self._last.get(organization, ("", 0.0))
        self._last[organization] = (reference if done else known, time.monotonic())

    def before(self, organization: str, window: float, pause: Callable[[float], None], rows: Callable[[], tuple[Any, ...] | None]) -> None:
        """To be called before the organization's log is read. `rows` reads it for nothing but to learn; None where it cannot be read."""
        if organization not in self._last:
            return
        reference, done = self._last[organization]
        if self.late is None and reference:
            self.late = self._learn(reference, window, pause, rows)
        elif self.late and (left := window - (time.monotonic() - done)) > 0:
            pause(left)

    @staticmethod
    def _learn(reference: str, window: float, pause: Callable[[float], None], rows: Callable[[], tuple[Any, ...] | None]) -> bool | None:
        waited, step = 0.0, _FIRST_SECONDS
        while (found := rows()) is not None:
            if any(isinstance(row, Mapping) and str(row.get("reference")) == reference for row in found):
                return waited > 0
            if waited >= window:
                return False  # it does not come at all, or too late: that is for the controls to say
            step = min(step, window - waited)
            pause(step)
            waited, step = waited + step, step * 2
        return None
