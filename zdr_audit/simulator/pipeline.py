"""How every request runs: admit (who, which tenant, which role, which policy), then read the body, then check it, then handle it.

Nothing of a body is read before the request is admitted, and nothing is written except by `retention.record`."""

from __future__ import annotations

import asyncio
import contextlib
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pydantic_core
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import TYPES, ApiError, InvalidRequestError, TooLargeError
from zdr_audit.simulator.multipart import read_upload
from zdr_audit.simulator.operations import BODY_LIMIT, Operation, Reply

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

PATH_VALUE = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
CLOSED_REQUEST = 499


class EventStream(Response):
    """A streamed answer that notices when the client goes away, and always comes to its end."""

    def __init__(self, reply: Reply):
        super().__init__(status_code=reply.status, media_type=reply.media_type, headers={"cache-control": "no-cache"})
        del self.headers["content-length"]
        self.reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (the interface of a response)
        assert self.reply.stream is not None
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        gone = asyncio.ensure_future(_disconnected(receive))
        chunks = self.reply.stream()
        try:
            async for chunk in chunks:
                if gone.done():
                    break
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # the client is gone
        finally:
            gone.cancel()
            await chunks.aclose()  # type: ignore[attr-defined]


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(request: Request, limit: int, into: bytearray) -> None:
    """Reads the body; TooLargeError by its declared length before reading, or while reading."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLargeError("The request body is too large: 32 MB at most.")
    async for chunk in request.stream():
        if len(into) + len(chunk) > limit:
            into.clear()
            raise TooLargeError("The request body is too large: 32 MB at most.")
        into += chunk


class Pipeline:
    def __init__(self, parts: Parts):
        self.parts = parts

    async def run(self, operation: Operation, request: Request) -> Response:
        """Runs one request to its response; every failure becomes the documented envelope."""
        ctx: RequestContext = request.scope["state"]["ctx"]
        ctx.operation = operation
        ctx.path = {key: str(value) for key, value in request.path_params.items()}
        body = bytearray()
        try:
            if not operation.takes_body:
                return await run_in_threadpool(self.answer, ctx, request, admitted=False)
            await run_in_threadpool(self.admit, ctx)
            await read_body(request, BODY_LIMIT, body)
            ctx.raw = bytes(body)
            return await run_in_threadpool(self.answer, ctx, request)
        except ClientDisconnect:
            ctx.raw, ctx.aborted = bytes(body), True
            return self.refuse(ctx, CLOSED_REQUEST, "The client went away.")
        except ApiError as error:
            if error.reason:
                await self.log_refusal(ctx, request, body, error)
            return self.refuse(ctx, error.status, error.message, error)
        except Exception as error:
            ctx.error_type = type(error).__name__
            return self.refuse(ctx, 500, "Internal server error.")

    def answer(self, ctx: RequestContext, request: Request, admitted: bool = True) -> Response:
        """The response, recorded unless it is streamed. One step, as every change of threads costs as much as a small request."""
        if not admitted:
            self.admit(ctx)
        reply = self.handle(ctx, request)
        if reply.stream is not None:
            ctx.deferred = True
            return EventStream(reply)
        response = self.respond(ctx, reply)
        ctx.status = reply.status
        self.record(ctx)
        return response

    def record(self, ctx: RequestContext) -> None:
        """Once for each request. One that no operation took is identified only now."""
        if not ctx.recorded:
            self.identify(ctx)
            self.parts.retention.record(ctx)
            ctx.recorded = True

    def identify(self, ctx: RequestContext) -> None:
        """Says once in the context who calls."""
        if not ctx.identified:
            ctx.caller = self.parts.auth.identify(ctx)
            ctx.identified = True

    def admit(self, ctx: RequestContext) -> None:
        """Decides by credential, tenancy, role and policy alone; raises an ApiError."""
        self.identify(ctx)
        operation = ctx.operation
        if operation is None or operation.roles is None:
            return
        if ctx.caller is not None:
            ctx.concerned = self.concerned(ctx, operation)
            ctx.zdr = self.parts.workflow.enabled(ctx.organization)
        self.parts.auth.require(ctx, operation, ctx.concerned)
        if operation.feature is not None and operation.endpoint is not None:
            self.parts.gate.check(ctx, operation.feature, operation.endpoint)

    def concerned(self, ctx: RequestContext, operation: Operation) -> str | None:
        """The organization that the call is about; None where what is named does not exist."""
        if not all(PATH_VALUE.match(value) for value in ctx.path.values()):
            return None
        if operation.concerns is not None:
            return operation.concerns(self.parts, ctx)
        named = ctx.path.get("organization")
        if named is None:
            return ctx.organization
        return named if self.parts.directory.exists(named) else None

    def handle(self, ctx: RequestContext, request: Request) -> Reply:
        """Checks version, query and body, then calls the handler."""
        operation = ctx.operation
        assert operation is not None
        if operation.versioned and not API_VERSION.match(ctx.headers.get("anthropic-version", "")):
            raise InvalidRequestError("anthropic-version: header is required.")
        if operation.query is not None:
            ctx.query = checked(operation.query, single_values(request))
        if operation.multipart:
            ctx.upload = read_upload(ctx.headers.get("content-type", ""), ctx.raw)
        elif operation.request is not None:
            ctx.parsed = checked(operation.request, parse_json(ctx.raw))
        return operation.handler(self.parts, ctx)

    async def log_refusal(self, ctx: RequestContext, request: Request, body: bytearray, error: ApiError) -> None:
        """An attempt that was refused is logged as refused, with its reference where one can be read."""
        operation, concerned = ctx.operation, ctx.concerned
        if operation is None or operation.audit_type is None or concerned is None:
            return
        reference = ""
        if operation.request is not None:
            with contextlib.suppress(ApiError, ClientDisconnect):
                if not body:
                    await read_body(request, 65_536, body)
                sent = checked(operation.request, parse_json(bytes(body)))
                reference = str(getattr(sent, "reference", ""))
        entity = ("zdr_request", ctx.path["id"]) if "/zdr/requests/" in operation.path else ("organization", concerned)
        log = partial(self.parts.audit.refused, reference=reference, reason=error.reason)
        await run_in_threadpool(log, ctx.known_caller, operation.audit_type, concerned, entity)

    def refuse(self, ctx: RequestContext, status: int, message: str, error: ApiError | None = None) -> Response:
        ctx.error_type = ctx.error_type or TYPES.get(status, "api_error")
        envelope = self.parts.errors.envelope(ctx.request_id, status, message, error.details if error else None)
        return self.respond(ctx, Reply(body=envelope, status=status, headers=error.headers if error else {}))

    def respond(self, ctx: RequestContext, reply: Reply) -> Response:
        if reply.body is None:
            return Response(status_code=reply.status, headers=dict(reply.headers))
        data = reply.body if isinstance(reply.body, bytes) else to_json(reply.body)
        if reply.media_type == "application/json" and not ctx.response:
            ctx.response = data.decode()
        return Response(data, reply.status, dict(reply.headers), reply.media_type)


def to_json(body: BaseModel | dict[str, Any]) -> bytes:
    return body.model_dump_json().encode() if isinstance(body, BaseModel) else pydantic_core.to_json(body)


def parse_json(data: bytes) -> Any:
    try:
        return pydantic_core.from_json(data, allow_inf_nan=False)
    except ValueError:
        raise InvalidRequestError("The body is not valid JSON.") from None


def single_values(request: Request) -> dict[str, str]:
    """The query parameters; one that is given twice is refused."""
    items = request.query_params.multi_items()
    values = dict(items)
    if len(values) != len(items):
        raise InvalidRequestError("A query parameter is given more than once.")
    return values


def checked(model: type[BaseModel], value: Any) -> BaseModel:
    """The value as `model`; InvalidRequestError that names the field (if it is one of ours) and the kind of error, never a value."""
    try:
        return model.model_validate(value)
    except ValidationError as errors:
        first = errors.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in field_names())
        raise InvalidRequestError(f"{place or 'body'}: {first['type'].replace('_', ' ')}.") from None


_FIELDS: set[str] = set()


def field_names() -> set[str]:
    """The names of all fields of all request shapes: only these may appear in an error message."""
    if not _FIELDS:
        from zdr_audit.simulator.schemas.base import Query
        from zdr_audit.simulator.schemas.base import Request as RequestShape

        waiting: list[type[BaseModel]] = [RequestShape, Query]
        while waiting:
            shape = waiting.pop()
            waiting += shape.__subclasses__()
            _FIELDS.update(shape.model_fields)
    return _FIELDS
