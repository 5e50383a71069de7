"""The ZDR workflow over HTTP. Who may take which step is data of the operations; what a step requires is the workflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.context import CUSTOMER_ROLES, STAFF_ROLES, RequestContext
from zdr_audit.simulator.operations import Handler, Operation, Reply
from zdr_audit.simulator.schemas.admin import Referenced, ZdrRequestAnswer, ZdrStatus
from zdr_audit.simulator.tables import ZdrRequest

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

ACCOUNT_TEAM = frozenset({"account_team"})
REVIEWER = frozenset({"reviewer"})


def _answer(row: ZdrRequest, status: int = 200) -> Reply:
    return Reply(ZdrRequestAnswer(id=row.id, organization_id=row.organization_id, status=row.status), status)


def _reference(ctx: RequestContext) -> str:
    return ctx.body(Referenced).reference


def request(parts: Parts, ctx: RequestContext) -> Reply:
    return _answer(parts.workflow.request(ctx.known_caller, ctx.path["organization"], _reference(ctx)), 201)


def approve(parts: Parts, ctx: RequestContext) -> Reply:
    return _answer(parts.workflow.approve(ctx.known_caller, ctx.path["id"], _reference(ctx)))


def reject(parts: Parts, ctx: RequestContext) -> Reply:
    return _answer(parts.workflow.reject(ctx.known_caller, ctx.path["id"], _reference(ctx)))


def enable(parts: Parts, ctx: RequestContext) -> Reply:
    return _answer(parts.workflow.enable(ctx.known_caller, ctx.path["id"], _reference(ctx)))


def disable(parts: Parts, ctx: RequestContext) -> Reply:
    parts.workflow.disable(ctx.known_caller, ctx.path["organization"], _reference(ctx))
    return read(parts, ctx)


def migrate(parts: Parts, ctx: RequestContext) -> Reply:
    parts.workflow.migrate(ctx.known_caller, ctx.path["organization"], _reference(ctx))
    return read(parts, ctx)


def read(parts: Parts, ctx: RequestContext) -> Reply:
    return Reply(ZdrStatus.model_validate(parts.scope.statement(ctx.path["organization"])))


def _concerned(parts: Parts, ctx: RequestContext) -> str | None:
    return parts.workflow.concerned(ctx.path["id"])


def _step(name: str, path: str, summary: str, handler: Handler, *, roles: frozenset[str], audit_type: str, status: int = 200) -> Operation:
    by_request = "{id}" in path
    return Operation(
        f"zdr.{name}",
        "POST",
        path,
        summary,
        handler,
        roles,
        request=Referenced,
        answer=ZdrRequestAnswer if name not in {"disable", "migrate"} else ZdrStatus,
        status=status,
        errors=(409,),
        audit_type=ZDR + audit_type,
        concerns=_concerned if by_request else None,
    )


OPERATIONS = [
    _step(
        "request",
        "/v1/organizations/{organization}/zdr/requests",
        "Request ZDR for an organization",
        request,
        roles=ACCOUNT_TEAM,
        audit_type="requested",
        status=201,
    ),
    _step("approve", "/v1/zdr/requests/{id}/approve", "Approve a request", approve, roles=REVIEWER, audit_type="approved"),
    _step("reject", "/v1/zdr/requests/{id}/reject", "Reject a request", reject, roles=REVIEWER, audit_type="rejected"),
    _step("enable", "/v1/zdr/requests/{id}/enable", "Enable ZDR after approval", enable, roles=REVIEWER, audit_type="enabled"),
    _step("disable", "/v1/organizations/{organization}/zdr/disable", "Disable ZDR", disable, roles=REVIEWER, audit_type="disabled"),
    _step(
        "migrate",
        "/v1/organizations/{organization}/zdr/migrate",
        "Move a pay-as-you-go organization to enterprise, ZDR kept",
        migrate,
        roles=ACCOUNT_TEAM,
        audit_type="migrated",
    ),
    Operation(
        "zdr.status",
        "GET",
        "/v1/organizations/{organization}/zdr",
        "Read the ZDR status of an organization and the scope of ZDR",
        read,
        CUSTOMER_ROLES | STAFF_ROLES,
        answer=ZdrStatus,
    ),
]
