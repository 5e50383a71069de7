"""Inference: messages (plain and streamed), token counting, models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from zdr_audit.simulator.context import CUSTOMER_ROLES, RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.model import Completion
from zdr_audit.simulator.operations import EVERYONE, Operation, Reply
from zdr_audit.simulator.schemas.base import Paging
from zdr_audit.simulator.schemas.messages import (
    MODELS,
    MessageAnswer,
    MessagesRequest,
    MessageUsage,
    ModelInfo,
    ModelList,
    PromptFields,
    TokenCount,
)
from zdr_audit.simulator.texts import texts

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

DELTA_CHARACTERS = 5
SLOW_SECONDS = 0.02
SLOW_TOKENS = 1000
MODELS_SINCE = "2026-01-01T00:00:00Z"


def create(parts: Parts, ctx: RequestContext) -> Reply:
    request = ctx.body(MessagesRequest)
    ctx.model = parts.model.known(request.model)
    ctx.stream = request.stream
    parts.cost.check(ctx)
    parts.faults.check(ctx)
    completion = parts.model.complete(request, ctx)
    message = MessageAnswer(
        id=new_id("msg"),
        model=ctx.model,
        content=completion.content,
        stop_reason=completion.stop_reason,
        stop_sequence=completion.stop_sequence,
        usage=MessageUsage.model_validate(completion.usage),
    )
    ctx.input_tokens = sum(completion.usage[k] for k in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"))
    if request.stream:
        pause = SLOW_SECONDS if slow(request) else 0.0
        return Reply(media_type="text/event-stream", stream=lambda: stream(parts, ctx, message, completion, pause))
    ctx.output_tokens = completion.usage["output_tokens"]
    ctx.response = completion.text
    ctx.inferred = True
    return Reply(message)


def slow(request: MessagesRequest) -> bool:
    """Does the request ask for a stream slow enough to be abandoned?"""
    said = [text for role, text in texts(request) if role == "user"]
    return request.max_tokens >= SLOW_TOKENS and bool(said) and "slowly" in said[-1]


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n".encode()


def deltas(block: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(piece, delta) of a content block, a few characters at a time."""
    kind, text = {
        "text": ("text_delta", block.get("text", "")),
        "tool_use": ("input_json_delta", json.dumps(block.get("input"), ensure_ascii=False)),
        "thinking": ("thinking_delta", block.get("thinking", "")),
    }[block["type"]]
    key = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}[kind]
    for at in range(0, len(text), DELTA_CHARACTERS):
        piece = text[at : at + DELTA_CHARACTERS]
        yield piece, {"type": kind, key: piece}
    if block["type"] == "thinking":
        yield "", {"type": "signature_delta", "signature": block["signature"]}


def opening(block: dict[str, Any]) -> dict[str, Any]:
    """A content block as it stands before its first delta."""
    empty: dict[str, dict[str, Any]] = {"text": {"text": ""}, "tool_use": {"input": {}}, "thinking": {"thinking": "", "signature": ""}}
    return {**block, **empty[block["type"]]}


async def stream(parts: Parts, ctx: RequestContext, message: MessageAnswer, completion: Completion, pause: float) -> AsyncIterator[bytes]:
    """The events in the documented order. The request is recorded before its last event, or when the client has gone."""
    body = message.model_dump()
    start = {**body, "content": [], "stop_reason": None, "usage": {**body["usage"], "output_tokens": 1}}
    said: list[str] = []
    finished = False
    try:
        yield event("message_start", message=start)
        for index, block in enumerate(completion.content):
            yield event("content_block_start", index=index, content_block=opening(block))
            if index == 0:
                yield event("ping")
            for piece, delta in deltas(block):
                yield event("content_block_delta", index=index, delta=delta)
                said.append(piece)
                await asyncio.sleep(pause)
            yield event("content_block_stop", index=index)
        ctx.output_tokens = completion.usage["output_tokens"]
        ctx.response = completion.text
        ctx.inferred, finished = True, True
        await run_in_threadpool(parts.retention.record, ctx)
        ends = {"stop_reason": completion.stop_reason, "stop_sequence": completion.stop_sequence}
        yield event("message_delta", delta=ends, usage={"output_tokens": ctx.output_tokens})
        yield event("message_stop")
    finally:
        if not finished:
            ctx.output_tokens = max(1, len(said))
            ctx.response = "".join(said)
            ctx.inferred = ctx.aborted = True
            # not in the pool: this may run while the task is being cancelled, when nothing can be awaited
            parts.retention.record(ctx)


def count_tokens(parts: Parts, ctx: RequestContext) -> Reply:
    request = ctx.body(PromptFields)
    ctx.model = parts.model.known(request.model)
    return Reply(TokenCount(input_tokens=parts.model.input_tokens(request)))


def info(name: str) -> ModelInfo:
    return ModelInfo(id=name, display_name=MODELS[name], created_at=MODELS_SINCE)


def list_models(_parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.asked(Paging)
    names = list(MODELS)
    if asked.after_id is not None:
        if asked.after_id not in names:
            raise NotFoundError
        names = names[names.index(asked.after_id) + 1 :]
    page = names[: asked.limit]
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return Reply(ModelList(data=[info(name) for name in page], has_more=len(names) > len(page), **ends))


def read_model(parts: Parts, ctx: RequestContext) -> Reply:
    return Reply(info(parts.model.known(ctx.path["id"])))


OPERATIONS = [
    Operation(
        "messages.create",
        "POST",
        "/v1/messages",
        "Answer a prompt, at once or as a stream of events",
        create,
        CUSTOMER_ROLES,
        request=MessagesRequest,
        answer=MessageAnswer,
        streams=True,
        errors=(402, 404, 500, 529),
        carries_content=True,
        versioned=True,
    ),
    Operation(
        "messages.count_tokens",
        "POST",
        "/v1/messages/count_tokens",
        "Count the tokens of a prompt",
        count_tokens,
        CUSTOMER_ROLES,
        request=PromptFields,
        answer=TokenCount,
        errors=(404,),
        carries_content=True,
        versioned=True,
    ),
    Operation("models.list", "GET", "/v1/models", "List the models", list_models, EVERYONE, query=Paging, answer=ModelList),
    Operation("models.read", "GET", "/v1/models/{id}", "Read about a model", read_model, EVERYONE, answer=ModelInfo),
]
