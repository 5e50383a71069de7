"""The routes of the features, generated from their data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from zdr_audit.simulator.context import CUSTOMER_ROLES, RequestContext
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.operations import Handler, Operation, Reply
from zdr_audit.simulator.schemas import features as shapes
from zdr_audit.simulator.schemas.base import Paging
from zdr_audit.simulator.tables import FeatureObject

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

BODIES: Mapping[str, type[BaseModel] | None] = {
    "json": shapes.AnyObject,
    "feedback": shapes.FeedbackRequest,
    "batch": shapes.BatchRequest,
    "multipart": None,
}
OBJECTS: Mapping[str, type[BaseModel]] = {
    "object": shapes.StoredObject,
    "file": shapes.FileObject,
    "batch": shapes.BatchObject,
    "feedback": shapes.FeedbackAnswer,
}
LISTS: Mapping[str, type[BaseModel]] = {"object": shapes.StoredList, "file": shapes.FileList, "batch": shapes.BatchList}


def shaped(parts: Parts, feature: Feature, row: FeatureObject, full: bool) -> dict[str, Any]:
    """A stored object in the shape that its feature answers with; `full` gives its content back."""
    if feature.answer == "file":
        return shapes.FileObject(
            id=row.id, filename=row.label, mime_type=row.media_type, size_bytes=row.size, created_at=row.created_at
        ).model_dump()
    if feature.answer == "batch":
        counts = shapes.BatchCounts(processing=len(json.loads(parts.shelf.body(row))["requests"]))
        return shapes.BatchObject(id=row.id, request_counts=counts, created_at=row.created_at, expires_at=row.expires_at).model_dump()
    if feature.answer == "feedback":
        return {"feedback_id": row.id}
    found = shapes.StoredObject(id=row.id, type=feature.id_prefix, created_at=row.created_at, expires_at=row.expires_at)
    if full:
        found.content = json.loads(parts.shelf.body(row))
        found.events = [json.loads(parts.shelf.body(child)) for child in parts.shelf.children(row)]
    return found.model_dump(exclude_none=True)


def _create(feature: Feature, endpoint: FeatureEndpoint) -> Handler:
    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        if ctx.upload is not None:
            name, media_type, data = ctx.upload
            row = parts.shelf.put(ctx, feature, endpoint, data, label=name, media_type=media_type)
        else:
            row = parts.shelf.put(ctx, feature, endpoint, ctx.raw)
        return Reply(shaped(parts, feature, row, False))

    return handle


def _append(feature: Feature, endpoint: FeatureEndpoint) -> Handler:
    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        parent = parts.shelf.get(ctx, feature, ctx.path["id"])
        row = parts.shelf.put(ctx, feature, endpoint, ctx.raw, parent_id=parent.id)
        return Reply(shapes.Accepted(id=row.id, object_id=parent.id))

    return handle


def _read(feature: Feature, _endpoint: FeatureEndpoint) -> Handler:
    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        return Reply(shaped(parts, feature, parts.shelf.get(ctx, feature, ctx.path["id"]), True))

    return handle


def _content(feature: Feature, _endpoint: FeatureEndpoint) -> Handler:
    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        row = parts.shelf.get(ctx, feature, ctx.path["id"])
        # always as plain bytes: a stored media type is the client's word, and must not make a browser run the content
        return Reply(parts.shelf.body(row), media_type="application/octet-stream", headers={"x-content-type-options": "nosniff"})

    return handle


def _delete(feature: Feature, _endpoint: FeatureEndpoint) -> Handler:
    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        parts.shelf.delete(ctx, feature, ctx.path["id"])
        return Reply(shapes.Deleted(id=ctx.path["id"], type=f"{feature.id_prefix}_deleted"))

    return handle


def _list(feature: Feature, _endpoint: FeatureEndpoint) -> Handler:
    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        asked = ctx.asked(Paging)
        rows = parts.shelf.list(ctx, feature)
        if asked.after_id is not None:
            ids = [row.id for row in rows]
            if asked.after_id not in ids:
                raise NotFoundError
            rows = rows[ids.index(asked.after_id) + 1 :]
        page = rows[: asked.limit]
        return Reply(
            {
                "data": [shaped(parts, feature, row, False) for row in page],
                "has_more": len(rows) > len(page),
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
            }
        )

    return handle


def _title(feature: Feature, endpoint: FeatureEndpoint) -> Handler:
    def handle(parts: Parts, ctx: RequestContext) -> Reply:
        """A title and a branch made from a digest; the prompt is stored, as it is for every object of the feature."""
        parts.shelf.put(ctx, feature, endpoint, ctx.raw)
        words = parts.model.filler(hashlib.sha256(ctx.raw).digest()).lower().split()[:4]
        return Reply(shapes.TitleAnswer(title=" ".join(words).capitalize(), branch="claude/" + "-".join(words)))

    return handle


def _providers(_feature: Feature, _endpoint: FeatureEndpoint) -> Handler:
    def handle(_parts: Parts, _ctx: RequestContext) -> Reply:
        return Reply(shapes.ProviderList(data=[shapes.Provider(id="env_default", kind="simulated")]))

    return handle


HANDLERS = {
    "create": _create,
    "append": _append,
    "read": _read,
    "content": _content,
    "delete": _delete,
    "list": _list,
    "title": _title,
    "providers": _providers,
}
ANSWERS: Mapping[str, type[BaseModel] | None] = {
    "append": shapes.Accepted,
    "content": None,
    "delete": shapes.Deleted,
    "title": shapes.TitleAnswer,
    "providers": shapes.ProviderList,
}


def operation(feature: Feature, endpoint: FeatureEndpoint) -> Operation:
    """The operation of one endpoint of a feature."""
    answers = {**ANSWERS, "create": OBJECTS[feature.answer], "read": OBJECTS[feature.answer], "list": LISTS.get(feature.answer)}
    posts = endpoint.method == "POST"
    return Operation(
        f"{feature.id}.{endpoint.name}",
        endpoint.method,
        endpoint.path,
        f"{feature.title}: {endpoint.name.replace('_', ' ')}",
        HANDLERS[endpoint.action](feature, endpoint),
        CUSTOMER_ROLES,
        request=BODIES[endpoint.body] if posts else None,
        multipart=posts and endpoint.body == "multipart",
        query=Paging if endpoint.action == "list" else None,
        answer=answers[endpoint.action],
        media_type="application/octet-stream" if endpoint.action == "content" else "application/json",
        carries_content=endpoint.action not in {"providers", "list", "delete"},
        versioned=endpoint.path.startswith("/v1/messages"),
        feature=feature,
        endpoint=endpoint,
    )


def operations(features: tuple[Feature, ...]) -> list[Operation]:
    """All routes of all features; fixed paths before those with an id in the same place."""
    found = [operation(feature, endpoint) for feature in features for endpoint in feature.endpoints]
    return sorted(found, key=lambda item: item.path.count("{"))
