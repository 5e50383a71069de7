"""Reads `rooms.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Room:
    """A package of the engine that is mutated, and the tests that may notice."""

    name: str
    sites: int
    tests: tuple[str, ...]
    examples: int
    budget: float

    @property
    def files(self) -> tuple[str, ...]:
        """Its modules, as paths from the root of the repository."""
        return tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "zdr_audit" / self.name).glob("*.py")))


def rooms() -> dict[str, Room]:
    """All rooms by name, in the order of the file."""
    said = tomllib.loads((HERE / "rooms.toml").read_text(encoding="utf-8"))
    made = (Room(one["name"], one["sites"], tuple(one["tests"]), said["examples"], said["budget_seconds"]) for one in said["room"])
    return {room.name: room for room in made}
