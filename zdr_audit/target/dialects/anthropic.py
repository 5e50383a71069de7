"""The Anthropic Messages dialect: renders a stimulus as a request, reads the answer, plain and streamed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zdr_audit.target.dialects import content as words
from zdr_audit.target.dialects.base import Broken, Parsed, Rendered, events, joined, loaded, oversized, tokens, whole, without
from zdr_audit.target.dialects.content import noise, png
from zdr_audit.target.stimulus import PLACES, RESULT, SEARCH, WRONG, Place, Stimulus

VERSION, NEWEST = "2023-06-01", "2026-10-21"
_MARK = "cache_control"
_MARKED = 2
"""Of a conversation that grows, so many messages at its end keep their marks, as clients do it: the last one, and the one that was the last before."""


class AnthropicMessages:
    """`settings` are those of the profile for inference: the bound on tokens, and members that go into every request."""

    name = "anthropic-messages"
    features = frozenset(
        {*PLACES, "stream", "cache", "cache_hour", "thinking", "session", "opening", "answer", "steady", "brief", "turns"}
        | {"store", "tool_failed", "sampling", "tool_choice", "tools", "copies", "signs", "guise"}
        | {"dialect:names_request", "dialect:error_envelope"}
        | {f"wrong:{kind}" for kind in WRONG}
    )
    request_id_header = "request-id"
    headers: Mapping[str, str] = {"anthropic-version": VERSION}

    def __init__(self, max_tokens: int = 1024, extra: Mapping[str, Any] | None = None) -> None:
        self.max_tokens, self.extra = max_tokens, dict(extra or {})

    def render(self, stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...], size_limit: int) -> Rendered:
        return render(stimulus, model, texts, parts, size_limit, self.max_tokens, self.extra)

    def parse(self, status: int | None, content_type: str, body: bytes, *, streamed: bool) -> Parsed:
        return parse(status, content_type, body, streamed=streamed)

    def counting(self, body: bytes) -> bytes:
        return without(body, ("max_tokens", "stream", "stop_sequences", "metadata", "temperature", "top_p", "top_k", "store"))

    def continued(self, earlier: bytes, reply: str, body: bytes) -> bytes:
        more, turns = joined(earlier, body, "messages", words.TOOL_CALL, {"role": "assistant", "content": reply})
        return json.dumps(more | {"messages": _marked_at_the_end(turns)}).encode()


def render(
    stimulus: Stimulus,
    model: str,
    texts: Mapping[Place, str],
    parts: tuple[str, ...],
    size_limit: int,
    max_tokens: int = 1024,
    extra: Mapping[str, Any] | None = None,
) -> Rendered:
    """`texts` gives the canary for each place of the stimulus, `parts` the pieces to be joined (empty: no instruction)."""
    body: dict[str, Any] = {"model": words.UNKNOWN_MODEL if stimulus.wrong == "unknown_model" else model, "max_tokens": max_tokens}
    if stimulus.stream:
        body["stream"] = True
    system: list[dict[str, Any]] = []
    if stimulus.opening:
        system.append({"type": "text", "text": words.opening(stimulus.opening), _MARK: _mark(stimulus)})
    if "system" in texts:
        said = [{"type": "text", "text": text} for text in words.numbered(stimulus, words.system(texts))]
        system += [*said[:-1], _cached(stimulus, said[-1])]
    if system:
        body["system"] = _said(stimulus, system)
    body["messages"] = _messages(stimulus, texts, parts)
    _tools(body, stimulus, texts)
    if stimulus.sampling:
        body |= words.SAMPLING[stimulus.sampling] | ({"top_k": 40} if stimulus.sampling == "warm" else {})
    if stimulus.thinking:
        body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        body["max_tokens"] = max(4096, max_tokens)
    elif stimulus.brief:
        body["max_tokens"] = words.BRIEF_TOKENS
    if stimulus.steady:
        body["temperature"] = 0
    if stimulus.store:
        body["store"] = True  # no word of this interface: a target may refuse it, and must not obey it
    if "user_id" in texts:
        body["metadata"] = {"user_id": json.dumps({"device_id": texts["user_id"], "session_id": stimulus.session or "none"})}
    if "stop_sequence" in texts:
        body["stop_sequences"] = words.numbered(stimulus, words.stop(texts))
    if "unknown_field" in texts:
        body[words.UNKNOWN_FIELD] = texts["unknown_field"]
    body |= extra or {}
    headers = {"content-type": "application/json", "anthropic-version": VERSION} | dict(stimulus.headers)
    if stimulus.session:
        headers["x-claude-code-session-id"] = stimulus.session
    headers |= words.headers(texts)
    return Rendered(headers, _spoil(stimulus, body, headers, size_limit))


def _messages(stimulus: Stimulus, texts: Mapping[Place, str], parts: tuple[str, ...]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for question, answer in words.earlier(stimulus, texts):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    if "earlier_thinking" in texts:
        messages += [{"role": "user", "content": "Think first."}, {"role": "assistant", "content": _thought(texts["earlier_thinking"])}]
    if "server_result" in texts:
        messages += [{"role": "user", "content": "Search first."}, {"role": "assistant", "content": _found(texts["server_result"])}]
    results = _results(texts)
    if results:
        messages += [
            {"role": "user", "content": "Look it up first."},
            {"role": "assistant", "content": [_tool_call(texts, result["tool_use_id"]) for result in results]},
        ]
    content: list[dict[str, Any]] = [result | ({"is_error": True} if stimulus.tool_failed else {}) for result in results]
    for text in words.numbered(stimulus, texts["image"]) if "image" in texts else ():
        content.append(_image(text))
    content += [_document(stimulus, text, texts) for text in words.documents(stimulus, texts)]
    content += [_document_of_blocks(text, shown) for text, shown in words.inner_documents(stimulus, texts)]
    content += [_search_result(texts, texts.get("search_result"))] if texts.keys() & SEARCH else []
    if stimulus.noise:
        data = noise(stimulus.noise)
        content.append({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data[: len(data) // 2]}})
        content.append(_cached(stimulus, {"type": "text", "text": data[len(data) // 2 :]}))
    content += [{"type": "text", "text": note} for note in words.notes(stimulus, texts)]
    content.append(_cached(stimulus, {"type": "text", "text": words.prompt(stimulus, texts, parts)}))
    messages.append({"role": "user", "content": _said(stimulus, content)})
    if "prefill" in texts:
        messages.append({"role": "assistant", "content": f"On {texts['prefill']}:"})
    return messages


def _image(text: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png(text)).decode()}}


def _document_of_blocks(text: str, shown: str | None) -> dict[str, Any]:
    """A document in blocks: a text, and an image that carries what is to be shown."""
    inside = [{"type": "text", "text": text}, *([_image(shown)] if shown is not None else [])]
    return {"type": "document", "source": {"type": "content", "content": inside}}


def _thought(thought: str) -> list[dict[str, Any]]:
    """What the assistant thought and then said, as clients send it back."""
    return [
        {"type": "thinking", "thinking": f"The user asks about {thought}.", "signature": words.SIGNATURE},
        {"type": "text", "text": "As the survey lists."},
    ]


def _found(text: str) -> list[dict[str, Any]]:
    """What tools of the provider's own found on the web, and what was then said, as clients send it back."""
    at, search, fetch = "https://search.example/ships", f"srv{words.TOOL_CALL}", f"srv{words.TOOL_CALL}_fetch"
    found = {"type": "web_search_result", "url": at, "title": f"On {text}", "encrypted_content": words.SIGNATURE}
    page = {"type": "web_fetch_result", "url": at, "content": _text_document(words.document({"document": text}))}
    return [
        {"type": "server_tool_use", "id": search, "name": "web_search", "input": {"query": "ships"}},
        {"type": "web_search_tool_result", "tool_use_id": search, "content": [found]},
        {"type": "server_tool_use", "id": fetch, "name": "web_fetch", "input": {"url": at}},
        {"type": "web_fetch_tool_result", "tool_use_id": fetch, "content": page},
        {"type": "text", "text": "As the survey lists."},
    ]


def _results(texts: Mapping[Place, str]) -> list[dict[str, Any]]:
    """What the tool gave back: a plain text, and blocks as the result of a call of their own."""
    if not words.uses_tools(texts):
        return []
    said = texts.keys() & {"tool_input", "tool_result"}
    plain = {"type": "tool_result", "tool_use_id": words.TOOL_CALL, "content": f"Result: {texts.get('tool_result', 'none')}"}
    of_blocks = {"type": "tool_result", "tool_use_id": f"{words.TOOL_CALL}_blocks", "content": _result_blocks(texts)}
    return [*([plain] if said else []), *([of_blocks] if texts.keys() & RESULT else [])]


def _result_blocks(texts: Mapping[Place, str]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": f"Result: {texts['result_text']}"}] if "result_text" in texts else []
    blocks += [_image(texts["result_image"])] if "result_image" in texts else []
    blocks += [_text_document(words.document({"document": texts["result_document"]}))] if "result_document" in texts else []
    return blocks + ([_search_result({}, texts["result_search"])] if "result_search" in texts else [])


def _tool_call(texts: Mapping[Place, str], call: str) -> dict[str, Any]:
    query = texts.get("tool_input", "ships") if call == words.TOOL_CALL else "ships"
    return {"type": "tool_use", "id": call, "name": words.tool_name(texts), "input": {"query": query}}


def _search_result(texts: Mapping[Place, str], found: str | None) -> dict[str, Any]:
    """Something that a search of the client's found: where, under which title, and what it says."""
    source = f"https://search.example/{texts.get('search_source', 'ships')}"
    said = [{"type": "text", "text": f"Found: {found or 'ships'}."}]
    return {"type": "search_result", "source": source, "title": f"On {texts.get('search_title', 'ships')}", "content": said}


def _text_document(text: str) -> dict[str, Any]:
    return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}


def _document(stimulus: Stimulus, text: str, texts: Mapping[Place, str]) -> dict[str, Any]:
    made = _text_document(text)
    if stimulus.pdf:
        made["source"] = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(words.pdf(text)).decode()}
    made |= {"title": f"{texts['document_title']}.txt"} if "document_title" in texts else {}
    return made | ({"context": words.context(texts)} if "document_context" in texts else {})


def _said(stimulus: Stimulus, blocks: list[dict[str, Any]]) -> list[dict[str, Any]] | str:
    """The blocks, or what they say where that is one text with nothing more to it and a small client would send it so."""
    alone = len(blocks) == 1 and blocks[0].keys() == {"type", "text"}
    return str(blocks[0]["text"]) if stimulus.bare and alone else blocks


def _tools(body: dict[str, Any], stimulus: Stimulus, texts: Mapping[Place, str]) -> None:
    made = words.tools(stimulus, texts)
    if made:
        body["tools"] = [{"name": name, "description": said, "input_schema": schema} for name, said, schema in made]
        choice = words.choice(stimulus)
        if choice is not None:
            body["tool_choice"] = {"type": "tool", "name": made[0][0]} if choice == "named" else {"type": choice}


def _cached(stimulus: Stimulus, block: dict[str, Any]) -> dict[str, Any]:
    return block | {_MARK: _mark(stimulus)} if stimulus.cache else block


def _mark(stimulus: Stimulus) -> dict[str, str]:
    return {"type": "ephemeral"} | ({"ttl": "1h"} if stimulus.cache_hour else {})


def _marked_at_the_end(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns, of which the last ones alone keep their cache marks: an interface takes few of them."""
    marked = [n for n, turn in enumerate(turns) if isinstance(turn["content"], list) and any(_MARK in block for block in turn["content"])]
    return [
        turn | {"content": [{k: v for k, v in block.items() if k != _MARK} for block in turn["content"]]}
        if n in marked[:-_MARKED]
        else turn
        for n, turn in enumerate(turns)
    ]


def _spoil(stimulus: Stimulus, body: dict[str, Any], headers: dict[str, str], size_limit: int) -> bytes:
    match stimulus.wrong:
        case "negative_max_tokens":
            body["max_tokens"] = -1
        case "empty_messages":
            body["system"] = body["messages"]
            body["messages"] = []
        case "bad_role":
            body["messages"][-1]["role"] = words.UNKNOWN_ROLE
        case "no_version":
            del headers["anthropic-version"]
        case "broken_json":
            return json.dumps(body).encode()[:-2]
        case "too_large":
            return oversized(stimulus, body, size_limit)
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
        message = loaded(body)
    except Broken as exc:
        return Parsed(False, "", str(exc))
    if not isinstance(message, dict) or message.get("type") != "message" or not isinstance(message.get("content"), list):
        return Parsed(False, "", "the answer is not a message")
    read = whole("".join(_text(block) for block in message["content"]), isinstance(message.get("stop_reason"), str))
    return replace(read, cached=tokens(message, "usage", "cache_read_input_tokens"))


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
    complete = stopped = False
    for data in events(body):
        try:
            event = loaded(data.encode(), "an event of the stream")
        except Broken as exc:
            return Parsed(False, "".join(text), str(exc))
        kind = event.get("type") if isinstance(event, dict) else None
        delta = event.get("delta") if kind in ("content_block_delta", "message_delta") else None
        if isinstance(delta, dict):
            if kind == "content_block_delta":
                text.append(str(delta.get("text", delta.get("partial_json", ""))))
            else:
                stopped = isinstance(delta.get("stop_reason"), str)
        elif kind == "error":
            return Parsed(False, "".join(text), "the stream ended in an error event")
        complete = complete or kind == "message_stop"
    joined = "".join(text)
    return whole(joined, stopped) if complete else Parsed(False, joined, "the stream broke off")
