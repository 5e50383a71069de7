"""Variants of an eighth blind list: what happens by itself, beside what was asked for, and what ends sooner."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import Caller
from zdr_audit.simulator.endpoints.admin import SYSTEM
from zdr_audit.simulator.errors import PolicyError
from zdr_audit.simulator.features import Feature
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

UUID = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def purge_runs_by_itself(parts: Parts) -> None:
    """Time that passes brings a purge with it, so that whoever asks for one finds nothing left to do."""

    def make(advance: Callable[[int], str]) -> Callable[[int], str]:
        def advance_and_purge(seconds: int) -> str:
            now = advance(seconds)
            parts.purge.run()
            return now

        return advance_and_purge

    wrap(parts.clock, "advance", make)


def client_request_id_comes_back(parts: Parts) -> None:
    """The UUID by which a client names its request is a header of the answer to it, and of nothing else."""
    name = b"x-client-request-id"

    class Name:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            sent = [value for key, value in scope.get("headers", ()) if key == name and UUID.match(value)]

            async def named(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message["headers"], *((name, value) for value in sent[:1])]}
                await send(message)

            await self.app(scope, receive, named)

    parts.middlewares.append(Name)


def alert_after_refusals(parts: Parts, every: int) -> None:
    """After some refused attempts of one user the log has an entry of its own, by the system, that says so."""
    attempts: Counter[tuple[str, str]] = Counter()

    def make(refused: Callable[..., None]) -> Callable[..., None]:
        def refused_and_alert(caller: Caller, type_: str, organization_id: str, *rest: Any, **more: Any) -> None:
            refused(caller, type_, organization_id, *rest, **more)
            attempts[caller.user_id, organization_id] += 1
            if attempts[caller.user_id, organization_id] % every == 0:
                with parts.stores.write() as session:
                    parts.audit.append(session, SYSTEM, "security_alert", organization_id, ("user", caller.user_id))

        return refused_and_alert

    wrap(parts.audit, "refused", make)


def report_lists_idle_users(parts: Parts) -> None:
    """The usage report has a row of today for every user: zeros where they did nothing."""

    def make(rows: Callable[[str], list[dict[str, Any]]]) -> Callable[[str], list[dict[str, Any]]]:
        def rows_of_all(organization_id: str) -> list[dict[str, Any]]:
            found, today = rows(organization_id), f"{parts.clock.today()}T00:00:00Z"
            busy = {row["actor"]["email_address"] for row in found if row["date"] == today}
            for user in parts.directory.users(organization_id):
                if user.email not in busy:
                    row: dict[str, Any] = {
                        "date": today,
                        "actor": {"type": "user_actor", "email_address": user.email},
                        "organization_id": organization_id,
                        "terminal_type": "unknown",
                        "core_metrics": dict.fromkeys(("num_sessions", "requests", "input_tokens", "output_tokens"), 0),
                        "tool_actions": {},
                        "model_breakdown": [],
                    }
                    if parts.analytics.contributions_available(organization_id):
                        names = ("commits_by_claude_code", "pull_requests_by_claude_code", "lines_of_code_by_claude_code")
                        row["contribution_metrics"] = dict.fromkeys(names, 0)
                    found.append(row)
            return found

        return rows_of_all

    wrap(parts.analytics, "rows", make)


def refusals_close_the_connection(parts: Parts) -> None:
    """With a refusal by the policy the connection ends, as the body that was not read is still on it."""

    def make(refusal: Callable[[Feature], PolicyError]) -> Callable[[Feature], PolicyError]:
        def refusal_that_closes(feature: Feature) -> PolicyError:
            error = refusal(feature)
            error.headers["connection"] = "close"
            return error

        return refusal_that_closes

    wrap(parts.gate, "refusal", make)
