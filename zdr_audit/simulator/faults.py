"""Failures that the operator asks for: the next inference requests of an organization fail, on whichever node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import InjectedError
from zdr_audit.simulator.tables import Fault

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


_WAITING = select(Fault.count).where(Fault.organization_id == bindparam("organization"))


class Faults:
    def __init__(self, parts: Parts):
        self.parts = parts

    def set(self, organization_id: str, status: int, count: int) -> None:
        """The next `count` inferences of the organization fail with `status`; 0 ends it."""
        with self.parts.stores.write() as session:
            session.merge(Fault(organization_id=organization_id, status=status, count=count))

    def check(self, ctx: RequestContext) -> None:
        """Raises InjectedError while failures are due."""
        waiting = self.parts.stores.first(_WAITING, organization=ctx.organization)
        if waiting is None or waiting[0] <= 0:
            return
        with self.parts.stores.write() as session:
            due = session.get(Fault, ctx.organization)
            if due is None or due.count <= 0:
                return
            due.count -= 1
            status = due.status
        raise InjectedError(status)
