"""Requests from several sessions at once, without a pause, while something else is done to the target."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from zdr_audit.suite.hands import ScenarioBroken

LONGEST_SECONDS = 60.0
MOST_ROUNDS = 500
SLOW_LINES = (0.2, 0.33)
"""Seconds that a request stays open, of sessions on slow lines: so that some request of the organization is under way at every moment."""


class Traffic:
    """Context manager: each of `workers` threads calls `send(worker)` again and again until the block is left, or has called it `MOST_ROUNDS` times.

    Leaving waits for what is under way. An error of a worker is raised where the traffic is waited for or left.
    """

    def __init__(self, send: Callable[[int], object], workers: int) -> None:
        self._send = send
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(workers)]
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._done = 0
        self._left = workers
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def _work(self, number: int) -> None:
        try:
            for _ in range(MOST_ROUNDS):
                if self._over.is_set():
                    break
                self._send(number)
                with self._changed:
                    self._done += 1
                    self._changed.notify_all()
        except BaseException as error:  # told to whoever waits
            self._error = self._error or error
        finally:
            with self._changed:
                self._left -= 1
                self._changed.notify_all()

    def wait_for(self, more: int, seconds: float = LONGEST_SECONDS) -> None:
        """Until so many more calls have come to their end. Raises ScenarioBroken where they do not in time."""
        deadline = time.monotonic() + seconds
        with self._changed:
            wanted = self._done + more
            while self._done < wanted and self._error is None:
                left = deadline - time.monotonic()
                if left <= 0 or not self._left:
                    raise ScenarioBroken(f"the traffic came to a halt: {self._done} of {wanted} calls had ended")
                self._changed.wait(left)
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(LONGEST_SECONDS)
        if kind is None:
            self._raise()
