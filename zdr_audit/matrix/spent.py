"""How long a matrix took, over all the commands that made it where one went on with what another had begun."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

FILE = "seconds.txt"


class Spent:
    """Counts the seconds by the clock from now on. They are kept in `folder`, where audits lie that a later command may go on with: `resume` adds those of
    the commands before, and `before` those by which the audits there were made."""

    def __init__(self, folder: Path, resume: bool, clock: Callable[[], float] = time.monotonic, before: Path | None = None) -> None:
        self._file, self._clock = folder / FILE, clock
        self._before = (_kept(self._file) if resume else 0.0) + (_kept(before / FILE) if before is not None else 0.0)
        self._began = clock()

    @property
    def seconds(self) -> float:
        """Of all commands so far."""
        return self._before + self._clock() - self._began

    def keep(self) -> None:
        """Writes them down. Raises OSError."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(f"{self.seconds:.1f}\n", encoding="utf-8")


def _kept(file: Path) -> float:
    try:
        return max(0.0, float(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 0.0
