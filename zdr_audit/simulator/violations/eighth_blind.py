"""Violations of an eighth blind list: what shows only at midnight, after a month of silence, at a restart, or where somebody comes back."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.retention import STANDARD_DAYS
from zdr_audit.simulator.schemas.client import AnyBody
from zdr_audit.simulator.schemas.messages import PromptFields
from zdr_audit.simulator.tables import AuditEntry, ExceptionalContent, FeatureObject, Hold, Organization, ZdrRequest
from zdr_audit.simulator.texts import attachments
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import also

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]


def _exchange(ctx: RequestContext) -> bytes:
    return json.dumps({"request": ctx.request_text, "response": ctx.response}, ensure_ascii=False).encode()


# Retention


def events_in_no_list_are_dead_letters(parts: Parts) -> None:
    """A report of events that is no batch cannot be counted, and is put aside for somebody to look at."""

    def make(handler: Handler) -> Handler:
        def count_or_put_aside(those: Parts, ctx: RequestContext) -> Reply:
            if not isinstance((ctx.body(AnyBody).model_extra or {}).get("events"), list):
                parts.stores.blobs.put("dead-letters", ctx.request_id, ctx.raw)
            return handler(those, ctx)

        return count_or_put_aside

    alter(parts, "events.send", handler=make)


def same_prompt_for_two_models_is_compared(parts: Parts) -> None:
    """A prompt that comes again for another model is kept with its answer, to compare models. Who was asked is known by a digest in memory."""
    asked: dict[str, str] = {}
    key = parts.secret(b"comparison of models")

    def compare(ctx: RequestContext) -> None:
        if not ctx.inferred or not isinstance(ctx.parsed, PromptFields):
            return
        prompt = ctx.organization + ctx.parsed.model_dump_json(include={"system", "messages", "tools"}, exclude_unset=True)
        before = asked.setdefault(hmac.digest(key, prompt.encode(), "sha256").hex(), ctx.model)
        if before != ctx.model:
            parts.stores.blobs.put("comparisons", ctx.request_id, _exchange(ctx))

    also(parts, compare)


def counted_images_stay(parts: Parts) -> None:
    """How many tokens a picture has goes by its size, and what tells the size works on files."""

    def make(handler: Handler) -> Handler:
        def decode_and_count(those: Parts, ctx: RequestContext) -> Reply:
            for number, data in enumerate(attachments(ctx.body(PromptFields))):
                if not data.startswith(b"%PDF-"):
                    parts.stores.blobs.put("measured", f"{ctx.request_id}.{number}", data)
            return handler(those, ctx)

        return decode_and_count

    alter(parts, "messages.count_tokens", handler=make)


# Blocked features


def inference_continues_a_session(parts: Parts) -> None:
    """What a client says in a web or remote session, which it names as its session, is appended to it, as if it came as an event."""

    def follow(ctx: RequestContext) -> None:
        if not ctx.inferred or not ctx.session_id:
            return
        of = (FeatureObject.organization_id == ctx.organization, FeatureObject.feature.in_(("web_sessions", "remote_sessions")))
        with parts.stores.write() as session:
            found = session.scalar(select(FeatureObject).where(FeatureObject.id == ctx.session_id, FeatureObject.parent_id.is_(None), *of))
            if found is None:
                return
            data = _exchange(ctx)
            row = FeatureObject(
                id=new_id("event"),
                organization_id=ctx.organization,
                user_id=ctx.known_caller.user_id,
                feature=found.feature,
                parent_id=found.id,
                size=len(data),
                created_at=parts.clock.stamp(),
                expires_at=parts.clock.stamp(days=STANDARD_DAYS),
            )
            session.add(row)
            parts.stores.blobs.put(ctx.organization, row.id, data)

    also(parts, follow)


def _own(parts: Parts, ctx: RequestContext, feature: Feature, object_id: str) -> bool:
    """Is there such an object of the feature, of the caller's organization?"""
    of = (FeatureObject.organization_id == ctx.organization, FeatureObject.feature == feature.id, FeatureObject.parent_id.is_(None))
    return parts.stores.first(select(FeatureObject.id).where(FeatureObject.id == object_id, *of)) is not None


def lists_go_on_after_a_cursor(parts: Parts) -> None:
    """A list that was begun is read to its end: whoever has a cursor was let in when they got it."""
    query: ContextVar[str] = ContextVar("query", default="")

    class Look:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                query.set(scope["query_string"].decode("latin-1"))
            await self.app(scope, receive, send)

    def make(check: Check) -> Check:
        def check_first_page(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            cursors = parse_qs(query.get()).get("after_id", [])
            if not (endpoint.action == "list" and len(cursors) == 1 and _own(parts, ctx, feature, cursors[0])):
                check(ctx, feature, endpoint)

        return check_first_page

    parts.middlewares.append(Look)
    wrap(parts.gate, "check", make)


# Enablement


def silence_approves(parts: Parts, days: int) -> None:
    """A request that nobody decided on within the term of review counts as approved when somebody goes to enable it."""

    def make(enable: Callable[[Caller, str, str], ZdrRequest]) -> Callable[[Caller, str, str], ZdrRequest]:
        def enable_overdue(caller: Caller, request_id: str, reference: str) -> ZdrRequest:
            with parts.stores.write() as session:
                row = session.get(ZdrRequest, request_id)
                if row is not None and row.status == "requested" and row.created_at <= parts.clock.stamp(days=-days):
                    organization = session.get(Organization, row.organization_id)
                    if organization is not None and organization.closed_at is None and parts.workflow.eligible(organization):
                        row.status = "approved"
            return enable(caller, request_id, reference)

        return enable_overdue

    wrap(parts.workflow, "enable", make)


def a_start_takes_approvals_back(parts: Parts) -> None:
    """What was approved and not enabled was under way when the service ended, and a start puts what was under way back to its beginning."""

    def make(run: Callable[[], None]) -> Callable[[], None]:
        def run_and_take_back() -> None:
            run()
            with parts.stores.write() as session:
                session.execute(update(ZdrRequest).where(ZdrRequest.status == "approved").values(status="requested"))

        return run_and_take_back

    wrap(parts.recovery, "run", make)


# Audit log


def same_reference_is_logged_once(parts: Parts) -> None:
    """An action of the workflow is known by organization, type and reference, and one that the log has already is taken for delivered twice."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_new(session: Session, caller: Caller, type_: str, organization_id: str, *rest: Any, **more: Any) -> None:
            if type_.startswith(ZDR) and more.get("outcome", "success") == "success" and more.get("reference"):
                same = (AuditEntry.type == type_, AuditEntry.reference == more["reference"], AuditEntry.outcome == "success")
                if session.scalar(select(AuditEntry.id).where(AuditEntry.organization_id == organization_id, *same)):
                    return
            append(session, caller, type_, organization_id, *rest, **more)

        return append_new

    wrap(parts.audit, "append", make)


# Scope


def a_successor_takes_over_zdr(parts: Parts) -> None:
    """An organization that is made anew, with the account and the name of a closed one, begins as the closed one ended."""

    def make(create: Callable[..., Organization]) -> Callable[..., Organization]:
        def create_successor(caller: Caller, account_id: str, name: str, product: str, **more: Any) -> Organization:
            row = create(caller, account_id, name, product, **more)
            before = select(Organization.id).where(Organization.account_id == account_id, Organization.name == name)
            closed = before.where(Organization.closed_at.is_not(None), Organization.zdr_since.is_not(None))
            if product == "enterprise" and row.commercial_terms and parts.stores.first(closed) is not None:
                with parts.stores.write() as session:
                    session.execute(update(Organization).where(Organization.id == row.id).values(zdr_since=parts.clock.stamp()))
            return row

        return create_successor

    wrap(parts.directory, "create_organization", make)


# Exceptions


def a_hold_pauses_the_end(parts: Parts) -> None:
    """While an organization has a hold nothing that is kept of it is deleted, that of other, flagged sessions included."""

    def make(_expire: Callable[[Session], int]) -> Callable[[Session], int]:
        def expire_without_holds(session: Session) -> int:
            held = select(Hold.organization_id).where(Hold.released_at.is_(None))
            due = (ExceptionalContent.expires_at <= parts.clock.stamp(), ExceptionalContent.organization_id.not_in(held))
            return int(getattr(session.execute(delete(ExceptionalContent).where(*due)), "rowcount", 0))

        return expire_without_holds

    wrap(parts.exceptions, "expire", make)
