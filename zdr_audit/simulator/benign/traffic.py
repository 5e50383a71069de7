"""Variants in how the service is connected, how fast it is, and what else goes on."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from zdr_audit.simulator.bootstrap import sample_key
from zdr_audit.simulator.context import CUSTOMER_ROLES, RequestContext
from zdr_audit.simulator.endpoints import features as endpoints
from zdr_audit.simulator.errors import TYPES
from zdr_audit.simulator.features import Feature
from zdr_audit.simulator.operations import Operation, Reply
from zdr_audit.simulator.pipeline import to_json
from zdr_audit.simulator.schemas.client import MetricsEnabled, TextRequest
from zdr_audit.simulator.schemas.messages import TokenCount
from zdr_audit.simulator.tables import User
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def slow(parts: Parts, seconds: float, sometimes: float, every: int) -> None:
    """Every answer takes some time, and one in so many takes long."""
    counts = itertools.count(1)

    class Wait:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await asyncio.sleep(sometimes if next(counts) % every == 0 else seconds)
            await self.app(scope, receive, send)

    parts.middlewares.append(Wait)


def asks_to_wait(parts: Parts, every: int, seconds: int) -> None:
    """One request in so many is put off with 429 and the time after which to try again."""
    counts = itertools.count(1)

    class Limit:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or next(counts) % every:
                await self.app(scope, receive, send)
                return
            request_id = f"req_limited_{time.monotonic_ns()}"
            body = to_json(parts.errors.envelope(request_id, 429, "Too many requests. Try again later."))
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            headers += [(b"retry-after", str(seconds).encode()), (b"request-id", request_id.encode())]
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 429, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    assert 429 in TYPES
    parts.middlewares.append(Limit)


_NO_ANSWER = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def gateway_without_answer(parts: Parts, every: int) -> None:
    """A gateway in front gets no answer to one reading request in so many, and says so with a page of its own."""
    counts = itertools.count(1)

    class Gateway:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] != "GET" or next(counts) % every:
                await self.app(scope, receive, send)
                return
            headers = [(b"content-type", b"text/html"), (b"content-length", str(len(_NO_ANSWER)).encode())]
            await send({"type": "http.response.start", "status": 502, "headers": headers})
            await send({"type": "http.response.body", "body": _NO_ANSWER})

    parts.middlewares.append(Gateway)


_NO_ROUTE = b'{"message": "no route matched with those values"}'


def below_a_path(parts: Parts, path: str) -> None:
    """A gateway in front serves several providers, this one below a path; what is outside of it is not here."""
    prefix = path.encode()

    class Gateway:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["raw_path"].startswith(prefix + b"/"):
                within = {"path": scope["path"].removeprefix(path), "raw_path": scope["raw_path"].removeprefix(prefix)}
                await self.app({**scope, **within}, receive, send)
                return
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_NO_ROUTE)).encode())]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": _NO_ROUTE})

    parts.below = path
    parts.middlewares.insert(0, Gateway)


class _Old(H11Protocol):
    """Speaks HTTP/1.0: no chunks, a connection for each request."""

    def connection_made(self, transport: Any) -> None:
        write = transport.write

        def as_old(data: bytes) -> None:
            write(data.replace(b"HTTP/1.1 ", b"HTTP/1.0 ", 1) if data.startswith(b"HTTP/1.1 ") else data)

        transport.write = as_old
        super().connection_made(transport)
        self.first = True

    def data_received(self, data: bytes) -> None:
        if self.first:
            line, end, rest = data.partition(b"\r\n")
            data = line.replace(b" HTTP/1.1", b" HTTP/1.0") + end + rest
            self.first = False
        super().data_received(data)


def http_as_it_was(parts: Parts) -> None:
    """The service speaks HTTP/1.0."""
    parts.protocol = _Old


def clock_off(parts: Parts, seconds: float) -> None:
    """The clock of the host is off, for everything that the service stamps: also after the simulated clock was moved, and after a restart."""
    parts.clock.wrong_by = timedelta(seconds=seconds)


def rows_in_any_order(parts: Parts) -> None:
    """Users and usage are listed in another order each time. What promises an order keeps it."""

    def users(inner: Callable[[str], list[User]]) -> Callable[[str], list[User]]:
        return lambda organization_id: random.sample(found := inner(organization_id), len(found))

    def rows(inner: Callable[[str], list[dict[str, Any]]]) -> Callable[[str], list[dict[str, Any]]]:
        return lambda organization_id: random.sample(found := inner(organization_id), len(found))

    wrap(parts.directory, "users", users)
    wrap(parts.analytics, "rows", rows)


def more_operations(parts: Parts) -> None:
    """Operations that the audit has never heard of, which store nothing."""

    def characters(_parts: Parts, ctx: RequestContext) -> Reply:
        return Reply(TokenCount(input_tokens=max(1, len(ctx.body(TextRequest).text))))

    def enabled(_parts: Parts, _ctx: RequestContext) -> Reply:
        return Reply(MetricsEnabled(metrics_logging_enabled=False))

    parts.operations += [
        Operation(
            "text.measure",
            "POST",
            "/v1/text/measure",
            "Measure a text",
            characters,
            CUSTOMER_ROLES,
            request=TextRequest,
            answer=TokenCount,
        ),
        Operation("voice.enabled", "GET", "/api/claude_code/voice", "Is voice input on?", enabled, CUSTOMER_ROLES, answer=MetricsEnabled),
    ]


def new_feature(parts: Parts, feature: dict[str, Any]) -> None:
    """A further feature; where it needs storage, it is declared and refused as the others are."""
    added = Feature.model_validate(feature)
    parts.features = (*parts.features, added)
    parts.operations = [*endpoints.operations((added,)), *parts.operations]


def others_are_busy(parts: Parts, organizations: list[str], seconds: float) -> None:
    """Further organizations without ZDR use the service all the time."""
    begun = threading.Event()

    class Notice:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and not begun.is_set():
                begun.set()
                for name in organizations:
                    threading.Thread(target=_use, args=(parts.ended, scope["server"], name, seconds), daemon=True).start()
            await self.app(scope, receive, send)

    parts.middlewares.append(Notice)


def _use(ended: threading.Event, server: tuple[str, int], name: str, seconds: float) -> None:
    """One user who asks, waits and asks again, now and then streamed."""
    headers = {"x-api-key": sample_key(f"{name}-member"), "anthropic-version": "2023-06-01", "content-type": "application/json"}
    for number in itertools.count():
        if ended.wait(seconds):
            return
        said = f"Our own notes, page {number}: " + " ".join(random.choice(("ships", "cranes", "tides", "fog")) for _ in range(60))  # noqa: S311
        body = {"model": "claude-haiku-sim-1", "max_tokens": 64, "stream": number % 3 == 0, "messages": [{"role": "user", "content": said}]}
        try:
            connection = http.client.HTTPConnection(*server, timeout=30)
            connection.request("POST", "/v1/messages", json.dumps(body), headers)
            connection.getresponse().read()
            connection.close()
        except (OSError, http.client.HTTPException):
            continue
