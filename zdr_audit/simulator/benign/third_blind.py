"""Variants of a third blind list: stricter, coarser, more talkative."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from zdr_audit.simulator.audit import ZDR, as_entry, entry_digest
from zdr_audit.simulator.context import Caller
from zdr_audit.simulator.endpoints.admin import SYSTEM
from zdr_audit.simulator.schemas.messages import MessagesRequest, PromptFields
from zdr_audit.simulator.tables import AuditEntry
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class StrictMessagesRequest(MessagesRequest):
    model_config = ConfigDict(extra="forbid")


class StrictPromptFields(PromptFields):
    model_config = ConfigDict(extra="forbid")


def unknown_fields_refused(parts: Parts) -> None:
    """A body with a member that the document does not name is refused; the document says so."""
    alter(parts, "messages.create", request=StrictMessagesRequest)
    alter(parts, "messages.count_tokens", request=StrictPromptFields)


def log_times_to_the_second(parts: Parts) -> None:
    """Entries are stamped with whole seconds."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_coarsely(session: Session, caller: Caller, asked: str, organization_id: str, *rest: Any, **more: Any) -> None:
            append(session, caller, asked, organization_id, *rest, **more)
            mine = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
            row = session.scalars(mine.order_by(AuditEntry.sequence.desc()).limit(1)).one()
            row.created_at = row.created_at[:19] + "Z"
            row.digest = entry_digest(as_entry(row))
            session.flush()

        return append_coarsely

    wrap(parts.audit, "append", make)


def rollout_is_logged(parts: Parts) -> None:
    """Enabling and disabling are each followed by an entry of the system's."""

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def append_and_report(
            session: Session, caller: Caller, asked: str, organization_id: str, *rest: Any, outcome: str = "success", **more: Any
        ) -> None:
            append(session, caller, asked, organization_id, *rest, outcome=outcome, **more)
            if outcome == "success" and asked in {ZDR + "enabled", ZDR + "disabled"}:
                append(session, SYSTEM, ZDR + "rolled_out", organization_id, ("organization", organization_id))

        return append_and_report

    wrap(parts.audit, "append", make)


def answers_in_prose(parts: Parts, before: str, after: str) -> None:
    """What the model was asked to say stands between two sentences of its own."""

    def make(follow: Callable[[PromptFields], str | None]) -> Callable[[PromptFields], str | None]:
        def follow_politely(request: PromptFields) -> str | None:
            said = follow(request)
            return said if said is None else before + said + after

        return follow_politely

    wrap(parts.model, "follow", make)
