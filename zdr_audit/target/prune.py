"""A template (JSON with `{names}`) as the set of its leaves, and the same template with some of them alone.

A leaf is named by its path. A text that is itself JSON is gone into: many clients send JSON inside JSON, and content stands in its midst.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

Path = tuple[str | int, ...]
INSIDE = "(JSON)"
"""The step from a text into the JSON that it is."""


def leaves(template: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path, in the order of the template. Empty lists and objects are leaves."""
    if isinstance(template, dict) and template:
        for key, value in template.items():
            yield from leaves(value, (*at, key))
    elif isinstance(template, list | tuple) and template:
        for number, value in enumerate(template):
            yield from leaves(value, (*at, number))
    elif (inner := _inside(template)) is not None:
        yield from leaves(inner, (*at, INSIDE))
    else:
        yield at, template


def only(template: Any, kept: Collection[Path], at: Path = ()) -> Any:
    """The template with these leaves and what leads to them. Nothing but an empty object where none of them is in it."""
    if not any(path[: len(at)] == at for path in kept):
        return {}
    if isinstance(template, dict) and template:
        return {key: only(value, kept, (*at, key)) for key, value in template.items() if _leads(kept, (*at, key))}
    if isinstance(template, list | tuple) and template:
        return [only(value, kept, (*at, number)) for number, value in enumerate(template) if _leads(kept, (*at, number))]
    if (inner := _inside(template)) is not None:
        return json.dumps(only(inner, kept, (*at, INSIDE)))
    return template


def _leads(kept: Collection[Path], at: Path) -> bool:
    return any(path[: len(at)] == at for path in kept)


def _inside(value: Any) -> Any:
    """The list or object that a text is as JSON, if it is one and not empty."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) and found else None


def said(path: Path) -> str:
    """A path for people: names alone, from the outside in."""
    return " / ".join(str(step) for step in path if isinstance(step, str) and step != INSIDE) or "the body"
