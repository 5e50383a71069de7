"""Per-user cost controls: every inference is charged, and a user at the limit is stopped. Amounts are minor units (cents)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.errors import SpendLimitError
from zdr_audit.simulator.tables import SpendLimit, Usage

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


_LIMIT = select(SpendLimit.amount).where(SpendLimit.user_id == bindparam("user"))


_MORE = (
    update(Usage)
    .where(*(getattr(Usage, name) == bindparam(f"of_{name}") for name in ("organization_id", "user_id", "date", "model")))
    .values({name: getattr(Usage, name) + bindparam(f"more_{name}") for name in ("requests", "input_tokens", "output_tokens", "cost")})
)


class Cost:
    def __init__(self, parts: Parts):
        self.parts = parts

    def price(self, ctx: RequestContext) -> int:
        """Minor units of one inference: a cent a thousand tokens begun, at least 1."""
        return max(1, -(-(ctx.input_tokens + 4 * ctx.output_tokens) // 1000))

    def spent(self, user_id: str) -> int:
        """What the user spent in the current calendar month."""
        month = self.parts.clock.today()[:7]
        with self.parts.stores.read() as session:
            return int(session.scalar(select(func.sum(Usage.cost)).where(Usage.user_id == user_id, Usage.date.startswith(month))) or 0)

    def limit(self, user_id: str) -> int | None:
        found = self.parts.stores.first(_LIMIT, user=user_id)
        return found[0] if found else None

    def check(self, ctx: RequestContext) -> None:
        """Raises SpendLimitError where the caller has nothing left to spend."""
        user_id = ctx.known_caller.user_id
        limit = self.limit(user_id)
        if limit is not None and self.spent(user_id) >= limit:
            raise SpendLimitError("Your spend limit is reached. Ask an admin of your organization.")

    def set_limit(self, caller: Caller, organization_id: str, user_id: str, amount: int) -> None:
        self.parts.directory.user(organization_id, user_id)
        with self.parts.stores.write() as session:
            row = session.get(SpendLimit, user_id) or SpendLimit(user_id=user_id, organization_id=organization_id)
            row.amount = amount
            session.add(row)
            self.parts.audit.append(session, caller, "spend_limit_set", organization_id, ("user", user_id))

    def charge(self, session: Session, ctx: RequestContext) -> None:
        """Adds the inference to the user's counts and cost: numbers only."""
        caller = ctx.known_caller
        key = {"organization_id": caller.organization_id, "user_id": caller.user_id, "date": self.parts.clock.today(), "model": ctx.model}
        more = {"requests": 1, "input_tokens": ctx.input_tokens, "output_tokens": ctx.output_tokens, "cost": self.price(ctx)}
        connection = session.connection()
        if not connection.execute(_MORE, {f"of_{k}": v for k, v in key.items()} | {f"more_{k}": v for k, v in more.items()}).rowcount:
            connection.execute(insert(Usage), key | more)
        self.parts.analytics.count_session(session, ctx)
