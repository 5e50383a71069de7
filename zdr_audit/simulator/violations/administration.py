"""Violations of what administrators are promised under ZDR."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import SpendLimitError
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.admin import ActivityList, UserList
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.texts import texts
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext], None]


def no_limit_under_zdr(parts: Parts) -> None:
    """Nobody under ZDR is stopped by a spend limit."""

    def make(check: Check) -> Check:
        def check_others(ctx: RequestContext) -> None:
            if not ctx.zdr:
                check(ctx)

        return check_others

    wrap(parts.cost, "check", make)


def limit_stops_colleagues(parts: Parts) -> None:
    """A user over the limit stops the whole organization."""
    stopped: set[str] = set()

    def make(check: Check) -> Check:
        def check_all(ctx: RequestContext) -> None:
            try:
                check(ctx)
            except SpendLimitError:
                stopped.add(ctx.organization)
                raise
            if ctx.organization in stopped:
                raise SpendLimitError("The spend limit of your organization is reached.")

        return check_all

    wrap(parts.cost, "check", make)


def contributions_for_all(parts: Parts) -> None:
    """Contribution metrics are taken and shown whether the organization is under ZDR or not."""
    wrap(parts.analytics, "contributions_available", lambda _available: lambda _organization_id: True)


def no_analytics_under_zdr(parts: Parts) -> None:
    """The usage report of an organization under ZDR is empty."""

    def make(rows: Callable[[str], list[dict[str, Any]]]) -> Callable[[str], list[dict[str, Any]]]:
        return lambda organization_id: [] if parts.workflow.enabled(organization_id) else rows(organization_id)

    wrap(parts.analytics, "rows", make)


def prompts_as_dimension(parts: Parts, characters: int) -> None:
    """The usage report counts by the opening words of prompts, which the counter has in memory."""
    counted: dict[tuple[str, str], dict[str, int]] = {}

    def make_record(record: Check) -> Check:
        def record_and_count(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.inferred and isinstance(ctx.parsed, MessagesRequest):
                said = [text for role, text in texts(ctx.parsed) if role == "user"]
                words = counted.setdefault((ctx.organization, ctx.known_caller.email), {})
                words[(said or [""])[-1][:characters]] = 1
                while len(words) > 20:
                    words.pop(next(iter(words)))

        return record_and_count

    def make_rows(rows: Callable[[str], list[dict[str, Any]]]) -> Callable[[str], list[dict[str, Any]]]:
        def with_words(organization_id: str) -> list[dict[str, Any]]:
            found = rows(organization_id)
            for row in found:
                row["tool_actions"] = dict(counted.get((organization_id, row["actor"]["email_address"]), {}))
            return found

        return with_words

    wrap(parts.retention, "record", make_record)
    wrap(parts.analytics, "rows", make_rows)


def no_settings_under_zdr(parts: Parts) -> None:
    """The clients of an organization under ZDR are served the settings of nobody."""

    def make(read: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
        return lambda organization_id: read("" if parts.workflow.enabled(organization_id) else organization_id)

    wrap(parts.settings, "read", make)


def _empty_under_zdr(parts: Parts, name: str, shape: type[UserList] | type[ActivityList]) -> None:
    def make(inner: Handler) -> Handler:
        def handle(parts: Parts, ctx: RequestContext) -> Reply:
            if not ctx.known_caller.is_staff and parts.workflow.enabled(ctx.organization):
                return Reply(shape(data=[], has_more=False))
            return inner(parts, ctx)

        return handle

    alter(parts, name, handler=make)


def no_users_under_zdr(parts: Parts) -> None:
    """The admin of an organization under ZDR is shown no users."""
    _empty_under_zdr(parts, "users.list", UserList)


def no_audit_log_under_zdr(parts: Parts) -> None:
    """The admin of an organization under ZDR is shown an empty audit log."""
    _empty_under_zdr(parts, "activities.list", ActivityList)
