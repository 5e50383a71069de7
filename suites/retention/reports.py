"""Reports of clients as other clients send them: with other names of events, and of other outer shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

OTHER_EVENTS = ("feedback_submitted", "error_reported", "transcript_shared", "tool_finished")
_NAMES = frozenset({"event_name", "event", "name", "kind"})
Sent = tuple[bytes | None, dict[str, str]]


def renamed(name: str, body: bytes | None, headers: dict[str, str]) -> Sent:
    """A report whose events are called so, at whatever depth their names stand; as it is where it is no JSON."""

    def called(data: Any) -> Any:
        if isinstance(data, dict):
            return {key: name if key in _NAMES and isinstance(value, str) else called(value) for key, value in data.items()}
        return [called(item) for item in data] if isinstance(data, list) else data

    return _with_json(body, called), headers


ODD_SHAPES = ("no list", "an object", "a text", "a bare list")


def odd(shape: str, body: bytes | None, headers: dict[str, str]) -> Sent:
    """A report whose outer list is of another shape, with all that its first item says; as it is where it is no JSON, or cannot be had so."""
    return _with_json(body, lambda data: _in_shape(shape, data) if takes(shape, data) else data), headers


def takes(shape: str, body: Any) -> bool:
    """Whether a report can be had in an odd shape: it has a list that is not empty, and has it in an object where the shape is about that."""
    if isinstance(body, list):
        return bool(body) and shape in ("an object", "a text")
    return isinstance(body, dict) and (
        _listed(body) is not None or any(takes(shape, inner) for inner in body.values() if isinstance(inner, dict))
    )


def _in_shape(shape: str, data: Any) -> Any:
    """One event alone in place of a list, the list as the text that it would be, or what the object has beside its list, with the event spread in it."""
    if isinstance(data, list):
        return data[0] if shape == "an object" else json.dumps(data)
    name = _listed(data)
    if name is None:
        inside = next(key for key, value in data.items() if isinstance(value, dict) and takes(shape, value))
        return data | {inside: _in_shape(shape, data[inside])}
    rest = {key: value for key, value in data.items() if key != name}
    match shape:
        case "an object" | "a text":
            return rest | {name: _in_shape(shape, data[name])}
        case "a bare list":
            return data[name]
        case _:
            first = data[name][0]
            return rest | (first if isinstance(first, dict) else {"event": first})


def _listed(data: dict[str, Any]) -> str | None:
    """The member of an object that is a list with something in it, of objects where there is one of these; the first one."""
    lists = [name for name, value in data.items() if isinstance(value, list) and value]
    return next((name for name in lists if isinstance(data[name][0], dict)), lists[0] if lists else None)


def _with_json(body: bytes | None, change: Callable[[Any], Any]) -> bytes | None:
    """The body with its JSON changed; as it is where it is none."""
    try:
        return json.dumps(change(json.loads(body or b""))).encode()
    except ValueError:
        return body
