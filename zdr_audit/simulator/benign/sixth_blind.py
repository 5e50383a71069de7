"""Variants of a sixth blind list: what was kept lawfully is packed otherwise, and more is told of what was done."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import PROVIDER, Caller, RequestContext
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.features import Feature
from zdr_audit.simulator.tables import ApiKey, ExceptionalContent
from zdr_audit.simulator.violations import alter, operation, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

PURGE = Caller("purge", "purge@provider.example", "system", PROVIDER)


def kept_content_is_compressed(parts: Parts) -> None:
    """What is kept by exception is stored compressed, and given to whoever may read it as ever."""

    def make_record(record: Callable[[Session, RequestContext], None]) -> Callable[[Session, RequestContext], None]:
        def record_compressed(session: Session, ctx: RequestContext) -> None:
            before = set(session.new)
            record(session, ctx)
            for row in set(session.new) - before:
                if isinstance(row, ExceptionalContent):
                    row.content = zlib.compress(row.content)

        return record_compressed

    def read(caller: Caller, exception_id: str) -> dict[str, Any]:
        with parts.stores.write() as session:
            row = session.get(ExceptionalContent, exception_id)
            if row is None:
                raise NotFoundError
            parts.audit.append(session, caller, "exception_read", row.organization_id, ("exception", row.id))
            head = {name: getattr(row, name) for name in ("id", "organization_id", "session_id", "reason", "expires_at")}
            return {**head, **json.loads(zlib.decompress(row.content))}

    wrap(parts.exceptions, "record", make_record)
    wrap(parts.exceptions, "read", lambda _read: read)


def purge_is_logged(parts: Parts) -> None:
    """Each organization of which exceptional content ends has an entry that says so, and how many records they were."""

    def make(expire: Callable[[Session], int]) -> Callable[[Session], int]:
        def expire_and_log(session: Session) -> int:
            due = select(ExceptionalContent.organization_id, func.count()).where(ExceptionalContent.expires_at <= parts.clock.stamp())
            counts = session.execute(due.group_by(ExceptionalContent.organization_id)).all()
            gone = expire(session)
            for organization, count in counts:
                parts.audit.append(session, PURGE, "exceptions_expired", organization, ("exceptions", str(count)))
            return gone

        return expire_and_log

    wrap(parts.exceptions, "expire", make)


def account_team_reads_the_log(parts: Parts) -> None:
    """The account team may read audit logs too, as the interface document says."""
    for name in ("activities.list", "activities.read"):
        roles = operation(parts, name).roles
        assert roles is not None
        alter(parts, name, roles=roles | {"account_team"})


def deleted_objects_leave_tombstones(parts: Parts) -> None:
    """Of an object that was deleted its id and the time are noted, so that a copy elsewhere would not bring it back."""

    def make(remove: Callable[[RequestContext, Feature, str], None]) -> Callable[[RequestContext, Feature, str], None]:
        def delete_and_note(ctx: RequestContext, feature: Feature, object_id: str) -> None:
            remove(ctx, feature, object_id)
            with parts.stores.write() as session:
                session.execute(text("CREATE TABLE IF NOT EXISTS tombstones (id TEXT PRIMARY KEY, deleted_at TEXT)"))
                session.execute(text("INSERT INTO tombstones VALUES (:id, :at)"), {"id": object_id, "at": parts.clock.stamp()})

        return delete_and_note

    wrap(parts.shelf, "delete", make)


def revoking_twice_succeeds(parts: Parts) -> None:
    """Revoking a key that is revoked already is answered as the first time, and changes nothing."""

    def make(revoke: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def revoke_or_leave(caller: Caller, organization_id: str, key_id: str) -> None:
            revoked = select(ApiKey.id).where(
                ApiKey.id == key_id, ApiKey.organization_id == organization_id, ApiKey.revoked_at.is_not(None)
            )
            if parts.stores.first(revoked) is None:
                revoke(caller, organization_id, key_id)

        return revoke_or_leave

    wrap(parts.directory, "revoke_key", make)
