"""Violations that keep content in the memory of the process, and show it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.violations import wrap
from zdr_audit.simulator.violations.keeping import applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def shown_for_debugging(parts: Parts, path: str, last: int) -> None:
    """The last requests stay in memory, and a page for developers shows them to whoever has a key."""
    seen: deque[dict[str, str]] = deque(maxlen=last)

    def make(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def record_and_remember(ctx: RequestContext) -> None:
            record(ctx)
            if applies(ctx, None):
                seen.append({"id": ctx.request_id, "prompt": ctx.request_text})

        return record_and_remember

    async def show(request: Request) -> JSONResponse:
        known = request.scope["state"]["ctx"].caller is not None
        return JSONResponse({"requests": list(seen)} if known else {"requests": []}, 200 if known else 401)

    router = APIRouter()
    router.add_api_route(path, show, methods=["GET"])
    parts.routers.append(router)
    wrap(parts.retention, "record", make)


def errors_show_the_one_before(parts: Parts, status: int) -> None:
    """The message of an error ends with the input of the error before it, whoever's that was: a buffer is filled anew only afterwards."""
    buffer: deque[str] = deque([""], maxlen=1)
    running: dict[str, RequestContext] = {}

    def make_identify(identify: Callable[[RequestContext], Any]) -> Callable[[RequestContext], Any]:
        def identify_and_note(ctx: RequestContext) -> Any:
            running[ctx.request_id] = ctx
            while len(running) > 1000:
                running.pop(next(iter(running)))
            return identify(ctx)

        return identify_and_note

    def make(envelope: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def stale(request_id: str, found: int, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
            ctx = running.pop(request_id, None)
            if ctx is None or found != status or not ctx.raw:
                return envelope(request_id, found, message, details)
            before = buffer[0]
            buffer.append(ctx.request_text)
            return envelope(request_id, found, f"{message} Input: {before}" if before else message, details)

        return stale

    wrap(parts.auth, "identify", make_identify)
    wrap(parts.errors, "envelope", make)
