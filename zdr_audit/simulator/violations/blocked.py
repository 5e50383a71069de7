"""Violations of the block on features that need storage."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import NotFoundError
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
