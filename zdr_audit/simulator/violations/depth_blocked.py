"""Violations of the block that only an unusual form of a request, or a look at the refusal itself, brings to light."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import ApiError, PolicyError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import FeatureObject
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]
Refusal = Callable[[Feature], PolicyError]
Look = Callable[[Scope], Scope | None]
PASSED = "x-passed-by-front"
MEGABYTE = 1_000_000


def _exempt(parts: Parts, excused: Callable[[RequestContext], bool]) -> None:
    def make(check: Check) -> Check:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if not excused(ctx):
                check(ctx, feature, endpoint)

        return lenient

    wrap(parts.gate, "check", make)


def passes_in_front(parts: Parts, look: Look) -> None:
    """A component in front that looks at each request; what it returns goes on as passed, None as it came."""

    class Front:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (passed := look(scope)) is not None:
                scope = {**passed, "headers": [*passed["headers"], (PASSED.encode(), b"1")]}
            await self.app(scope, receive, send)

    parts.middlewares.append(Front)
    _exempt(parts, lambda ctx: PASSED in ctx.headers)


def media_types_pass(parts: Parts, media_types: Collection[str]) -> None:
    """The gate hangs on one parser; bodies of other types are read by another."""
    _exempt(parts, lambda ctx: ctx.headers.get("content-type", "") in media_types)


def chunks_pass(parts: Parts) -> None:
    """A body is expected where a length is; without one the request is taken for a harmless one."""
    _exempt(parts, lambda ctx: "chunked" in ctx.headers.get("transfer-encoding", ""))


def large_bodies_pass(parts: Parts) -> None:
    """Large bodies take the way of uploads, which has no gate."""
    _exempt(parts, lambda ctx: int(ctx.headers.get("content-length", "0") or 0) > MEGABYTE)


def header_passes(parts: Parts, header: str, value: str = "") -> None:
    """A header that a front end would have taken off is believed; without a value, whatever it says."""
    _exempt(parts, lambda ctx: header in ctx.headers and value in {"", ctx.headers[header]})


def doubled_header_passes(parts: Parts, header: str) -> None:
    """The front end takes the first header of that name off; the one that is left is believed."""

    def look(scope: Scope) -> Scope | None:
        return scope if sum(name.lower() == header.encode() for name, _ in scope["headers"]) > 1 else None

    passes_in_front(parts, look)


def role_passes(parts: Parts, role: str) -> None:
    """A role is exempt from the gate."""
    _exempt(parts, lambda ctx: ctx.known_caller.role == role)


def two_credentials_pass(parts: Parts) -> None:
    """With a credential in each header the gate cannot tell whose policy to ask for, and asks for none."""
    _exempt(parts, lambda ctx: {"x-api-key", "authorization"} <= set(ctx.headers))


def connection_remembers(parts: Parts) -> None:
    """Whose policy holds is looked up for the first request of a connection."""
    first: dict[str, bool] = {}

    class Connection:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope = {**scope, "headers": [*scope["headers"], (b"x-connection", str(scope.get("client")).encode())]}
            await self.app(scope, receive, send)

    parts.middlewares.append(Connection)

    def remembered(ctx: RequestContext) -> bool:
        return first.get(ctx.headers.get("x-connection", ""), False)

    def make(identify: Callable[[RequestContext], object]) -> Callable[[RequestContext], object]:
        def identify_and_note(ctx: RequestContext) -> object:
            caller = identify(ctx)
            if caller is not None:
                free = not parts.workflow.enabled(getattr(caller, "organization_id", ""))
                first.setdefault(ctx.headers.get("x-connection", ""), free)
            return caller

        return identify_and_note

    wrap(parts.auth, "identify", make)
    _exempt(parts, remembered)


def old_protocol_passes(parts: Parts) -> None:
    """HTTP/1.0 is what the load balancer's health checks speak."""
    passes_in_front(parts, lambda scope: scope if scope["http_version"] == "1.0" else None)


def prefix_passes(parts: Parts, prefix: str) -> None:
    """Below a prefix the request is handed on inside, where the gate is thought to have been passed."""

    def look(scope: Scope) -> Scope | None:
        path = scope["path"]
        return {**scope, "path": path[len(prefix) :]} if path.startswith(prefix + "/") else None

    passes_in_front(parts, look)


def keeps_odd_bodies(parts: Parts, media_types: Collection[str]) -> None:
    """Bodies of a type that no parser is for go to a dead-letter folder before the request is refused."""
    wanted = {media_type.encode() for media_type in media_types}

    class DeadLetters:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            odd = scope["type"] == "http" and any(name == b"content-type" and value in wanted for name, value in scope["headers"])
            if not odd:
                await self.app(scope, receive, send)
                return
            body, more = b"", True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            parts.stores.blobs.put("dead-letters", secrets.token_hex(8), body)
            waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

            async def replay() -> Message:
                return waiting.pop() if waiting else await receive()

            await self.app(scope, replay, send)

    parts.middlewares.append(DeadLetters)


def refusal_tells_existence(parts: Parts) -> None:
    """The refusal of a resource that is there has one more field than that of one that is not."""

    def make(check: Check) -> Check:
        def telling(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            try:
                check(ctx, feature, endpoint)
            except PolicyError as error:
                with parts.stores.read() as session:
                    row = session.get(FeatureObject, ctx.path.get("id", ""))
                if row is not None and row.organization_id == ctx.organization:
                    error.details = {**(error.details or {}), "kept": "until it expires"}
                raise

        return telling

    wrap(parts.gate, "check", make)


class LengthRequiredError(ApiError):
    status = 411


def chunks_refused_otherwise(parts: Parts) -> None:
    """What comes in chunks is refused under ZDR as well, but by a component that knows nothing of policy."""

    def make(check: Check) -> Check:
        def other(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if "chunked" in ctx.headers.get("transfer-encoding", "") and parts.workflow.enabled(ctx.organization):
                raise LengthRequiredError("A length is required.")
            check(ctx, feature, endpoint)

        return other

    wrap(parts.gate, "check", make)


def refusal_says(parts: Parts, more: str = "", retry_after: str = "") -> None:
    """The refusal adds a sentence, or a header, that makes clients try again."""

    def make(refusal: Refusal) -> Refusal:
        def saying(feature: Feature) -> PolicyError:
            error = refusal(feature)
            error.message += more
            if retry_after:
                error.headers["retry-after"] = retry_after
            return error

        return saying

    wrap(parts.gate, "refusal", make)
