"""Fills templates of the profile and reads values out of answers by JSON pointer (RFC 6901) or JSONPath (RFC 9535)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import jsonpath

from zdr_audit.profile.base import TEMPLATE_NAME as _NAME
from zdr_audit.profile.base import names

__all__ = ["MissingValue", "fill", "fill_path", "fill_some", "names", "pointer", "with_query"]

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_MISSING = object()


class MissingValue(Exception):
    """A template names a value that the call did not give."""


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Replace `{name}` in every string of a JSON value. A string that is only `{name}` becomes the value itself, of its own type; `{name:number}` the
    number that its text says."""
    if isinstance(template, str):
        whole = _NAME.fullmatch(template)
        if whole:
            value = _value(whole[1], values)
            return _number(value) if template.endswith(":number}") else value
        return _NAME.sub(lambda m: str(_value(m[1], values)), template)
    if isinstance(template, list | tuple):
        return [fill(item, values) for item in template]
    if isinstance(template, dict):
        return {fill(k, values): fill(v, values) for k, v in template.items()}
    return template


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """The same for a URL path: values are percent-encoded."""
    return _NAME.sub(lambda m: quote(str(_value(m[1], values)), safe=""), template)


def fill_some(members: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Members of a query or of headers, filled; those that name what is None are left out."""
    return {key: fill(value, values) for key, value in members.items() if all(values.get(name, "") is not None for name in names(value))}


def with_query(path: str, query: Mapping[str, Any]) -> str:
    """The path with a percent-encoded query string, as it is where there is none. A cursor may hold `+`, `=` and `&`."""
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


def _number(value: Any) -> Any:
    """What a text says as a number; where it says none (an identifier that is made up, say) the value as it is."""
    text = str(value)
    try:
        return int(text) if _WHOLE.fullmatch(text) else float(text)
    except ValueError:
        return value


def _value(name: str, values: Mapping[str, Any]) -> Any:
    found = values.get(name, _MISSING)
    if found is _MISSING:
        raise MissingValue(name)
    return found


def pointer(document: Any, path: str) -> Any:
    """The value at a JSON pointer, or the first that a JSONPath (it begins with `$`) finds; None where there is none."""
    if path == "":
        return document
    if path.startswith("$"):
        return _first(document, path)
    for raw in path[1:].split("/"):
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and _INDEX.fullmatch(part) and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def present(document: Any, path: str) -> bool:
    """Whether there is a value at a JSON pointer or JSONPath, null too: some name an empty list so."""
    if path.startswith("$"):
        return _match(document, path) is not None
    parent, _, raw = path.rpartition("/")
    around = pointer(document, parent)
    return path == "" or (isinstance(around, dict) and raw.replace("~1", "/").replace("~0", "~") in around)


_query = lru_cache(maxsize=256)(jsonpath.compile)


def _first(document: Any, path: str) -> Any:
    found = _match(document, path)
    return None if found is None else found.value


def _match(document: Any, path: str) -> Any:
    try:
        return _query(path).match(document)
    except (jsonpath.JSONPathError, RecursionError, TypeError):  # what the target sent is nested too deep, or no document
        return None
