"""What the two OpenAI interfaces have in common."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from zdr_audit.target.dialects import content as words
from zdr_audit.target.dialects.base import Broken, Rendered, events, loaded, oversized
from zdr_audit.target.stimulus import IN_BLOCKS, PLACES, Place, Stimulus

DONE = "[DONE]"
SAID = frozenset(PLACES) - IN_BLOCKS
"""Places that the interfaces have: their documents are files and their tools' results texts, with no blocks inside."""
WRONG = ("unknown_model", "negative_max_tokens", "empty_messages", "bad_role", "broken_json", "bad_credential", "too_large")


def image_url(text: str) -> str:
    return f"data:image/png;base64,{base64.b64encode(words.png(text)).decode()}"


def images(stimulus: Stimulus, texts: Mapping[Place, str]) -> list[str]:
    """The URL of each attached image, none where the request has none."""
    return [image_url(text) for text in words.numbered(stimulus, texts["image"])] if "image" in texts else []


def files(stimulus: Stimulus, texts: Mapping[Place, str]) -> list[dict[str, str]]:
    """Name and data of each attached document, none where the request has none."""
    name = f"{texts.get('document_title', 'minutes')}.pdf"
    made = [base64.b64encode(words.pdf(text)).decode() for text in words.documents(stimulus, texts)]
    return [{"filename": name, "file_data": f"data:application/pdf;base64,{data}"} for data in made]


def tool_choice(stimulus: Stimulus, named: Mapping[str, Any]) -> dict[str, Any]:
    """What the body says of the choice of a tool, of which there are some: nothing where nothing is asked. `named` is how the interface names one."""
    choice = words.choice(stimulus)
    said = {"any": "required", "named": dict(named)}.get(choice or "", choice)
    return {} if choice is None else {"tool_choice": said}


def last_words(stimulus: Stimulus, texts: Mapping[Place, str], parts: tuple[str, ...]) -> str:
    said = words.prompt(stimulus, texts, parts)
    return f"{words.noise(stimulus.noise)}\n{said}" if stimulus.noise else said


def with_headers(stimulus: Stimulus, texts: Mapping[Place, str], body: dict[str, Any], turns: str, limit: str, size_limit: int) -> Rendered:
    """The request, made wrong where the stimulus asks for it. `turns` and `limit` name the members for the conversation and its bound."""
    headers = {"content-type": "application/json"} | dict(stimulus.headers) | words.headers(texts)
    if "unknown_field" in texts:
        body[words.UNKNOWN_FIELD] = texts["unknown_field"]
    match stimulus.wrong:
        case "unknown_model":
            body["model"] = words.UNKNOWN_MODEL
        case "negative_max_tokens":
            body[limit] = -1
        case "empty_messages":
            body["prompt"] = body[turns]
            body[turns] = []
        case "bad_role":
            body[turns][-1]["role"] = words.UNKNOWN_ROLE
        case "broken_json":
            return Rendered(headers, json.dumps(body).encode()[:-2])
        case "too_large":
            return Rendered(headers, oversized(stimulus, body, size_limit))
        case _:
            pass
    return Rendered(headers, json.dumps(body).encode())


def stream_objects(content_type: str, body: bytes) -> Iterator[dict[str, Any] | None]:
    """The events of a stream, None for its end mark. Raises Broken for what is no event stream of JSON objects, or reports an error."""
    if "text/event-stream" not in content_type:
        raise Broken(f"not an event stream but {content_type or 'no content type'}")
    for data in events(body):
        if data.strip() == DONE:
            yield None
            continue
        event = loaded(data.encode(), "an event of the stream")
        if isinstance(event, dict):
            if event.get("error"):
                raise Broken("the stream ended in an error event")
            yield event


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
