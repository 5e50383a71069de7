"""Usage analytics: counts a user and day. No content; contribution metrics for organizations without ZDR only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.tables import ClientCount, Usage, UsageSession, User

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

# what a client may report -> what the report calls it
CONTRIBUTIONS: Mapping[str, str] = {
    "claude_code.commit.count": "commits_by_claude_code",
    "claude_code.pull_request.count": "pull_requests_by_claude_code",
    "claude_code.lines_of_code.count": "lines_of_code_by_claude_code",
}
LARGEST_COUNT = 1_000_000


class Analytics:
    def __init__(self, parts: Parts):
        self.parts = parts
        self._key = parts.secret(b"analytics")  # a stored session digest can be traced back to nothing without it

    def count_session(self, session: Session, ctx: RequestContext) -> None:
        """Counts the caller's session once a day, by a digest that cannot be reversed or compared later."""
        if not ctx.session_id:
            return
        caller = ctx.known_caller
        digest = hmac.new(self._key, ctx.session_id.encode(), hashlib.sha256).hexdigest()[:32]
        key = {"organization_id": caller.organization_id, "user_id": caller.user_id, "date": self.parts.clock.today(), "digest": digest}
        if session.get(UsageSession, key) is None:
            session.add(UsageSession(**key))

    def accept_counts(self, ctx: RequestContext, counts: Mapping[str, int]) -> int:
        """Adds contribution counts that a client reported; under ZDR nothing is added. Answers how many were taken."""
        known = {CONTRIBUTIONS[name]: value for name, value in counts.items() if name in CONTRIBUTIONS and 0 <= value <= LARGEST_COUNT}
        caller = ctx.known_caller
        with self.parts.stores.write() as session:
            if not self.contributions_available(caller.organization_id):
                return 0
            for name, value in known.items():
                key = {"organization_id": caller.organization_id, "user_id": caller.user_id, "date": self.parts.clock.today(), "name": name}
                row = session.get(ClientCount, key) or ClientCount(**key, value=0)
                row.value += value
                session.add(row)
        return len(known)

    def contributions_available(self, organization_id: str) -> bool:
        return not self.parts.workflow.enabled(organization_id)

    def rows(self, organization_id: str) -> list[dict[str, Any]]:
        """One row a user and day, oldest first."""
        with self.parts.stores.read() as session:
            emails = {user.id: user.email for user in session.scalars(select(User).where(User.organization_id == organization_id))}
            usage = list(session.scalars(select(Usage).where(Usage.organization_id == organization_id).order_by(Usage.date, Usage.user_id)))
            sessions = {
                (date, user): count
                for date, user, count in session.execute(
                    select(UsageSession.date, UsageSession.user_id, func.count())
                    .where(UsageSession.organization_id == organization_id)
                    .group_by(UsageSession.date, UsageSession.user_id)
                )
            }
            counts = list(session.scalars(select(ClientCount).where(ClientCount.organization_id == organization_id)))
        days = dict.fromkeys([*((u.date, u.user_id) for u in usage), *((c.date, c.user_id) for c in counts)])
        contributions = self.contributions_available(organization_id)
        rows = []
        for date, user_id in days:
            models = [u for u in usage if (u.date, u.user_id) == (date, user_id)]
            row: dict[str, Any] = {
                "date": f"{date}T00:00:00Z",
                "actor": {"type": "user_actor", "email_address": emails.get(user_id, "")},
                "organization_id": organization_id,
                "terminal_type": "unknown",
                "core_metrics": {
                    "num_sessions": sessions.get((date, user_id), 0),
                    "requests": sum(u.requests for u in models),
                    "input_tokens": sum(u.input_tokens for u in models),
                    "output_tokens": sum(u.output_tokens for u in models),
                },
                "tool_actions": {},
                "model_breakdown": [
                    {
                        "model": u.model,
                        "tokens": {"input": u.input_tokens, "output": u.output_tokens},
                        "estimated_cost": {"currency": "USD", "amount": u.cost},
                    }
                    for u in models
                ],
            }
            if contributions:
                own = {c.name: c.value for c in counts if (c.date, c.user_id) == (date, user_id)}
                row["contribution_metrics"] = {name: own.get(name, 0) for name in CONTRIBUTIONS.values()}
            rows.append(row)
        return rows
