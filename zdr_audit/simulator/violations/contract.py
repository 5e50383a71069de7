"""Violations of the interface: what it answers, to whom, and what an error says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.operations import Operation, Reply
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Envelope = Callable[..., dict[str, Any]]
REMEMBERED = 1000


def errors_echo_the_body(parts: Parts, name: str | None = None) -> None:
    """The message of an error repeats the input that it is about, as validators do unless told not to; of one operation alone where it is named."""
    running: dict[str, RequestContext] = {}

    def make_identify(identify: Callable[[RequestContext], Caller | None]) -> Callable[[RequestContext], Caller | None]:
        def identify_and_note(ctx: RequestContext) -> Caller | None:
            running[ctx.request_id] = ctx
            while len(running) > REMEMBERED:
                running.pop(next(iter(running)))
            return identify(ctx)

        return identify_and_note

    def make_envelope(envelope: Envelope) -> Envelope:
        def echo(request_id: str, status: int, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
            ctx = running.pop(request_id, None)
            about = ctx is not None and (name is None or (ctx.operation is not None and ctx.operation.name == name))
            heard = f"{message} Input: {ctx.request_text}" if ctx and about and ctx.raw else message
            return envelope(request_id, status, heard, details)

        return echo

    wrap(parts.auth, "identify", make_identify)
    wrap(parts.errors, "envelope", make_envelope)


def errors_without_type(parts: Parts) -> None:
    """The error body says what is wrong in words, but not of which type it is."""

    def make(envelope: Envelope) -> Envelope:
        def short(request_id: str, status: int, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
            body = envelope(request_id, status, message, details)
            if status == 400:
                body["error"] = {"message": message}
            return body

        return short

    wrap(parts.errors, "envelope", make)


def serves_other_tenants(parts: Parts, name: str) -> None:
    """One report is served for the organization in the path, whoever asks."""

    def make_require(require: Callable[..., None]) -> Callable[..., None]:
        def lax(ctx: RequestContext, operation: Operation, concerned: str | None) -> None:
            same_tenant = ctx.organization if ctx.caller and operation.name == name and concerned else concerned
            require(ctx, operation, same_tenant)

        return lax

    def report(parts: Parts, ctx: RequestContext) -> Reply:
        return Reply({"data": parts.analytics.rows(ctx.path["organization"]), "has_more": False})

    wrap(parts.auth, "require", make_require)
    alter(parts, name, handler=lambda _inner: report)


def open_without_credential(parts: Parts, name: str) -> None:
    """One operation answers callers without a valid key."""

    def make(require: Callable[..., None]) -> Callable[..., None]:
        def lax(ctx: RequestContext, operation: Operation, concerned: str | None) -> None:
            if ctx.caller is not None or operation.name != name:
                require(ctx, operation, concerned)

        return lax

    wrap(parts.auth, "require", make)


def crashes_on_empty_settings(parts: Parts) -> None:
    """Writing settings that hold nothing brings the handler down."""

    def make(write: Callable[..., None]) -> Callable[..., None]:
        def write_longest_first(caller: Caller, organization_id: str, settings: dict[str, Any]) -> None:
            max(settings, key=len)
            write(caller, organization_id, settings)

        return write_longest_first

    wrap(parts.settings, "write", make)


def answers_out_of_shape(parts: Parts, name: str, body: dict[str, Any]) -> None:
    """One operation answers with a body that its document does not describe."""
    alter(parts, name, handler=lambda _inner: lambda _parts, _ctx: Reply(body))


def does_not_name_requests(parts: Parts, status_from: int) -> None:
    """A proxy takes the request id off the answers from some status on."""

    class Strip:
        def __init__(self, app: ASGIApp):
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def nameless(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] >= status_from:
                    message = {**message, "headers": [pair for pair in message["headers"] if pair[0] != b"request-id"]}
                await send(message)

            await self.app(scope, receive, nameless)

    parts.middlewares.append(Strip)
