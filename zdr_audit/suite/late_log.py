"""An audit log that shows an action only a while after it was answered: learned in a run from the first actions that are looked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

_FIRST_SECONDS = 0.05
_LOOKS = 3
"""How often an entry must have been there at once until the log is taken to be never late."""
_MISSED = 2
"""How many entries that do not come in time are waited for."""


class LateLog:
    """What was done last in each organization, by the reference that it left, and whether the log is late with it. A log that shows everything at once is
    not waited for; one that is late, but within the settle window, has that window at each reading. That an entry was there at once says so of readings
    that come as long after their action, and not of those that come sooner."""

    def __init__(self) -> None:
        self.late = False
        self._last: dict[str, tuple[str, float]] = {}
        self._at_once = 0
        self._soonest = float("inf")
        self._missed: set[str] = set()

    def noted(self, organization: str, reference: str, done: bool) -> None:
        """Something was `done`, or tried, that must stand in the organization's log under this reference."""
        known, _ = self._last.get(organization, ("", 0.0))
        self._last[organization] = (reference if done else known, time.monotonic())

    def before(self, organization: str, window: float, pause: Callable[[float], None], rows: Callable[[], tuple[Any, ...] | None]) -> None:
        """To be called before the organization's log is read. `rows` reads it for nothing but to learn; None where it cannot be read."""
        if organization not in self._last:
            return
        reference, done = self._last[organization]
        gone_by = time.monotonic() - done
        if self.late:
            if (left := window - gone_by) > 0:
                pause(left)
        elif reference and gone_by < window and reference not in self._missed and self._open(gone_by):
            self._learn(reference, window, pause, rows, gone_by)

    def _open(self, gone_by: float) -> bool:
        """Whether it must still be seen if the log is late with what was done so many seconds ago."""
        return len(self._missed) < _MISSED and (self._at_once < _LOOKS or gone_by < self._soonest)

    def _learn(
        self, reference: str, window: float, pause: Callable[[float], None], rows: Callable[[], tuple[Any, ...] | None], gone_by: float
    ) -> None:
        waited, step = 0.0, _FIRST_SECONDS
        while (found := rows()) is not None:
            if any(isinstance(row, Mapping) and str(row.get("reference")) == reference for row in found):
                self.late = waited > 0
                self._at_once += 1
                self._soonest = min(self._soonest, gone_by)
                return
            if waited >= window:
                self._missed.add(reference)  # it does not come at all, or too late: that is for the controls to say
                return
            step = min(step, window - waited)
            pause(step)
            waited, step = waited + step, step * 2
