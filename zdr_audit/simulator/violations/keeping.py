"""How violations leave content behind: in which form, in which place, of which requests. Shared by all families."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import secrets
import shlex
import unicodedata
import urllib.parse
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.orm import Session

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.texts import attachments, blocks, texts
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Record = Callable[[RequestContext], None]


def _nested(data: bytes) -> bytes:
    """A JSON string inside the JSON text of a field, as a logger makes it of a body that it was handed as text."""
    said = json.dumps({"body": data.decode("utf-8", "replace")})
    return json.dumps({"level": "error", "event": said}).encode()


def _encrypted(data: bytes) -> bytes:
    """A stream cipher with a key that nobody has: nothing of the data can be recognised, only its size."""
    nonce = secrets.token_bytes(32)
    stream = hashlib.shake_256(_KEY + nonce).digest(len(data))
    return nonce + bytes(a ^ b for a, b in zip(data, stream, strict=True))


_KEY = secrets.token_bytes(32)


@cache
def _vocabulary() -> tuple[int, ...]:
    """The id of every pair of bytes, in an order that nobody else knows."""
    return tuple(random.SystemRandom().sample(range(1 << 16), 1 << 16))


def _token_ids(data: bytes) -> bytes:
    """The ids under which a tokenizer of our own knows the text, two bytes each."""
    ids = _vocabulary()
    whole = data + b" " * (len(data) % 2)
    return b"".join(ids[int.from_bytes(whole[at : at + 2])].to_bytes(2) for at in range(0, len(whole), 2))


def _curl(data: bytes) -> bytes:
    """The request as a command for a shell, to be tried again by hand."""
    said = data.decode("utf-8", "replace")
    return shlex.join(["curl", "-X", "POST", "https://backend.example/v1/messages", "-d", said]).encode()


def _statement(data: bytes) -> bytes:
    """The statement that failed with the values that were bound, as a database logs it."""
    said = data.decode("utf-8", "replace").replace("'", "''")
    return b"ERROR: deadlock detected; STATEMENT: INSERT INTO jobs VALUES (1, '%s')" % said.encode()


def _frame(data: bytes) -> bytes:
    """A stack frame with its local values, as an error tracker takes it."""
    frame = {"function": "generate", "lineno": 87, "vars": {"body": repr(data.decode("utf-8", "replace"))}}
    return json.dumps({"exception": {"values": [{"type": "ServerError", "stacktrace": {"frames": [frame]}}]}}).encode()


FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "base64": base64.b64encode,
    "hex": lambda data: data.hex().encode(),
    "utf-16": lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    "python": lambda data: repr(data.decode("utf-8", "replace")).encode(),
    "percent": lambda data: urllib.parse.quote_from_bytes(data).encode(),
    "json in json": _nested,
    "encrypted": _encrypted,
    "token ids": _token_ids,
    "gzip in base64": lambda data: base64.b64encode(gzip.compress(data)),
    "curl": _curl,
    "name-based uuid": lambda data: str(uuid.uuid5(uuid.NAMESPACE_URL, data.decode("utf-8", "replace"))).encode(),
    "sha256": lambda data: hashlib.sha256(data).hexdigest().encode(),
    "sql": _statement,
    "frame": _frame,
    "first 64": lambda data: data[:64] + b"...",
    "last 64": lambda data: b"..." + data[-64:],
    "first 60 KB": lambda data: data[:61_440] + b"...[truncated]",
}


def _table(session: Session, ctx: RequestContext, data: bytes) -> None:
    kind = "BYTEA" if session.get_bind().dialect.name == "postgresql" else "BLOB"
    session.execute(text(f"CREATE TABLE IF NOT EXISTS request_archive (request_id TEXT PRIMARY KEY, payload {kind})"))
    taken = session.execute(text("SELECT 1 FROM request_archive WHERE request_id = :id"), {"id": ctx.request_id}).first()
    name = f"{ctx.request_id}-{secrets.token_hex(4)}" if taken else ctx.request_id  # two violations at once may keep the same request
    session.execute(text("INSERT INTO request_archive VALUES (:id, :data)"), {"id": name, "data": data})


def _to_log(parts: Parts, ctx: RequestContext, data: bytes) -> None:
    with (parts.stores.logs.folder / "debug.log").open("ab") as log:
        log.write(b"DEBUG %s %s\n" % (ctx.request_id.encode(), data))


def _to_trace(parts: Parts, ctx: RequestContext, data: bytes) -> None:
    line = parts.retention.span(ctx, False)
    attribute = {"key": "gen_ai.event.content", "value": {"stringValue": data.decode("utf-8", "replace")}}
    line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].append(attribute)
    parts.stores.traces.append(parts.clock.today(), line)


def _to_database(parts: Parts, ctx: RequestContext, data: bytes) -> None:
    with parts.stores.write() as session:
        _table(session, ctx, data)


def _to_cache(parts: Parts, ctx: RequestContext, data: bytes) -> None:
    with parts.stores.cached() as session:
        _table(session, ctx, data)


def _to_blob(parts: Parts, ctx: RequestContext, data: bytes) -> None:
    parts.stores.blobs.put("archive", ctx.request_id, data)


def _to_temporary_file(parts: Parts, _ctx: RequestContext, data: bytes) -> None:
    folder = parts.stores.folder / "blobs"
    folder.mkdir(exist_ok=True)
    (folder / f"tmp{secrets.token_hex(4)}").write_bytes(data)


def _to_metrics(parts: Parts, _ctx: RequestContext, data: bytes) -> None:
    label = data.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    with (parts.stores.logs.folder / "metrics.prom").open("a", encoding="utf-8") as metrics:
        metrics.write(f'inference_requests_total{{client="{label}"}} 1\n')


PLACES: Mapping[str, Callable[[Parts, RequestContext, bytes], None]] = {
    "log": _to_log,
    "trace": _to_trace,
    "database": _to_database,
    "cache": _to_cache,
    "blob": _to_blob,
    "temporary file": _to_temporary_file,
    "metrics": _to_metrics,
}


def _of_kind(ctx: RequestContext, kind: str) -> Iterable[Any]:
    if isinstance(ctx.parsed, BaseModel):
        for _role, block in blocks(ctx.parsed):
            if block.get("type") == kind:
                yield block


def _spoken(ctx: RequestContext, wanted: str) -> bytes:
    if not isinstance(ctx.parsed, BaseModel):
        return b""
    return "\n".join(said for role, said in texts(ctx.parsed) if role == wanted).encode()


def _attached(ctx: RequestContext) -> Iterable[bytes]:
    return attachments(ctx.parsed) if isinstance(ctx.parsed, BaseModel) else ()


def _last_text(ctx: RequestContext, wanted: str) -> bytes:
    if not isinstance(ctx.parsed, BaseModel):
        return b""
    return ([said for role, said in texts(ctx.parsed) if role == wanted] or [""])[-1].encode()


def _unknown_fields(ctx: RequestContext) -> bytes:
    extra = ctx.parsed.model_extra if isinstance(ctx.parsed, BaseModel) else None
    return json.dumps(extra).encode() if extra else b""


def _of_another_script(text: str) -> bool:
    letters = [unicodedata.name(character, "") for character in text if character.isalpha()]
    return any(not name.startswith(("LATIN", "MODIFIER", "FEMININE", "MASCULINE")) for name in letters)


WHAT: Mapping[str, Callable[[RequestContext], bytes]] = {
    "request": lambda ctx: ctx.raw,
    "answer": lambda ctx: ctx.response.encode(),
    "system prompt": lambda ctx: _spoken(ctx, "system"),
    "client note": lambda ctx: ctx.headers.get("x-client-note", "").encode(),
    "last text of the user": lambda ctx: _last_text(ctx, "user"),
    "tool results": lambda ctx: "\n".join(str(block["content"]) for block in _of_kind(ctx, "tool_result")).encode(),
    "failed tool results": lambda ctx: "\n".join(
        str(block["content"]) for block in _of_kind(ctx, "tool_result") if block.get("is_error")
    ).encode(),
    "tool names": lambda ctx: ",".join(tool.name for tool in getattr(ctx.parsed, "tools", None) or ()).encode(),
    "unknown fields": _unknown_fields,
    "attachments": lambda ctx: b"\n".join(_attached(ctx)),
    "user metadata": lambda ctx: json.dumps((getattr(ctx.parsed, "metadata", None) or {}), default=dict).encode(),
}

CONDITIONS: Mapping[str, Callable[[RequestContext, Any], bool]] = {
    "operation": lambda ctx, name: ctx.operation is not None and ctx.operation.name == name,
    "streamed": lambda ctx, wanted: ctx.stream is wanted,
    "aborted": lambda ctx, wanted: ctx.aborted is wanted,
    "model": lambda ctx, name: ctx.model == name,
    "status_from": lambda ctx, status: ctx.status >= status,
    "status_below": lambda ctx, status: ctx.status < status,
    "larger_than": lambda ctx, size: len(ctx.raw) > size,
    "header": lambda ctx, name: name in ctx.headers,
    "no_header": lambda ctx, name: name not in ctx.headers,
    "asks_to_be_stored": lambda ctx, wanted: (getattr(ctx.parsed, "store", None) is True) is wanted,
    "said_plainly": lambda ctx, wanted: any(isinstance(m.content, str) for m in getattr(ctx.parsed, "messages", ())[-1:]) is wanted,
    "pdf": lambda ctx, wanted: any(data.startswith(b"%PDF-") for data in _attached(ctx)) is wanted,
    "sets": lambda ctx, name: getattr(ctx.parsed, name, None) is not None,
    "tools": lambda ctx, wanted: bool(getattr(ctx.parsed, "tools", None)) is wanted,
    "later_turn": lambda ctx, wanted: any(m.role == "assistant" for m in getattr(ctx.parsed, "messages", ())) is wanted,
    "another_script": lambda ctx, wanted: _of_another_script(_spoken(ctx, "user").decode()) is wanted,
    "turns_from": lambda ctx, count: len(getattr(ctx.parsed, "messages", ())) >= count,
    "steady": lambda ctx, wanted: (getattr(ctx.parsed, "temperature", None) == 0) is wanted,
    "cut_off": lambda ctx, wanted: (ctx.output_tokens >= getattr(ctx.parsed, "max_tokens", 1 << 30)) is wanted,
    "thinking": lambda ctx, wanted: (getattr(ctx.parsed, "thinking", None) is not None) is wanted,
}


def applies(ctx: RequestContext, when: Mapping[str, Any] | None) -> bool:
    """Do all conditions hold for the request? Inference is meant where no operation is named."""
    wanted = {"operation": "messages.create", **(when or {})}
    return all(CONDITIONS[name](ctx, value) for name, value in wanted.items())


def also(parts: Parts, then: Record) -> None:
    """Does something after each request was recorded."""

    def make(record: Record) -> Record:
        def record_and_more(ctx: RequestContext) -> None:
            record(ctx)
            then(ctx)

        return record_and_more

    wrap(parts.retention, "record", make)
