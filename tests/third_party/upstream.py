"""A model provider that stores nothing: speaks Anthropic Messages, OpenAI chat completions and responses, plain and streamed, and follows the instruction to
join parts. Run as `python upstream.py PORT`; prints the port once it listens.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

MODELS = ("fake-claude", "fake-gpt")
ROLES = {"system", "developer", "user", "assistant", "tool"}
app = FastAPI()


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def reply(conversation: Any) -> str:
    """What the model says: the parts joined, where it is asked for that."""
    asked = [text for text in strings(conversation) if "answer with the result only:" in text]
    return "".join(re.findall(r'"([^"]+)"', asked[-1].rsplit("only:", 1)[1])) if asked else "The harbour has forty ships."


def problem(body: Any, turns: str, limit: tuple[str, ...]) -> tuple[int, str] | None:
    """Status and words for a request that cannot be served."""
    plain = turns == "input"  # which may be one text
    if not isinstance(body, dict) or not isinstance(body.get(turns), str | list if plain else list) or not body[turns]:
        return 400, f"{turns} must be a list that is not empty"
    if body.get("model") not in MODELS:
        return 404, "no such model"
    if any(isinstance(body.get(name), int) and body[name] < 1 for name in limit):
        return 400, "the limit must be positive"
    if any(isinstance(turn, dict) and turn.get("role", "user") not in ROLES for turn in body[turns]):
        return 400, "no such role"
    return None


def pieces(text: str) -> list[str]:
    return [text[at : at + 6] for at in range(0, len(text), 6)]


def sse(events: Iterable[dict[str, Any] | str], *, named: bool = False) -> Response:
    def lines() -> Iterator[str]:
        for event in events:
            head = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
            yield f"{head}data: {event if isinstance(event, str) else json.dumps(event)}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def read(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


@app.get("/v1/models")
async def models() -> Any:
    return {"object": "list", "data": [{"id": name, "object": "model", "type": "model"} for name in MODELS], "has_more": False}


@app.post("/v1/messages")
async def messages(request: Request) -> Any:
    body = await read(request)
    if not request.headers.get("x-api-key") and not request.headers.get("authorization"):
        return JSONResponse({"type": "error", "error": {"type": "authentication_error", "message": "no credential"}}, 401)
    wrong = problem(body, "messages", ("max_tokens",))
    if wrong:
        kind = "not_found_error" if wrong[0] == 404 else "invalid_request_error"
        return JSONResponse({"type": "error", "error": {"type": kind, "message": wrong[1]}}, wrong[0])
    text, usage = reply(body["messages"]), {"input_tokens": 10, "output_tokens": 10}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
    if not body.get("stream"):
        return message | {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": usage}
    start = {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": usage}}
    deltas = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in pieces(text)]
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage}
    return sse([start, block, *deltas, {"type": "content_block_stop", "index": 0}, end, {"type": "message_stop"}], named=True)


@app.post("/v1/messages/count_tokens")
async def count(request: Request) -> Any:
    body = await read(request)
    return {"input_tokens": sum(len(text.split()) for text in strings(body))}


@app.post("/v1/chat/completions")
async def chat(request: Request) -> Any:
    body = await read(request)
    wrong = problem(body, "messages", ("max_tokens", "max_completion_tokens"))
    if not request.headers.get("authorization"):
        wrong = (401, "no credential")
    if wrong:
        return JSONResponse({"error": {"type": "invalid_request_error", "message": wrong[1], "code": None}}, wrong[0])
    text = reply(body["messages"])
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return whole | {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}}
    chunk = whole | {"object": "chat.completion.chunk"}
    deltas = [
        chunk | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": p}, "finish_reason": None}]} for p in pieces(text)
    ]
    return sse([*deltas, chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]"])


@app.post("/v1/responses")
async def responses(request: Request) -> Any:
    body = await read(request)
    wrong = problem(body, "input", ("max_output_tokens",))
    if wrong:
        return JSONResponse({"error": {"type": "invalid_request_error", "message": wrong[1], "code": None}}, wrong[0])
    text = reply(body["input"])
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "model": body["model"], "status": "completed"}
    whole |= {"output": [item | {"content": [{"type": "output_text", "text": text, "annotations": []}]}]}
    whole |= {"usage": {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}}
    if not body.get("stream"):
        return whole
    begun = {"type": "response.created", "sequence_number": 0, "response": whole | {"status": "in_progress", "output": []}}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    deltas = [{"type": "response.output_text.delta", "sequence_number": n, "delta": p} | place for n, p in enumerate(pieces(text), 1)]
    return sse([begun, *deltas, {"type": "response.completed", "sequence_number": 9999, "response": whole}], named=True)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
