"""Violations of a ninth blind list: helpful additions around a service that works, each of which forgot one case."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from zdr_audit.simulator.audit import ZDR, as_entry
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.endpoints.admin import SYSTEM
from zdr_audit.simulator.errors import ConflictError, PolicyError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.stores import DayFiles
from zdr_audit.simulator.tables import AuditEntry, ZdrRequest
from zdr_audit.simulator.texts import texts
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import also

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
REDACTED = {
    "email": re.compile(r"(?<![A-Za-z0-9._+-])[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    "credential": re.compile(r"\b(?:sk-|ghp_|xox[bp]-|AKIA)[A-Za-z0-9_-]{8,}"),
}


def _inferred(ctx: RequestContext) -> MessagesRequest | None:
    """The request of an inference that was answered; None for all else."""
    return ctx.parsed if ctx.inferred and isinstance(ctx.parsed, MessagesRequest) else None


# Retention


def slow_requests_are_logged(parts: Parts, seconds: float) -> None:
    """Requests that took long have a line in a log of their own, with what they were; streams take their time and are left out."""
    slow = DayFiles(parts.stores.folder / "logs", "slow")

    def log(ctx: RequestContext) -> None:
        took = time.monotonic() - ctx.started_clock
        if took >= seconds and ctx.operation is not None and ctx.operation.name.startswith("messages.") and not ctx.stream and ctx.raw:
            slow.append(parts.clock.today(), {"request_id": ctx.request_id, "seconds": round(took, 1), "body": ctx.request_text})

    also(parts, log)


def originals_of_cleaned_texts_are_kept(parts: Parts) -> None:
    """Control characters are taken out of texts; what a text was before is put aside."""

    def put_aside(ctx: RequestContext) -> None:
        request = _inferred(ctx)
        for number, (_role, said) in enumerate(texts(request) if request is not None else ()):
            if CONTROL.search(said):
                parts.stores.blobs.put("cleaning", f"{ctx.request_id}.{number}", said.encode("utf-8", "replace"))

    also(parts, put_aside)


def redacted_values_are_kept(parts: Parts) -> None:
    """A scanner finds addresses and credentials in prompts; a table tells which placeholder stands for which value."""

    def keep(ctx: RequestContext) -> None:
        request = _inferred(ctx)
        said = "\n".join(said for role, said in texts(request) if role == "user") if request is not None else ""
        found = [(kind, value) for kind, pattern in REDACTED.items() for value in dict.fromkeys(pattern.findall(said))]
        if found:
            with parts.stores.write() as session:
                session.execute(text("CREATE TABLE IF NOT EXISTS placeholders (placeholder TEXT PRIMARY KEY, value TEXT)"))
                for number, (kind, value) in enumerate(found):
                    row = {"placeholder": f"<{kind}:{ctx.request_id}:{number}>", "value": value}
                    session.execute(text("INSERT INTO placeholders VALUES (:placeholder, :value)"), row)

    also(parts, keep)


# Blocked features


def _unchanged(ctx: RequestContext, created_at: str, tag: str) -> bool:
    """Has the client what there is, by what it says of the tag or of the date?"""
    tags = [item.strip().removeprefix("W/") for item in ctx.headers.get("if-none-match", "").split(",")]
    if "if-none-match" in ctx.headers:
        return "*" in tags or f'"{tag}"' in tags
    try:
        since = parsedate_to_datetime(ctx.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    return datetime.fromisoformat(created_at) <= (since if since.tzinfo else since.replace(tzinfo=UTC))


def conditional_reads_are_answered(parts: Parts) -> None:
    """A client that has an object already is told that it did not change, as nothing of the object is sent; all else meets the gate."""
    gate = parts.gate.check

    def make_check(check: Check) -> Check:
        def check_unconditional(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            conditional = "if-none-match" in ctx.headers or "if-modified-since" in ctx.headers
            if not (conditional and endpoint.method == "GET" and endpoint.action in {"read", "content"}):
                check(ctx, feature, endpoint)

        return check_unconditional

    def make(feature: Feature, endpoint: FeatureEndpoint) -> Callable[[Handler], Handler]:
        def make_handler(handler: Handler) -> Handler:
            def read(those: Parts, ctx: RequestContext) -> Reply:
                if not those.workflow.enabled(ctx.organization):
                    return handler(those, ctx)
                rows = [row for row in those.shelf.list(ctx, feature) if row.id == ctx.path["id"]]
                if rows and _unchanged(ctx, rows[0].created_at, rows[0].id):
                    return Reply(None, 304)
                gate(ctx, feature, endpoint)
                return handler(those, ctx)

            return read

        return make_handler

    wrap(parts.gate, "check", make_check)
    for item in list(parts.operations):
        if item.feature is not None and item.endpoint is not None and item.needs_storage and item.endpoint.action in {"read", "content"}:
            alter(parts, item.name, handler=make(item.feature, item.endpoint), also=(*item.also, 304))


class SeeHelpError(PolicyError):
    """The policy error for people: a page that explains it."""

    status = 303


def browsers_are_redirected(parts: Parts) -> None:
    """Who accepts HTML is taken for a person in front of a browser, and sent to the page about ZDR."""

    def make(check: Check) -> Check:
        def check_or_redirect(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            try:
                check(ctx, feature, endpoint)
            except PolicyError as error:
                if "text/html" not in ctx.headers.get("accept", ""):
                    raise
                raise SeeHelpError(error.message, reason=error.reason, headers={"location": "/v1/models"}) from None

        return check_or_redirect

    wrap(parts.gate, "check", make)


# Enablement


def waiting_requests_approve_themselves(parts: Parts, days: int) -> None:
    """With the purge a job looks for requests that nobody decided, and approves them in the system's name."""

    def make(run: Callable[[], dict[str, int]]) -> Callable[[], dict[str, int]]:
        def decide_and_run() -> dict[str, int]:
            with parts.stores.read() as session:
                waiting = (ZdrRequest.status == "requested", ZdrRequest.created_at <= parts.clock.stamp(days=-days))
                ids = list(session.scalars(select(ZdrRequest.id).where(*waiting)))
            for request_id in ids:
                try:
                    parts.workflow.approve(SYSTEM, request_id, f"no objection within {days} days")
                except ConflictError:
                    continue  # not eligible, or closed
            return run()

        return decide_and_run

    wrap(parts.purge, "run", make)


def migrated_cannot_be_disabled(parts: Parts) -> None:
    """ZDR that came with a contract ends with the contract, which is looked up among those of pay-as-you-go."""

    def make(disable: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def disable_unless_migrated(caller: Caller, organization_id: str, reference: str) -> None:
            migrated = select(AuditEntry.id).where(
                AuditEntry.organization_id == organization_id, AuditEntry.type == ZDR + "migrated", AuditEntry.outcome == "success"
            )
            if parts.workflow.enabled(organization_id) and parts.stores.first(migrated):
                raise ConflictError("Zero data retention is part of the organization's contract.", reason="under_contract")
            disable(caller, organization_id, reference)

        return disable_unless_migrated

    wrap(parts.workflow, "disable", make)


# Audit log


def digest_is_over_escaped_letters(parts: Parts) -> None:
    """The digest is made over JSON with letters outside ASCII escaped, and the next entry names that one."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_escaped(session: Session, caller: Caller, type_: str, organization_id: str, *rest: Any, **more: Any) -> None:
            append(session, caller, type_, organization_id, *rest, **more)
            mine = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
            row = session.scalars(mine.order_by(AuditEntry.sequence.desc()).limit(1)).one()
            body = {key: value for key, value in as_entry(row).items() if key != "digest"}
            digest = hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
            if digest != row.digest:
                session.execute(update(AuditEntry).where(AuditEntry.id == row.id).values(digest=digest))

        return append_escaped

    wrap(parts.audit, "append", make)


# Exceptions


def flag_follows_the_conversation(parts: Parts) -> None:
    """A flagged session is known again by its first message, under whatever name the client goes on with it; the digests are in memory."""
    begun: set[tuple[str, str]] = set()

    def make(covers: Callable[[RequestContext], str | None]) -> Callable[[RequestContext], str | None]:
        def covers_conversation(ctx: RequestContext) -> str | None:
            reason = covers(ctx)
            request = _inferred(ctx)
            if request is None or not ctx.session_id:
                return reason
            first = json.dumps(request.model_dump(mode="json", include={"messages"})["messages"][0], sort_keys=True)
            mine = (ctx.organization, hashlib.sha256(first.encode()).hexdigest())
            if reason == "flag":
                begun.add(mine)
            return reason or ("flag" if mine in begun else None)

        return covers_conversation

    wrap(parts.exceptions, "covers", make)


# Administration


def zero_is_no_limit(parts: Parts) -> None:
    """Whether there is a limit is asked by whether the number is true."""

    def make(check: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def check_if_any(ctx: RequestContext) -> None:
            if parts.cost.limit(ctx.known_caller.user_id):
                check(ctx)

        return check_if_any

    wrap(parts.cost, "check", make)
