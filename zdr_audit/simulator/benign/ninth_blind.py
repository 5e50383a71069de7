"""Variants of a ninth blind list: the additions of the violations of the same name, done right."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.endpoints.admin import SYSTEM
from zdr_audit.simulator.errors import ConflictError
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.stores import DayFiles
from zdr_audit.simulator.tables import ZdrRequest
from zdr_audit.simulator.texts import texts
from zdr_audit.simulator.violations import wrap
from zdr_audit.simulator.violations.keeping import also
from zdr_audit.simulator.violations.ninth_blind import REDACTED

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

ADD = text(
    "INSERT INTO redactions VALUES (:date, :kind, :number) "
    "ON CONFLICT (date, kind) DO UPDATE SET number = redactions.number + excluded.number"
)


def slow_requests_are_noted(parts: Parts, seconds: float) -> None:
    """Requests that took long have a line in a log of their own: which, how long, and of what size."""
    slow = DayFiles(parts.stores.folder / "logs", "slow")

    def log(ctx: RequestContext) -> None:
        took = time.monotonic() - ctx.started_clock
        if took >= seconds and ctx.operation is not None and not ctx.stream:
            line = {"request_id": ctx.request_id, "operation": ctx.operation.name, "seconds": round(took, 1), "bytes": len(ctx.raw)}
            slow.append(parts.clock.today(), line)

    also(parts, log)


def waiting_requests_lapse(parts: Parts, days: int) -> None:
    """With the purge a job rejects, in the system's name, what nobody decided."""

    def make(run: Callable[[], dict[str, int]]) -> Callable[[], dict[str, int]]:
        def decide_and_run() -> dict[str, int]:
            with parts.stores.read() as session:
                waiting = (ZdrRequest.status == "requested", ZdrRequest.created_at <= parts.clock.stamp(days=-days))
                ids = list(session.scalars(select(ZdrRequest.id).where(*waiting)))
            for request_id in ids:
                try:
                    parts.workflow.reject(SYSTEM, request_id, f"not reviewed within {days} days")
                except ConflictError:
                    continue  # decided in the meantime
            return run()

        return decide_and_run

    wrap(parts.purge, "run", make)


def redactions_are_counted(parts: Parts) -> None:
    """A scanner finds addresses and credentials in prompts, and counts them by kind and day."""

    def count(ctx: RequestContext) -> None:
        if not ctx.inferred or not isinstance(ctx.parsed, MessagesRequest):
            return
        said = "\n".join(said for role, said in texts(ctx.parsed) if role == "user")
        found = [(kind, len(pattern.findall(said))) for kind, pattern in REDACTED.items()]
        with parts.stores.write() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS redactions (date TEXT, kind TEXT, number INTEGER, PRIMARY KEY (date, kind))"))
            for kind, number in found:
                row = {"date": parts.clock.today(), "kind": kind, "number": number}
                session.execute(ADD, row)

    also(parts, count)
