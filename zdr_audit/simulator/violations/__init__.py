"""Seeded violations: each makes the service break exactly one promise. Which there are is data (`fixtures/violations/*.toml`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator import seeding

if TYPE_CHECKING:
    from zdr_audit.simulator.operations import Handler, Operation
    from zdr_audit.simulator.parts import Parts


class UnfitStoresError(ValueError):
    """A violation that breaks a promise on servers was asked for where there are none of that kind; the message is one line."""


def load() -> dict[str, dict[str, Any]]:
    """Violation id -> entry, from all files."""
    return seeding.load("violations", "violation")


def install(parts: Parts, violation_id: str) -> None:
    """Breaks `parts` in the way that the violation says; UnknownSeedError where there is none of that id."""
    seeding.install(parts, __name__, load(), "violation", violation_id)


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
