"""What a run shows while it works: a live bar on a terminal, a line a phase elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from zdr_audit.report.sanitize import visible

EVERY_SECONDS = 20
"""How long nothing is said, at least, of a phase that goes on."""


class Reporter:
    """Silent by default; a context manager."""

    def phase(self, name: str, total: int) -> None:
        """A new phase with that many steps."""

    def step(self, what: str) -> None:
        """A step begins; shown beside the bar."""

    def done(self) -> None:
        """The step is over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        return None


class Lines(Reporter):
    """A line a phase, for logs; of a phase that takes long, now and then a line on how far it is. Of steps outside any phase nothing is said."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._total = self._done = 0
        self._began: float | None = None
        self._said = 0.0

    def phase(self, name: str, total: int) -> None:
        self._total, self._done = total, 0
        self._began = self._said = self._clock()
        self._say(f"{name} ({total})")

    def step(self, what: str) -> None:
        now = self._clock()
        if self._began is not None and now - self._said >= EVERY_SECONDS:
            self._said = now
            self._say(f"  {self._done} of {self._total} after {now - self._began:.0f} s; now: {what}")

    def done(self) -> None:
        self._done += 1

    def _say(self, line: str) -> None:
        self._console.print(visible(line, 300), markup=False, highlight=False, soft_wrap=True)


class Live(Reporter):
    """A live progress bar on standard error."""

    def __init__(self, console: Console) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}", markup=False),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("Preparing", total=None, what="")

    def phase(self, name: str, total: int) -> None:
        self._progress.reset(self._task, total=total, description=name, what="")

    def step(self, what: str) -> None:
        self._progress.update(self._task, what=visible(what, 40))  # may name what the target calls its own

    def done(self) -> None:
        self._progress.advance(self._task)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()


def reporter(console: Console) -> Reporter:
    """The right one for the console."""
    return Live(console) if console.is_terminal else Lines(console)
