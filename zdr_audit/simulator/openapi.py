"""The interface document (OpenAPI 3.1), generated from the operations and their shapes: what is served is what is documented."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from zdr_audit import __version__
from zdr_audit.simulator.operations import Operation, extra
from zdr_audit.simulator.schemas.base import ErrorEnvelope

REF = "#/components/schemas/{model}"
WHAT = {
    400: "The request is malformed.",
    401: "No valid API key.",
    402: "The user's spend limit is reached.",
    403: "The role, or the organization's policy, does not allow this.",
    404: "No such thing, or another tenant's.",
    409: "The state of things does not allow this.",
    413: "The body is larger than 32 MB.",
    429: "Too much was asked for; `retry-after` says when more may be.",
    500: "The service failed.",
    529: "The service is overloaded.",
}
STRING = {"type": "string"}
RESPONSE_HEADERS = {
    "request-id": {"description": "Names this request.", "required": True, "schema": STRING},
    "anthropic-organization-id": {"description": "The organization served, where the caller is known.", "schema": STRING},
}
REQUEST_HEADERS = {
    "if-none-match": {"name": "if-none-match", "in": "header", "required": False, "schema": {"type": "string"}},
}
VERSION_HEADER = {
    "name": "anthropic-version",
    "in": "header",
    "required": True,
    "description": "Version of the interface, a date.",
    "schema": {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "example": "2023-06-01",
}
SESSION_HEADER = {
    "name": "x-claude-code-session-id",
    "in": "header",
    "required": False,
    "description": "What the client calls its session.",
    "schema": STRING,
}
STREAM_EVENT = {
    "type": "object",
    "description": "Each event of the stream.",
    "required": ["event", "data"],
    "properties": {
        "event": {
            "enum": [
                "message_start",
                "content_block_start",
                "ping",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
                "error",
            ]
        },
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
UPLOAD = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"}},
}


def build_document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document, as plain data."""
    listed = list(operations)
    shapes: list[tuple[type[BaseModel], Any]] = [(ErrorEnvelope, "validation")]
    for operation in listed:
        for shape in (operation.request, operation.answer, operation.query):
            if shape is not None and (shape, "validation") not in shapes:
                shapes.append((shape, "validation"))
    references, schemas = models_json_schema(shapes, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in listed:
        described = _operation(operation, references, schemas["$defs"])
        if links := _links(operation, listed):
            described["responses"][str(operation.status)]["links"] = links
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    queries = {operation.query.__name__ for operation in listed if operation.query is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reference ZDR backend",
            "version": __version__,
            "description": "A simulated LLM backend that keeps the zero-data-retention promise, to try audits on.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas["$defs"].items() if name not in queries},
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(operation: Operation, references: dict[Any, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.name.split(".")[0]],
        "security": [] if operation.roles is None else [{"apiKey": []}, {"bearer": []}],
        "parameters": _parameters(operation, references, definitions),
        "responses": _responses(operation, references),
        **extra(operation),
    }
    if operation.multipart:
        found["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": UPLOAD}}}
    elif operation.request is not None:
        schema = references[(operation.request, "validation")]
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _links(operation: Operation, listed: Iterable[Operation]) -> dict[str, Any]:
    """What can be done with an object that the operation makes, or with the first that it lists: every operation on objects of that collection."""
    where = _identifier(operation)
    if where is None:
        return {}
    found = {}
    for target in listed:
        collection, mark, _ = target.path.partition("/{id}")
        if mark and (collection == operation.path or ("{" in operation.path and operation.path.endswith(collection.removeprefix("/v1")))):
            names = [name for name in re.findall(r"{(\w+)}", target.path) if name != "id"]
            parameters = {"id": where} | {name: f"$request.path.{name}" for name in names}
            found[target.name] = {"operationId": target.name, "parameters": parameters}
    return found


def _identifier(operation: Operation) -> str | None:
    """Where an answer holds the identifier of what it is about, None where it is about no object of a collection."""
    fields = operation.answer.model_fields if operation.answer is not None else {}
    if operation.path.endswith("}"):
        return None
    if operation.method == "POST" and "id" in fields:
        return "$response.body#/id"
    return "$response.body#/data/0/id" if operation.method == "GET" and "data" in fields else None


def _parameters(operation: Operation, references: dict[Any, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,80}$"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    if operation.query is not None:
        shape = definitions[references[(operation.query, "validation")]["$ref"].rsplit("/", 1)[1]]
        for name, schema in shape["properties"].items():
            # what is absent is not sent: a query knows no null
            plain = next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)
            required = name in shape.get("required", ())
            found.append({"name": name, "in": "query", "required": required, "schema": {k: v for k, v in plain.items() if k != "title"}})
    if operation.versioned:
        found.append(VERSION_HEADER)
    if operation.request is not None and operation.carries_content:
        found.append(SESSION_HEADER)
    return found + [REQUEST_HEADERS[name] for name in operation.headers]


def _responses(operation: Operation, references: dict[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done.", "headers": RESPONSE_HEADERS}
    if operation.answer is not None:
        good["content"] = {operation.media_type: {"schema": references[(operation.answer, "validation")]}}
    elif operation.media_type != "application/json":
        good["content"] = {operation.media_type: {}}
    if operation.streams:
        good["content"]["text/event-stream"] = {"schema": STREAM_EVENT}
    found: dict[str, Any] = {str(operation.status): good}
    for status in operation.also:
        found[str(status)] = {"description": "Not modified.", "headers": RESPONSE_HEADERS}
    envelope = references[(ErrorEnvelope, "validation")]
    for status in operation.documented_errors():
        found[str(status)] = {
            "description": WHAT[status],
            "headers": RESPONSE_HEADERS,
            "content": {"application/json": {"schema": envelope}},
        }
    return found
