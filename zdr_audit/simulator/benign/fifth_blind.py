"""Variants of a fifth blind list: an earlier end, a later report, a longer log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.retention import STANDARD_DAYS
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def standard_period_is_shorter(parts: Parts, days: float) -> None:
    """What organizations without ZDR have stored ends after so many days."""
    shorter = days

    def make(stamp: Callable[..., str]) -> Callable[..., str]:
        def stamp_earlier(*, days: float = 0, seconds: float = 0) -> str:
            return stamp(days=shorter if days == STANDARD_DAYS else days, seconds=seconds)

        return stamp_earlier

    wrap(parts.clock, "stamp", make)


def usage_is_shown_later(parts: Parts, seconds: float) -> None:
    """The usage report leaves out what was charged in the last so many seconds."""
    recent: deque[tuple[float, str, str, str, int, int, int]] = deque(maxlen=10_000)

    def make_charge(charge: Callable[[Session, RequestContext], None]) -> Callable[[Session, RequestContext], None]:
        def charge_and_note(session: Session, ctx: RequestContext) -> None:
            charge(session, ctx)
            cost = parts.cost.price(ctx)
            recent.append(
                (time.monotonic(), ctx.organization, ctx.known_caller.email, ctx.model, ctx.input_tokens, ctx.output_tokens, cost)
            )

        return charge_and_note

    def make_rows(rows: Callable[[str], list[dict[str, Any]]]) -> Callable[[str], list[dict[str, Any]]]:
        def rows_of_before(organization_id: str) -> list[dict[str, Any]]:
            found, since = rows(organization_id), time.monotonic() - seconds
            today = f"{parts.clock.today()}T00:00:00Z"
            for moment, organization, email, model, read, said, cost in list(recent):
                if moment > since and organization == organization_id:
                    for row in found:
                        if row["date"] == today and row["actor"]["email_address"] == email:
                            _less(row, model, read, said, cost)
            return found

        return rows_of_before

    wrap(parts.cost, "charge", make_charge)
    wrap(parts.analytics, "rows", make_rows)


def _less(row: dict[str, Any], model: str, read: int, said: int, cost: int) -> None:
    """Takes one inference out of a row."""
    for name, value in (("requests", 1), ("input_tokens", read), ("output_tokens", said)):
        row["core_metrics"][name] -= value
    for part in row["model_breakdown"]:
        if part["model"] == model:
            part["tokens"]["input"] -= read
            part["tokens"]["output"] -= said
            part["estimated_cost"]["amount"] -= cost


def first_use_is_logged(parts: Parts) -> None:
    """A key's first request of a day has an entry in the log of its organization."""
    seen: set[tuple[str, str]] = set()

    def make(identify: Callable[[RequestContext], Caller | None]) -> Callable[[RequestContext], Caller | None]:
        def identify_and_log(ctx: RequestContext) -> Caller | None:
            caller = identify(ctx)
            if caller is not None and caller.key_id and (mark := (caller.key_id, parts.clock.today())) not in seen:
                seen.add(mark)
                with parts.stores.write() as session:
                    parts.audit.append(session, caller, "api_key_first_used", caller.organization_id, ("api_key", caller.key_id))
            return caller

        return identify_and_log

    wrap(parts.auth, "identify", make)
