"""Violations that need a sequence of steps: each step alone is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import ZdrRequest
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

InStatus = Callable[..., ZdrRequest]


def used_approval_counts_again(parts: Parts) -> None:
    """An approval that was used is still one: after disabling, the same request can be enabled again."""

    def make(in_status: InStatus) -> InStatus:
        def still(session: Session, request_id: str, status: str, reason: str) -> ZdrRequest:
            row = session.get(ZdrRequest, request_id)
            if row is not None and status == "approved" and row.status == "disabled":
                return row
            return in_status(session, request_id, status, reason)

        return still

    wrap(parts.workflow, "_in_status", make)


def any_approval_of_the_organization_counts(parts: Parts) -> None:
    """Enabling asks whether the organization has an approved request, not whether this one is."""

    def make(in_status: InStatus) -> InStatus:
        def some(session: Session, request_id: str, status: str, reason: str) -> ZdrRequest:
            row = session.get(ZdrRequest, request_id)
            if row is not None and status == "approved" and row.status == "rejected":
                others = select(ZdrRequest.id).where(ZdrRequest.organization_id == row.organization_id, ZdrRequest.status == "approved")
                if session.scalars(others).first():
                    return row
            return in_status(session, request_id, status, reason)

        return some

    wrap(parts.workflow, "_in_status", make)


def _count_enablings(parts: Parts) -> Counter[str]:
    """How often each organization was enabled."""
    times: Counter[str] = Counter()

    def make(enable: Callable[..., Any]) -> Callable[..., Any]:
        def counted(caller: Caller, request_id: str, reference: str) -> Any:
            row = enable(caller, request_id, reference)
            times[row.organization_id] += 1
            return row

        return counted

    wrap(parts.workflow, "enable", make)
    return times


def second_enabling_forgets_the_gate(parts: Parts) -> None:
    """Disabling takes an organization off the gate's list, and only the first enabling puts it there."""
    times = _count_enablings(parts)

    def make(check: Callable[..., None]) -> Callable[..., None]:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if times[ctx.organization] < 2:
                check(ctx, feature, endpoint)

        return lenient

    wrap(parts.gate, "check", make)


def second_enabling_forgets_retention(parts: Parts) -> None:
    """The store's list of those whose content must not be kept is written at the first enabling, and emptied by disabling."""
    times = _count_enablings(parts)

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def forgetful(ctx: RequestContext) -> bool:
            content = ctx.operation is not None and ctx.operation.carries_content
            return keeps(ctx) or (content and ctx.caller is not None and times[ctx.organization] > 1)

        return forgetful

    wrap(parts.retention, "keeps", make)
