"""A run's worth of canary machinery."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from shared_seeker import SharedSeeker

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


@pytest.fixture(scope="session")
def _shared() -> SharedSeeker:
    return SharedSeeker()


@pytest.fixture
def lab(_shared: SharedSeeker) -> Lab:
    """Without notes and canaries."""
    return Lab(_shared.literal, Mint(_shared.literal), _shared.fresh(), _shared.seeker)
