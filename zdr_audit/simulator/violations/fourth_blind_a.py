"""Violations of a fourth blind list: two things that hold alone, and not together (a change and a hold, a state and a reader)."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.cache import LONG_SECONDS, Prefix, prefixes
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.operations import Handler, Operation, Reply
from zdr_audit.simulator.schemas.admin import LocalSession, LocalSessionContent, LocalSessionList
from zdr_audit.simulator.schemas.base import Paging
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.tables import AuditEntry, ExceptionalContent, FlaggedSession, Organization, User
from zdr_audit.simulator.texts import blocks
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import PLACES, also, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Covers = Callable[[RequestContext], str | None]
EVERY_SESSION = "*"


def evicted_prefixes_are_spilled(parts: Parts, where: str) -> None:
    """A marked prefix whose time to live in memory has ended goes to disk, with the next request that comes."""
    waiting: dict[str, tuple[str, RequestContext, bytes]] = {}

    def sweep(ctx: RequestContext) -> None:
        now = parts.clock.stamp()
        for key in [key for key, (until, _, _) in waiting.items() if until <= now]:
            _, first, data = waiting.pop(key)
            PLACES[where](parts, first, data)
        if applies(ctx, {"status_below": 400}) and isinstance(ctx.parsed, MessagesRequest):
            for prefix in prefixes(ctx.parsed)[-1:]:
                waiting[ctx.request_id] = (parts.clock.stamp(seconds=prefix.seconds), ctx, zlib.compress(prefix.text.encode()))

    also(parts, sweep)


def images_in_documents_are_decoded(parts: Parts, where: str) -> None:
    """Images that stand inside a document are decoded to a file for the converter of documents, and stay there."""

    def pages(ctx: RequestContext) -> Iterator[bytes]:
        for _role, block in blocks(ctx.body(MessagesRequest)):
            source = block.get("source")
            inner = source.get("content") if block.get("type") == "document" and isinstance(source, dict) else None
            for part in inner if isinstance(inner, list) else ():
                if part.get("type") == "image":
                    yield base64.b64decode(part["source"]["data"])

    def decode(ctx: RequestContext) -> None:
        if applies(ctx, None) and isinstance(ctx.parsed, MessagesRequest):
            for image in pages(ctx):
                PLACES[where](parts, ctx, image)

    also(parts, decode)


def in_flight_at_release_stays(parts: Parts) -> None:
    """Whether a hold covers a request is asked when it begins as well, and what is written after the release is deleted by nobody."""
    begun: dict[str, str] = {}

    def make_require(require: Callable[..., None]) -> Callable[..., None]:
        def require_and_note(ctx: RequestContext, operation: Operation, concerned: str | None) -> None:
            require(ctx, operation, concerned)
            if operation.name == "messages.create" and (reason := parts.exceptions.covers(ctx)):
                begun[ctx.request_id] = reason

        return require_and_note

    def make(covers: Covers) -> Covers:
        return lambda ctx: covers(ctx) or begun.pop(ctx.request_id, None)

    wrap(parts.auth, "require", make_require)
    wrap(parts.exceptions, "covers", make)


def closed_organizations_are_not_purged(parts: Parts) -> None:
    """The purge of exceptional content goes through the organizations that are open."""

    def expire(session: Session) -> int:
        is_open = select(Organization.id).where(Organization.closed_at.is_(None))
        due = delete(ExceptionalContent).where(ExceptionalContent.expires_at <= parts.clock.stamp())
        return int(getattr(session.execute(due.where(ExceptionalContent.organization_id.in_(is_open))), "rowcount", 0))

    wrap(parts.exceptions, "expire", lambda _expire: expire)


def read_back_shows_exceptional_content(parts: Parts) -> None:
    """Where an organization is not under ZDR, the read-back shows all that is stored of its sessions: what was kept of flagged ones too."""

    def mine(ctx: RequestContext) -> list[ExceptionalContent]:
        if parts.workflow.enabled(ctx.organization):
            return []
        with parts.stores.read() as session:
            return list(session.scalars(select(ExceptionalContent).where(ExceptionalContent.organization_id == ctx.organization)))

    def make_list(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            page = handler(those, ctx).body
            assert isinstance(page, LocalSessionList)
            room = ctx.asked(Paging).limit - len(page.data)
            rows = [LocalSession(id=row.id, session_id=row.session_id, created_at=row.created_at) for row in mine(ctx)]
            data = page.data if page.has_more else [*page.data, *rows[:room]]
            return Reply(
                page.model_copy(update={"data": data, "first_id": data[0].id if data else None, "last_id": data[-1].id if data else None})
            )

        return handle

    def make_read(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            for row in mine(ctx):
                if row.id == ctx.path["id"]:
                    content = json.loads(row.content)
                    return Reply(LocalSessionContent(id=row.id, session_id=row.session_id, created_at=row.created_at, **content))
            return handler(those, ctx)

        return handle

    alter(parts, "local_sessions.list", handler=make_list)
    alter(parts, "local_sessions.read", handler=make_read)


def migration_widens_flags(parts: Parts) -> None:
    """The new plan knows flagged organizations alone: whoever has a flagged session when it is migrated is flagged whole."""
    flags = (FlaggedSession.organization_id, FlaggedSession.session_id)

    def make_migrate(migrate: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def migrate_flags(caller: Caller, organization_id: str, reference: str) -> None:
            migrate(caller, organization_id, reference)
            if parts.stores.first(select(*flags).where(FlaggedSession.organization_id == organization_id)):
                with parts.stores.write() as session:
                    session.merge(FlaggedSession(organization_id=organization_id, session_id=EVERY_SESSION, created_at=parts.clock.stamp()))

        return migrate_flags

    def make(covers: Covers) -> Covers:
        whole = select(*flags).where(FlaggedSession.session_id == EVERY_SESSION)

        def broad(ctx: RequestContext) -> str | None:
            return covers(ctx) or ("flag" if parts.stores.first(whole.where(FlaggedSession.organization_id == ctx.organization)) else None)

        return broad

    wrap(parts.workflow, "migrate", make_migrate)
    wrap(parts.exceptions, "covers", make)


def hour_long_prefixes_are_shared(parts: Parts) -> None:
    """Prefixes that ask for the longer time to live are counted in a place of their own, the key of which has no organization."""
    counted: dict[tuple[str, str], str] = {}

    def make_holds(holds: Callable[[Prefix, RequestContext], bool]) -> Callable[[Prefix, RequestContext], bool]:
        def anybodys(prefix: Prefix, ctx: RequestContext) -> bool:
            shared = prefix.seconds == LONG_SECONDS and counted.get((ctx.model, prefix.text), "") > parts.clock.stamp()
            return shared or holds(prefix, ctx)

        return anybodys

    def make_put(put: Callable[[Prefix, RequestContext], None]) -> Callable[[Prefix, RequestContext], None]:
        def put_for_all(prefix: Prefix, ctx: RequestContext) -> None:
            if prefix.seconds == LONG_SECONDS:
                counted[ctx.model, prefix.text] = parts.clock.stamp(seconds=prefix.seconds)
            put(prefix, ctx)

        return put_for_all

    wrap(parts.cache, "holds", make_holds)
    wrap(parts.cache, "put", make_put)


def siblings_are_told_of_zdr(parts: Parts) -> None:
    """What clients are told is looked up by account: where one organization has ZDR, the clients of all are told so."""

    def enabled_one(organization_id: str) -> str:
        account = parts.directory.organization(organization_id).account_id
        mine = select(Organization.id).where(Organization.account_id == account, Organization.zdr_since.is_not(None))
        found = parts.stores.first(mine.limit(1))
        return found[0] if found else organization_id

    def make(told: Callable[[str], Any]) -> Callable[[str], Any]:
        return lambda organization_id: told(enabled_one(organization_id))

    wrap(parts.limits, "restrictions", make)
    wrap(parts.limits, "taints", make)


def approval_takes_the_roll(parts: Parts) -> None:
    """Enabling is for the users that were there when the request was approved, and for those that come after it: not for those in between."""

    def between(ctx: RequestContext) -> bool:
        approved = select(func.max(AuditEntry.created_at)).where(
            AuditEntry.organization_id == ctx.organization, AuditEntry.type == ZDR + "approved", AuditEntry.outcome == "success"
        )
        late = select(User.id).join(Organization, Organization.id == User.organization_id).where(User.id == ctx.known_caller.user_id)
        late = late.where(User.created_at > approved.scalar_subquery(), User.created_at < Organization.zdr_since)
        return parts.stores.first(late) is not None

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keeps_more(ctx: RequestContext) -> bool:
            inference = ctx.caller is not None and ctx.operation is not None and ctx.operation.carries_content
            return keeps(ctx) or (inference and ctx.zdr and between(ctx))

        return keeps_more

    wrap(parts.retention, "keeps", make)


def known_beginnings_go_on(parts: Parts) -> None:
    """A prompt under ZDR that begins as one that was cached on disk before goes there as well, as the next turn of it."""

    def refresh(ctx: RequestContext) -> None:
        if not (ctx.zdr and ctx.inferred and isinstance(ctx.parsed, MessagesRequest)):
            return
        now, cache = parts.clock.stamp(), parts.stores.cache
        if any((cache.expiry(ctx.organization, parts.cache._row_key(prefix.text, ctx)) or "") > now for prefix in prefixes(ctx.parsed)):
            with parts.stores.exclusive():
                parts.cache.keep(ctx)

    also(parts, refresh)
