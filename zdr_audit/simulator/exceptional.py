"""Content kept by exception: flagged sessions and legal holds. Only what was named, two years at most, in one table, read by one role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.tables import ExceptionalContent, FlaggedSession, Hold

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

LONGEST_DAYS = 730


_FLAGGED = select(FlaggedSession.session_id).where(
    FlaggedSession.organization_id == bindparam("organization"), FlaggedSession.session_id == bindparam("session")
)
_HELD = select(Hold.id).where(
    Hold.organization_id == bindparam("organization"), Hold.session_id == bindparam("session"), Hold.released_at.is_(None)
)


class Exceptions:
    def __init__(self, parts: Parts):
        self.parts = parts

    def covers(self, ctx: RequestContext) -> str | None:
        """Why this request's content must be kept: `flag`, `hold`, or None (nearly always)."""
        if not ctx.session_id:
            return None
        of = {"organization": ctx.organization, "session": ctx.session_id}
        if self.parts.stores.first(_FLAGGED, **of):
            return "flag"
        return "hold" if self.parts.stores.first(_HELD, **of) else None

    def record(self, session: Session, ctx: RequestContext) -> None:
        """Keeps the content of a covered request."""
        reason = self.covers(ctx)
        if reason is None:
            return
        content = json.dumps({"request": ctx.request_text, "response": ctx.response}, ensure_ascii=False).encode()
        session.add(
            ExceptionalContent(
                id=new_id("exc"),
                organization_id=ctx.organization,
                session_id=ctx.session_id,
                reason=reason,
                content=content,
                created_at=self.parts.clock.stamp(),
                expires_at=self.parts.clock.stamp(days=LONGEST_DAYS),
            )
        )

    def flag(self, caller: Caller, organization_id: str, session_id: str, reference: str) -> None:
        """From now on the session's content is kept. What a hold keeps of it already now stays as flagged."""
        self._customer(organization_id)
        with self.parts.stores.write() as session:
            if session.get(FlaggedSession, (organization_id, session_id)) is None:
                session.add(FlaggedSession(organization_id=organization_id, session_id=session_id, created_at=self.parts.clock.stamp()))
            mine = (ExceptionalContent.organization_id == organization_id, ExceptionalContent.session_id == session_id)
            session.execute(update(ExceptionalContent).where(*mine).values(reason="flag"))
            self.parts.audit.append(session, caller, "session_flagged", organization_id, ("session", session_id), reference=reference)

    def place_hold(self, caller: Caller, organization_id: str, session_id: str, reference: str) -> str:
        self._customer(organization_id)
        with self.parts.stores.write() as session:
            row = Hold(id=new_id("hold"), organization_id=organization_id, session_id=session_id, created_at=self.parts.clock.stamp())
            session.add(row)
            self.parts.audit.append(session, caller, "hold_placed", organization_id, ("hold", row.id), reference=reference)
        return row.id

    def release_hold(self, caller: Caller, hold_id: str) -> None:
        """Nothing new is kept from now on, and what was kept for this hold alone is deleted for good."""
        with self.parts.stores.write() as session:
            row = session.get(Hold, hold_id)
            if row is None or row.released_at is not None:
                raise NotFoundError
            row.released_at = self.parts.clock.stamp()
            session.flush()
            others = select(func.count()).where(
                Hold.organization_id == row.organization_id, Hold.session_id == row.session_id, Hold.released_at.is_(None)
            )
            if not session.scalar(others):
                session.execute(
                    delete(ExceptionalContent).where(
                        ExceptionalContent.organization_id == row.organization_id,
                        ExceptionalContent.session_id == row.session_id,
                        ExceptionalContent.reason == "hold",
                    )
                )
            self.parts.audit.append(session, caller, "hold_released", row.organization_id, ("hold", hold_id))
        self.parts.stores.scrub()

    def concerned_by_hold(self, hold_id: str) -> str | None:
        """The organization of a hold that is not released; None where there is none."""
        with self.parts.stores.read() as session:
            row = session.get(Hold, hold_id)
        return None if row is None or row.released_at else row.organization_id

    def concerned(self, exception_id: str) -> str | None:
        """The organization that kept content is of; None where there is none."""
        with self.parts.stores.read() as session:
            row = session.get(ExceptionalContent, exception_id)
        return row.organization_id if row else None

    def list(self, organization_id: str) -> list[dict[str, Any]]:
        self.parts.directory.organization(organization_id)
        with self.parts.stores.read() as session:
            rows = session.scalars(
                select(ExceptionalContent)
                .where(ExceptionalContent.organization_id == organization_id)
                .order_by(ExceptionalContent.created_at, ExceptionalContent.id)
            )
            return [self._head(row) for row in rows]

    def read(self, caller: Caller, exception_id: str) -> dict[str, Any]:
        """The kept content; the reading itself is logged, and happens only if the log entry does."""
        with self.parts.stores.write() as session:
            row = session.get(ExceptionalContent, exception_id)
            if row is None:
                raise NotFoundError
            self.parts.audit.append(session, caller, "exception_read", row.organization_id, ("exception", row.id))
            return {**self._head(row), **json.loads(row.content)}

    def expire(self, session: Session) -> int:
        """Deletes what has reached its end; answers how many."""
        gone = session.execute(delete(ExceptionalContent).where(ExceptionalContent.expires_at <= self.parts.clock.stamp()))
        return int(getattr(gone, "rowcount", 0))

    def _customer(self, organization_id: str) -> None:
        if self.parts.directory.organization(organization_id).product == "provider":
            raise NotFoundError

    @staticmethod
    def _head(row: ExceptionalContent) -> dict[str, Any]:
        return {
            "id": row.id,
            "organization_id": row.organization_id,
            "session_id": row.session_id,
            "reason": row.reason,
            "expires_at": row.expires_at,
        }
