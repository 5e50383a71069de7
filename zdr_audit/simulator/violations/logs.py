"""Violations that leave content in log files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def plain_prompt(parts: Parts, file: str = "debug.log") -> None:
    """Writes the prompt of every inference of every organization to a forgotten debug log."""
    place = parts.stores.logs.folder / file

    def make(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def record_and_debug(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.operation is not None and ctx.operation.name == "messages.create":
                with place.open("a", encoding="utf-8") as log:
                    log.write(f"DEBUG request {ctx.request_id} {ctx.request_text}\n")

        return record_and_debug

    wrap(parts.retention, "record", make)
