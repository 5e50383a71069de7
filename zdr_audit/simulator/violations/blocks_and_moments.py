"""Violations of a fifth list: what stands in one place of a request alone, and what is under way when whoever asked loses the right to ask."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.tables import ApiKey
from zdr_audit.simulator.texts import blocks
from zdr_audit.simulator.violations import wrap
from zdr_audit.simulator.violations.keeping import PLACES, also, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Find = Callable[[RequestContext], Iterable[bytes]]


def _keep_found(parts: Parts, where: str, find: Find) -> None:
    """Keeps what is found in each request for inference."""

    def keep(ctx: RequestContext) -> None:
        if applies(ctx, None) and isinstance(ctx.parsed, MessagesRequest):
            for data in find(ctx):
                PLACES[where](parts, ctx, data)

    also(parts, keep)


def _of_type(ctx: RequestContext, kind: str) -> list[dict[str, Any]]:
    return [block for _role, block in blocks(ctx.body(MessagesRequest)) if block.get("type") == kind]


def images_in_results_are_kept(parts: Parts, where: str) -> None:
    """Images in the results of tools are made smaller in a folder of their own, and stay there."""

    def find(ctx: RequestContext) -> Iterable[bytes]:
        for result in _of_type(ctx, "tool_result"):
            for block in result["content"] if isinstance(result.get("content"), list) else ():
                if block.get("type") == "image":
                    yield base64.b64decode(block["source"]["data"])

    _keep_found(parts, where, find)


def search_results_are_listed(parts: Parts, where: str) -> None:
    """Source and title of each search result that a client sends are put into the list that citations are made from."""
    _keep_found(parts, where, lambda ctx: [f"{block['source']}\t{block['title']}".encode() for block in _of_type(ctx, "search_result")])


def earlier_thinking_is_kept(parts: Parts, where: str) -> None:
    """Thinking that comes back is written down with its signature, to see why one did not fit."""
    _keep_found(parts, where, lambda ctx: [block["thinking"].encode() for block in _of_type(ctx, "thinking")])


def plain_system_prompts_are_kept(parts: Parts, where: str) -> None:
    """A system prompt that comes as a plain string is kept as it came, ahead of its being made a list of parts."""

    def find(ctx: RequestContext) -> Iterable[bytes]:
        system = ctx.body(MessagesRequest).system
        return [system.encode()] if isinstance(system, str) else []

    _keep_found(parts, where, find)


def _keep_under_way(parts: Parts, where: str, lost: Callable[[RequestContext], bool]) -> None:
    """Keeps what was answered to whoever has lost the right to ask in the meantime."""

    def keep(ctx: RequestContext) -> None:
        if applies(ctx, None) and ctx.inferred and lost(ctx):
            PLACES[where](parts, ctx, ctx.raw + b"\n" + ctx.response.encode())

    also(parts, keep)


def under_way_at_revoking_is_kept(parts: Parts, where: str) -> None:
    """What is under way with a key that is revoked goes to those who look into stolen keys."""

    def lost(ctx: RequestContext) -> bool:
        revoked = select(ApiKey.id).where(ApiKey.id == ctx.known_caller.key_id, ApiKey.revoked_at.is_not(None))
        return parts.stores.first(revoked) is not None

    _keep_under_way(parts, where, lost)


def under_way_at_the_limit_is_kept(parts: Parts, where: str) -> None:
    """What is under way when its user may spend nothing more is put aside, to be charged when the limit is raised."""
    _keep_under_way(parts, where, lambda ctx: parts.cost.limit(ctx.known_caller.user_id) == 0)


def under_way_at_closing_is_kept(parts: Parts) -> None:
    """ZDR is asked for among the organizations that are open: of one that was closed in the meantime what is answered in full is kept as anybody's."""

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keeps_more(ctx: RequestContext) -> bool:
            answered = applies(ctx, {"aborted": False}) and ctx.inferred
            return keeps(ctx) or (answered and not parts.directory.is_open(ctx.organization))

        return keeps_more

    wrap(parts.retention, "keeps", make)
