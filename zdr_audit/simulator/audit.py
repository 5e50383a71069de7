"""The audit log: one hash chain an organization, appended in the transaction of the effect it records. Never any content."""

from __future__ import annotations

import hashlib
import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import Caller
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.tables import AuditEntry

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

ZDR = "org_claude_code_zero_data_retention_"

# Many entries are written and few are read: this goes past the objects that rows become, which take several times as long.
_LAST = (
    select(AuditEntry.sequence, AuditEntry.digest)
    .where(AuditEntry.organization_id == bindparam("organization"))
    .order_by(AuditEntry.sequence.desc())
    .limit(1)
)
_ENTRY = insert(AuditEntry)


def clean_agent(text: str) -> str:
    """A user agent cut to what the log may hold: 64 plain characters."""
    return re.sub(r"[^A-Za-z0-9./ ()-]", "", text)[:64]


def entry_digest(entry: dict[str, Any]) -> str:
    """Hex SHA-256 over the entry without its `digest`, as canonical JSON (sorted keys, no blanks, UTF-8)."""
    body = {key: value for key, value in entry.items() if key != "digest"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def as_entry(row: AuditEntry | SimpleNamespace) -> dict[str, Any]:
    """The published shape of a row, or of the values of one."""
    return {
        "id": row.id,
        "sequence": row.sequence,
        "created_at": row.created_at,
        "type": row.type,
        "outcome": row.outcome,
        "reason": row.reason,
        "actor": {"id": row.actor_id, "email": row.actor_email, "role": row.actor_role, "organization_id": row.actor_organization_id},
        "organization_id": row.organization_id,
        "entity": {"type": row.entity_type, "id": row.entity_id},
        "reference": row.reference,
        "ip_address": row.ip_address,
        "user_agent": row.user_agent,
        "previous_digest": row.previous_digest,
        "digest": row.digest,
    }


class Audit:
    def __init__(self, parts: Parts):
        self.parts = parts

    def append(
        self,
        session: Session,
        caller: Caller,
        type_: str,
        organization_id: str,
        entity: tuple[str, str],
        *,
        reference: str = "",
        outcome: str = "success",
        reason: str = "",
    ) -> None:
        """Appends an entry in the caller's transaction: it exists exactly if the effect does."""
        session.flush()  # what the entry is about is written before it
        connection = session.connection()
        last = connection.execute(_LAST, {"organization": organization_id}).first()
        row = SimpleNamespace(
            id=new_id("act"),
            organization_id=organization_id,
            sequence=last.sequence + 1 if last else 1,
            created_at=self.parts.clock.stamp(),
            type=type_,
            outcome=outcome,
            reason=reason,
            actor_id=caller.user_id,
            actor_email=caller.email,
            actor_role=caller.role,
            actor_organization_id=caller.organization_id,
            entity_type=entity[0],
            entity_id=entity[1],
            reference=reference,
            ip_address=caller.ip_address[:64],
            user_agent=clean_agent(caller.user_agent),
            previous_digest=last.digest if last else "",
            digest="",
        )
        row.digest = entry_digest(as_entry(row))
        connection.execute(_ENTRY, vars(row))

    def refused(self, caller: Caller, type_: str, organization_id: str, entity: tuple[str, str], *, reference: str, reason: str) -> None:
        """Records an attempt that had no effect, in a transaction of its own."""
        with self.parts.stores.write() as session:
            self.append(session, caller, type_, organization_id, entity, reference=reference, outcome="refused", reason=reason)

    def list(self, organization_id: str, after_id: str | None, limit: int) -> tuple[list[dict[str, Any]], bool] | None:
        """Entries in order, after the one with `after_id`, and whether there are more; None where that entry does not exist."""
        with self.parts.stores.read() as session:
            query = select(AuditEntry).where(AuditEntry.organization_id == organization_id).order_by(AuditEntry.sequence)
            if after_id is not None:
                after = session.get(AuditEntry, after_id)
                if after is None or after.organization_id != organization_id:
                    return None
                query = query.where(AuditEntry.sequence > after.sequence)
            rows = list(session.scalars(query.limit(limit + 1)))
        return [as_entry(row) for row in rows[:limit]], len(rows) > limit

    def entry(self, entry_id: str) -> dict[str, Any] | None:
        with self.parts.stores.read() as session:
            row = session.get(AuditEntry, entry_id)
        return as_entry(row) if row else None
