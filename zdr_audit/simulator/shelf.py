"""The objects that storing features keep: a row each, the body as a blob."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.retention import STANDARD_DAYS
from zdr_audit.simulator.tables import FeatureObject

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class Shelf:
    def __init__(self, parts: Parts):
        self.parts = parts

    def put(
        self,
        ctx: RequestContext,
        feature: Feature,
        endpoint: FeatureEndpoint,
        data: bytes,
        *,
        parent_id: str | None = None,
        label: str = "",
        media_type: str = "application/json",
    ) -> FeatureObject:
        """Stores a body. The gate is asked once more in the same step: ZDR may have been enabled while the body was on its way."""
        clock = self.parts.clock
        with self.parts.stores.write() as session:
            self.parts.gate.check(ctx, feature, endpoint)
            row = FeatureObject(
                id=new_id("event" if parent_id else feature.id_prefix),
                organization_id=ctx.organization,
                user_id=ctx.known_caller.user_id,
                feature=feature.id,
                parent_id=parent_id,
                label=label,
                media_type=media_type,
                size=len(data),
                created_at=clock.stamp(),
                expires_at=clock.stamp(days=STANDARD_DAYS),
            )
            session.add(row)
            self.parts.stores.blobs.put(ctx.organization, row.id, data)
        return row

    def get(self, ctx: RequestContext, feature: Feature, object_id: str) -> FeatureObject:
        """The caller's organization's object; NotFoundError otherwise."""
        with self.parts.stores.read() as session:
            row = session.get(FeatureObject, object_id)
        if row is None or row.organization_id != ctx.organization or row.feature != feature.id or row.parent_id is not None:
            raise NotFoundError
        return row

    def body(self, row: FeatureObject) -> bytes:
        return self.parts.stores.blobs.get(row.organization_id, row.id)

    def children(self, row: FeatureObject) -> list[FeatureObject]:
        """What was appended to an object, oldest first."""
        with self.parts.stores.read() as session:
            query = select(FeatureObject).where(FeatureObject.parent_id == row.id).order_by(FeatureObject.created_at, FeatureObject.id)
            return list(session.scalars(query))

    def list(self, ctx: RequestContext, feature: Feature) -> list[FeatureObject]:
        with self.parts.stores.read() as session:
            query = (
                select(FeatureObject)
                .where(
                    FeatureObject.organization_id == ctx.organization,
                    FeatureObject.feature == feature.id,
                    FeatureObject.parent_id.is_(None),
                )
                .order_by(FeatureObject.created_at, FeatureObject.id)
            )
            return list(session.scalars(query))

    def delete(self, ctx: RequestContext, feature: Feature, object_id: str) -> None:
        row = self.get(ctx, feature, object_id)
        with self.parts.stores.write() as session:
            again = session.get(FeatureObject, row.id)
            if again is None:
                raise NotFoundError
            session.delete(again)
            self.parts.stores.blobs.delete(ctx.organization, row.id)
