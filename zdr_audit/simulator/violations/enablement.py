"""Violations of the way to ZDR and back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.tables import Organization, ZdrRequest
from zdr_audit.simulator.violations import alter, operation, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def role_may(parts: Parts, name: str, role: str) -> None:
    """One more role may call an operation."""
    alter(parts, name, roles=(operation(parts, name).roles or frozenset()) | {role})


def rejected_is_good_enough(parts: Parts) -> None:
    """Enabling takes a request that was decided, whichever way."""

    def make(in_status: Callable[..., ZdrRequest]) -> Callable[..., ZdrRequest]:
        def decided(session: Session, request_id: str, status: str, reason: str) -> ZdrRequest:
            row = session.get(ZdrRequest, request_id)
            if row is not None and status == "approved" and row.status == "rejected":
                return row
            return in_status(session, request_id, status, reason)

        return decided

    wrap(parts.workflow, "_in_status", make)


def everybody_is_eligible(parts: Parts) -> None:
    """Nobody looks whether the organization may have ZDR."""
    wrap(parts.workflow, "eligible", lambda _eligible: lambda _organization: True)


def session_remembers(parts: Parts) -> None:
    """What may be kept is decided once a client session: an open session goes on as it began."""
    decided: dict[tuple[str, str], bool] = {}

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def remembered(ctx: RequestContext) -> bool:
            now = keeps(ctx)
            if ctx.caller is None or not ctx.session_id or ctx.operation is None or not ctx.operation.carries_content:
                return now
            return decided.setdefault((ctx.organization, ctx.session_id), now)

        return remembered

    wrap(parts.retention, "keeps", make)


def migration_leaves_a_window(parts: Parts, seconds: float) -> None:
    """The migrated organization starts on the standard settings, until a job a little later carries ZDR over."""

    def set_zdr(organization_id: str, since: str | None) -> None:
        with parts.stores.write() as session:
            session.get_one(Organization, organization_id).zdr_since = since

    def make(migrate: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def migrate_slowly(caller: Caller, organization_id: str, reference: str) -> None:
            migrate(caller, organization_id, reference)
            since = parts.directory.organization(organization_id).zdr_since
            set_zdr(organization_id, None)
            job = threading.Timer(seconds, set_zdr, (organization_id, since))
            job.daemon = True
            job.start()

        return migrate_slowly

    wrap(parts.workflow, "migrate", make)


def approval_enables(parts: Parts) -> None:
    """An approved request is enabled at once, before anybody enables it."""

    def make(approve: Callable[[Caller, str, str], Any]) -> Callable[[Caller, str, str], Any]:
        def approve_and_enable(caller: Caller, request_id: str, reference: str) -> Any:
            row = approve(caller, request_id, reference)
            with parts.stores.write() as session:
                session.get_one(Organization, row.organization_id).zdr_since = parts.clock.stamp()
            return row

        return approve_and_enable

    def make_enable(enable: Callable[[Caller, str, str], Any]) -> Callable[[Caller, str, str], Any]:
        def confirm(caller: Caller, request_id: str, reference: str) -> Any:
            organization_id = parts.workflow.concerned(request_id)
            request = parts.workflow.last_request(organization_id) if organization_id else None
            if organization_id and request and request.status == "approved":
                with parts.stores.write() as session:
                    session.get_one(Organization, organization_id).zdr_since = None
            return enable(caller, request_id, reference)

        return confirm

    wrap(parts.workflow, "approve", make)
    wrap(parts.workflow, "enable", make_enable)


def nobody_disables(parts: Parts) -> None:
    """No role may disable any more."""
    alter(parts, "zdr.disable", roles=frozenset())
