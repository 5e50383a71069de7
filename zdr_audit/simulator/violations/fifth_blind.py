"""Violations of a fifth blind list: the plausible bug or two of each family that whoever has read the policy once would try."""

from __future__ import annotations

import json
import secrets
import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.exceptional import LONGEST_DAYS
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.admin import ZdrStatus
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.tables import ExceptionalContent, ZdrRequest
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import PLACES, also, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]
NEVER = "9999-12-31T00:00:00.000000Z"


def forced_tool_schemas_are_compiled(parts: Parts, where: str) -> None:
    """The schema of a tool that the model is made to call is compiled to a grammar, and stays in the cache of grammars."""

    def compile_schema(ctx: RequestContext) -> None:
        request = ctx.parsed
        if not applies(ctx, {"status_below": 400}) or not isinstance(request, MessagesRequest) or request.tool_choice is None:
            return
        for tool in request.tools or ():
            if tool.name == request.tool_choice.name and tool.input_schema:
                PLACES[where](parts, ctx, zlib.compress(json.dumps(tool.input_schema).encode()))

    also(parts, compile_schema)


def flag_saves_what_was_said_before(parts: Parts, last: int) -> None:
    """Flagging a session saves the organization's last requests of other sessions, which a buffer in memory holds."""
    buffer: deque[tuple[str, str, bytes]] = deque(maxlen=200)

    def note(ctx: RequestContext) -> None:
        if applies(ctx, {"status_below": 400}):
            said = json.dumps({"request": ctx.request_text, "response": ctx.response}, ensure_ascii=False).encode()
            buffer.append((ctx.organization, ctx.session_id, said))

    def make(flag: Callable[[Caller, str, str, str], None]) -> Callable[[Caller, str, str, str], None]:
        def flag_and_save(caller: Caller, organization_id: str, session_id: str, reference: str) -> None:
            flag(caller, organization_id, session_id, reference)
            mine = [said for organization, other, said in list(buffer) if organization == organization_id and other != session_id]
            now, end = parts.clock.stamp(), parts.clock.stamp(days=LONGEST_DAYS)
            with parts.stores.write() as session:
                for said in mine[-last:]:
                    row = {"organization_id": organization_id, "session_id": session_id, "reason": "flag", "content": said}
                    session.add(ExceptionalContent(id=new_id("exc"), created_at=now, expires_at=end, **row))

        return flag_and_save

    also(parts, note)
    wrap(parts.exceptions, "flag", make)


def streams_of_flagged_sessions_never_end(parts: Parts) -> None:
    """What is kept by exception gets no end where it was streamed."""

    def make(record: Callable[[Session, RequestContext], None]) -> Callable[[Session, RequestContext], None]:
        def record_without_end(session: Session, ctx: RequestContext) -> None:
            record(session, ctx)
            for row in session.new:
                if ctx.stream and isinstance(row, ExceptionalContent):
                    row.expires_at = NEVER

        return record_without_end

    wrap(parts.exceptions, "record", make)


def chat_stays_in_the_search_index(parts: Parts) -> None:
    """Chat messages are put into a search index, in lower case, from which nothing is ever taken."""

    def make(send: Callable[[RequestContext, str, str], tuple[str, str]]) -> Callable[[RequestContext, str, str], tuple[str, str]]:
        def send_and_index(ctx: RequestContext, service: str, said: str) -> tuple[str, str]:
            message_id, answer = send(ctx, service, said)
            if service == "chat":
                with parts.stores.cached() as session:
                    session.execute(text("CREATE TABLE IF NOT EXISTS search_index (message TEXT PRIMARY KEY, words TEXT)"))
                    session.execute(text("INSERT INTO search_index VALUES (:id, :words)"), {"id": message_id, "words": said.lower()})
            return message_id, answer

        return send_and_index

    wrap(parts.outside, "send", make)


def members_told_chat_is_covered(parts: Parts) -> None:
    """Members are told the scope from another text than everybody else, by which chat is covered."""

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            if ctx.known_caller.role == "member" and isinstance(reply.body, ZdrStatus):
                reply.body.covers = [*reply.body.covers, "chat"]
                reply.body.not_covered = [name for name in reply.body.not_covered if name != "chat"]
            return reply

        return handle

    alter(parts, "zdr.status", handler=make)


def _lenient(parts: Parts, passes: Callable[[RequestContext], bool]) -> None:
    """The gate lets pass what `passes` says."""

    def make(check: Check) -> Check:
        def check_the_others(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if not passes(ctx):
                check(ctx, feature, endpoint)

        return check_the_others

    wrap(parts.gate, "check", make)


def path_parameters_pass(parts: Parts) -> None:
    """The gate compares the path with its parameters (`/v1/files;v=1`), and the router behind it drops them."""
    mark = f"x-{secrets.token_hex(8)}"

    class Router:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and ";" in scope["path"]:
                path = "/".join(part.partition(";")[0] for part in scope["path"].split("/"))
                scope = {**scope, "path": path, "raw_path": path.encode(), "headers": [*scope["headers"], (mark.encode(), b"1")]}
            await self.app(scope, receive, send)

    parts.middlewares.append(Router)
    _lenient(parts, lambda ctx: mark in ctx.headers)


def beta_header_passes(parts: Parts) -> None:
    """Who takes part in a beta is served by its own deployment, which has no gate."""
    _lenient(parts, lambda ctx: "anthropic-beta" in ctx.headers)


def bearer_tokens_carry_the_old_state(parts: Parts) -> None:
    """What an organization's policy is stands in the token, as it was when the token was first used."""
    states: dict[str, bool] = {}

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keeps_by_token(ctx: RequestContext) -> bool:
            content = ctx.caller is not None and ctx.operation is not None and ctx.operation.carries_content
            if content and "authorization" in ctx.headers and not states.setdefault(ctx.known_caller.key_id, ctx.zdr):
                return True
            return keeps(ctx)

        return keeps_by_token

    wrap(parts.retention, "keeps", make)


def one_feature_stays_closed(parts: Parts, which: str) -> None:
    """Disabling opens every feature but one, whose own switch nobody sets back."""

    def make(check: Check) -> Check:
        def check_the_switch(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            check(ctx, feature, endpoint)
            ended = select(ZdrRequest.id).where(ZdrRequest.organization_id == ctx.organization, ZdrRequest.status == "disabled").limit(1)
            if feature.id == which and parts.stores.first(ended) is not None:
                raise parts.gate.refusal(feature)

        return check_the_switch

    wrap(parts.gate, "check", make)


def repeated_refusals_are_merged(parts: Parts, seconds: float) -> None:
    """A refusal like one of the last minute (who, what, of whom) is taken for its repetition, and not logged."""
    seen: dict[tuple[str, str, str], float] = {}

    def make(refused: Callable[..., None]) -> Callable[..., None]:
        def refused_once(caller: Caller, type_: str, organization_id: str, *rest: Any, **more: Any) -> None:
            key, now = (caller.user_id, type_, organization_id), time.monotonic()
            last = seen.get(key)
            seen[key] = now
            if last is None or now - last > seconds:
                refused(caller, type_, organization_id, *rest, **more)

        return refused_once

    wrap(parts.audit, "refused", make)


def entry_by_id_says_done(parts: Parts) -> None:
    """A single entry is made from a view that has no column for the outcome, and says success."""

    def make(entry: Callable[[str], dict[str, Any] | None]) -> Callable[[str], dict[str, Any] | None]:
        def entry_that_was_done(entry_id: str) -> dict[str, Any] | None:
            found = entry(entry_id)
            return found and {**found, "outcome": "success", "reason": ""}

        return entry_that_was_done

    wrap(parts.audit, "entry", make)


def removed_settings_are_still_served(parts: Parts) -> None:
    """What is written is merged into the settings that are there, so that nothing can be removed."""

    def make(write: Callable[[Caller, str, dict[str, Any]], None]) -> Callable[[Caller, str, dict[str, Any]], None]:
        def merge(caller: Caller, organization_id: str, settings: dict[str, Any]) -> None:
            write(caller, organization_id, {**parts.settings.read(organization_id)["settings"], **settings})

        return merge

    wrap(parts.settings, "write", make)
