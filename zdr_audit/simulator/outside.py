"""Services outside ZDR: chat and Cowork with standard retention for everyone, and connectors to third parties, of which we keep nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.retention import STANDARD_DAYS
from zdr_audit.simulator.tables import OutsideMessage

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class Outside:
    def __init__(self, parts: Parts):
        self.parts = parts

    def send(self, ctx: RequestContext, service: str, text: str) -> tuple[str, str]:
        """Answers a message of `chat` or `cowork` and stores both for the standard period; (id, answer)."""
        answer = self.parts.model.answer(text)
        clock = self.parts.clock
        row = OutsideMessage(
            id=new_id(service),
            organization_id=ctx.organization,
            user_id=ctx.known_caller.user_id,
            service=service,
            text=text,
            answer=answer,
            created_at=clock.stamp(),
            expires_at=clock.stamp(days=STANDARD_DAYS),
        )
        with self.parts.stores.write() as session:
            session.add(row)
        return row.id, answer

    def call_connector(self, text: str) -> int:
        """What the third party makes of the text: its length."""
        return len(text)
