"""Violations that show only while many requests are under way: what is decided at the wrong moment, or seen by the wrong key."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.operations import Reply
from zdr_audit.simulator.tables import ApiKey
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def log_decides_at_the_beginning(parts: Parts) -> None:
    """Whether content goes into the log line is decided when the request is admitted, and into the database when it is recorded."""

    def make(line: Callable[[RequestContext, bool], dict[str, Any]]) -> Callable[[RequestContext, bool], dict[str, Any]]:
        def early(ctx: RequestContext, keep: bool) -> dict[str, Any]:
            carries = ctx.caller is not None and ctx.operation is not None and ctx.operation.carries_content
            return line(ctx, keep or (carries and not ctx.zdr))

        return early

    wrap(parts.retention, "log_line", make)


def state_is_read_when_idle(parts: Parts) -> None:
    """An organization's state is read when its first request begins, and again only when none of its requests is under way."""
    lock = threading.Lock()
    running: Counter[str] = Counter()
    known: dict[str, bool] = {}

    def make_identify(identify: Callable[[RequestContext], Any]) -> Callable[[RequestContext], Any]:
        def begin(ctx: RequestContext) -> Any:
            caller = identify(ctx)
            if caller is not None:
                with lock:
                    if not running[caller.organization_id]:
                        known.pop(caller.organization_id, None)
                    running[caller.organization_id] += 1
            return caller

        return begin

    def make_record(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def end(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.caller is not None:
                with lock:
                    running[ctx.organization] -= 1

        return end

    def make_enabled(enabled: Callable[[str], bool]) -> Callable[[str], bool]:
        def remembered(organization_id: str) -> bool:
            with lock:
                busy = running[organization_id] > 0 and organization_id in known
                if busy:
                    return known[organization_id]
            state = enabled(organization_id)
            with lock:
                known[organization_id] = state
            return state

        return remembered

    wrap(parts.auth, "identify", make_identify)
    wrap(parts.retention, "record", make_record)
    wrap(parts.workflow, "enabled", make_enabled)


def new_keys_see_the_log_from_the_move_on(parts: Parts) -> None:
    """A key that was made after the organization moved to another plan is shown the log of the new plan alone."""

    def make(inner: Callable[[Parts, RequestContext], Reply]) -> Callable[[Parts, RequestContext], Reply]:
        def listed(parts: Parts, ctx: RequestContext) -> Reply:
            reply = inner(parts, ctx)
            with parts.stores.read() as session:
                key = session.get(ApiKey, ctx.known_caller.key_id)
            if key is None or ctx.known_caller.is_staff or not isinstance(reply.body, dict):
                return reply
            entries = reply.body["data"]
            moves = [e["sequence"] for e in entries if e["type"] == f"{ZDR}migrated" and e["created_at"] < key.created_at]
            reply.body["data"] = [entry for entry in entries if entry["sequence"] >= max(moves, default=0)]
            return reply

        return listed

    alter(parts, "activities.list", handler=make)
