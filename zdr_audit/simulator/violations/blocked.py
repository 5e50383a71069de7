"""Violations of the block on features that need storage."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.errors import NotFoundError, PolicyError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import FeatureObject, Organization
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]
REWRITTEN = "x-rewritten-from"


def _exempt(parts: Parts, excused: Callable[[RequestContext, Feature, FeatureEndpoint], bool]) -> None:
    def make(check: Check) -> Check:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if not excused(ctx, feature, endpoint):
                check(ctx, feature, endpoint)

        return lenient

    wrap(parts.gate, "check", make)


def not_gated(parts: Parts, features: Collection[str], endpoints: Collection[str] = (), methods: Collection[str] = ()) -> None:
    """The gate forgets endpoints of some features: those of that name or method, else all of them."""

    def forgotten(_ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> bool:
        if feature.id not in features:
            return False
        return endpoint.name in endpoints or endpoint.method in methods or not (endpoints or methods)

    _exempt(parts, forgotten)


def trusts_header(parts: Parts, header: str, value: str) -> None:
    """A request that says in a header that it is ours passes the gate."""
    _exempt(parts, lambda ctx, _feature, _endpoint: ctx.headers.get(header) == value)


def gates_by_path_text(parts: Parts) -> None:
    """A proxy in front decides by the path as it was written, then normalises slashes; the gate behind trusts that it decided."""

    class Normalise:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                path = "/" + "/".join(part for part in scope["path"].split("/") if part)
                if path != scope["path"]:
                    headers = [*scope["headers"], (REWRITTEN.encode(), b"1")]
                    scope = {**scope, "path": path, "headers": headers}
            await self.app(scope, receive, send)

    parts.middlewares.append(Normalise)
    _exempt(parts, lambda ctx, _feature, _endpoint: REWRITTEN in ctx.headers)


def _overridden(scope: Scope, headers: dict[bytes, bytes]) -> Scope | None:
    method = headers.get(b"x-http-method-override", b"").decode("latin-1").upper()
    return {**scope, "method": method} if scope["method"] == "GET" and method in {"POST", "PUT", "DELETE"} else None


UNUSUAL: dict[str, Callable[[Scope, dict[bytes, bytes]], Scope | None]] = {
    "upper case": lambda scope, _headers: {**scope, "path": scope["path"].lower()} if scope["path"].isupper() else None,
    "percent-encoded": lambda scope, _headers: scope if b"%" in scope.get("raw_path", b"") else None,
    "method override": _overridden,
    "older version": lambda scope, headers: scope if b"0" < headers.get(b"anthropic-version", b"") < b"2023-06-01" else None,
}
"""What a front end knows and the gate behind it does not: a request as the front end passes it on, None where it is of the usual kind."""


def passes_what_is_unusual(parts: Parts, form: str) -> None:
    """A front end understands one unusual form of request, and passes it on past the gate, which is made for the usual one."""
    understand = UNUSUAL[form]

    class Front:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (found := understand(scope, dict(scope["headers"]))) is not None:
                scope = {**found, "headers": [*scope["headers"], (REWRITTEN.encode(), b"1")]}
            await self.app(scope, receive, send)

    parts.middlewares.append(Front)
    _exempt(parts, lambda ctx, _feature, _endpoint: REWRITTEN in ctx.headers)


def refuses_with(parts: Parts, status: int) -> None:
    """A refused feature is answered with another status than that of a policy error."""

    def make(refusal: Callable[[Feature], PolicyError]) -> Callable[[Feature], PolicyError]:
        def other(feature: Feature) -> PolicyError:
            error = refusal(feature)
            error.status = status
            return error

        return other

    wrap(parts.gate, "refusal", make)


def grants_a_grace_period(parts: Parts, seconds: float) -> None:
    """For some time after an organization was enabled its users may finish what they are at."""
    until: dict[str, float] = {}

    def make(enable: Callable[[Caller, str, str], Any]) -> Callable[[Caller, str, str], Any]:
        def enable_softly(caller: Caller, request_id: str, reference: str) -> Any:
            row = enable(caller, request_id, reference)
            if caller.ip_address:  # whoever was enabled from the start has no time to finish anything
                until[row.organization_id] = time.monotonic() + seconds
            return row

        return enable_softly

    wrap(parts.workflow, "enable", make)
    _exempt(parts, lambda ctx, _feature, _endpoint: time.monotonic() < until.get(ctx.organization, 0.0))


def caches_permission(parts: Parts) -> None:
    """What was once allowed to an organization is remembered and not decided again."""
    allowed: set[str] = set()

    def make(check: Check) -> Check:
        def remembered(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if ctx.organization not in allowed:
                check(ctx, feature, endpoint)
                allowed.add(ctx.organization)

        return remembered

    wrap(parts.gate, "check", make)


def honours_older_sessions(parts: Parts, feature: str) -> None:
    """What was begun before ZDR was enabled may be finished."""

    def older(ctx: RequestContext, asked: Feature, _endpoint: FeatureEndpoint) -> bool:
        if asked.id != feature or "id" not in ctx.path:
            return False
        with parts.stores.read() as session:
            row = session.get(FeatureObject, ctx.path["id"])
            owner = session.get(Organization, ctx.organization)
            return bool(row and owner and row.organization_id == owner.id and owner.zdr_since and row.created_at < owner.zdr_since)

    _exempt(parts, older)


def spools_bodies(parts: Parts) -> None:
    """Bodies sent to the features are buffered to disk in front of the gate, which then refuses them; the buffers stay."""
    paths = [re.sub(r"{\w+}", "[^/]+", endpoint.path) for feature in parts.features for endpoint in feature.endpoints]
    wanted = re.compile("|".join(f"(?:{path})" for path in paths))

    class Spool:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] != "POST" or not wanted.fullmatch(scope["path"]):
                await self.app(scope, receive, send)
                return
            body, more = b"", True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            parts.stores.blobs.put("spool", secrets.token_hex(8), body)
            waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

            async def replay() -> Message:
                return waiting.pop() if waiting else await receive()

            await self.app(scope, replay, send)

    parts.middlewares.append(Spool)


def refuses_as_missing(parts: Parts) -> None:
    """A refused feature is answered 404, as if it did not exist."""
    wrap(parts.gate, "refusal", lambda _refusal: lambda _feature: NotFoundError())


def refuses_everybody(parts: Parts, features: Collection[str]) -> None:
    """Some features are switched off for all organizations instead of for those under ZDR."""

    def make(check: Check) -> Check:
        def strict(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if feature.id in features:
                raise parts.gate.refusal(feature)
            check(ctx, feature, endpoint)

        return strict

    wrap(parts.gate, "check", make)


def tells_clients_all_is_allowed(parts: Parts) -> None:
    """Clients are told that everything is allowed, while the backend refuses it."""

    def make(restrictions: Callable[[str], dict[str, dict[str, bool]]]) -> Callable[[str], dict[str, Any]]:
        return lambda organization_id: {key: {"allowed": True} for key in restrictions(organization_id)}

    wrap(parts.limits, "restrictions", make)
