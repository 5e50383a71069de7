"""Violations at the edges of the interface: who is let in, whose objects are found, what a chain of calls brings about."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.endpoints.admin import effective
from zdr_audit.simulator.errors import ForbiddenError, NotFoundError
from zdr_audit.simulator.features import Feature
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.admin import LimitQuery
from zdr_audit.simulator.schemas.base import Paging
from zdr_audit.simulator.schemas.client import AnyBody
from zdr_audit.simulator.tables import FeatureObject, User
from zdr_audit.simulator.violations import alter, operation, wrap
from zdr_audit.simulator.violations.keeping import WHAT

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Get = Callable[[RequestContext, Feature, str], FeatureObject]


def staff_may(parts: Parts, name: str) -> None:
    """All of the provider's staff may call an operation, whatever the document says."""

    def make(require: Callable[..., None]) -> Callable[..., None]:
        def laxer(ctx: RequestContext, asked: Any, concerned: str | None) -> None:
            if asked.name != name or ctx.caller is None or not ctx.caller.is_staff:
                require(ctx, asked, concerned)

        return laxer

    wrap(parts.auth, "require", make)


def role_may_not(parts: Parts, name: str, role: str) -> None:
    """A role is refused an operation that the document gives it."""

    def make(require: Callable[..., None]) -> Callable[..., None]:
        def stricter(ctx: RequestContext, asked: Any, concerned: str | None) -> None:
            require(ctx, asked, concerned)
            if asked.name == name and ctx.known_caller.role == role:
                raise ForbiddenError("Your role does not permit this action.", reason="wrong_role")

        return stricter

    wrap(parts.auth, "require", make)


def holders_are_remembered(parts: Parts) -> None:
    """Who holds a key is looked up once."""
    holders: dict[str, Caller] = {}

    def make(identify: Callable[[RequestContext], Caller | None]) -> Callable[[RequestContext], Caller | None]:
        def remembered(ctx: RequestContext) -> Caller | None:
            key = ctx.headers.get("x-api-key", "")
            found = holders.get(key) or identify(ctx)
            if found is not None and key and "authorization" not in ctx.headers:
                holders[key] = found
            return found

        return remembered

    wrap(parts.auth, "identify", make)


def cursor_leads_abroad(parts: Parts, feature: str) -> None:
    """A cursor is looked up without its tenant: one of another organization is as good as one's own."""
    stored = {item.id: item for item in parts.features}[feature]

    def make(handler: Handler) -> Handler:
        def listed(parts: Parts, ctx: RequestContext) -> Reply:
            after = ctx.asked(Paging).after_id
            with parts.stores.read() as session:
                row = session.get(FeatureObject, after) if after else None
            if row is None or row.organization_id == ctx.organization or row.feature != stored.id:
                return handler(parts, ctx)
            return Reply({"data": [], "has_more": False, "first_id": None, "last_id": None})

        return listed

    alter(parts, f"{feature}.list", handler=make)


def users_are_not_asked_for_their_tenant(parts: Parts) -> None:
    """Limit and spending of a user are found by identifier alone, whichever organization asks."""

    def read(parts: Parts, ctx: RequestContext) -> Reply:
        user_id = ctx.asked(LimitQuery).user_id
        with parts.stores.read() as session:
            if session.get(User, user_id) is None:
                raise NotFoundError
        return Reply(effective(parts, user_id))

    alter(parts, "spend_limits.read", handler=lambda _inner: read)


def keys_for_anybody(parts: Parts) -> None:
    """A key is made for whichever user the body names."""

    def make(create: Callable[..., tuple[str, str]]) -> Callable[..., tuple[str, str]]:
        def created(caller: Any, _organization_id: str, user_id: str, name: str, key: str | None = None) -> tuple[str, str]:
            with parts.stores.read() as session:
                user = session.get(User, user_id)
            if user is None:
                raise NotFoundError
            return create(caller, user.organization_id, user_id, name, key)

        return created

    wrap(parts.directory, "create_key", make)


def foreign_objects_are_forbidden(parts: Parts) -> None:
    """An object of another organization is refused in so many words, and so told from none."""

    def make(get: Get) -> Get:
        def told(ctx: RequestContext, feature: Feature, object_id: str) -> FeatureObject:
            with parts.stores.read() as session:
                row = session.get(FeatureObject, object_id)
            if row is not None and row.organization_id != ctx.organization:
                raise ForbiddenError("This object belongs to somebody else.", reason="")
            return get(ctx, feature, object_id)

        return told

    wrap(parts.shelf, "get", make)


def removed_content_is_still_served(parts: Parts) -> None:
    """The content of a file is served from a cache that its removal does not reach."""
    cache: dict[tuple[str, str], bytes] = {}

    def make(handler: Handler) -> Handler:
        def cached(parts: Parts, ctx: RequestContext) -> Reply:
            key = (ctx.organization, ctx.path["id"])
            if key not in cache:
                body = handler(parts, ctx).body
                assert isinstance(body, bytes)
                cache[key] = body
            return Reply(cache[key], media_type="application/octet-stream")

        return cached

    alter(parts, "files.content", handler=make)


def second_event_crashes(parts: Parts, name: str) -> None:
    """An object can be appended to once."""

    def make(handler: Handler) -> Handler:
        def once(parts: Parts, ctx: RequestContext) -> Reply:
            feature = operation(parts, name).feature
            assert feature is not None
            if parts.shelf.children(parts.shelf.get(ctx, feature, ctx.path["id"])):
                raise RuntimeError("the order of events is not defined")
            return handler(parts, ctx)

        return once

    alter(parts, name, handler=make)


def greatest_page_crashes(parts: Parts, name: str, limit: int) -> None:
    """The greatest page that the document allows is one too many."""

    def make(handler: Handler) -> Handler:
        def short(parts: Parts, ctx: RequestContext) -> Reply:
            if ctx.asked(Paging).limit >= limit:
                raise OverflowError("page")
            return handler(parts, ctx)

        return short

    alter(parts, name, handler=make)


def documented_example_crashes(parts: Parts) -> None:
    """A report of the very form that the document shows brings the handler down."""

    def make(handler: Handler) -> Handler:
        def handle(parts: Parts, ctx: RequestContext) -> Reply:
            metrics = (ctx.body(AnyBody).model_extra or {}).get("metrics")
            if isinstance(metrics, list) and any(isinstance(item, dict) and item.get("data_points") for item in metrics):
                raise KeyError("attributes")
            return handler(parts, ctx)

        return handle

    alter(parts, "metrics.send", handler=make)


def errors_quote_the_query(parts: Parts) -> None:
    """The error about a malformed query quotes it."""

    class Quote:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            query = scope.get("query_string", b"").decode("latin-1")
            held: list[Message] = []

            async def quoting(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] == 400 and query:
                    held.append(message)
                elif held and message["type"] == "http.response.body":
                    body = json.loads(message["body"])
                    body["error"]["message"] += f" Query: {query}"
                    data = json.dumps(body).encode()
                    headers = [(k, v) for k, v in held[0]["headers"] if k.lower() != b"content-length"]
                    await send({**held[0], "headers": [*headers, (b"content-length", str(len(data)).encode())]})
                    await send({**message, "body": data})
                else:
                    await send(message)

            await self.app(scope, receive, quoting)

    parts.middlewares.append(Quote)


def shows_an_earlier_request(
    parts: Parts, what: str, every: int = 1, methods: tuple[str, ...] = (), header: str = "x-debug-previous"
) -> None:
    """A header for debugging shows the end of what the request before said, in one of so many answers (to these methods alone)."""
    last, counts = [""], itertools.count(1)

    def make(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def noted(ctx: RequestContext) -> None:
            record(ctx)
            if said := WHAT[what](ctx):
                last[0] = quote(said.decode("utf-8", "replace")[-400:])

        return noted

    wrap(parts.retention, "record", make)

    class Debugging:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            meant = not methods or scope.get("method") in methods
            earlier = last[0] if meant and next(counts) % every == 0 else ""

            async def told(message: Message) -> None:
                if message["type"] == "http.response.start" and earlier:
                    message["headers"] = [*message.get("headers", ()), (header.encode(), earlier.encode())]
                await send(message)

            await self.app(scope, receive, told)

    parts.middlewares.append(Debugging)
