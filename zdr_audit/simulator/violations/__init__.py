"""Seeded violations: each makes the service break exactly one promise. Which there are is data (`fixtures/violations/*.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zdr_audit.resources import fixtures

if TYPE_CHECKING:
    from zdr_audit.simulator.operations import Handler, Operation
    from zdr_audit.simulator.parts import Parts


class UnknownViolationError(ValueError):
    """No violation has that id; the message lists those that there are."""


class UnfitStoresError(ValueError):
    """A violation that breaks a promise on servers was asked for where there are none of that kind; the message is one line."""


def load() -> dict[str, dict[str, Any]]:
    """Violation id -> entry, from all files; an entry has `id`, `title`, `code` and perhaps `params`."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((fixtures() / "violations").glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("violation", ()):
            if entry["id"] in found:
                raise ValueError(f"{path.name}: violation {entry['id']} is defined twice")
            found[entry["id"]] = entry
    return found


def install(parts: Parts, violation_id: str) -> None:
    """Breaks `parts` in the way that the violation says; UnknownViolationError where there is none of that id."""
    known = load()
    if violation_id not in known:
        raise UnknownViolationError(f"unknown violation {violation_id!r}; known: {', '.join(sorted(known)) or 'none'}")
    entry = known[violation_id]
    module, _, function = entry["code"].partition(":")
    breaking = getattr(import_module(f"{__name__}.{module}"), function)
    breaking(parts, **entry.get("params", {}))


def wrap(part: object, method: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replaces a method on one instance by what `make` makes of the original."""
    setattr(part, method, make(getattr(part, method)))


def operation(parts: Parts, name: str) -> Operation:
    """The operation of that name; ValueError where there is none."""
    for found in parts.operations:
        if found.name == name:
            return found
    raise ValueError(f"no operation {name!r}")


def alter(parts: Parts, name: str, *, handler: Callable[[Handler], Handler] | None = None, **changes: Any) -> None:
    """Changes fields of one operation; `handler` makes the new handler of the old one. ValueError where there is none of that name."""
    old = operation(parts, name)
    if handler is not None:
        changes["handler"] = handler(old.handler)
    parts.operations = [replace(old, **changes) if item is old else item for item in parts.operations]
