"""The operator's hooks: clock, purge, restart, flags, holds, exceptional content, failures. Mounted only if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import ConflictError, NotFoundError
from zdr_audit.simulator.operations import Operation, Reply
from zdr_audit.simulator.schemas import admin as shapes

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

OPERATOR = frozenset({"operator"})


def clock(parts: Parts, ctx: RequestContext) -> Reply:
    return Reply(shapes.ClockAnswer(now=parts.clock.advance(ctx.body(shapes.AdvanceClock).advance_seconds)))


def purge(parts: Parts, _ctx: RequestContext) -> Reply:
    return Reply(shapes.PurgeAnswer(deleted=parts.purge.run()))


def restart(parts: Parts, _ctx: RequestContext) -> Reply:
    if parts.restart is None:
        raise ConflictError("This service cannot begin anew by itself.")
    parts.restart()
    return Reply(shapes.RestartAnswer(restarted=True))


def flag(parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.body(shapes.NamedSession)
    parts.exceptions.flag(ctx.known_caller, asked.organization_id, asked.session_id, asked.reference)
    return Reply(shapes.FlagAnswer(organization_id=asked.organization_id, session_id=asked.session_id), 201)


def place_hold(parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.body(shapes.NamedSession)
    hold_id = parts.exceptions.place_hold(ctx.known_caller, asked.organization_id, asked.session_id, asked.reference)
    return Reply(shapes.HoldAnswer(id=hold_id), 201)


def release_hold(parts: Parts, ctx: RequestContext) -> Reply:
    parts.exceptions.release_hold(ctx.known_caller, ctx.path["id"])
    return Reply(shapes.ReleasedHold(id=ctx.path["id"]))


def list_exceptions(parts: Parts, ctx: RequestContext) -> Reply:
    return Reply({"data": parts.exceptions.list(ctx.asked(shapes.ExceptionQuery).organization_id)})


def read_exception(parts: Parts, ctx: RequestContext) -> Reply:
    return Reply(parts.exceptions.read(ctx.known_caller, ctx.path["id"]))


def faults(parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.body(shapes.SetFaults)
    if not parts.directory.exists(asked.organization_id):
        raise NotFoundError
    parts.faults.set(asked.organization_id, asked.status, asked.count)
    return Reply(shapes.FaultAnswer(organization_id=asked.organization_id, status=asked.status, count=asked.count))


def _of_hold(parts: Parts, ctx: RequestContext) -> str | None:
    return parts.exceptions.concerned_by_hold(ctx.path["id"])


def _of_exception(parts: Parts, ctx: RequestContext) -> str | None:
    return parts.exceptions.concerned(ctx.path["id"])


OPERATIONS = [
    Operation(
        "operator.clock",
        "POST",
        "/operator/clock",
        "Move the clock forward",
        clock,
        OPERATOR,
        request=shapes.AdvanceClock,
        answer=shapes.ClockAnswer,
        errors=(409,),
    ),
    Operation("operator.purge", "POST", "/operator/purge", "Purge what is past its period", purge, OPERATOR, answer=shapes.PurgeAnswer),
    Operation(
        "operator.restart",
        "POST",
        "/operator/restart",
        "End the service, and begin it anew over its stores: what was in memory alone is lost",
        restart,
        OPERATOR,
        answer=shapes.RestartAnswer,
        errors=(409,),
    ),
    Operation(
        "operator.flag",
        "POST",
        "/operator/flags",
        "Flag a session: its content is kept from now on",
        flag,
        OPERATOR,
        request=shapes.NamedSession,
        answer=shapes.FlagAnswer,
        status=201,
        errors=(404,),
        audit_type="session_flagged",
    ),
    Operation(
        "operator.hold",
        "POST",
        "/operator/holds",
        "Place a legal hold on a session",
        place_hold,
        OPERATOR,
        request=shapes.NamedSession,
        answer=shapes.HoldAnswer,
        status=201,
        errors=(404,),
        audit_type="hold_placed",
    ),
    Operation(
        "operator.release",
        "DELETE",
        "/operator/holds/{id}",
        "Release a legal hold",
        release_hold,
        OPERATOR,
        answer=shapes.ReleasedHold,
        concerns=_of_hold,
        audit_type="hold_released",
    ),
    Operation(
        "operator.exceptions",
        "GET",
        "/operator/exceptions",
        "List exceptional content",
        list_exceptions,
        OPERATOR,
        query=shapes.ExceptionQuery,
        answer=shapes.ExceptionList,
        errors=(404,),
    ),
    Operation(
        "operator.exception",
        "GET",
        "/operator/exceptions/{id}",
        "Read exceptional content; the reading is logged",
        read_exception,
        OPERATOR,
        answer=shapes.ExceptionContent,
        concerns=_of_exception,
        audit_type="exception_read",
    ),
    Operation(
        "operator.faults",
        "POST",
        "/operator/faults",
        "Let the next inferences of an organization fail",
        faults,
        OPERATOR,
        request=shapes.SetFaults,
        answer=shapes.FaultAnswer,
        errors=(404,),
    ),
]
