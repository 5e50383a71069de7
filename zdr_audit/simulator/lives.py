"""One life of the service after the other, in one process. What a life holds in memory ends with it, as if it had been killed; what is in the stores is all
that the next one knows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from zdr_audit.simulator.app import build_app
from zdr_audit.simulator.parts import Parts


class Lives:
    """The application of the present life. `make` gives the parts of a life, over the stores as they are.

    A life that is to end answers what is under way, so that no answer is half; what comes meanwhile waits for the next life.
    """

    def __init__(self, make: Callable[[], Parts]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._under_way = 0
        self._ending: asyncio.Event | None = None
        self._begin()

    def _begin(self) -> None:
        parts = self._make()
        parts.restart = self.end
        self.parts, self.app = parts, build_app(parts)

    def end(self) -> None:
        """The present life ends as soon as nothing is under way any more."""
        with self._lock:
            self._ending = self._ending or asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while self._ending is not None:
            await self._ending.wait()
        self._under_way += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._under_way -= 1
            if self._ending is not None and not self._under_way:
                await self._next(self._ending)

    async def _next(self, ending: asyncio.Event) -> None:
        before = self.parts
        try:
            await run_in_threadpool(self._begin)
        finally:
            self._ending = None
            ending.set()
        before.ended.set()
        before.stores.close()
