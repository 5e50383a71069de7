"""Variants in what HTTP offers beside requests and answers: methods that are answered of themselves, and conditions."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from zdr_audit.simulator.benign.middleware import Outgoing, answers
from zdr_audit.simulator.directory import new_id

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def _takes(parts: Parts, path: str) -> set[str]:
    """The methods that some operation takes on a path."""
    return {
        operation.method for operation in parts.operations if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", operation.path), path) is not None
    }


def head_is_answered(parts: Parts) -> None:
    """HEAD is answered as GET is, without the body: by the same operation, through the same gate."""

    class Head:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if (
                scope["type"] == "http"
                and scope["method"] == "HEAD"
                and "HEAD" not in (taken := _takes(parts, scope["path"]))
                and "GET" in taken
            ):
                scope = {**scope, "method": "GET"}  # the server sends no body: it knows what was asked
            await self.app(scope, receive, send)

    parts.middlewares.append(Head)


def options_are_answered(parts: Parts) -> None:
    """OPTIONS is answered for everybody with what the path takes, as browsers ask it before they send."""

    class Options:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            taken = _takes(parts, scope["path"]) if scope["type"] == "http" and scope["method"] == "OPTIONS" else set()
            if not taken:
                await self.app(scope, receive, send)
                return
            allowed = ", ".join(sorted({*taken, "OPTIONS"})).encode()
            headers = [(b"allow", allowed), (b"access-control-allow-methods", allowed), (b"access-control-max-age", b"600")]
            headers += [(b"access-control-allow-origin", b"https://console.example"), (b"request-id", new_id("req").encode())]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    parts.middlewares.append(Options)


def tags(parts: Parts) -> None:
    """What is read carries an entity tag; a client that has it already is answered 304."""

    def edit(answer: Outgoing) -> None:
        if answer.scope["method"] != "GET" or answer.status != 200 or answer.header(b"etag"):
            return
        tag = b'W/"%s"' % hashlib.sha256(answer.body).hexdigest()[:24].encode()
        answer.set(b"etag", tag)
        if any(name == b"if-none-match" and tag in value for name, value in answer.scope["headers"]):
            answer.status = 304
            answer.set(b"content-length", None)
            answer.set(b"content-type", None)
            answer.replace(b"")

    answers(parts, edit)
