"""Being told to stop: Ctrl-C and SIGTERM end a run the same way, with its reports written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came; the message is for the report."""


class Signals:
    """From `listen` on SIGTERM is raised as Terminated; while the run ends (`ending`) it is not to be stopped."""

    def __init__(self) -> None:
        self.said = ""
        self._before: dict[int, object] = {}

    def listen(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape that signal handlers have
        self.said = "stopped by a signal (SIGTERM)"
        raise Terminated(self.said)

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """The reports are being written. Afterwards everything is as it was before `listen`."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {signal.SIGINT: signal.getsignal(signal.SIGINT), signal.SIGTERM: signal.getsignal(signal.SIGTERM)} | self._before
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
