"""Violations written by somebody who had not seen what the suites look at."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from zdr_audit.simulator.audit import ZDR, as_entry, entry_digest
from zdr_audit.simulator.clock import stamp
from zdr_audit.simulator.context import PROVIDER, Caller, RequestContext
from zdr_audit.simulator.errors import PolicyError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import AuditEntry, FlaggedSession, Organization, User, ZdrRequest
from zdr_audit.simulator.violations import wrap
from zdr_audit.simulator.violations.depth_audit import busy_of

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Step = Callable[[Caller, str, str], Any]


def _exempt(parts: Parts, excused: Callable[[RequestContext, Feature, FeatureEndpoint], bool]) -> None:
    def make(check: Callable[..., None]) -> Callable[..., None]:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if not excused(ctx, feature, endpoint):
                check(ctx, feature, endpoint)

        return lenient

    wrap(parts.gate, "check", make)


def names_another_organization(parts: Parts, type_: str) -> None:
    """Published entries of one type name the provider's own organization; the digests are those of what is published."""

    def make(listed: Callable[..., Any]) -> Callable[..., Any]:
        def elsewhere(*args: Any) -> Any:
            found = listed(*args)
            if found is None:
                return None
            rows, more = found
            previous = rows[0]["previous_digest"] if rows else ""
            for row in rows:
                if row["type"] == type_:
                    row["organization_id"] = PROVIDER
                row["previous_digest"] = previous
                previous = row["digest"] = entry_digest(row)
            return rows, more

        return elsewhere

    wrap(parts.audit, "list", make)


def bearer_passes(parts: Parts) -> None:
    """A credential of another kind is looked up by another component, which does not ask for the policy."""
    _exempt(parts, lambda ctx, _f, _e: "authorization" in ctx.headers and "x-api-key" not in ctx.headers)


def new_members_pass(parts: Parts) -> None:
    """A user who was added after enabling is not in the gate's list of users."""

    def younger(ctx: RequestContext, _f: Feature, _e: FeatureEndpoint) -> bool:
        with parts.stores.read() as session:
            user, organization = session.get(User, ctx.known_caller.user_id), session.get(Organization, ctx.organization)
            return bool(user and organization and organization.zdr_since and user.created_at > organization.zdr_since)

    _exempt(parts, younger)


def migrated_features_open(parts: Parts) -> None:
    """Features that come with the new plan are open for organizations that moved to it."""
    moved: set[str] = set()

    def make(migrate: Step) -> Step:
        def noted(caller: Caller, organization_id: str, reference: str) -> None:
            migrate(caller, organization_id, reference)
            moved.add(organization_id)

        return noted

    wrap(parts.workflow, "migrate", make)
    _exempt(parts, lambda ctx, feature, _e: ctx.organization in moved and feature.id != "web_sessions")


def rejection_disables(parts: Parts) -> None:
    """A rejected request takes ZDR from an organization that has it."""

    def make(reject: Step) -> Step:
        def hard(caller: Caller, request_id: str, reference: str) -> Any:
            row = reject(caller, request_id, reference)
            with parts.stores.write() as session:
                session.get_one(Organization, row.organization_id).zdr_since = None
            return row

        return hard

    wrap(parts.workflow, "reject", make)


def approval_goes_stale(parts: Parts, days: int) -> None:
    """What was enabled ends by itself when the approval is a number of days old."""

    def make(enabled: Callable[[str], bool]) -> Callable[[str], bool]:
        def still(organization_id: str) -> bool:
            if not enabled(organization_id):
                return False
            since = parts.directory.organization(organization_id).zdr_since
            return since is not None and since > parts.clock.stamp(days=-days)

        return still

    wrap(parts.workflow, "enabled", make)


def refusal_is_cached_for_the_sibling(parts: Parts, seconds: float) -> None:
    """A refusal is cached by account, and given to siblings without ZDR for a moment."""
    refused: dict[str, float] = {}

    def make(check: Callable[..., None]) -> Callable[..., None]:
        def shared(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            account = parts.directory.organization(ctx.organization).account_id
            try:
                check(ctx, feature, endpoint)
            except PolicyError:
                refused[account] = time.monotonic() + seconds
                raise
            if feature.stores(endpoint) and refused.get(account, 0) > time.monotonic():
                raise parts.gate.refusal(feature)

        return shared

    wrap(parts.gate, "check", make)


def every_seventh_refusal_unlogged(parts: Parts, every: int) -> None:
    """Refused attempts are sampled."""
    count = Counter[str]()

    def make(refused: Callable[..., None]) -> Callable[..., None]:
        def sampled(*args: Any, **named: Any) -> None:
            count["n"] += 1
            if count["n"] % every:
                refused(*args, **named)

        return sampled

    wrap(parts.audit, "refused", make)


def log_drops_old_entries(parts: Parts, days: int) -> None:
    """The purge takes entries of the audit log that are older than the standard period."""

    def make(expire: Callable[[Session], int]) -> Callable[[Session], int]:
        def expired(session: Session) -> int:
            old = (AuditEntry.type.startswith(ZDR), AuditEntry.created_at <= parts.clock.stamp(days=-days))
            session.execute(delete(AuditEntry).where(*old))
            return expire(session)

        return expired

    wrap(parts.exceptions, "expire", make)


def second_request_is_approved(parts: Parts) -> None:
    """After disabling, the next request needs no review: it is approved as it is filed."""

    def make(request: Step) -> Step:
        def filed(caller: Caller, organization_id: str, reference: str) -> Any:
            row = request(caller, organization_id, reference)
            with parts.stores.write() as session:
                earlier = select(ZdrRequest.id).where(ZdrRequest.organization_id == organization_id, ZdrRequest.status == "disabled")
                if session.scalars(earlier).first():
                    session.get_one(ZdrRequest, row.id).status = "approved"
            return row

        return filed

    wrap(parts.workflow, "request", make)


def hold_switches_zdr_off(parts: Parts) -> None:
    """A legal hold on a session suspends ZDR of the organization until it is released: statuses say so."""
    held: Counter[str] = Counter()

    def make(place: Callable[..., str]) -> Callable[..., str]:
        def placed(caller: Caller, organization_id: str, session_id: str, reference: str) -> str:
            held[organization_id] += 1
            return place(caller, organization_id, session_id, reference)

        return placed

    def make_enabled(enabled: Callable[[str], bool]) -> Callable[[str], bool]:
        return lambda organization_id: enabled(organization_id) and held[organization_id] < 2

    wrap(parts.exceptions, "place_hold", make)
    wrap(parts.workflow, "enabled", make_enabled)


def logs_addresses(parts: Parts) -> None:
    """The address of each request, query and all, goes into a log of its own."""

    class Access:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope.get("query_string"):
                with (parts.stores.folder / "logs" / "access.log").open("ab") as file:
                    file.write(scope["raw_path"] + b"?" + scope["query_string"] + b"\n")
            await self.app(scope, receive, send)

    parts.middlewares.append(Access)


def spools_streams_backwards(parts: Parts) -> None:
    """Long streamed answers are spooled to a file, reversed, and left there."""

    def make(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def spooled(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.stream and ctx.response:
                place = parts.stores.folder / "blobs" / "spool"
                place.mkdir(parents=True, exist_ok=True)
                (place / secrets.token_hex(6)).write_bytes(ctx.response.encode()[::-1])

        return spooled

    wrap(parts.retention, "record", make)


def admins_are_of_the_account(parts: Parts) -> None:
    """Admins read the usage of every organization of their account, since they administer the account."""

    def make(require: Callable[..., None]) -> Callable[..., None]:
        def account_wide(ctx: RequestContext, operation: Any, concerned: str | None) -> None:
            caller = ctx.caller
            if operation.name == "usage_report.claude_code" and caller is not None and caller.role == "admin" and concerned:
                mine, other = parts.directory.organization(caller.organization_id), parts.directory.organization(concerned)
                if mine.account_id == other.account_id:
                    return
            require(ctx, operation, concerned)

        return account_wide

    wrap(parts.auth, "require", make)


def licence_ends(parts: Parts, days: int) -> None:
    """The gate's licence must be renewed: a number of days after the start it lets everything pass."""
    born = parts.clock.now()
    _exempt(parts, lambda _ctx, _f, _e: parts.clock.now() - born > timedelta(days=days))


def _when_busy(parts: Parts, edit: Callable[[AuditEntry, AuditEntry | None], None]) -> None:
    """Changes each new entry that is written while many requests are under way; `edit` gets it with the one before. Its digest is that of what is stored."""
    busy = busy_of(parts)

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def edited(session: Session, caller: Caller, asked: str, organization_id: str, *rest: Any, **more: Any) -> None:
            append(session, caller, asked, organization_id, *rest, **more)
            if busy():
                mine = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
                rows = session.scalars(mine.order_by(AuditEntry.sequence.desc(), AuditEntry.created_at.desc()).limit(2)).all()
                edit(rows[0], rows[1] if len(rows) > 1 else None)
                rows[0].digest = entry_digest(as_entry(rows[0]))
                session.flush()

        return edited

    wrap(parts.audit, "append", make)


def times_run_backwards_when_busy(parts: Parts, seconds: float) -> None:
    """Under load every other entry is stamped by a host whose clock is a little behind."""
    number = Counter[str]()

    def edit(row: AuditEntry, _before: AuditEntry | None) -> None:
        number["n"] += 1
        if number["n"] % 2:
            row.created_at = stamp(datetime.fromisoformat(row.created_at) - timedelta(seconds=seconds))

    _when_busy(parts, edit)


def _covers_more(parts: Parts, other: Callable[[Session, RequestContext], object]) -> None:
    """A request is kept for a flag on something else, too."""

    def make(covers: Callable[[RequestContext], str | None]) -> Callable[[RequestContext], str | None]:
        def wide(ctx: RequestContext) -> str | None:
            found = covers(ctx)
            if found or not ctx.session_id:
                return found
            with parts.stores.read() as session:
                return "flag" if other(session, ctx) else None

        return wide

    wrap(parts.exceptions, "covers", make)


def flag_goes_by_the_beginning(parts: Parts) -> None:
    """A flag covers every session of the organization whose name begins as that of the flagged one."""

    def same_beginning(session: Session, ctx: RequestContext) -> bool:
        flags = session.scalars(select(FlaggedSession.session_id).where(FlaggedSession.organization_id == ctx.organization))
        return any(ctx.session_id.startswith(flagged) for flagged in flags)

    _covers_more(parts, same_beginning)


def flag_is_deaf_to_case(parts: Parts) -> None:
    """The name of a flagged session is compared without regard to case."""

    def same_letters(session: Session, ctx: RequestContext) -> bool:
        flags = session.scalars(select(FlaggedSession.session_id).where(FlaggedSession.organization_id == ctx.organization))
        return any(ctx.session_id.lower() == flagged.lower() for flagged in flags)

    _covers_more(parts, same_letters)


def flag_forgets_the_organization(parts: Parts) -> None:
    """A flag covers the session of that name in every organization."""
    _covers_more(
        parts, lambda session, ctx: session.scalars(select(FlaggedSession).where(FlaggedSession.session_id == ctx.session_id)).first()
    )
