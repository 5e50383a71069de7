"""The Anthropic Messages dialect: renders a stimulus as a request, reads the answer, plain and streamed."""

from __future__ import annotations

import base64
import json
import re
import secrets
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zdr_audit.target.stimulus import Place, Stimulus

VERSION = "2023-06-01"
_LINE_END = re.compile(r"\r\n|\n|\r")
FILLER = "The quick survey of the northern harbour lists forty ships, nine cranes and one lighthouse. "


@dataclass(frozen=True)
class Rendered:
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Parsed:
    """`ok` says whether the answer is a complete, well-formed message; `problem` says what is not."""

    ok: bool
    text: str
    problem: str


def render(stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...], size_limit: int) -> Rendered:
    """`texts` gives the canary for each place of the stimulus, `parts` the pieces to be joined (empty: no instruction)."""
    body: dict[str, Any] = {"model": "no-such-model" if stimulus.wrong == "unknown_model" else model, "max_tokens": 1024}
    if stimulus.stream:
        body["stream"] = True
    if "system" in texts:
        body["system"] = [_cached(stimulus, {"type": "text", "text": f"You are a helper. Case reference {texts['system']}."})]
    body["messages"] = _messages(stimulus, texts, parts)
    _tools(body, texts)
    if stimulus.thinking:
        body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        body["max_tokens"] = 4096
    if "user_id" in texts:
        body["metadata"] = {"user_id": json.dumps({"device_id": texts["user_id"], "session_id": stimulus.session or "none"})}
    if "stop_sequence" in texts:
        body["stop_sequences"] = [f"stop {texts['stop_sequence']}"]
    headers = {"content-type": "application/json", "anthropic-version": VERSION} | dict(stimulus.headers)
    if stimulus.session:
        headers["x-claude-code-session-id"] = stimulus.session
    if "header" in texts:
        headers["x-client-note"] = texts["header"]
    return Rendered(headers, _spoil(stimulus, body, headers, size_limit))


def _messages(stimulus: Stimulus, texts: Mapping[Place, str], parts: tuple[str, ...]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if "history" in texts:
        messages += [
            {"role": "user", "content": f"Earlier question about {texts['history']}."},
            {"role": "assistant", "content": f"An earlier answer on {texts['history']}, as noted."},
        ]
    content: list[dict[str, Any]] = []
    if texts.keys() & {"tool_input", "tool_result"}:
        messages += [
            {"role": "user", "content": "Look it up first."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"query": texts.get("tool_input", "ships")}}],
            },
        ]
        content.append({"type": "tool_result", "tool_use_id": "toolu_1", "content": f"Result: {texts.get('tool_result', 'none')}"})
    if "image" in texts:
        data = base64.b64encode(png(texts["image"])).decode()
        content.append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
    if texts.keys() & {"document", "document_title"}:
        document: dict[str, Any] = {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": f"Minutes. {texts.get('document', 'Nothing to report.')} End."},
        }
        if "document_title" in texts:
            document["title"] = f"{texts['document_title']}.txt"
        content.append(document)
    if stimulus.noise:
        data = noise(stimulus.noise)
        content.append({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data[: len(data) // 2]}})
        content.append(_cached(stimulus, {"type": "text", "text": data[len(data) // 2 :]}))
    words = [FILLER * (stimulus.padding // len(FILLER) + 1)] if stimulus.padding else []
    words.append(f"Please note {texts['message']}." if "message" in texts else "Please note the ships.")
    if stimulus.abandon_after is not None:
        words.append("Answer slowly and at length.")
    if parts:
        # A word between them: a search that passes over signs would take the quoted parts for the answer.
        quoted = " then ".join(f'"{part}"' for part in parts)
        words.append(f"Join these parts without spaces and answer with the result only: {quoted}")
    content.append(_cached(stimulus, {"type": "text", "text": "\n".join(words)}))
    messages.append({"role": "user", "content": content})
    if "prefill" in texts:
        messages.append({"role": "assistant", "content": f"On {texts['prefill']}:"})
    return messages


def _tools(body: dict[str, Any], texts: Mapping[Place, str]) -> None:
    if not texts.keys() & {"tool_description", "tool_schema", "tool_input", "tool_result"}:
        return
    query: dict[str, Any] = {"type": "string"}
    if "tool_schema" in texts:
        query["enum"] = ["ships", texts["tool_schema"]]
    body["tools"] = [
        {
            "name": "look_up",
            "description": f"Looks things up. {texts.get('tool_description', '')}",
            "input_schema": {"type": "object", "properties": {"query": query}, "required": ["query"]},
        }
    ]


def _cached(stimulus: Stimulus, block: dict[str, Any]) -> dict[str, Any]:
    return block | {"cache_control": {"type": "ephemeral"}} if stimulus.cache else block


def _spoil(stimulus: Stimulus, body: dict[str, Any], headers: dict[str, str], size_limit: int) -> bytes:
    match stimulus.wrong:
        case "negative_max_tokens":
            body["max_tokens"] = -1
        case "empty_messages":
            body["system"] = body["messages"]
            body["messages"] = []
        case "bad_role":
            body["messages"][-1]["role"] = "narrator"
        case "no_version":
            del headers["anthropic-version"]
        case "broken_json":
            return json.dumps(body).encode()[:-2]
        case "too_large":
            raw = json.dumps(body).encode()
            return raw + b" " * max(0, size_limit + 1024 - len(raw))
        case _:
            pass
    return json.dumps(body).encode()


def parse(status: int | None, content_type: str, body: bytes, *, streamed: bool) -> Parsed:
    """Read an answer. Anything but a complete message is `ok` False with the reason."""
    if status != 200:
        return Parsed(False, "", f"status {status}")
    if streamed:
        return _parse_stream(content_type, body)
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return Parsed(False, "", "the answer is not JSON")
    if not isinstance(message, dict) or message.get("type") != "message" or not isinstance(message.get("content"), list):
        return Parsed(False, "", "the answer is not a message")
    text = "".join(_text(block) for block in message["content"])
    return Parsed(bool(text), text, "" if text else "the message is empty")


def _text(block: Any) -> str:
    if not isinstance(block, dict):
        return ""
    if block.get("type") == "text":
        return str(block.get("text", ""))
    if block.get("type") == "tool_use":
        return json.dumps(block.get("input", {}))
    return ""


def _parse_stream(content_type: str, body: bytes) -> Parsed:
    if "text/event-stream" not in content_type:
        return Parsed(False, "", f"not an event stream but {content_type or 'no content type'}")
    text: list[str] = []
    complete = False
    for data in _events(body):
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return Parsed(False, "".join(text), "an event of the stream is not JSON")
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "content_block_delta":
            delta = event.get("delta")
            if isinstance(delta, dict):
                text.append(str(delta.get("text", delta.get("partial_json", ""))))
        elif kind == "error":
            return Parsed(False, "".join(text), "the stream ended in an error event")
        complete = complete or kind == "message_stop"
    joined = "".join(text)
    if not complete:
        return Parsed(False, joined, "the stream broke off")
    return Parsed(bool(joined), joined, "" if joined else "the message is empty")


def _events(body: bytes) -> Iterator[str]:
    """The data of each whole server-sent event. Lines end in CR, LF or both and nowhere else: JSON may hold U+2028 as it is."""
    data: list[str] = []
    for line in _LINE_END.split(body.decode("utf-8", "replace")):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


def noise(characters: int) -> str:
    """Fresh random text of that many characters of 6 bits each: no compression makes it smaller."""
    return secrets.token_urlsafe(characters)[:characters]


def png(text: str) -> bytes:
    """A one-pixel PNG that carries the text in a tEXt chunk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\xff\xff")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"Comment\x00" + text.encode())
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )
