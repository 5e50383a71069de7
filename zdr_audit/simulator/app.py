"""The application: every operation mounted on FastAPI; each answer names its request and organization and is recorded once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.openapi import build_document
from zdr_audit.simulator.operations import Operation
from zdr_audit.simulator.parts import Parts
from zdr_audit.simulator.pipeline import Pipeline, to_json


class Envelope:
    """Outermost: makes the request's context, identifies the caller, names request and organization, records, and hides every failure."""

    def __init__(self, app: ASGIApp, parts: Parts):
        self.app, self.parts = app, parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ctx = self.context(scope)
        scope.setdefault("state", {})["ctx"] = ctx
        started = False

        async def named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                ctx.status = message["status"]
                if not ctx.deferred:
                    await run_in_threadpool(self.parts.retention.record, ctx)
                message = {**message, "headers": [*message["headers"], *self.names(ctx)]}
                started = True
            await send(message)

        try:
            if self.parts.stores.shared:
                await run_in_threadpool(self.parts.clock.refresh)
                ctx.started = self.parts.clock.now()
            ctx.caller = await run_in_threadpool(self.parts.auth.identify, ctx)
            await self.app(scope, receive, named)
        except Exception:  # nothing may reach the server's error log, which would print the values at hand
            if not started:
                await self.fail(ctx, send)

    def context(self, scope: Scope) -> RequestContext:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        client = scope.get("client")
        return RequestContext(
            request_id=new_id("req"), headers=headers, ip_address=client[0] if client else "", started=self.parts.clock.now()
        )

    @staticmethod
    def names(ctx: RequestContext) -> list[tuple[bytes, bytes]]:
        found = [(b"request-id", ctx.request_id.encode())]
        if ctx.caller:
            found.append((b"anthropic-organization-id", ctx.caller.organization_id.encode()))
        return found

    async def fail(self, ctx: RequestContext, send: Send) -> None:
        body = to_json(self.parts.errors.envelope(ctx.request_id, 500, "Internal server error."))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *self.names(ctx)]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def build_app(parts: Parts) -> ASGIApp:
    """The ASGI application over `parts`."""
    pipeline = Pipeline(parts)
    app = FastAPI(title="Reference ZDR backend", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for router in parts.routers:
        app.include_router(router)
    for operation in parts.operations:
        app.add_api_route(operation.path, _endpoint(pipeline, operation), methods=[operation.method], name=operation.name)

    parts.document = build_document(parts.operations)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        ctx: RequestContext = request.scope["state"]["ctx"]
        response = pipeline.refuse(ctx, error.status_code, "Method not allowed." if error.status_code == 405 else "Not found.")
        if error.status_code == 405:
            response.headers["allow"] = ", ".join(allowed_methods(app, request.scope))
        return response

    async def invalid(request: Request, _error: Exception) -> Response:
        return pipeline.refuse(request.scope["state"]["ctx"], 400, "Invalid request.")

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)  # for routes that a violation adds

    wrapped: Any = Envelope(app, parts)
    for middleware in reversed(parts.middlewares):
        wrapped = middleware(wrapped)
    return wrapped  # type: ignore[no-any-return]


def _endpoint(pipeline: Pipeline, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await pipeline.run(operation, request)

    return endpoint


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Every method that some route takes on the path of `scope`."""
    found: set[str] = set()
    for route in app.routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return sorted(found)
