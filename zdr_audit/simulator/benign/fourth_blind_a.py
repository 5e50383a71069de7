"""Variants of a fourth blind list: kept for less than is allowed, and less is left from before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.tables import Conversation, ExceptionalContent, ZdrRequest
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def flagged_content_ends_earlier(parts: Parts, days: int) -> None:
    """What is kept by exception ends after so many days."""

    def make(record: Callable[[Session, RequestContext], None]) -> Callable[[Session, RequestContext], None]:
        def record_for_less(session: Session, ctx: RequestContext) -> None:
            before = set(session.new)
            record(session, ctx)
            for row in set(session.new) - before:
                if isinstance(row, ExceptionalContent):
                    row.expires_at = parts.clock.stamp(days=days)

        return record_for_less

    wrap(parts.exceptions, "record", make)


def enabling_deletes_older_content(parts: Parts) -> None:
    """Enabling deletes what was stored of the organization's inference before, from every store."""

    def make(enable: Callable[[Caller, str, str], ZdrRequest]) -> Callable[[Caller, str, str], ZdrRequest]:
        def enable_and_delete(caller: Caller, request_id: str, reference: str) -> ZdrRequest:
            row, stores = enable(caller, request_id, reference), parts.stores
            with stores.write() as session:
                for (conversation,) in session.execute(select(Conversation.id).where(Conversation.organization_id == row.organization_id)):
                    stores.blobs.delete(row.organization_id, conversation)
                session.execute(delete(Conversation).where(Conversation.organization_id == row.organization_id))
                stores.cache.forget(row.organization_id)
            with stores.exclusive():
                parts.retention.forget(row.organization_id)
            stores.scrub()
            return row

        return enable_and_delete

    wrap(parts.workflow, "enable", make)
