"""Changing answers on their way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Headers = list[tuple[bytes, bytes]]


@dataclass
class Outgoing:
    """A whole answer before it is sent."""

    scope: Scope
    status: int
    headers: Headers
    body: bytes
    chunks: list[bytes] = field(default_factory=list)

    def header(self, name: bytes) -> bytes:
        return next((value for key, value in self.headers if key.lower() == name), b"")

    def set(self, name: bytes, value: bytes | None) -> None:
        """Sets a header; None takes it away."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name]
        if value is not None:
            self.headers.append((name, value))

    def replace(self, body: bytes) -> None:
        self.body = body
        if self.header(b"content-length"):
            self.set(b"content-length", str(len(body)).encode())

    @property
    def data(self) -> Any:
        """The JSON of the body, None where it is none."""
        if not self.header(b"content-type").startswith(b"application/json") or not self.body:
            return None
        return json.loads(self.body)


def answers(parts: Parts, edit: Callable[[Outgoing], None], *, last: bool = False) -> None:
    """Hands every whole answer to `edit` before it goes out, to this one `last` of all; streams pass as they are."""

    class Edit:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await self.app(scope, receive, send)
                return
            held: list[Outgoing] = []

            async def edited(message: Message) -> None:
                if message["type"] == "http.response.start":
                    started = Outgoing(scope, message["status"], list(message["headers"]), b"")
                    if started.header(b"content-type").startswith(b"text/event-stream"):
                        await send(message)
                    else:
                        held.append(started)
                    return
                if not held:
                    await send(message)
                    return
                answer = held[0]
                answer.body += message.get("body", b"")
                if message.get("more_body"):
                    return
                edit(answer)
                await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                for chunk in answer.chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"" if answer.chunks else answer.body})

            await self.app(scope, receive, edited)

    parts.middlewares.insert(0 if last else len(parts.middlewares), Edit)


def streams(parts: Parts, edit: Callable[[bytes], bytes]) -> None:
    """Hands every piece of a streamed answer to `edit` before it goes out."""

    class Edit:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            streaming = False

            async def edited(message: Message) -> None:
                nonlocal streaming
                if message["type"] == "http.response.start":
                    streaming = any(value.startswith(b"text/event-stream") for _, value in message["headers"])
                elif streaming and message.get("body"):
                    message = {**message, "body": edit(message["body"])}
                await send(message)

            await self.app(scope, receive, edited)

    parts.middlewares.append(Edit)
