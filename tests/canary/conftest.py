"""A run's worth of canary machinery."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker, Sighting


@dataclass
class Lab:
    literal: str
    mint: Mint
    registry: Registry
    seeker: Seeker
    notes: list[str] = field(default_factory=list)

    def canary(self, name: str) -> str:
        canary = self.mint.new()
        self.registry.add(name, canary)
        return canary

    def search(self, data) -> list[Sighting]:
        return list(self.seeker.search(data, self.notes.append))


def make_lab(literal: str | None = None, **bounds) -> Lab:
    literal = literal or new_literal()
    registry = Registry(literal, b"a key of the run")
    return Lab(literal, Mint(literal), registry, Seeker(literal, registry.identify, **bounds))


@pytest.fixture(scope="session")
def labs():
    """Makes a lab with the given bounds."""
    return make_lab


class _Shared:
    """A seeker for all tests, because making one costs more than most of them; it asks the registry of the test that runs."""

    def __init__(self) -> None:
        self.literal = new_literal()
        self.registry = Registry(self.literal, b"a key of the run")
        self.seeker = Seeker(self.literal, self.identify)

    def identify(self, text: str) -> str | None:
        return self.registry.identify(text)


@pytest.fixture(scope="session")
def _shared() -> _Shared:
    return _Shared()


@pytest.fixture
def lab(_shared: _Shared) -> Lab:
    """Without notes and canaries."""
    _shared.registry = Registry(_shared.literal, b"a key of the run")
    return Lab(_shared.literal, Mint(_shared.literal), _shared.registry, _shared.seeker)
