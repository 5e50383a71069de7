"""Violations of a second blind list, written from the policy and the service alone: states, orders and roles that are easily forgotten."""

from __future__ import annotations

import contextvars
import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.audit import as_entry, entry_digest
from zdr_audit.simulator.auth import key_digest
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.errors import ConflictError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import ApiKey, AuditEntry, ExceptionalContent, Hold, Organization, User, ZdrRequest
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.blind import _beginning, _put_aside
from zdr_audit.simulator.violations.depth_blocked import passes_in_front
from zdr_audit.simulator.violations.keeping import FORMS, PLACES, WHAT, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Record = Callable[[RequestContext], None]
_OF_CLOSED = (
    select(ApiKey.id)
    .join(Organization, Organization.id == ApiKey.organization_id)
    .where(ApiKey.digest == bindparam("digest"), Organization.closed_at.is_not(None), Organization.zdr_since.is_not(None))
)
_FILE_NAME = re.compile(rb'filename="([^"\r\n]*)"')


def inference_of_a_role_is_kept(parts: Parts, role: str, what: str, where: str, form: str) -> None:
    """What users with a role send is kept."""

    def make(record: Record) -> Record:
        def record_and_keep(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.caller is not None and ctx.caller.role == role and applies(ctx, None):
                PLACES[where](parts, ctx, FORMS[form](WHAT[what](ctx)))

        return record_and_keep

    wrap(parts.retention, "record", make)


def what_follows_a_failure_is_kept(parts: Parts, what: str, where: str, form: str) -> None:
    """The next request of a user after one that the backend failed is kept."""
    failed: dict[str, bool] = {}

    def make(record: Record) -> Record:
        def record_and_keep(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.caller is None or not applies(ctx, None):
                return
            before, failed[ctx.caller.user_id] = failed.get(ctx.caller.user_id, False), ctx.status >= 500
            if before:
                PLACES[where](parts, ctx, FORMS[form](WHAT[what](ctx)))

        return record_and_keep

    wrap(parts.retention, "record", make)


def bodies_for_closed_organizations_are_put_aside(parts: Parts, size: int) -> None:
    """What comes with a key of an organization that was closed while it had ZDR is put aside."""

    def of_closed(headers: dict[str, str]) -> bool:
        key = headers.get("x-api-key", "") or headers.get("authorization", "").partition(" ")[2].strip()
        return bool(key) and parts.stores.first(_OF_CLOSED, digest=key_digest(key)) is not None

    _put_aside(parts, of_closed, "offboarding", size)


def flagged_sessions_pass(parts: Parts) -> None:
    """What names a flagged session may be stored, so the gate lets it pass."""

    def make(check: Callable[..., None]) -> Callable[..., None]:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if parts.exceptions.covers(ctx) != "flag":
                check(ctx, feature, endpoint)

        return lenient

    wrap(parts.gate, "check", make)


def dot_segments_pass(parts: Parts) -> None:
    """A component in front resolves dot segments and hands the request on inside."""

    def look(scope: Scope) -> Scope | None:
        path = scope["path"]
        if not {".", ".."} & set(path.split("/")):
            return None
        return {**scope, "path": posixpath.normpath(path)}

    passes_in_front(parts, look)


def an_approval_counts_for_the_account(parts: Parts) -> None:
    """Whether a request is approved is looked up by account: a sibling's waiting approval does."""

    def make(enable: Callable[[Caller, str, str], ZdrRequest]) -> Callable[[Caller, str, str], ZdrRequest]:
        def enable_by_account(caller: Caller, request_id: str, reference: str) -> ZdrRequest:
            try:
                return enable(caller, request_id, reference)
            except ConflictError as error:
                if error.reason != "not_approved" or not _approved_beside(parts, request_id):
                    raise
            return enable(caller, request_id, reference)

        return enable_by_account

    wrap(parts.workflow, "enable", make)


def _approved_beside(parts: Parts, request_id: str) -> bool:
    """Marks an open request approved where another organization of the account has a waiting approval, and says whether it did."""
    with parts.stores.write() as session:
        row = session.get(ZdrRequest, request_id)
        own = session.get(Organization, row.organization_id) if row is not None and row.status == "requested" else None
        if row is None or own is None:
            return False
        beside = select(ZdrRequest.id).join(Organization, Organization.id == ZdrRequest.organization_id)
        found = session.scalar(beside.where(Organization.account_id == own.account_id, ZdrRequest.status == "approved").limit(1))
        if found is not None:
            row.status = "approved"
        return found is not None


def the_email_decides(parts: Parts) -> None:
    """Users are joined by e-mail: one who is also a user of an open organization without ZDR is kept."""

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keeps_more(ctx: RequestContext) -> bool:
            if ctx.zdr and ctx.caller is not None and ctx.operation is not None and ctx.operation.carries_content:
                elsewhere = select(User.id).join(Organization, Organization.id == User.organization_id)
                elsewhere = elsewhere.where(User.email == ctx.caller.email, User.organization_id != ctx.organization)
                with parts.stores.read() as session:
                    if session.scalar(elsewhere.where(Organization.zdr_since.is_(None), Organization.closed_at.is_(None)).limit(1)):
                        return True
            return keeps(ctx)

        return keeps_more

    wrap(parts.retention, "keeps", make)


def chains_begin_with_the_month(parts: Parts) -> None:
    """The first entry of a month begins a chain of its own, so that the end of the one before can be cut off."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_by_month(session: Session, caller: Caller, asked: str, organization_id: str, *rest: Any, **more: Any) -> None:
            append(session, caller, asked, organization_id, *rest, **more)
            mine = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
            rows = session.scalars(mine.order_by(AuditEntry.sequence.desc()).limit(2)).all()
            if len(rows) == 2 and rows[0].created_at[:7] != rows[1].created_at[:7]:
                rows[0].previous_digest = ""
                rows[0].digest = entry_digest(as_entry(rows[0]))
                session.flush()

        return append_by_month

    wrap(parts.audit, "append", make)


def refused_uploads_are_logged_by_name(parts: Parts, size: int) -> None:
    """A refused upload has an entry in the audit log, with the name of the file."""
    file_name: contextvars.ContextVar[str] = contextvars.ContextVar("file_name", default="")
    upload = next(
        endpoint for feature in parts.features if feature.id == "files" for endpoint in feature.endpoints if endpoint.name == "create"
    )

    class Look:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or (scope["method"], scope["path"]) != (upload.method, upload.path):
                await self.app(scope, receive, send)
                return
            body, seen = await _beginning(receive, size)
            named = _FILE_NAME.search(body)
            file_name.set(named[1].decode("utf-8", "replace")[:200] if named else "")

            async def replay() -> Message:
                return seen.pop(0) if seen else await receive()

            await self.app(scope, replay, send)

    def make(refused: Callable[..., None]) -> Callable[..., None]:
        def refused_by_name(caller: Caller, type_: str, *rest: Any, reference: str, reason: str) -> None:
            said = file_name.get() if type_ == "file_upload" else reference
            refused(caller, type_, *rest, reference=said, reason=reason)

        return refused_by_name

    alter(parts, "files.create", audit_type="file_upload")
    parts.middlewares.append(Look)
    wrap(parts.audit, "refused", make)


def a_second_hold_brings_content_back(parts: Parts) -> None:
    """What a release deletes is remembered, and is there again as soon as the session is held anew."""
    remembered: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def kept(organization_id: str, session_id: str) -> list[dict[str, Any]]:
        with parts.stores.read() as session:
            mine = (ExceptionalContent.organization_id == organization_id, ExceptionalContent.session_id == session_id)
            columns = ExceptionalContent.__table__.columns
            return [dict(row._mapping) for row in session.execute(select(*columns).where(*mine))]

    def make_release(release: Callable[[Caller, str], None]) -> Callable[[Caller, str], None]:
        def release_and_remember(caller: Caller, hold_id: str) -> None:
            with parts.stores.read() as session:
                hold = session.get(Hold, hold_id)
            before = kept(hold.organization_id, hold.session_id) if hold is not None else []
            release(caller, hold_id)
            assert hold is not None
            left = {row["id"] for row in kept(hold.organization_id, hold.session_id)}
            remembered.setdefault((hold.organization_id, hold.session_id), []).extend(row for row in before if row["id"] not in left)

        return release_and_remember

    def make_place(place: Callable[[Caller, str, str, str], str]) -> Callable[[Caller, str, str, str], str]:
        def place_and_restore(caller: Caller, organization_id: str, session_id: str, reference: str) -> str:
            hold_id = place(caller, organization_id, session_id, reference)
            if rows := remembered.pop((organization_id, session_id), []):
                with parts.stores.write() as session:
                    session.execute(insert(ExceptionalContent), rows)
            return hold_id

        return place_and_restore

    wrap(parts.exceptions, "release_hold", make_release)
    wrap(parts.exceptions, "place_hold", make_place)


def streams_are_not_counted(parts: Parts) -> None:
    """Streamed inferences are counted from what was stored of them, and under ZDR nothing is."""

    def make(charge: Callable[[Session, RequestContext], None]) -> Callable[[Session, RequestContext], None]:
        def charge_what_is_stored(session: Session, ctx: RequestContext) -> None:
            if not (ctx.stream and ctx.zdr):
                charge(session, ctx)

        return charge_what_is_stored

    wrap(parts.cost, "charge", make)


def keys_are_revoked_without_their_tenant(parts: Parts) -> None:
    """A key is found by its identifier alone when it is revoked."""

    def make(revoke: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def revoke_any(caller: Caller, organization_id: str, key_id: str) -> None:
            with parts.stores.read() as session:
                row = session.get(ApiKey, key_id)
            revoke(caller, row.organization_id if row is not None else organization_id, key_id)

        return revoke_any

    wrap(parts.directory, "revoke_key", make)
