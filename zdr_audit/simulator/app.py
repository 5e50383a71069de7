"""The application: every operation mounted on FastAPI; each answer names its request and organization and is recorded once."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.operations import Operation
from zdr_audit.simulator.parts import Parts
from zdr_audit.simulator.pipeline import Pipeline, to_json


class Envelope:
    """Outermost: makes the request's context, names request and organization, records, and hides every failure."""

    def __init__(self, app: ASGIApp, pipeline: Pipeline):
        self.app, self.pipeline, self.parts = app, pipeline, pipeline.parts

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
                if not (ctx.deferred or ctx.recorded):
                    await run_in_threadpool(self.pipeline.record, ctx)
                message = {**message, "headers": [*message["headers"], *self.names(ctx)]}
                started = True
            await send(message)

        try:
            if self.parts.stores.shared:
                await run_in_threadpool(self.parts.clock.refresh)
                ctx.started = self.parts.clock.now()
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

    def known(request: Request) -> None:
        pipeline.identify(request.scope["state"]["ctx"])

    for router in parts.routers:
        app.include_router(router, dependencies=[Depends(known)])
    app.router.routes.extend(_route(pipeline, operation) for operation in parts.operations)

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

    wrapped: Any = Envelope(app, pipeline)
    for middleware in reversed(parts.middlewares):
        wrapped = middleware(wrapped)
    return wrapped  # type: ignore[no-any-return]


def _route(pipeline: Pipeline, operation: Operation) -> Route:
    """The route of an operation. It takes its own method only: what answers GET answers no HEAD."""

    async def endpoint(request: Request) -> Response:
        return await pipeline.run(operation, request)

    route = Route(operation.path, endpoint, methods=[operation.method], name=operation.name)
    route.methods = {operation.method}
    return route


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Every method that some route takes on the path of `scope`."""
    found: set[str] = set()
    for route in app.routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return sorted(found)
