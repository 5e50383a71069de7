"""Violations of a sixth blind list: shortcuts that work for whoever wrote them, and second ways to the same place that nobody thought of."""

from __future__ import annotations

import gzip
import json
import re
import secrets
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.endpoints.admin import CONTRACT
from zdr_audit.simulator.errors import SpendLimitError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.model import WORDS
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.retention import STANDARD_DAYS
from zdr_audit.simulator.schemas.client import AnyBody
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.tables import AuditEntry, ExceptionalContent, FeatureObject, Organization, SpendLimit, ZdrRequest
from zdr_audit.simulator.texts import blocks, texts
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import PLACES, also, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]
CENTS = 100


def _inferred(ctx: RequestContext) -> MessagesRequest | None:
    """The request of an inference that was answered; None for all else."""
    return ctx.parsed if applies(ctx, {"status_below": 400}) and isinstance(ctx.parsed, MessagesRequest) else None


# Retention


def session_titles_are_kept(parts: Parts, length: int) -> None:
    """A session gets a title, made of the first words that its user said; a request without a session is one of its own."""
    titled: set[tuple[str, str]] = set()

    def give_title(ctx: RequestContext) -> None:
        request = _inferred(ctx)
        mark = (ctx.organization, ctx.session_id or ctx.request_id) if request is not None else None
        if request is None or mark is None or mark in titled:
            return
        titled.add(mark)
        said = next((said for role, said in texts(request) if role == "user"), "")
        title = re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-")[:length]
        with parts.stores.write() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS session_titles (id TEXT PRIMARY KEY, title TEXT)"))
            session.execute(text("INSERT INTO session_titles VALUES (:id, :title)"), {"id": ctx.request_id, "title": title})

    also(parts, give_title)


def new_words_are_learned(parts: Parts, shortest: int) -> None:
    """Words that the dictionary of the spelling correction does not know are added to it, each once, without what they stood in."""

    def learn(ctx: RequestContext) -> None:
        request = _inferred(ctx)
        if request is None:
            return
        found = {word.lower() for _role, said in texts(request) for word in re.findall(rf"\w{{{shortest},}}", said)} - set(WORDS)
        with parts.stores.write() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS spelling_words (word TEXT PRIMARY KEY)"))
            for word in sorted(found):
                session.execute(text("INSERT INTO spelling_words VALUES (:word) ON CONFLICT DO NOTHING"), {"word": word})

    also(parts, learn)


def server_tool_results_are_cached(parts: Parts, where: str) -> None:
    """What a server tool found comes back with the next turn, and goes to the cache of the service that runs these tools."""

    def results(request: MessagesRequest) -> Iterator[Any]:
        for _role, block in blocks(request):
            kind = str(block.get("type"))
            if kind.endswith("_tool_result"):  # and not `tool_result`, which is of the client's own tools
                yield block.get("content")

    def cache(ctx: RequestContext) -> None:
        request = _inferred(ctx)
        if request is not None and (found := list(results(request))):
            PLACES[where](parts, ctx, zlib.compress(json.dumps(found, ensure_ascii=False).encode()))

    also(parts, cache)


def recorder_is_dumped_at_restart(parts: Parts, last: int) -> None:
    """A flight recorder holds the last requests in memory; a restart that somebody asks for writes it out for them."""
    recorder: deque[dict[str, str]] = deque(maxlen=last)

    def note(ctx: RequestContext) -> None:
        if _inferred(ctx) is not None:
            recorder.append({"request_id": ctx.request_id, "request": ctx.request_text, "response": ctx.response})

    def make(handler: Handler) -> Handler:
        def dump_and_restart(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            dump = json.dumps(list(recorder), ensure_ascii=False).encode()
            (parts.stores.logs.folder / f"recorder-{ctx.request_id}.json.gz").write_bytes(gzip.compress(dump))
            return reply

        return dump_and_restart

    also(parts, note)
    if any(found.name == "operator.restart" for found in parts.operations):
        alter(parts, "operator.restart", handler=make)


# Blocked features


def _lenient(parts: Parts, passes: Callable[[RequestContext, Feature], bool]) -> None:
    """The gate lets pass what `passes` says."""

    def make(check: Check) -> Check:
        def check_the_others(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if not passes(ctx, feature):
                check(ctx, feature, endpoint)

        return check_the_others

    wrap(parts.gate, "check", make)


def query_string_passes(parts: Parts) -> None:
    """The gate looks addresses up in a list of paths, with the query that they came with; what it does not find is not its business."""
    mark = f"x-{secrets.token_hex(8)}"

    class Address:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope.get("query_string"):
                scope = {**scope, "headers": [*scope["headers"], (mark.encode(), b"1")]}
            await self.app(scope, receive, send)

    parts.middlewares.append(Address)
    _lenient(parts, lambda ctx, _feature: mark in ctx.headers)


def managed_settings_open_features(parts: Parts) -> None:
    """Managed settings are put over the defaults of the policy, so that an admin can allow what the policy forbids."""

    def allowed(ctx: RequestContext, feature: Feature) -> bool:
        return parts.settings.read(ctx.organization)["settings"].get(feature.restriction_key) is True

    _lenient(parts, allowed)


def feedback_is_taken_as_event(parts: Parts) -> None:
    """Clients whose feedback was not taken send it as an event; events that are named so are put where feedback is."""

    def named(event: dict[str, Any]) -> str:
        about = event.get("event_data")
        inner = about if isinstance(about, dict) else {}
        names = (event.get("event_name"), event.get("name"), event.get("type"), inner.get("event_name"))
        return " ".join(name for name in names if isinstance(name, str))

    def make(handler: Handler) -> Handler:
        def take_feedback(those: Parts, ctx: RequestContext) -> Reply:
            sent = (ctx.body(AnyBody).model_extra or {}).get("events")
            for event in sent if isinstance(sent, list) else ():
                if isinstance(event, dict) and "feedback" in named(event).lower():
                    _put_feedback(parts, ctx, json.dumps(event, ensure_ascii=False).encode())
            return handler(those, ctx)

        return take_feedback

    alter(parts, "events.send", handler=make)


def _put_feedback(parts: Parts, ctx: RequestContext, data: bytes) -> None:
    row = FeatureObject(
        id=new_id("feedback"),
        organization_id=ctx.organization,
        user_id=ctx.known_caller.user_id,
        feature="feedback",
        size=len(data),
        created_at=parts.clock.stamp(),
        expires_at=parts.clock.stamp(days=STANDARD_DAYS),
    )
    with parts.stores.write() as session:
        session.add(row)
        parts.stores.blobs.put(ctx.organization, row.id, data)


# Scope


def _keeps_too(parts: Parts, kept: Callable[[RequestContext], bool]) -> None:
    """Content of open organizations is kept also where `kept` says so."""

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keeps_more(ctx: RequestContext) -> bool:
            content = ctx.caller is not None and ctx.operation is not None and ctx.operation.carries_content
            return keeps(ctx) or (content and parts.directory.is_open(ctx.organization) and kept(ctx))

        return keeps_more

    wrap(parts.retention, "keeps", make)


def organization_header_decides(parts: Parts, headers: list[str]) -> None:
    """Whose policy holds is told by the header in which clients of several organizations say for which they speak."""

    def of_another(ctx: RequestContext) -> bool:
        named = [ctx.headers[name] for name in headers if name in ctx.headers][:1]
        return bool(named) and parts.directory.exists(named[0]) and not parts.workflow.enabled(named[0])

    _keeps_too(parts, of_another)


def second_page_of_organizations_is_kept(parts: Parts, page: int) -> None:
    """The organizations under ZDR are read as a list, of which there is only ever the first page."""

    def further(ctx: RequestContext) -> bool:
        enabled = select(Organization.id).where(Organization.zdr_since.is_not(None), Organization.closed_at.is_(None))
        with parts.stores.read() as session:
            first = list(session.scalars(enabled.order_by(Organization.zdr_since, Organization.id).limit(page)))
        return ctx.organization not in first

    _keeps_too(parts, further)


# Enablement


def migration_drops_limits(parts: Parts) -> None:
    """The new plan begins with cost controls of its own, which are none."""

    def make(migrate: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def migrate_without_limits(caller: Caller, organization_id: str, reference: str) -> None:
            migrate(caller, organization_id, reference)
            with parts.stores.write() as session:
                session.execute(delete(SpendLimit).where(SpendLimit.organization_id == organization_id))

        return migrate_without_limits

    wrap(parts.workflow, "migrate", make)


def ticket_approves_every_request(parts: Parts) -> None:
    """Enabling asks whether the ticket was approved, and several requests may be filed under one ticket."""

    def entries(of: str) -> Any:
        return select(AuditEntry).where(AuditEntry.type == ZDR + of, AuditEntry.outcome == "success", AuditEntry.actor_role != "system")

    def make(enable: Callable[[Caller, str, str], ZdrRequest]) -> Callable[[Caller, str, str], ZdrRequest]:
        def enable_by_ticket(caller: Caller, request_id: str, reference: str) -> ZdrRequest:
            with parts.stores.write() as session:
                row = session.get(ZdrRequest, request_id)
                filed = session.scalars(entries("requested").where(AuditEntry.entity_id == request_id)).first()
                if row is not None and row.status == "requested" and filed is not None:
                    approved = session.scalars(entries("approved").where(AuditEntry.reference == filed.reference)).first()
                    organization = session.get(Organization, row.organization_id)
                    if approved is not None and organization is not None and parts.workflow.eligible(organization):
                        row.status = "approved"
            return enable(caller, request_id, reference)

        return enable_by_ticket

    wrap(parts.workflow, "enable", make)


# Audit log


def contract_enabling_is_not_logged(parts: Parts) -> None:
    """An organization whose contract includes ZDR has it from its first moment, by a path that writes no entries of it."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_others(*args: Any, **more: Any) -> None:
            if more.get("reference") != CONTRACT:
                append(*args, **more)

        return append_others

    wrap(parts.audit, "append", make)


def unreadable_refusals_are_not_logged(parts: Parts) -> None:
    """The entry of a refused attempt is made from what was sent, and fails where nothing can be made of that."""

    def make(refused: Callable[..., None]) -> Callable[..., None]:
        def refused_readably(caller: Caller, type_: str, *rest: Any, reference: str, **more: Any) -> None:
            if reference or not type_.startswith(ZDR):
                refused(caller, type_, *rest, reference=reference, **more)

        return refused_readably

    wrap(parts.audit, "refused", make)


# Exceptions, administration


def purge_takes_a_few_rows(parts: Parts, most: int) -> None:
    """The purge deletes in batches, so that no lock is held for long, and does not come back for the next one."""

    def expire(session: Session) -> int:
        due = select(ExceptionalContent.id).where(ExceptionalContent.expires_at <= parts.clock.stamp())
        batch = list(session.scalars(due.order_by(ExceptionalContent.expires_at, ExceptionalContent.id).limit(most)))
        session.execute(delete(ExceptionalContent).where(ExceptionalContent.id.in_(batch)))
        return len(batch)

    wrap(parts.exceptions, "expire", lambda _expire: expire)


def limit_is_in_another_unit(parts: Parts) -> None:
    """The limit is compared with what was spent in whole dollars, as the invoice has it."""

    def check(ctx: RequestContext) -> None:
        user_id = ctx.known_caller.user_id
        limit = parts.cost.limit(user_id)
        if limit is not None and parts.cost.spent(user_id) // CENTS >= limit:
            raise SpendLimitError("Your spend limit is reached. Ask an admin of your organization.")

    wrap(parts.cost, "check", lambda _check: check)
