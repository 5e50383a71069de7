"""Violations of the audit log."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.audit import ZDR, as_entry, entry_digest
from zdr_audit.simulator.clock import stamp
from zdr_audit.simulator.context import STAFF_ROLES, Caller, RequestContext
from zdr_audit.simulator.errors import ConflictError
from zdr_audit.simulator.operations import Handler, Operation, Reply
from zdr_audit.simulator.schemas.admin import Activity
from zdr_audit.simulator.schemas.features import AnyObject
from zdr_audit.simulator.tables import AuditEntry
from zdr_audit.simulator.violations import alter, operation, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Append = Callable[..., None]


def skips(parts: Parts, type_: str) -> None:
    """Actions of one type leave no entry."""

    def make(append: Append) -> Append:
        def selective(session: Session, caller: Caller, asked: str, *rest: Any, **more: Any) -> None:
            if asked != type_:
                append(session, caller, asked, *rest, **more)

        return selective

    wrap(parts.audit, "append", make)


def forgets_refusals(parts: Parts) -> None:
    """An attempt that was refused leaves no entry."""
    wrap(parts.audit, "refused", lambda _refused: lambda *_args, **_named: None)


def repeats(parts: Parts, type_: str) -> None:
    """Actions of one type are logged twice, as a delivery that is retried although it arrived."""

    def make(append: Append) -> Append:
        def twice(session: Session, caller: Caller, asked: str, *rest: Any, **more: Any) -> None:
            for _ in range(2 if asked == type_ else 1):
                append(session, caller, asked, *rest, **more)

        return twice

    wrap(parts.audit, "append", make)


def _amends(parts: Parts, edit: Callable[[AuditEntry], None], type_: str | None = None) -> None:
    """Changes each new entry (of one type, if that is given) before it is committed; its digest is that of what is stored."""

    def make(append: Append) -> Append:
        def append_and_edit(session: Session, caller: Caller, asked: str, organization_id: str, *rest: Any, **more: Any) -> None:
            append(session, caller, asked, organization_id, *rest, **more)
            if type_ in {None, asked}:
                mine = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
                row = session.scalars(mine.order_by(AuditEntry.sequence.desc()).limit(1)).one()
                edit(row)
                row.digest = entry_digest(as_entry(row))
                session.flush()

        return append_and_edit

    wrap(parts.audit, "append", make)


def names_another_actor(parts: Parts, type_: str, email: str, role: str) -> None:
    """Entries of one type name whoever the work was handed on to, not who asked for it."""

    def edit(row: AuditEntry) -> None:
        row.actor_email, row.actor_role = email, role

    _amends(parts, edit, type_)


def does_not_chain(parts: Parts) -> None:
    """Entries do not name the digest of the one before, so one can be taken out unnoticed."""

    def edit(row: AuditEntry) -> None:
        row.previous_digest = ""

    _amends(parts, edit)


def logs_refusals_as_done(parts: Parts) -> None:
    """What was refused is logged as if it had been done."""

    def done(caller: Caller, type_: str, organization_id: str, entity: tuple[str, str], *, reference: str, **_more: str) -> None:
        with parts.stores.write() as session:
            parts.audit.append(session, caller, type_, organization_id, entity, reference=reference)

    wrap(parts.audit, "refused", lambda _refused: done)


def logs_before_it_is_done(parts: Parts) -> None:
    """The entry of enabling is written before anybody looks whether it may be done; what fails then leaves it there."""

    def make(enable: Callable[[Caller, str, str], Any]) -> Callable[[Caller, str, str], Any]:
        def log_first(caller: Caller, request_id: str, reference: str) -> Any:
            organization_id = parts.workflow.concerned(request_id)
            try:
                return enable(caller, request_id, reference)
            except ConflictError:
                if organization_id:
                    with parts.stores.write() as session:
                        parts.audit.append(session, caller, ZDR + "enabled", organization_id, ("organization", organization_id))
                raise

        return log_first

    wrap(parts.workflow, "enable", make)


def digest_leaves_out(parts: Parts, field: str) -> None:
    """The digest of an entry does not cover one of its fields, which can then be changed unnoticed."""

    def make(append: Append) -> Append:
        def append_and_digest(session: Session, caller: Caller, type_: str, organization_id: str, *rest: Any, **more: Any) -> None:
            append(session, caller, type_, organization_id, *rest, **more)
            mine = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
            row = session.scalars(mine.order_by(AuditEntry.sequence.desc()).limit(1)).one()
            row.digest = entry_digest({key: value for key, value in as_entry(row).items() if key != field})
            session.flush()

        return append_and_digest

    wrap(parts.audit, "append", make)


def entries_can_be_edited(parts: Parts, role: str) -> None:
    """A role can correct entries."""

    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        with parts.stores.write() as session:
            session.get_one(AuditEntry, ctx.path["id"]).outcome = str(json.loads(ctx.raw).get("outcome", "success"))[:20]
        return Reply(parts.audit.entry(ctx.path["id"]))

    path = operation(parts, "activities.read").path
    parts.operations.append(
        Operation(
            "activities.update",
            "PUT",
            path,
            "Correct an entry",
            handle,
            frozenset({role}),
            request=AnyObject,
            answer=Activity,
            errors=(404,),
        )
    )


def entry_by_id_leaves_out(parts: Parts, member: str) -> None:
    """A single entry comes from a narrower view than the list."""

    def make(entry: Callable[[str], dict[str, Any] | None]) -> Callable[[str], dict[str, Any] | None]:
        def narrower(entry_id: str) -> dict[str, Any] | None:
            found = entry(entry_id)
            return found and {name: value for name, value in found.items() if name != member}

        return narrower

    wrap(parts.audit, "entry", make)


def clock_is_off(parts: Parts, seconds: float) -> None:
    """The clock that stamps entries is off."""

    def edit(row: AuditEntry) -> None:
        row.created_at = stamp(datetime.fromisoformat(row.created_at) + timedelta(seconds=seconds))

    _amends(parts, edit)


def runs_backwards(parts: Parts, type_: str) -> None:
    """Entries of one type are stamped when a queue took them up, which may be before what they came after."""

    def edit(row: AuditEntry) -> None:
        row.created_at = stamp(datetime.fromisoformat(row.created_at) - timedelta(seconds=20))

    _amends(parts, edit, type_)


def entries_can_be_deleted(parts: Parts, role: str) -> None:
    """A role can delete entries, to tidy up."""

    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        entry = parts.audit.entry(ctx.path["id"])
        with parts.stores.write() as session:
            session.execute(delete(AuditEntry).where(AuditEntry.id == ctx.path["id"]))
        return Reply(entry)

    path = operation(parts, "activities.read").path
    parts.operations.append(
        Operation("activities.delete", "DELETE", path, "Delete an entry", handle, frozenset({role}), answer=Activity, errors=(404,))
    )


def open_to_other_organizations(parts: Parts) -> None:
    """Whoever may read a log may read any organization's."""

    def make(inner: Handler) -> Handler:
        def handle(parts: Parts, ctx: RequestContext) -> Reply:
            caller = dataclasses.replace(ctx.known_caller, role=next(iter(STAFF_ROLES)))
            return inner(parts, dataclasses.replace(ctx, caller=caller))

        return handle

    alter(parts, "activities.list", handler=make)


def quotes_failed_requests(parts: Parts, characters: int) -> None:
    """An inference that fails leaves an entry that quotes the beginning of its body, for support."""

    def make(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def record_and_quote(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.caller and ctx.operation and ctx.operation.name == "messages.create" and ctx.status >= 400:
                quoted = ctx.request_text[-characters:]
                with parts.stores.write() as session:
                    entity = ("request", ctx.request_id)
                    parts.audit.append(session, ctx.caller, "inference_failed", ctx.organization, entity, reference=quoted)

        return record_and_quote

    wrap(parts.retention, "record", make)
