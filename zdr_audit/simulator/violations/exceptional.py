"""Violations of the rules for flagged sessions and legal holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from zdr_audit.simulator.clock import stamp
from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.exceptional import LONGEST_DAYS
from zdr_audit.simulator.tables import AuditEntry, ExceptionalContent, FlaggedSession, Hold
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Covers = Callable[[RequestContext], str | None]


def flag_covers_the_organization(parts: Parts) -> None:
    """One flagged session, and everything that its organization sends is kept."""

    def make(covers: Covers) -> Covers:
        def broad(ctx: RequestContext) -> str | None:
            with parts.stores.read() as session:
                flagged = select(FlaggedSession.session_id).where(FlaggedSession.organization_id == ctx.organization)
                return "flag" if session.scalars(flagged).first() else covers(ctx)

        return broad

    wrap(parts.exceptions, "covers", make)


def flag_covers_the_user(parts: Parts) -> None:
    """One flagged session, and everything that its user says is kept."""
    suspects: set[str] = set()

    def make(covers: Covers) -> Covers:
        def broad(ctx: RequestContext) -> str | None:
            found = covers(ctx)
            if found == "flag":
                suspects.add(ctx.known_caller.user_id)
            return found or ("flag" if ctx.known_caller.user_id in suspects else None)

        return broad

    wrap(parts.exceptions, "covers", make)


def purge_takes_ten_years(parts: Parts) -> None:
    """What is due is deleted only years later: somebody might still ask for it."""

    def expire(session: Session) -> int:
        late = delete(ExceptionalContent).where(ExceptionalContent.expires_at <= parts.clock.stamp(days=-2_920))
        return int(getattr(session.execute(late), "rowcount", 0))

    wrap(parts.exceptions, "expire", lambda _expire: expire)


def hold_outlives_its_release(parts: Parts) -> None:
    """A released hold goes on keeping what its session says."""

    def make(covers: Covers) -> Covers:
        def deaf(ctx: RequestContext) -> str | None:
            found = covers(ctx)
            if found or not ctx.session_id:
                return found
            with parts.stores.read() as session:
                placed = select(Hold.id).where(Hold.organization_id == ctx.organization, Hold.session_id == ctx.session_id)
                return "hold" if session.scalars(placed).first() else None

        return deaf

    wrap(parts.exceptions, "covers", make)


def purge_hides(parts: Parts) -> None:
    """What is due is marked as deleted, and listed no more; the rows stay."""

    def hide(session: Session) -> int:
        due = update(ExceptionalContent).where(ExceptionalContent.expires_at <= parts.clock.stamp())
        found = session.execute(due.values(organization_id="deleted", expires_at=parts.clock.stamp(days=36_500)))
        return int(getattr(found, "rowcount", 0))

    wrap(parts.exceptions, "expire", lambda _expire: hide)


def purge_leaves_remains(parts: Parts) -> None:
    """What is due is deleted by a job of its own, after everything was made final, over a connection that overwrites nothing."""

    def make(run: Callable[[], dict[str, int]]) -> Callable[[], dict[str, int]]:
        def run_then_delete() -> dict[str, int]:
            deleted = run()
            place = str(parts.stores.folder / "zdr.db")
            with parts.stores.exclusive(), closing(sqlite3.connect(place, timeout=10)) as connection:
                connection.execute("PRAGMA secure_delete=OFF")
                gone = connection.execute("DELETE FROM exceptions WHERE expires_at <= ?", (parts.clock.stamp(),))
                deleted["exceptions"] = gone.rowcount
                connection.commit()
            return deleted

        return run_then_delete

    wrap(parts.exceptions, "expire", lambda _expire: lambda _session: 0)
    wrap(parts.purge, "run", make)


def _expires(parts: Parts, end: Callable[[datetime], datetime]) -> None:
    """What is kept ends when `end` says, given the moment of keeping."""

    def make(record: Callable[[Session, RequestContext], None]) -> Callable[[Session, RequestContext], None]:
        def recorded(session: Session, ctx: RequestContext) -> None:
            before = set(session.new)
            record(session, ctx)
            for row in set(session.new) - before:
                if isinstance(row, ExceptionalContent):
                    row.expires_at = stamp(end(parts.clock.now()))

        return recorded

    wrap(parts.exceptions, "record", make)


def ends_on_the_same_date(parts: Parts, years: int) -> None:
    """The end is the same date some years on; where that year has no such date, there is no end."""

    def end(now: datetime) -> datetime:
        try:
            return now.replace(year=now.year + years)
        except ValueError:
            return now.replace(year=9999, day=28)

    _expires(parts, end)


def ends_with_the_month(parts: Parts, days: int) -> None:
    """The period runs to the end of the month that it ends in."""

    def end(now: datetime) -> datetime:
        due = now + timedelta(days=days)
        return (due.replace(day=28) + timedelta(days=4)).replace(day=1)

    _expires(parts, end)


def nameless_requests_are_covered(parts: Parts) -> None:
    """A request without the name of a session is taken for one of the flagged session, once its organization has one."""

    def make(covers: Covers) -> Covers:
        def guessing(ctx: RequestContext) -> str | None:
            if ctx.session_id:
                return covers(ctx)
            with parts.stores.read() as session:
                flagged = select(FlaggedSession.session_id).where(FlaggedSession.organization_id == ctx.organization)
                return "flag" if session.scalars(flagged).first() else None

        return guessing

    wrap(parts.exceptions, "covers", make)


def log_ends_with_the_content(parts: Parts) -> None:
    """What is older than the longest period goes from the audit log too."""

    def make(expire: Callable[[Session], int]) -> Callable[[Session], int]:
        def expired(session: Session) -> int:
            old = (AuditEntry.type == "session_flagged", AuditEntry.created_at <= parts.clock.stamp(days=-LONGEST_DAYS))
            session.execute(delete(AuditEntry).where(*old))
            return expire(session)

        return expired

    wrap(parts.exceptions, "expire", make)
