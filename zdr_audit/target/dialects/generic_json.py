"""JSON over HTTP as the profile describes it: a template of the request, and where the answer's text is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from zdr_audit.profile.model import GenericJson, GenericStream
from zdr_audit.target.dialects import content as words
from zdr_audit.target.dialects.base import Broken, Parsed, Rendered, events, loaded, oversized, whole
from zdr_audit.target.stimulus import IN_BLOCKS, PLACES, Place, Stimulus
from zdr_audit.target.template import fill, names, pointer

_NOT_IN_TEMPLATES = IN_BLOCKS | {"message", "header", "unknown_field"}
KNOWN_NAMES = ("text", "model", "stream", "session", *(place for place in PLACES if place not in _NOT_IN_TEMPLATES))
_TEXT_PLACES = {"text": "message"}
_ALWAYS = ("answer", "header", "signs", "guise", "wrong:broken_json", "wrong:bad_credential", "wrong:too_large")


class GenericJsonDialect:
    """The places that it has are those that the template names: `{text}` for the user's words, and any other place by its name."""

    name = "generic-json"
    headers: Mapping[str, str] = {}

    def __init__(self, described: GenericJson, counted: dict[str, Any] | None = None) -> None:
        """`counted` is the template of what counts tokens, where that is another than the one of inference."""
        self.described = described
        alone: dict[str, Any] = {"body": counted, "stream": None, "wrong": {}}
        self.counts_by = self if counted is None else GenericJsonDialect(described.model_copy(update=alone))
        self.request_id_header = described.request_id_header
        used = names(described.body)
        wrong = {f"wrong:{kind}" for kind in described.wrong}
        self.features = frozenset(
            {_TEXT_PLACES.get(name, name) for name in used if _TEXT_PLACES.get(name, name) in PLACES}
            | {*_ALWAYS, *wrong}
            | ({"stream"} if described.stream else set())
            | ({"session"} if "session" in used else set())
            | ({"wrong:unknown_model"} if "model" in used else set())
        )

    def render(self, stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...], size_limit: int) -> Rendered:
        template = self.described.body
        if stimulus.stream and self.described.stream is not None:
            template = {**template, **self.described.stream.body}
        if stimulus.wrong in self.described.wrong:
            template = self.described.wrong[stimulus.wrong]
        chosen = words.UNKNOWN_MODEL if stimulus.wrong == "unknown_model" else model
        body = fill(template, _values(stimulus, chosen, texts, parts))
        headers = {"content-type": "application/json"} | dict(stimulus.headers) | words.headers(texts)
        raw = json.dumps(body).encode()
        if stimulus.wrong == "broken_json":
            raw = raw[:-2]
        elif stimulus.wrong == "too_large":
            raw = oversized(stimulus, body, size_limit)
        return Rendered(headers, raw)

    def parse(self, status: int | None, content_type: str, body: bytes, *, streamed: bool) -> Parsed:  # noqa: ARG002 - the profile says what comes
        if status is None or not 200 <= status < 300:
            return Parsed(False, "", f"status {status}")
        try:
            if streamed and self.described.stream is not None:
                return _parse_stream(self.described.stream, body)
            text = _text(pointer(loaded(body), self.described.answer))
        except Broken as exc:
            return Parsed(False, "", str(exc))
        if text is None:
            return Parsed(False, "", f"the answer has no text at {self.described.answer}")
        return whole(text, False)

    def counting(self, body: bytes) -> bytes:
        return body

    def continued(self, earlier: bytes, reply: str, body: bytes) -> bytes:  # noqa: ARG002 - it asks one question at a time
        return body


def unknown_names(*templates: Any) -> list[str]:
    """Names in the templates that nothing fills."""
    return sorted(names(templates) - set(KNOWN_NAMES))


def templates_of(described: GenericJson) -> list[Any]:
    """All that the section says of requests."""
    return [described.body, described.stream.body if described.stream else {}, *described.wrong.values()]


def _values(stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...]) -> dict[str, Any]:
    """A value for every name that a template may hold; places that the stimulus has nothing for are filled with words that say nothing."""
    said = words.prompt(stimulus, texts, parts)
    return {
        "text": f"{words.noise(stimulus.noise)}\n{said}" if stimulus.noise else said,
        "model": model,
        "stream": stimulus.stream,
        "session": stimulus.session or "none",
        "system": words.system({"system": texts.get("system", "none")}),
        "history": words.history({"history": texts.get("history", "ships")})[0],
        "prefill": f"On {texts.get('prefill', 'ships')}:",
        "tool_name": words.tool_name(texts),
        "tool_description": f"Looks things up. {texts.get('tool_description', '')}",
        "tool_schema": texts.get("tool_schema", "ships"),
        "tool_input": texts.get("tool_input", "ships"),
        "tool_result": f"Result: {texts.get('tool_result', 'none')}",
        "image": base64.b64encode(words.png(texts.get("image", "none"))).decode(),
        "document": words.document(texts),
        "document_title": f"{texts.get('document_title', 'minutes')}.txt",
        "user_id": texts.get("user_id", "zdr-audit"),
        "stop_sequence": f"stop {texts.get('stop_sequence', 'here')}",
    }


def _text(value: Any) -> str | None:
    """A string, or a list of strings joined."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "".join(value)
    return value if isinstance(value, str) else None


def _parse_stream(stream: GenericStream, body: bytes) -> Parsed:
    text: list[str] = []
    complete = stream.done is None and stream.done_at is None
    for data in _pieces(stream, body):
        if stream.done is not None and data.strip() == stream.done:
            complete = True
            continue
        try:
            piece = loaded(data.encode(), "a piece of the stream")
        except Broken as exc:
            return Parsed(False, "".join(text), str(exc))
        text.append(_text(pointer(piece, stream.answer)) or "")
        complete = complete or (stream.done_at is not None and bool(pointer(piece, stream.done_at)))
    joined = "".join(text)
    return whole(joined, False) if complete else Parsed(False, joined, "the stream broke off")


def _pieces(stream: GenericStream, body: bytes) -> Iterator[str]:
    if stream.format == "sse":
        # Some servers end without the empty line that the last event needs.
        return events(body + b"\n\n")
    return (line for line in body.decode("utf-8", "replace").split("\n") if line.strip())
