"""What a target's OpenAPI document declares about features that need storage, and a smallest valid request for an operation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class DeclaredOperation:
    """An operation that the document marks with `x-zdr-requires-storage: true`. `body` has `{canary}` where text goes; None for no JSON body."""

    method: str
    path: str
    feature: str
    body: Any


def declared_storage_operations(document: Any, known: Iterable[tuple[str, str]]) -> list[DeclaredOperation]:
    """Operations declared as needing storage that are not among `known` (method, path template), writing ones first."""
    shapes = {(method, _shape(path)) for method, path in known}
    found = []
    for path, item in (document.get("paths") or {}).items() if isinstance(document, dict) else ():
        for method in METHODS:
            operation = item.get(method)
            if not isinstance(operation, dict) or not operation.get("x-zdr-requires-storage"):
                continue
            if (method.upper(), _shape(path)) in shapes:
                continue
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            body = smallest(schema, document) if schema is not None else ({"content": "{canary}"} if method != "get" else None)
            found.append(DeclaredOperation(method.upper(), path, str(operation.get("x-zdr-feature", path)), body))
    return sorted(found, key=lambda o: (o.method == "GET", o.path.count("{"), o.path))


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def smallest(schema: Any, document: Any, depth: int = 0) -> Any:
    """A small value that fits a JSON Schema of the document, with `{canary}` for free text."""
    schema = _resolve(schema, document)
    if not isinstance(schema, dict) or depth > 8:
        return {"content": "{canary}"} if depth == 0 else "{canary}"
    if "const" in schema:
        return schema["const"]
    for key in ("examples", "enum"):
        if schema.get(key) and key == "enum":
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return smallest(schema[key][0], document, depth + 1)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        names = schema.get("required") or list(properties)[:1]
        value = {name: smallest(properties.get(name, {}), document, depth + 1) for name in names}
        if depth == 0 and "{canary}" not in str(value):
            value |= {name: "{canary}" for name, s in properties.items() if _resolve(s, document).get("type") == "string"} or {"content": "{canary}"}
        return value
    if kind == "array":
        return [smallest(schema.get("items", {}), document, depth + 1) for _ in range(max(1, int(schema.get("minItems", 1))))]
    return {"integer": 1, "number": 1, "boolean": True, "null": None}.get(str(kind), "{canary}")


def _resolve(schema: Any, document: Any) -> Any:
    for _ in range(16):
        if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
            break
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(part, {}) if isinstance(target, dict) else {}
        schema = target
    return schema
