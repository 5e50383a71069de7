"""Violations that only several administrators at once bring to light: in the log, in what is read meanwhile, and in the workflow itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import ZdrRequest
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Append = Callable[..., None]
Decide = Callable[[Caller, str, str], Any]
BUSY = 4


def busy_of(parts: Parts) -> Callable[[], bool]:
    """Tells whether many requests are under way."""
    under_way = [0]

    class Count:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            under_way[0] += 1
            try:
                await self.app(scope, receive, send)
            finally:
                under_way[0] -= 1

    parts.middlewares.append(Count)
    return lambda: under_way[0] >= BUSY


def writes_late_when_busy(parts: Parts, type_: str) -> None:
    """Under load entries of one type wait in a queue, and are written when somebody reads the log."""
    busy, lock = busy_of(parts), threading.Lock()
    waiting: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def make(append: Append) -> Append:
        def queued(session: Session, caller: Caller, asked: str, *rest: Any, **more: Any) -> None:
            if asked == type_ and busy():
                with lock:
                    waiting.append(((caller, asked, *rest), more))
            else:
                append(session, caller, asked, *rest, **more)

        def make_list(listed: Callable[..., Any]) -> Callable[..., Any]:
            def written_first(*args: Any) -> Any:
                with lock, parts.stores.write() as session:
                    while waiting:
                        held, more = waiting.pop(0)
                        append(session, *held, **more)
                return listed(*args)

            return written_first

        wrap(parts.audit, "list", make_list)
        return queued

    wrap(parts.audit, "append", make)


def times_when_busy(parts: Parts, type_: str, times: int) -> None:
    """Under load entries of one type are written that many times: not at all by a queue that is full, twice by one that retries."""
    busy = busy_of(parts)

    def make(append: Append) -> Append:
        def counted(session: Session, caller: Caller, asked: str, *rest: Any, **more: Any) -> None:
            for _ in range(times if asked == type_ and busy() else 1):
                append(session, caller, asked, *rest, **more)

        return counted

    wrap(parts.audit, "append", make)


def decides_without_lock(parts: Parts, seconds: float) -> None:
    """A review reads where the request stands, and writes its decision a moment later whatever became of it meanwhile."""

    def make(decision: str) -> Callable[[Decide], Decide]:
        def made(decide: Decide) -> Decide:
            def unlocked(caller: Caller, request_id: str, reference: str) -> Any:
                with parts.stores.read() as session:
                    row = session.get(ZdrRequest, request_id)
                    eligible = row is not None and parts.workflow.eligible(parts.directory.organization(row.organization_id))
                if row is None or row.status != "requested" or not eligible:
                    return decide(caller, request_id, reference)
                time.sleep(seconds)
                with parts.stores.write() as session:
                    row = session.get_one(ZdrRequest, request_id)
                    row.status = decision
                    entity = ("zdr_request", row.id)
                    parts.audit.append(session, caller, ZDR + decision, row.organization_id, entity, reference=reference)
                return row

            return unlocked

        return made

    wrap(parts.workflow, "approve", make("approved"))
    wrap(parts.workflow, "reject", make("rejected"))


class _Cache:
    """A cache that is emptied when the state changes, and filled by whoever read before that and was slow: one that waits `seconds` for a change."""

    def __init__(self, parts: Parts, seconds: float):
        self.parts, self.seconds = parts, seconds
        self.known: dict[str, Any] = {}
        self.changes = threading.Condition()
        for name in ("request", "approve", "reject", "enable", "disable", "migrate"):
            wrap(parts.workflow, name, self._emptying)

    def _emptying(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any) -> Any:
            done = change(*args)
            with self.changes:
                self.known.clear()
                self.changes.notify_all()
            return done

        return changed

    def ask(self, organization: str, read: Callable[[], Any]) -> Any:
        if organization in self.known:
            return self.known[organization]
        with self.changes:
            found = read()
            self.changes.wait(self.seconds)
            self.known[organization] = found
        return found


def status_is_cached(parts: Parts, seconds: float) -> None:
    """The ZDR status is answered from a cache that a slow reader can fill with what was true before the change."""
    cache = _Cache(parts, seconds)

    def make(statement: Callable[[str], Any]) -> Callable[[str], Any]:
        return lambda organization: cache.ask(organization, lambda: statement(organization))

    wrap(parts.scope, "statement", make)


def gate_is_cached(parts: Parts, seconds: float) -> None:
    """The gate keeps what it found for an organization, and a slow request can put the old answer back."""
    cache = _Cache(parts, seconds)

    def make(check: Callable[..., None]) -> Callable[..., None]:
        def cached(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            enabled = parts.workflow.enabled
            if feature.stores(endpoint) and cache.ask(ctx.organization, lambda: enabled(ctx.organization)):
                raise parts.gate.refusal(feature)

        del check
        return cached

    wrap(parts.gate, "check", make)
