"""Violations written from the policy and the service alone, before anybody had looked at what the suites send."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.auth import key_digest
from zdr_audit.simulator.benign.middleware import Outgoing, answers
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.operations import BODY_LIMIT, Handler, Reply
from zdr_audit.simulator.tables import ApiKey
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.depth_blocked import passes_in_front
from zdr_audit.simulator.violations.keeping import PLACES, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Wanted = Callable[[dict[str, str]], bool]
_REVOKED = select(ApiKey.id).where(ApiKey.digest == bindparam("digest"), ApiKey.revoked_at.is_not(None))


async def _beginning(receive: Receive, size: int) -> tuple[bytes, list[Message]]:
    """The first bytes of a body, and the messages that they came in."""
    body, seen = b"", list[Message]()
    while len(body) < size:
        message = await receive()
        seen.append(message)
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body[:size], seen


def _put_aside(parts: Parts, wanted: Wanted, place: str, size: int) -> None:
    """A component in front puts the beginning of some bodies aside, by their headers alone."""

    class Aside:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
            if scope["type"] != "http" or not await run_in_threadpool(wanted, headers):
                await self.app(scope, receive, send)
                return
            body, seen = await _beginning(receive, size)
            if body:
                parts.stores.blobs.put(place, secrets.token_hex(8), body)

            async def replay() -> Message:
                return seen.pop(0) if seen else await receive()

            await self.app(scope, replay, send)

    parts.middlewares.append(Aside)


def oversized_bodies_are_put_aside(parts: Parts, size: int) -> None:
    """Of a body whose length is over the limit the beginning is put aside, to see who sends such."""
    _put_aside(parts, lambda headers: int(headers.get("content-length", "0") or 0) > BODY_LIMIT, "quarantine", size)


def bodies_of_revoked_keys_are_put_aside(parts: Parts, size: int) -> None:
    """What comes with a revoked key is put aside for the security team."""

    def revoked(headers: dict[str, str]) -> bool:
        key = headers.get("x-api-key", "")
        return bool(key) and parts.stores.first(_REVOKED, digest=key_digest(key)) is not None

    _put_aside(parts, revoked, "security", size)


def only_the_end_counts(parts: Parts) -> None:
    """Whether a request may be kept is asked at its end alone: what began under ZDR and ends after it is kept."""

    def keeps(ctx: RequestContext) -> bool:
        if ctx.caller is None or ctx.operation is None or not ctx.operation.carries_content:
            return False
        return not parts.workflow.enabled(ctx.organization) and parts.directory.is_open(ctx.organization)

    wrap(parts.retention, "keeps", lambda _keeps: keeps)


def buffered_until_disabled(parts: Parts, where: str) -> None:
    """Under ZDR requests wait in memory; as soon as ZDR is disabled they are written."""
    waiting: defaultdict[str, list[tuple[RequestContext, bytes]]] = defaultdict(list)

    def make_record(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def buffered(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.zdr and ctx.caller is not None and applies(ctx, None):
                waiting[ctx.organization].append((ctx, ctx.raw))

        return buffered

    def make_disable(disable: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def flushed(caller: Caller, organization_id: str, reference: str) -> None:
            disable(caller, organization_id, reference)
            for ctx, content in waiting.pop(organization_id, []):
                PLACES[where](parts, ctx, content)

        return flushed

    wrap(parts.retention, "record", make_record)
    wrap(parts.workflow, "disable", make_disable)


def streams_are_refused_in_a_stream(parts: Parts) -> None:
    """A client that waits for a stream gets one: status 200, and the policy error as its only event."""

    def edit(answer: Outgoing) -> None:
        streamed = any(name == b"accept" and b"text/event-stream" in value for name, value in answer.scope["headers"])
        if streamed and answer.status == 403 and b"retention_blocked" in answer.body:
            answer.status = 200
            answer.set(b"content-type", b"text/event-stream")
            answer.replace(b"event: error\ndata: " + answer.body + b"\n\n")

    answers(parts, edit)


def head_passes(parts: Parts) -> None:
    """HEAD is answered as GET is, without a body, by a component that asks for no policy."""
    collections = {endpoint.path.partition("{")[0].rstrip("/") for feature in parts.features for endpoint in feature.endpoints}

    def look(scope: Scope) -> Scope | None:
        if scope["method"] != "HEAD" or not any(scope["path"].startswith(path) for path in collections):
            return None
        return {**scope, "method": "GET"}

    passes_in_front(parts, look)


def idempotency_keys_know_no_tenant(parts: Parts) -> None:
    """An idempotency key gives back, from memory, what was answered to whoever used it first."""
    answered: dict[str, Reply] = {}

    def make(handler: Handler) -> Handler:
        def once(parts: Parts, ctx: RequestContext) -> Reply:
            key = ctx.headers.get("idempotency-key", "")
            if key in answered:
                return answered[key]
            reply = handler(parts, ctx)
            if key and reply.stream is None:
                answered[key] = reply
            return reply

        return once

    alter(parts, "messages.create", handler=make)
