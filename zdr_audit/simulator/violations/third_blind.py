"""Violations of a third blind list: what only a second key, a third time, a long session or another order of things brings to light."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from zdr_audit.simulator.cache import prefixes
from zdr_audit.simulator.context import PROVIDER, Caller, RequestContext
from zdr_audit.simulator.endpoints.messages import event
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.model import Completion
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.tables import ApiKey, AuditEntry, Conversation, ExceptionalContent, Hold, Organization, User, ZdrRequest
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import PLACES, also, applies
from zdr_audit.simulator.violations.retention import keep

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

NEWER = "x-newer-interface"
NEVER = "9999-12-31T00:00:00.000000Z"


def plain_interface_is_kept(parts: Parts, what: str, where: str, form: str) -> None:
    """What does not ask for the newer interface in its query goes to the older service, which keeps it."""

    class Router:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and b"beta=true" in scope["query_string"]:
                scope = {**scope, "headers": [*scope["headers"], (NEWER.encode(), b"1")]}
            await self.app(scope, receive, send)

    parts.middlewares.append(Router)
    keep(parts, what, where, form, {"no_header": NEWER})


def hot_prefixes_are_promoted(parts: Parts, where: str, times: int) -> None:
    """A marked prefix that comes for the so-manieth time goes to the part of the cache that lies on disk."""
    uses: Counter[bytes] = Counter()

    def count(ctx: RequestContext) -> None:
        if not applies(ctx, {"status_below": 400}) or not isinstance(ctx.parsed, MessagesRequest):
            return
        for prefix in prefixes(ctx.parsed):
            mark = hashlib.sha256(f"{ctx.organization}\n{ctx.model}\n{prefix.text}".encode()).digest()
            uses[mark] += 1
            if uses[mark] == times:
                PLACES[where](parts, ctx, zlib.compress(prefix.text.encode()))

    also(parts, count)


def limits_tag_goes_by_the_plan(parts: Parts) -> None:
    """The tag of the policy limits is made of which limits there are, not of what they say."""

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            tag = f'"{hashlib.sha256(",".join(those.limits.restrictions(ctx.organization)).encode()).hexdigest()[:32]}"'
            if tag in ctx.headers.get("if-none-match", ""):
                return Reply(None, 304, {"etag": tag})
            return Reply(handler(those, ctx).body, headers={"etag": tag})

        return handle

    alter(parts, "policy_limits.read", handler=make)


def failover_has_no_gate(parts: Parts) -> None:
    """From a failed inference to the next one that succeeds an organization is served by a region without a gate."""
    away: set[str] = set()

    def note(ctx: RequestContext) -> None:
        if ctx.caller is not None and applies(ctx, {"status_from": 500}):
            away.add(ctx.organization)
        elif ctx.inferred:
            away.discard(ctx.organization)

    def make(check: Callable[..., None]) -> Callable[..., None]:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if ctx.organization not in away:
                check(ctx, feature, endpoint)

        return lenient

    also(parts, note)
    wrap(parts.gate, "check", make)


def older_content_is_never_purged(parts: Parts) -> None:
    """Enabling takes what was stored before off the list of what the purge will delete."""

    def make(enable: Callable[[Caller, str, str], ZdrRequest]) -> Callable[[Caller, str, str], ZdrRequest]:
        def enable_and_forget(caller: Caller, request_id: str, reference: str) -> ZdrRequest:
            row = enable(caller, request_id, reference)
            with parts.stores.write() as session:
                session.execute(update(Conversation).where(Conversation.organization_id == row.organization_id).values(expires_at=NEVER))
            return row

        return enable_and_forget

    wrap(parts.workflow, "enable", make)


def later_requests_renew_earlier_ones(parts: Parts) -> None:
    """The period of all that is kept of a session begins anew with each of its requests."""

    def make(record: Callable[[Session, RequestContext], None]) -> Callable[[Session, RequestContext], None]:
        def record_and_renew(session: Session, ctx: RequestContext) -> None:
            record(session, ctx)
            session.flush()
            mine = (ExceptionalContent.organization_id == ctx.organization, ExceptionalContent.session_id == ctx.session_id)
            last = select(ExceptionalContent.expires_at).where(*mine).order_by(ExceptionalContent.expires_at.desc()).limit(1)
            if parts.exceptions.covers(ctx) and (latest := session.scalar(last)):
                session.execute(update(ExceptionalContent).where(*mine).values(expires_at=latest))

        return record_and_renew

    wrap(parts.exceptions, "record", make)


def hold_before_enabling_keeps_all(parts: Parts) -> None:
    """An organization that has a hold from before ZDR is kept whole until the hold is released."""

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keeps_more(ctx: RequestContext) -> bool:
            if ctx.zdr and ctx.caller is not None and ctx.operation is not None and ctx.operation.carries_content:
                older = select(Hold.id).join(Organization, Organization.id == Hold.organization_id).where(Hold.released_at.is_(None))
                older = older.where(Hold.organization_id == ctx.organization, Hold.created_at < Organization.zdr_since)
                if parts.stores.first(older) is not None:
                    return True
            return keeps(ctx)

        return keeps_more

    wrap(parts.retention, "keeps", make)


def migration_ends_siblings_zdr(parts: Parts) -> None:
    """Migrating one organization ends the contract that its pay-as-you-go siblings have ZDR by."""

    def make(migrate: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def migrate_the_contract(caller: Caller, organization_id: str, reference: str) -> None:
            migrate(caller, organization_id, reference)
            account = parts.directory.organization(organization_id).account_id
            with parts.stores.write() as session:
                session.execute(
                    update(Organization).where(Organization.account_id == account, Organization.product == "api").values(zdr_since=None)
                )

        return migrate_the_contract

    wrap(parts.workflow, "migrate", make)


def closing_deletes_the_log(parts: Parts) -> None:
    """The audit log of an organization is deleted with all else that is its own."""

    def make(close: Callable[[Caller, str], None]) -> Callable[[Caller, str], None]:
        def close_and_delete(caller: Caller, organization_id: str) -> None:
            close(caller, organization_id)
            with parts.stores.write() as session:
                session.execute(delete(AuditEntry).where(AuditEntry.organization_id == organization_id))

        return close_and_delete

    wrap(parts.directory, "close_organization", make)


def entries_name_the_keys_maker(parts: Parts) -> None:
    """Who acted is looked up by the key, and found as whoever of the organization made it."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_by_maker(session: Session, caller: Caller, *rest: Any, **more: Any) -> None:
            made = select(User).join(AuditEntry, AuditEntry.actor_id == User.id).where(AuditEntry.type == "api_key_created")
            made = made.where(AuditEntry.entity_id == caller.key_id, User.organization_id == caller.organization_id)
            maker = session.scalars(made.limit(1)).first() if caller.key_id else None
            if maker is not None:
                caller = Caller(
                    maker.id, maker.email, maker.role, maker.organization_id, caller.key_id, caller.ip_address, caller.user_agent
                )
            append(session, caller, *rest, **more)

        return append_by_maker

    wrap(parts.audit, "append", make)


def limit_binds_the_first_key(parts: Parts) -> None:
    """A limit is kept with the key that its user had first; the others know of none."""

    def make(check: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def check_the_first(ctx: RequestContext) -> None:
            caller = ctx.known_caller
            first = parts.stores.first(select(ApiKey.id).where(ApiKey.user_id == caller.user_id).order_by(ApiKey.created_at).limit(1))
            if first is None or first[0] == caller.key_id:
                check(ctx)

        return check_the_first

    wrap(parts.cost, "check", make)


def abandoned_answers_reach_the_next(parts: Parts) -> None:
    """An answer that its client did not wait for stays in the queue, and whoever asks for a stream next gets it before their own."""
    said: dict[str, str] = {}
    queue: list[str] = []

    def make_complete(complete: Callable[[MessagesRequest, RequestContext], Completion]) -> Callable[..., Completion]:
        def complete_and_note(request: MessagesRequest, ctx: RequestContext) -> Completion:
            completion = complete(request, ctx)
            if request.stream:
                said[ctx.request_id] = str(completion.content[-1].get("text", ""))
            return completion

        return complete_and_note

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            inner = reply.stream
            if inner is None:
                return reply

            async def stream() -> AsyncIterator[bytes]:
                chunks = inner()
                try:
                    async for chunk in chunks:
                        if queue and b'"index": 0' in chunk and b'"text_delta"' in chunk:
                            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": queue.pop(0)})
                        yield chunk
                finally:
                    await chunks.aclose()  # type: ignore[attr-defined]
                    text = said.pop(ctx.request_id, "")
                    if ctx.aborted and text:
                        queue.append(text)

            return Reply(media_type=reply.media_type, stream=stream)

        return handle

    wrap(parts.model, "complete", make_complete)
    alter(parts, "messages.create", handler=make)


def domain_lists_strangers(parts: Parts) -> None:
    """Whoever has an address of the domain of one of an organization's users is listed as its user."""

    def make(users: Callable[[str], list[User]]) -> Callable[[str], list[User]]:
        def users_by_domain(organization_id: str) -> list[User]:
            own = users(organization_id)
            domains = {user.email.rpartition("@")[2] for user in own}
            with parts.stores.read() as session:
                others = session.scalars(
                    select(User).where(User.organization_id.not_in((organization_id, PROVIDER))).order_by(User.id)
                ).all()
            return own + [user for user in others if user.email.rpartition("@")[2] in domains]

        return users_by_domain

    wrap(parts.directory, "users", make)
