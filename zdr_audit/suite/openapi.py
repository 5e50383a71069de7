"""What a target's OpenAPI document declares about features that need storage, and a smallest valid request for an operation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zdr_audit.target.template import pointer

METHODS = ("get", "put", "post", "delete", "patch")
CANARY = "{canary}"
MAX_DEPTH = 8
MAX_ITEMS = 50
MAX_VALUES = 2000
MAX_OPERATIONS = 2000


@dataclass(frozen=True)
class DeclaredOperation:
    """An operation that the document marks with `x-zdr-requires-storage: true`. `body` has `{canary}` where text goes; None for no JSON body."""

    method: str
    path: str
    feature: str
    body: Any


def labels(document: Any) -> list[str]:
    """`METHOD /path` of the operations of a document, in order, no more than anybody would write."""
    paths = document.get("paths") if isinstance(document, dict) else None
    items = paths.items() if isinstance(paths, dict) else ()
    found = [
        f"{verb.upper()} {path}"[:300] for path, item in items if isinstance(item, dict) for verb in item if verb in (*METHODS, "head")
    ]
    return sorted(found)[:MAX_OPERATIONS]


def declares_storage(document: Any) -> bool:
    """Whether the document says of any operation that it needs storage, or that it does not."""
    paths = document.get("paths") if isinstance(document, dict) else None
    items = [item for item in paths.values() if isinstance(item, dict)] if isinstance(paths, dict) else []
    return any("x-zdr-requires-storage" in item[method] for item in items for method in METHODS if isinstance(item.get(method), dict))


def declared_storage_operations(document: Any, known: Iterable[tuple[str, str]]) -> list[DeclaredOperation]:
    """Operations declared as needing storage that are not among `known` (method, path template), writing ones first."""
    shapes = {(method, _shape(path)) for method, path in known}
    found = []
    paths = document.get("paths") if isinstance(document, dict) else None
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for method in METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if not isinstance(operation, dict) or not operation.get("x-zdr-requires-storage"):
                continue
            if (method.upper(), _shape(path)) in shapes:
                continue
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            body = smallest(schema, document) if schema is not None else ({"content": CANARY} if method != "get" else None)
            found.append(DeclaredOperation(method.upper(), path, str(operation.get("x-zdr-feature", path)), body))
    return sorted(found, key=lambda o: (o.method == "GET", o.path.count("{"), o.path))


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def smallest(schema: Any, document: Any, depth: int = 0, left: list[int] | None = None) -> Any:
    """A small value that fits a JSON Schema of the document, with `{canary}` for free text. `left` counts how many values may yet be made of it: a schema that
    asks for itself, several times each time, would ask for more than can be made."""
    left = [MAX_VALUES] if left is None else left
    left[0] -= 1
    schema = _whole(_resolve(schema, document), document)
    if not isinstance(schema, dict) or depth > MAX_DEPTH or left[0] < 0:
        return {"content": CANARY} if depth == 0 else CANARY
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            # What may also be left empty is better filled: it may hold content.
            filled = [part for part in schema[key] if _kind(_resolve(part, document)) != "null"]
            return smallest((filled or schema[key])[0], document, depth + 1, left)
    kind = _kind(schema)
    if kind == "object" or "properties" in schema:
        return _object(schema, document, depth, left)
    if kind == "array":
        count = min(max(1, int(schema.get("minItems", 1))), MAX_ITEMS)
        return [smallest(schema.get("items", {}), document, depth + 1, left) for _ in range(count) if left[0] > 0]
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
    return {"boolean": True, "null": None}.get(kind, CANARY)


def _object(schema: dict[str, Any], document: Any, depth: int, left: list[int]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    names = schema.get("required") or list(properties)[:1]
    value = {name: smallest(properties.get(name, {}), document, depth + 1, left) for name in names if left[0] > 0}
    if depth == 0 and CANARY not in str(value):
        free = {name: CANARY for name, part in properties.items() if smallest(part, document, MAX_DEPTH) == CANARY}
        value |= free or ({} if schema.get("additionalProperties") is False else {"content": CANARY})
    return value


def _kind(schema: Any) -> str:
    """The type that a schema asks for; of several the first that is not null."""
    kind = schema.get("type", "") if isinstance(schema, dict) else ""
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    return str(kind)


def _whole(schema: Any, document: Any) -> Any:
    """A schema with the parts of its `allOf` taken in."""
    if not isinstance(schema, dict) or not isinstance(schema.get("allOf"), list):
        return schema
    whole = {k: v for k, v in schema.items() if k != "allOf"}
    for item in schema["allOf"][:MAX_ITEMS]:
        part = _resolve(item, document)
        if isinstance(part, dict):
            properties = {**whole.get("properties", {}), **part.get("properties", {})}
            required = list(dict.fromkeys([*whole.get("required", []), *part.get("required", [])]))
            whole = {**whole, **part} | ({"properties": properties} if properties else {}) | ({"required": required} if required else {})
    return whole


def _resolve(schema: Any, document: Any) -> Any:
    for _ in range(16):
        if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
            break
        schema = pointer(document, schema["$ref"].removeprefix("#"))
    return schema
