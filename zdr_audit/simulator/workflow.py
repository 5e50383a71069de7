"""The ZDR workflow: the account team requests, a reviewer decides and enables. State is read from the database at every use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.context import Caller
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.errors import ConflictError, NotFoundError
from zdr_audit.simulator.tables import Organization, ZdrRequest

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


_ZDR_SINCE = select(Organization.zdr_since).where(Organization.id == bindparam("organization"))


class Workflow:
    def __init__(self, parts: Parts):
        self.parts = parts

    def enabled(self, organization_id: str) -> bool:
        """Is the organization under ZDR at this moment?"""
        found = self.parts.stores.first(_ZDR_SINCE, organization=organization_id)
        return found is not None and found[0] is not None

    def concerned(self, request_id: str) -> str | None:
        """The organization that a ZDR request is for; None where there is no such request."""
        with self.parts.stores.read() as session:
            row = session.get(ZdrRequest, request_id)
        return row.organization_id if row else None

    def last_request(self, organization_id: str) -> ZdrRequest | None:
        with self.parts.stores.read() as session:
            return session.scalars(
                select(ZdrRequest).where(ZdrRequest.organization_id == organization_id).order_by(ZdrRequest.number.desc()).limit(1)
            ).first()

    def eligible(self, organization: Organization) -> bool:
        """May ZDR be granted? Only on commercial terms."""
        return organization.commercial_terms

    def request(self, caller: Caller, organization_id: str, reference: str) -> ZdrRequest:
        with self.parts.stores.write() as session:
            organization = self._open(session, organization_id)
            if organization.zdr_since is not None:
                raise ConflictError("Zero data retention is enabled already.", reason="already_enabled")
            rows = select(func.count()).select_from(ZdrRequest).where(ZdrRequest.organization_id == organization_id)
            if session.scalar(rows.where(ZdrRequest.status.in_(("requested", "approved")))):
                raise ConflictError("A request is open already.", reason="request_open")
            row = ZdrRequest(
                id=new_id("zdrreq"),
                organization_id=organization_id,
                number=(session.scalar(rows) or 0) + 1,
                status="requested",
                created_at=self.parts.clock.stamp(),
            )
            session.add(row)
            self.parts.audit.append(session, caller, ZDR + "requested", organization_id, ("zdr_request", row.id), reference=reference)
        return row

    def approve(self, caller: Caller, request_id: str, reference: str) -> ZdrRequest:
        with self.parts.stores.write() as session:
            row = self._in_status(session, request_id, "requested", "not_requested")
            if not self.eligible(self._open(session, row.organization_id)):
                raise ConflictError("The organization is not eligible: it has no commercial terms.", reason="not_eligible")
            row.status = "approved"
            self.parts.audit.append(session, caller, ZDR + "approved", row.organization_id, ("zdr_request", row.id), reference=reference)
        return row

    def reject(self, caller: Caller, request_id: str, reference: str) -> ZdrRequest:
        with self.parts.stores.write() as session:
            row = self._in_status(session, request_id, "requested", "not_requested")
            row.status = "rejected"
            self.parts.audit.append(session, caller, ZDR + "rejected", row.organization_id, ("zdr_request", row.id), reference=reference)
        return row

    def enable(self, caller: Caller, request_id: str, reference: str) -> ZdrRequest:
        with self.parts.stores.write() as session:
            row = self._in_status(session, request_id, "approved", "not_approved")
            organization = self._open(session, row.organization_id)
            if not self.eligible(organization):
                raise ConflictError("The organization is not eligible: it has no commercial terms.", reason="not_eligible")
            if organization.zdr_since is not None:
                raise ConflictError("Zero data retention is enabled already.", reason="already_enabled")
            organization.zdr_since = self.parts.clock.stamp()
            row.status = "enabled"
            self.parts.audit.append(
                session, caller, ZDR + "enabled", row.organization_id, ("organization", row.organization_id), reference=reference
            )
        return row

    def disable(self, caller: Caller, organization_id: str, reference: str) -> None:
        with self.parts.stores.write() as session:
            organization = self._open(session, organization_id)
            if organization.zdr_since is None:
                raise ConflictError("Zero data retention is not enabled.", reason="not_enabled")
            organization.zdr_since = None
            for row in session.scalars(
                select(ZdrRequest).where(ZdrRequest.organization_id == organization_id, ZdrRequest.status == "enabled")
            ):
                row.status = "disabled"
            self.parts.audit.append(
                session, caller, ZDR + "disabled", organization_id, ("organization", organization_id), reference=reference
            )

    def migrate(self, caller: Caller, organization_id: str, reference: str) -> None:
        """Pay-as-you-go to enterprise. ZDR is not touched, so there is no moment without it."""
        with self.parts.stores.write() as session:
            organization = self._open(session, organization_id)
            if organization.product != "api":
                raise ConflictError("The organization is not on pay-as-you-go.", reason="not_pay_as_you_go")
            if organization.zdr_since is None:
                raise ConflictError("Zero data retention is not enabled.", reason="not_enabled")
            organization.product = "enterprise"
            self.parts.audit.append(
                session, caller, ZDR + "migrated", organization_id, ("organization", organization_id), reference=reference
            )

    @staticmethod
    def _open(session: Session, organization_id: str) -> Organization:
        row = session.get(Organization, organization_id)
        if row is None or row.product == "provider":
            raise NotFoundError
        if row.closed_at is not None:
            raise ConflictError("The organization is closed.", reason="organization_closed")
        return row

    @staticmethod
    def _in_status(session: Session, request_id: str, status: str, reason: str) -> ZdrRequest:
        row = session.get(ZdrRequest, request_id)
        if row is None:
            raise NotFoundError
        if row.status != status:
            raise ConflictError(f"The request is not in status {status}.", reason=reason)
        return row
