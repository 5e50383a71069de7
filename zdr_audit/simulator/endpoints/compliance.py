"""The activity feed (the audit log) and the read-back of stored conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.operations import ADMIN, Operation, Reply
from zdr_audit.simulator.schemas import admin as shapes
from zdr_audit.simulator.schemas.base import Paging
from zdr_audit.simulator.tables import Conversation

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

READERS = frozenset({"admin", "auditor", "operator"})


def activities(parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.asked(shapes.ActivityQuery)
    organization = asked.organization_id or ctx.organization
    if not parts.directory.exists(organization) or (not ctx.known_caller.is_staff and organization != ctx.organization):
        raise NotFoundError
    found = parts.audit.list(organization, asked.after_id, asked.limit)
    if found is None:
        raise NotFoundError
    entries, more = found
    ends = {"first_id": entries[0]["id"] if entries else None, "last_id": entries[-1]["id"] if entries else None}
    return Reply({"data": entries, "has_more": more, **ends})


def activity(parts: Parts, ctx: RequestContext) -> Reply:
    entry = parts.audit.entry(ctx.path["id"])
    if entry is None or (not ctx.known_caller.is_staff and entry["organization_id"] != ctx.organization):
        raise NotFoundError
    return Reply(entry)


def local_sessions(parts: Parts, ctx: RequestContext) -> Reply:
    """Stored conversations of the organization; none while it is under ZDR."""
    asked = ctx.asked(Paging)
    rows: list[Conversation] = []
    if not parts.workflow.enabled(ctx.organization):
        with parts.stores.read() as session:
            query = select(Conversation).where(Conversation.organization_id == ctx.organization)
            rows = list(session.scalars(query.order_by(Conversation.created_at, Conversation.id)))
    if asked.after_id is not None:
        ids = [row.id for row in rows]
        if asked.after_id not in ids:
            raise NotFoundError
        rows = rows[ids.index(asked.after_id) + 1 :]
    page = [shapes.LocalSession(id=row.id, session_id=row.session_id, created_at=row.created_at) for row in rows[: asked.limit]]
    ends = {"first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
    return Reply(shapes.LocalSessionList(data=page, has_more=len(rows) > len(page), **ends))


def local_session(parts: Parts, ctx: RequestContext) -> Reply:
    with parts.stores.read() as session:
        row = session.get(Conversation, ctx.path["id"])
    if row is None or row.organization_id != ctx.organization or parts.workflow.enabled(ctx.organization):
        raise NotFoundError
    return Reply(
        shapes.LocalSessionContent(
            id=row.id, session_id=row.session_id, created_at=row.created_at, request=row.request, response=row.response
        )
    )


OPERATIONS = [
    Operation(
        "activities.list",
        "GET",
        "/v1/compliance/activities",
        "Read an organization's audit log",
        activities,
        READERS,
        query=shapes.ActivityQuery,
        answer=shapes.ActivityList,
        errors=(404,),
    ),
    Operation(
        "activities.read",
        "GET",
        "/v1/compliance/activities/{id}",
        "Read one entry of the audit log",
        activity,
        READERS,
        answer=shapes.Activity,
    ),
    Operation(
        "local_sessions.list",
        "GET",
        "/v1/compliance/apps/sessions/local",
        "List stored conversations",
        local_sessions,
        ADMIN,
        query=Paging,
        answer=shapes.LocalSessionList,
    ),
    Operation(
        "local_sessions.read",
        "GET",
        "/v1/compliance/apps/sessions/local/{id}",
        "Read a stored conversation",
        local_session,
        ADMIN,
        answer=shapes.LocalSessionContent,
    ),
]
