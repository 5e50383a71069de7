"""Real servers, started from wheels, without root rights of their own or containers: one of each kind a test session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from shared_seeker import SharedSeeker

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker


@dataclass
class Lab:
    """Makes canaries and the seeker that knows them."""

    mint: Mint
    registry: Registry
    seeker: Seeker

    def canary(self, name: str) -> str:
        canary = self.mint.new()
        self.registry.add(name, canary)
        return canary


@pytest.fixture
def lab() -> Lab:
    literal = new_literal()
    registry = Registry(literal, b"a key of the run")
    return Lab(Mint(literal), registry, Seeker(literal, registry.identify))


@pytest.fixture(scope="session")
def _shared() -> SharedSeeker:
    return SharedSeeker()


@pytest.fixture
def quick_lab(_shared: SharedSeeker) -> Lab:
    """For tests without servers, in which nothing of an earlier test lies: it is made in no time."""
    return Lab(Mint(_shared.literal), _shared.fresh(), _shared.seeker)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder with a short name (sockets need one) that other users can pass through (PostgreSQL refuses to run as root)."""
    folder = Path(tempfile.mkdtemp(prefix="zdr-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def places(reading, residue: bool | None = None) -> dict[str | None, str]:
    """Canary -> `object: location` of its hits."""
    return {hit.canary: f"{hit.object}: {hit.location}" for hit in reading.hits if residue is None or hit.residue == residue}


@pytest.fixture(name="places")
def _places():
    return places
