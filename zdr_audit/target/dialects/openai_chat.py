"""The OpenAI chat completions dialect, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zdr_audit.target.dialects import content as words
from zdr_audit.target.dialects.base import Broken, Parsed, Rendered, joined, loaded, tokens, whole, without
from zdr_audit.target.dialects.openai_base import SAID, WRONG, files, images, last_words, objects, stream_objects, tool_choice, with_headers
from zdr_audit.target.stimulus import Place, Stimulus

_STOPS = 4
"""As many stop sequences as the interface takes."""


class OpenAIChat:
    """It has no marks for a cache and no session; what it says of thinking is an effort."""

    name = "openai-chat"
    features = frozenset(
        {
            *SAID,
            "stream",
            "thinking",
            "opening",
            "answer",
            "steady",
            "brief",
            "turns",
            "store",
            "sampling",
            "tool_choice",
            "tools",
            "copies",
            "signs",
            "guise",
            *(f"wrong:{kind}" for kind in WRONG),
        }
    )
    request_id_header = "x-request-id"
    headers: Mapping[str, str] = {}

    def __init__(self, max_tokens: int = 1024, extra: Mapping[str, Any] | None = None, limit: str = "max_tokens") -> None:
        self.max_tokens, self.extra, self.limit = max_tokens, dict(extra or {}), limit

    def render(self, stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...], size_limit: int) -> Rendered:
        body: dict[str, Any] = {"model": model, self.limit: self.max_tokens, "messages": _messages(stimulus, texts, parts)}
        if stimulus.stream:
            body["stream"] = True
        made = words.tools(stimulus, texts)
        if made:
            body["tools"] = [
                {"type": "function", "function": {"name": name, "description": said, "parameters": schema}} for name, said, schema in made
            ]
            body |= tool_choice(stimulus, {"type": "function", "function": {"name": made[0][0]}})
        if stimulus.thinking:
            body["reasoning_effort"] = "low"
        elif stimulus.brief:
            body[self.limit] = words.BRIEF_TOKENS
        if stimulus.steady:
            body["temperature"] = 0
        if stimulus.sampling:
            body |= words.SAMPLING[stimulus.sampling]
        if stimulus.store:
            body["store"] = True
        if "user_id" in texts:
            body["user"] = texts["user_id"]
        if "stop_sequence" in texts:
            body["stop"] = words.numbered(stimulus, words.stop(texts))[:_STOPS]
        return with_headers(stimulus, texts, body | self.extra, "messages", self.limit, size_limit)

    def parse(self, status: int | None, content_type: str, body: bytes, *, streamed: bool) -> Parsed:
        if status != 200:
            return Parsed(False, "", f"status {status}")
        if streamed:
            return _parse_stream(content_type, body)
        try:
            answer = loaded(body)
        except Broken as exc:
            return Parsed(False, "", str(exc))
        choices = objects(answer.get("choices")) if isinstance(answer, dict) else []
        if not choices or not isinstance(choices[0].get("message"), dict):
            return Parsed(False, "", "the answer is not a chat completion")
        read = whole("".join(_text(c.get("message")) for c in choices), any(isinstance(c.get("finish_reason"), str) for c in choices))
        return replace(read, cached=tokens(answer, "usage", "prompt_tokens_details", "cached_tokens"))

    def counting(self, body: bytes) -> bytes:
        return without(body, (self.limit, "stream", "stop", "user", "temperature", "top_p", "store"))

    def continued(self, earlier: bytes, reply: str, body: bytes) -> bytes:
        said = len(json.loads(earlier)["messages"]) + 1
        more, turns = joined(earlier, body, "messages", words.TOOL_CALL, {"role": "assistant", "content": reply})
        own = [turn for turn in turns[said:] if turn["role"] != "system"]  # it stands at the beginning already
        return json.dumps(more | {"messages": [*turns[:said], *own]}).encode()


def _messages(stimulus: Stimulus, texts: Mapping[Place, str], parts: tuple[str, ...]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if stimulus.opening:
        messages.append({"role": "system", "content": words.opening(stimulus.opening)})
    if "system" in texts:
        messages.append({"role": "system", "content": words.system(texts)})
    for question, answer in words.earlier(stimulus, texts):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    if words.uses_tools(texts):
        arguments = json.dumps({"query": texts.get("tool_input", "ships")})
        call = {"id": words.TOOL_CALL, "type": "function", "function": {"name": words.tool_name(texts), "arguments": arguments}}
        messages += [
            {"role": "user", "content": "Look it up first."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": words.TOOL_CALL, "content": f"Result: {texts.get('tool_result', 'none')}"},
        ]
    said = last_words(stimulus, texts, parts)
    attached: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in images(stimulus, texts)]
    attached += [{"type": "file", "file": file} for file in files(stimulus, texts)]
    attached += [{"type": "text", "text": note} for note in words.notes(stimulus, texts)]
    # Text alone goes as a string: many servers know no other form.
    messages.append({"role": "user", "content": [*attached, {"type": "text", "text": said}] if attached else said})
    if "prefill" in texts:
        messages.append({"role": "assistant", "content": f"On {texts['prefill']}:"})
    return messages


def _text(message: Any) -> str:
    """Text, refusal and tool input of a message or of a piece of one."""
    if not isinstance(message, dict):
        return ""
    content = message.get("content")
    found = [content] if isinstance(content, str) else [part["text"] for part in objects(content) if isinstance(part.get("text"), str)]
    found += [message["refusal"]] if isinstance(message.get("refusal"), str) else []
    functions = [call.get("function") for call in objects(message.get("tool_calls"))]
    return "".join(found + [str(f["arguments"]) for f in functions if isinstance(f, dict) and "arguments" in f])


def _parse_stream(content_type: str, body: bytes) -> Parsed:
    text: list[str] = []
    finished = done = False
    try:
        for event in stream_objects(content_type, body):
            done = done or event is None
            for choice in objects(event.get("choices")) if event else ():
                text.append(_text(choice.get("delta")))
                finished = finished or isinstance(choice.get("finish_reason"), str)
    except Broken as exc:
        return Parsed(False, "".join(text), str(exc))
    joined = "".join(text)
    return whole(joined, finished) if finished or done else Parsed(False, joined, "the stream broke off")
