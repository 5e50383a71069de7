"""The OpenAI responses dialect, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zdr_audit.target.dialects import content as words
from zdr_audit.target.dialects.base import Broken, Parsed, Rendered, joined, loaded, tokens, whole, without
from zdr_audit.target.dialects.openai_base import SAID, WRONG, files, images, last_words, objects, stream_objects, tool_choice, with_headers
from zdr_audit.target.stimulus import Place, Stimulus

_LIMIT = "max_output_tokens"
_PIECES = ("response.output_text.delta", "response.refusal.delta", "response.function_call_arguments.delta")


class OpenAIResponses:
    """It has no marks for a cache, no stop sequences and no session. Whether to store is left to the target, unless the stimulus asks for it."""

    name = "openai-responses"
    features = frozenset(
        {
            *SAID,
            "stream",
            "thinking",
            "opening",
            "answer",
            "steady",
            "turns",
            "store",
            "sampling",
            "tool_choice",
            "tools",
            "copies",
            "signs",
            "guise",
        }
        | {f"wrong:{kind}" for kind in WRONG}
    ) - {"stop_sequence"}
    request_id_header = "x-request-id"
    headers: Mapping[str, str] = {}

    def __init__(self, max_tokens: int = 1024, extra: Mapping[str, Any] | None = None) -> None:
        self.max_tokens, self.extra = max_tokens, dict(extra or {})

    def render(self, stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...], size_limit: int) -> Rendered:
        body: dict[str, Any] = {"model": model, _LIMIT: self.max_tokens, "input": _input(stimulus, texts, parts)}
        if stimulus.stream:
            body["stream"] = True
        instructions = [words.opening(stimulus.opening)] if stimulus.opening else []
        instructions += [words.system(texts)] if "system" in texts else []
        if instructions:
            body["instructions"] = "\n".join(instructions)
        made = words.tools(stimulus, texts)
        if made:
            body["tools"] = [
                {"type": "function", "name": name, "description": said, "parameters": schema, "strict": False}
                for name, said, schema in made
            ]
            body |= tool_choice(stimulus, {"type": "function", "name": made[0][0]})
        if stimulus.thinking:
            body["reasoning"] = {"effort": "low"}
        if stimulus.steady:
            body["temperature"] = 0
        if stimulus.sampling:
            body |= words.SAMPLING[stimulus.sampling]
        if stimulus.store:
            body["store"] = True
        if "user_id" in texts:
            body["user"] = texts["user_id"]
        return with_headers(stimulus, texts, body | self.extra, "input", _LIMIT, size_limit)

    def parse(self, status: int | None, content_type: str, body: bytes, *, streamed: bool) -> Parsed:
        if status != 200:
            return Parsed(False, "", f"status {status}")
        try:
            if streamed:
                return _parse_stream(content_type, body)
            answer = loaded(body)
        except Broken as exc:
            return Parsed(False, "", str(exc))
        if not isinstance(answer, dict) or not isinstance(answer.get("output"), list):
            return Parsed(False, "", "the answer is not a response")
        text, state = _output(answer), answer.get("status")
        if state in ("failed", "cancelled"):
            return Parsed(False, text, f"the response {state}")
        read = whole(text, state in ("completed", "incomplete"))
        return replace(read, cached=tokens(answer, "usage", "input_tokens_details", "cached_tokens"))

    def counting(self, body: bytes) -> bytes:
        return without(body, (_LIMIT, "stream", "user", "temperature", "top_p", "store"))

    def continued(self, earlier: bytes, reply: str, body: bytes) -> bytes:
        more, turns = joined(earlier, body, "input", words.TOOL_CALL, {"role": "assistant", "content": reply})
        return json.dumps(more | {"input": turns}).encode()


def _input(stimulus: Stimulus, texts: Mapping[Place, str], parts: tuple[str, ...]) -> list[dict[str, Any]] | str:
    """The conversation; a single text of the user's as a plain string where the stimulus is a bare one."""
    items = _items(stimulus, texts, parts)
    content = items[0]["content"] if len(items) == 1 else []
    return str(content[0]["text"]) if stimulus.bare and len(content) == 1 and content[0]["type"] == "input_text" else items


def _items(stimulus: Stimulus, texts: Mapping[Place, str], parts: tuple[str, ...]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for question, answer in words.earlier(stimulus, texts):
        items += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    if words.uses_tools(texts):
        arguments = json.dumps({"query": texts.get("tool_input", "ships")})
        items += [
            {"role": "user", "content": "Look it up first."},
            {"type": "function_call", "call_id": words.TOOL_CALL, "name": words.tool_name(texts), "arguments": arguments},
            {"type": "function_call_output", "call_id": words.TOOL_CALL, "output": f"Result: {texts.get('tool_result', 'none')}"},
        ]
    content: list[dict[str, Any]] = [{"type": "input_image", "image_url": url} for url in images(stimulus, texts)]
    content += [{"type": "input_file", **file} for file in files(stimulus, texts)]
    content += [{"type": "input_text", "text": note} for note in words.notes(stimulus, texts)]
    content.append({"type": "input_text", "text": last_words(stimulus, texts, parts)})
    items.append({"role": "user", "content": content})
    if "prefill" in texts:
        items.append({"role": "assistant", "content": f"On {texts['prefill']}:"})
    return items


def _output(answer: Mapping[str, Any]) -> str:
    text = []
    for item in objects(answer.get("output")):
        if item.get("type") == "function_call":
            text.append(str(item.get("arguments", "")))
        for part in objects(item.get("content")):
            text += [part[key] for key in ("text", "refusal") if isinstance(part.get(key), str)]
    return "".join(text)


def _parse_stream(content_type: str, body: bytes) -> Parsed:
    text: list[str] = []
    ended = False
    for event in stream_objects(content_type, body):
        kind = event.get("type") if event else None
        if event and kind in _PIECES:
            text.append(str(event.get("delta", "")))
        elif kind in ("response.failed", "error"):
            return Parsed(False, "".join(text), "the stream ended in an error event")
        ended = ended or kind in ("response.completed", "response.incomplete")
    joined = "".join(text)
    return whole(joined, ended) if ended else Parsed(False, joined, "the stream broke off")
