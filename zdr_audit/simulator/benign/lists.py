"""Variants in how lists are given: how soon, in which order, in how many pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from zdr_audit.simulator.audit import as_entry, entry_digest
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.admin import ActivityQuery
from zdr_audit.simulator.tables import AuditEntry
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Rows = tuple[list[dict[str, Any]], bool]
Listed = Callable[[str, str | None, int], Rows | None]


def log_shown_later(parts: Parts, seconds: float) -> None:
    """An entry of the audit log is written with its effect, and shown some time after."""

    def make(listed: Listed) -> Listed:
        def list_older(organization_id: str, after_id: str | None, limit: int) -> Rows | None:
            found = listed(organization_id, after_id, limit)
            if found is None:
                return None
            until = parts.clock.now() - timedelta(seconds=seconds)
            return [entry for entry in found[0] if datetime.fromisoformat(entry["created_at"]) < until], found[1]

        return list_older

    wrap(parts.audit, "list", make)


def log_newest_first(parts: Parts, most: int) -> None:
    """The audit log begins with what was done last; a further page holds what is older."""

    def make(listed: Listed) -> Listed:
        def list_backwards(organization_id: str, after_id: str | None, limit: int) -> Rows | None:
            known = listed(organization_id, None, most)
            entries = known[0][::-1] if known is not None else []
            ids = [entry["id"] for entry in entries]
            if after_id is not None and after_id not in ids:
                return None
            rest = entries[ids.index(after_id) + 1 :] if after_id is not None else entries
            return rest[:limit], len(rest) > limit

        return list_backwards

    wrap(parts.audit, "list", make)


def small_pages(parts: Parts, size: int, operations: list[str]) -> None:
    """No page is longer than this, whatever is asked for."""

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            ctx.query = ctx.query.model_copy(update={"limit": min(ctx.query.limit, size)})
            return handler(those, ctx)

        return handle

    for name in operations:
        alter(parts, name, handler=make)


def reading_is_logged(parts: Parts) -> None:
    """Reading the audit log from its beginning leaves an entry; what was read does not hold it yet."""

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            asked = ctx.asked(ActivityQuery)
            if asked.after_id is None:
                read = asked.organization_id or ctx.organization
                with those.stores.write() as session:
                    those.audit.append(session, ctx.known_caller, "audit_log_read", read, ("organization", read))
            return reply

        return handle

    alter(parts, "activities.list", handler=make)


def gaps_in_the_sequence(parts: Parts, most: int) -> None:
    """Entries are numbered in order, and numbers are left out."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_later(session: Session, caller: Caller, asked: str, organization_id: str, *rest: Any, **more: Any) -> None:
            append(session, caller, asked, organization_id, *rest, **more)
            mine = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
            row = session.scalars(mine.order_by(AuditEntry.sequence.desc()).limit(1)).one()
            row.sequence += secrets.randbelow(most + 1)
            row.digest = entry_digest(as_entry(row))
            session.flush()

        return append_later

    wrap(parts.audit, "append", make)
