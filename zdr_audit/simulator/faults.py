"""Failures that the operator asks for: the next inference requests of an organization fail."""

from __future__ import annotations

import threading

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import InjectedError


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[int, int]] = {}

    def set(self, organization_id: str, status: int, count: int) -> None:
        """The next `count` inferences of the organization fail with `status`; 0 ends it."""
        with self._lock:
            self._waiting[organization_id] = (status, count)

    def check(self, ctx: RequestContext) -> None:
        """Raises InjectedError while failures are due."""
        with self._lock:
            status, count = self._waiting.get(ctx.organization, (0, 0))
            if count <= 0:
                return
            self._waiting[ctx.organization] = (status, count - 1)
        raise InjectedError(status)
