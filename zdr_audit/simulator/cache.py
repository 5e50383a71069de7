"""Prompt caching: rows with a time to live for organizations without ZDR; under ZDR keyed digests, in memory, are counted and no more."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.prefixes import Row
from zdr_audit.simulator.schemas.messages import PromptFields

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

SHORT_SECONDS, LONG_SECONDS = 300, 3600


@dataclass
class Prefix:
    """The beginning of a prompt up to a cache marker."""

    text: str
    seconds: int


def prefixes(request: PromptFields) -> list[Prefix]:
    """Every marked prefix of the prompt (tools, system, messages), shortest first."""
    body = request.model_dump(mode="json", exclude_unset=True)
    system = body.get("system") or []
    segments: list[Any] = [*(body.get("tools") or []), *([system] if isinstance(system, str) else system)]
    for message in body["messages"]:
        content = message["content"]
        segments += [{"role": message["role"], "text": content}] if isinstance(content, str) else content
    found, so_far = [], ""
    for segment in segments:
        marker = segment.get("cache_control") if isinstance(segment, dict) else None
        so_far += json.dumps(
            {k: v for k, v in segment.items() if k != "cache_control"} if isinstance(segment, dict) else segment, ensure_ascii=False
        )
        if isinstance(marker, dict):
            found.append(Prefix(so_far, LONG_SECONDS if marker.get("ttl") == "1h" else SHORT_SECONDS))
    return found


class PromptCache:
    def __init__(self, parts: Parts):
        self.parts = parts
        self._key = parts.secret(b"prompt cache")
        self._lock = threading.Lock()
        self._counted: dict[bytes, str] = {}

    def usage(self, request: PromptFields, ctx: RequestContext, total: int) -> dict[str, Any]:
        """The usage fields of a request of `total` input tokens: what was read from the cache, what was put there, the rest."""
        read = written = 0
        long_lived = False
        for prefix in prefixes(request):
            size = min(total, max(1, len(prefix.text) // 4))
            if self.holds(prefix, ctx):
                read, written = max(read, size), max(0, written)
            else:
                written, long_lived = size - read, prefix.seconds == LONG_SECONDS
                self.put(prefix, ctx)
        written = max(0, min(written, total - read))
        return {
            "input_tokens": total - read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 0 if long_lived else written,
                "ephemeral_1h_input_tokens": written if long_lived else 0,
            },
            "service_tier": "standard",
            "output_tokens": 0,
        }

    def holds(self, prefix: Prefix, ctx: RequestContext) -> bool:
        """Is the prefix cached for this organization and model? Another organization's never counts."""
        now = self.parts.clock.stamp()
        if not self.parts.retention.keeps(ctx):
            with self._lock:
                return self._counted.get(self._mark(prefix, ctx), "") > now
        until = self.parts.stores.cache.expiry(ctx.organization, self._row_key(prefix.text, ctx))
        return until is not None and until > now

    def put(self, prefix: Prefix, ctx: RequestContext) -> None:
        """Notes a new prefix: as a row to be written when the request is recorded, or, under ZDR, as a digest in memory."""
        if self.parts.retention.keeps(ctx):
            ctx.prefixes.append((prefix.text, prefix.seconds))
            return
        now = self.parts.clock.stamp()
        with self._lock:
            self._counted = {mark: until for mark, until in self._counted.items() if until > now}
            self._counted[self._mark(prefix, ctx)] = self.parts.clock.stamp(seconds=prefix.seconds)

    def keep(self, ctx: RequestContext) -> None:
        """Writes the noted prefixes, and the whole exchange, which is the prefix of the next turn. The caller has decided that it may."""
        exchange = json.dumps({"prompt": ctx.request_text, "completion": ctx.response}, ensure_ascii=False)
        rows = [*((text, text, seconds) for text, seconds in ctx.prefixes), (ctx.request_text, exchange, SHORT_SECONDS)]
        self.parts.stores.cache.put(
            Row(ctx.organization, self._row_key(text, ctx), value, self.parts.clock.stamp(seconds=seconds), seconds)
            for text, value, seconds in rows
        )

    def _mark(self, prefix: Prefix, ctx: RequestContext) -> bytes:
        return hmac.new(self._key, f"{ctx.organization}\n{ctx.model}\n{prefix.text}".encode(), hashlib.sha256).digest()

    @staticmethod
    def _row_key(text: str, ctx: RequestContext) -> str:
        return hashlib.sha256(f"{ctx.model}\n{text}".encode()).hexdigest()
