"""Audit logs that are read once more when all has been sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from zdr_audit.suite.party import Actor, Party


class LogsToReadAgain:
    """By whom whose audit log is to be read once more; the scenarios of a run share it."""

    def __init__(self) -> None:
        self._noted: list[tuple[Actor, Party]] = []
        self._last = 0.0

    def note(self, reader: Actor, party: Party) -> None:
        """The reader has just read the log of this organization; or nobody has, and at the end it must tell of all that was tried."""
        self._noted.append((reader, party))
        self._last = time.monotonic()

    def settled(self, window: float, pause: Callable[[float], None]) -> Iterator[tuple[Actor, Party]]:
        """All that were noted, once the settle window has passed since the last: what has been seen for less time may rightly be missing again. In a whole run
        it has long passed."""
        if self._noted and (left := window - (time.monotonic() - self._last)) > 0:
            pause(left)
        yield from self._noted
