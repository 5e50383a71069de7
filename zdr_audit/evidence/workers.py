"""Searching several objects at once.

Threads are enough: what a search does most of the time (reading, searching bytes, inflating) lets go of the interpreter lock.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

WORKERS = min(4, os.cpu_count() or 1)
_PATIENCE = 0.1  # seconds
_AHEAD = 2  # objects in hand for each worker

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """A few threads, started when the first object comes."""

    def __init__(self, count: int = WORKERS) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count, "zdr-audit-search") if count > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], is_large: Callable[[Item], bool], meanwhile: Callable[[], None]
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """Each item with what the work on it gave or raised, in the order of the items; few are in hand at a time.

        What is not large is worked on by whoever asks: handing it over would cost more. `meanwhile` is called while waiting for the others.
        """
        waiting: deque[tuple[Item, Future[Result | Exception]]] = deque()
        for item in items:
            if self._pool is None or not is_large(item):
                future: Future[Result | Exception] = Future()
                future.set_result(_outcome(work, item))
            else:
                future = self._pool.submit(_outcome, work, item)
            waiting.append((item, future))
            if len(waiting) >= _AHEAD * self._count:
                yield _awaited(*waiting.popleft(), meanwhile)
        while waiting:
            yield _awaited(*waiting.popleft(), meanwhile)


def _awaited(item: Item, future: Future[Result | Exception], meanwhile: Callable[[], None]) -> tuple[Item, Result | Exception]:
    while not wait([future], _PATIENCE).done:
        meanwhile()
    meanwhile()
    return item, future.result()


def _outcome(work: Callable[[Item], Result], item: Item) -> Result | Exception:
    try:
        return work(item)
    except Exception as problem:  # for the caller to tell apart
        return problem


class Counted:
    """Gathers what workers did; whoever waits for them tells it, on a thread of its own choice."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress = progress
        self._untold: deque[int] = deque()

    def add(self, count: int) -> None:
        """More was done."""
        if self._progress is not None:
            self._untold.append(count)

    def tell(self) -> None:
        """Pass on what was done since the last call."""
        while self._untold and self._progress is not None:
            self._progress(self._untold.popleft())
