"""Variants in what is answered: wording, form and framing."""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator import directory
from zdr_audit.simulator.benign.middleware import Outgoing, answers, streams
from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import PolicyError
from zdr_audit.simulator.features import Feature
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

COMPRESSED_FROM = 200


def refusal_says(parts: Parts, message: str) -> None:
    """The policy error in other words, or in another language, and without a code."""
    wrap(parts.gate, "refusal", lambda _refusal: lambda _feature: PolicyError(message, reason="policy"))


def refusal_details(parts: Parts, details: Mapping[str, Any]) -> None:
    """The policy error says more."""

    def make(refusal: Callable[[Feature], PolicyError]) -> Callable[[Feature], PolicyError]:
        def talkative(feature: Feature) -> PolicyError:
            error = refusal(feature)
            error.details = {**(error.details or {}), **details}
            return error

        return talkative

    wrap(parts.gate, "refusal", make)


def refusal_as_problem(parts: Parts, kind: str, title: str, detail: str) -> None:
    """The policy error as a problem document (RFC 9457)."""

    def edit(answer: Outgoing) -> None:
        error = (answer.data or {}).get("error", {}) if answer.status == 403 else {}
        if "retention_blocked" in str(error.get("details", {}).get("error_code", "")):
            answer.set(b"content-type", b"application/problem+json")
            answer.replace(json.dumps({"type": kind, "title": title, "status": 403, "detail": detail}).encode())

    answers(parts, edit)


def extra_fields(parts: Parts, fields: Mapping[str, Any]) -> None:
    """Answers carry fields that the document does not name; it says that there may be such."""

    def open_up(schema: Any) -> Any:
        if isinstance(schema, dict):
            return {k: open_up(v) for k, v in schema.items() if (k, v) != ("additionalProperties", False)}
        return [open_up(item) for item in schema] if isinstance(schema, list) else schema

    def edit(answer: Outgoing) -> None:
        data = answer.data
        if isinstance(data, dict):
            document = answer.scope["path"] == "/openapi.json"
            answer.replace(json.dumps(open_up(data) if document else {**data, **fields}).encode())

    answers(parts, edit)


def other_layout(parts: Parts, indent: int) -> None:
    """JSON with other white space, other escapes and another order of keys."""

    def backwards(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: backwards(v) for k, v in reversed(value.items())}
        return [backwards(item) for item in value] if isinstance(value, list) else value

    def edit(answer: Outgoing) -> None:
        if answer.data is not None:
            answer.replace(json.dumps(backwards(answer.data), indent=indent, ensure_ascii=True).encode())

    answers(parts, edit)


def other_ids(_parts: Parts) -> None:
    """Ids are UUIDs that rise with time, without a prefix."""
    directory.use_ids(lambda _prefix: str(uuid.uuid1()))


def more_headers(parts: Parts, headers: Mapping[str, str]) -> None:
    """A content delivery network in front adds headers and a cookie of its own."""

    def edit(answer: Outgoing) -> None:
        answer.headers += [(name.encode(), value.encode()) for name, value in headers.items()]

    answers(parts, edit)


def chunked(parts: Parts, size: int) -> None:
    """Answers come in chunks, without their length."""

    def edit(answer: Outgoing) -> None:
        if len(answer.body) > size:
            answer.set(b"content-length", None)
            answer.chunks = [answer.body[at : at + size] for at in range(0, len(answer.body), size)]

    answers(parts, edit)


def compressed(parts: Parts) -> None:
    """Answers of some length are compressed."""

    def edit(answer: Outgoing) -> None:
        if len(answer.body) >= COMPRESSED_FROM:
            answer.replace(gzip.compress(answer.body))
            answer.headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]

    answers(parts, edit, last=True)


def comments_in_streams(parts: Parts, every: int) -> None:
    """Streams have comments, retry times and ids between their events, and lines that end in CR and LF."""
    count = 0

    def edit(piece: bytes) -> bytes:
        nonlocal count
        count += 1
        piece = piece.replace(b"\n", b"\r\n")
        return b": still here\r\n\r\nretry: 3000\r\nid: %d\r\n" % count + piece if count % every == 0 else piece

    streams(parts, edit)


def cached_models(parts: Parts, seconds: int) -> None:
    """The list of models is kept, and answered from what was kept."""
    kept: dict[str, Reply] = {}

    def make(inner: Handler) -> Handler:
        def handle(parts: Parts, ctx: RequestContext) -> Reply:
            key = str(ctx.query)
            if key not in kept:
                fresh = inner(parts, ctx)
                tag = f'"{hashlib.sha256(key.encode()).hexdigest()[:16]}"'
                kept[key] = Reply(fresh.body, headers={"cache-control": f"private, max-age={seconds}", "etag": tag, "age": "1"})
                (parts.stores.folder / "models.json").write_text(str(fresh.body), encoding="utf-8")
            return kept[key]

        return handle

    alter(parts, "models.list", handler=make)


def more_restrictions(parts: Parts, restrictions: Mapping[str, bool]) -> None:
    """Clients are told of further things that they may or may not do, the same for everybody."""

    def make(told: Callable[[str], dict[str, dict[str, bool]]]) -> Callable[[str], dict[str, dict[str, bool]]]:
        return lambda organization_id: {**told(organization_id), **{key: {"allowed": allowed} for key, allowed in restrictions.items()}}

    wrap(parts.limits, "restrictions", make)
