"""Reads `rooms.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Room:
    """A package of the engine that is mutated, and the tests that may notice."""

    name: str
    sites: int
    least: float
    """The score below which it may not fall again; what is wanted of every room is `score.THRESHOLD`."""
    tests: tuple[str, ...]
    without: tuple[str, ...]
    warm: tuple[str, ...]
    examples: int
    budget: float

    @property
    def arguments(self) -> tuple[str, ...]:
        """For pytest."""
        return (*self.tests, *(f"--deselect={name}" for name in self.without))

    @property
    def files(self) -> tuple[str, ...]:
        """Its modules, as paths from the root of the repository."""
        return tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "zdr_audit" / self.name).glob("*.py")))

    def narrowed(self, sites: int | None, tests: tuple[str, ...]) -> Room:
        """With so many random sites, where a number is given, and with these tests alone, where any are."""
        room = self if sites is None else replace(self, sites=sites)
        return replace(room, tests=tests, warm=tuple(set(self.warm) & set(tests))) if tests else room


def rooms() -> dict[str, Room]:
    """All rooms by name, in the order of the file."""
    said = tomllib.loads((HERE / "rooms.toml").read_text(encoding="utf-8"))

    def listed(entry: dict[str, Any], key: str) -> tuple[str, ...]:
        return tuple(entry.get(key, ()))

    made = [
        Room(
            e["name"],
            e["sites"],
            e["least"],
            *(listed(e, key) for key in ("tests", "without", "warm")),
            said["examples"],
            said["budget_seconds"],
        )
        for e in said["room"]
    ]
    return {room.name: room for room in made}


def shares(sizes: dict[str, int], total: int) -> dict[str, int]:
    """So many of each, in proportion to its size: largest remainders, never more than there are."""
    whole = sum(sizes.values())
    total = min(total, whole)
    exact = {name: total * size / whole for name, size in sizes.items()}
    given = {name: int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda one: (given[one] - exact[one], one))[: total - sum(given.values())]:
        given[name] += 1
    return given
