"""What is kept of a request: always a log line and a trace span of metadata; content only where the organization is not under ZDR."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.tables import Conversation
from zdr_audit.simulator.texts import attachments

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

STANDARD_DAYS = 30


class Retention:
    def __init__(self, parts: Parts):
        self.parts = parts

    def keeps(self, ctx: RequestContext) -> bool:
        """May content of this request be stored? Never under ZDR, at its beginning or now, nor for a closed organization."""
        if ctx.caller is None or ctx.operation is None or not ctx.operation.carries_content:
            return False
        return not ctx.zdr and not self.parts.workflow.enabled(ctx.organization) and self.parts.directory.is_open(ctx.organization)

    def record(self, ctx: RequestContext) -> None:
        """Everything that is written about a request, once, at its end. No switch of ZDR can come between decision and writing."""
        with self.parts.stores.write() as session:
            keep = self.keeps(ctx)
            self.parts.stores.logs.append(self.parts.clock.today(), self.log_line(ctx, keep))
            self.parts.stores.traces.append(self.parts.clock.today(), self.span(ctx, keep))
            if ctx.inferred:
                self.parts.cost.charge(session, ctx)
                if keep:
                    self.store_conversation(session, ctx)
                    self.parts.cache.keep(ctx)
                self.parts.exceptions.record(session, ctx)

    def log_line(self, ctx: RequestContext, keep: bool) -> dict[str, Any]:
        """Metadata that we made ourselves (no path, header or model name of the client's), and content if `keep`."""
        line: dict[str, Any] = {
            "time": self.parts.clock.stamp(),
            "request_id": ctx.request_id,
            "organization": ctx.caller.organization_id if ctx.caller else None,
            "user": ctx.caller.user_id if ctx.caller else None,
            "operation": ctx.operation.name if ctx.operation else None,
            "model": ctx.model or None,
            "status": ctx.status,
            "error_type": ctx.error_type or None,
            "stream": ctx.stream,
            "aborted": ctx.aborted,
            "input_tokens": ctx.input_tokens,
            "output_tokens": ctx.output_tokens,
            "ms": round((time.monotonic() - ctx.started_clock) * 1000, 1),
        }
        if keep:
            line["request"] = ctx.request_text
            line["response"] = ctx.response
        return line

    def span(self, ctx: RequestContext, keep: bool) -> dict[str, Any]:
        """One OTLP JSON line with the span of this request; content attributes only if `keep`."""
        name = ctx.operation.name if ctx.operation else "unmatched"
        attributes: dict[str, str | int] = {"http.response.status_code": ctx.status, "zdr_sim.request_id": ctx.request_id}
        if ctx.caller:
            attributes["zdr_sim.organization"] = ctx.caller.organization_id
        if ctx.model:
            attributes |= {
                "gen_ai.system": "zdr_sim",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": ctx.model,
                "gen_ai.usage.input_tokens": ctx.input_tokens,
                "gen_ai.usage.output_tokens": ctx.output_tokens,
            }
        if keep:
            attributes |= {"gen_ai.prompt": ctx.request_text, "gen_ai.completion": ctx.response}
            if ctx.session_id:
                attributes["session.id"] = ctx.session_id
        start, end = int(ctx.started.timestamp() * 1e9), int(self.parts.clock.now().timestamp() * 1e9)
        span = {
            "traceId": secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            "name": name,
            "kind": 2,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(end),
            "attributes": [_attribute(key, value) for key, value in attributes.items()],
            "status": {"code": 2 if ctx.status >= 500 else 0},
        }
        return {
            "resourceSpans": [
                {
                    "resource": {"attributes": [_attribute("service.name", "zdr-simulator")]},
                    "scopeSpans": [{"scope": {"name": "zdr_audit.simulator"}, "spans": [span]}],
                }
            ]
        }

    def store_conversation(self, session: Session, ctx: RequestContext) -> None:
        """Stores request and answer for the standard period, attachments decoded beside it."""
        row = {
            "id": new_id("conv"),
            "organization_id": ctx.organization,
            "user_id": ctx.known_caller.user_id,
            "session_id": ctx.session_id,
            "model": ctx.model,
            "request": ctx.request_text,
            "response": ctx.response,
            "complete": not ctx.aborted,
            "created_at": self.parts.clock.stamp(),
            "expires_at": self.parts.clock.stamp(days=STANDARD_DAYS),
        }
        session.connection().execute(insert(Conversation), row)
        for number, data in enumerate(attachments(ctx.parsed)):
            self.parts.stores.blobs.put(ctx.organization, f"{row['id']}.{number}", data)

    def forget(self, organization_id: str) -> None:
        """Takes an organization's content out of the log and trace files, keeping the metadata."""

        def without_content(line: dict[str, Any]) -> dict[str, Any]:
            if line["organization"] == organization_id:
                line.pop("request", None)
                line.pop("response", None)
            return line

        def span_without_content(line: dict[str, Any]) -> dict[str, Any]:
            span = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
            values = {item["key"]: item["value"] for item in span["attributes"]}
            if values.get("zdr_sim.organization") == {"stringValue": organization_id}:
                content = ("gen_ai.prompt", "gen_ai.completion", "session.id")
                span["attributes"] = [item for item in span["attributes"] if item["key"] not in content]
            return line

        self.parts.stores.logs.rewrite(organization_id, without_content)
        self.parts.stores.traces.rewrite(organization_id, span_without_content)


def _attribute(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
