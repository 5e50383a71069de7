"""Variants of a fourth blind list: a limit that says when it ends, settings that name their schema."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import ApiError, SpendLimitError
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.admin import SettingsAnswer
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

SCHEMA = "https://docs.example/claude-code-settings.json"


class SpentError(ApiError):
    status = 429


def limit_says_when(parts: Parts) -> None:
    """At the limit the answer is 429 with the seconds to the first of the next month; the document says so."""

    def make(check: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def check_and_say(ctx: RequestContext) -> None:
            try:
                check(ctx)
            except SpendLimitError as error:
                now = parts.clock.now()
                first = (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
                raise SpentError(error.message, headers={"retry-after": str(int((first - now).total_seconds()) + 1)}) from None

        return check_and_say

    wrap(parts.cost, "check", make)
    alter(parts, "messages.create", errors=(402, 404, 429, 500, 529))


def settings_with_schema(parts: Parts) -> None:
    """Clients are served the admin's settings and the address of their schema."""

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            assert isinstance(reply.body, SettingsAnswer)
            return Reply(reply.body.model_copy(update={"settings": {"$schema": SCHEMA, **reply.body.settings}}))

        return handle

    alter(parts, "settings.read", handler=make)
