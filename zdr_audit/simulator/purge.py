"""Purging: what is past its period is deleted from every store, beyond recovery."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.retention import STANDARD_DAYS
from zdr_audit.simulator.tables import Conversation, FeatureObject, OutsideMessage

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class Purge:
    def __init__(self, parts: Parts):
        self.parts = parts

    def run(self) -> dict[str, int]:
        """Deletes what is due and answers how many of each: conversations, feature objects, chat and Cowork messages, blobs, ..."""
        stores, clock = self.parts.stores, self.parts.clock
        now = clock.stamp()
        # A day's file goes as soon as its first line is due: the period is the longest that content is kept, not the shortest.
        last_day_due = (clock.now() - timedelta(days=STANDARD_DAYS)).strftime("%Y-%m-%d")
        deleted: dict[str, int] = {"blobs": 0}
        with stores.write() as session:
            for name, table in (("conversations", Conversation), ("feature_objects", FeatureObject)):
                due = session.execute(select(table.organization_id, table.id).where(table.expires_at <= now)).all()
                deleted["blobs"] += sum(stores.blobs.delete(organization, blob_id) for organization, blob_id in due)
                deleted[name] = _count(session, table, now)
            deleted["outside_messages"] = _count(session, OutsideMessage, now)
            deleted["exceptions"] = self.parts.exceptions.expire(session)
            deleted["log_files"] = stores.logs.delete_until(last_day_due)
            deleted["trace_files"] = stores.traces.delete_until(last_day_due)
        deleted["cache_rows"] = stores.cache.expire(now)
        stores.scrub()
        return deleted


def _count(session: Session, table: type[Conversation | FeatureObject | OutsideMessage], now: str) -> int:
    return int(getattr(session.execute(delete(table).where(table.expires_at <= now)), "rowcount", 0))
