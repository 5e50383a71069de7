"""A run's worth of canary machinery, and a fingerprint of evidence that must stay as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker


@dataclass
class Lab:
    mint: Mint
    registry: Registry
    seeker: Seeker

    def canary(self, name: str) -> str:
        canary = self.mint.new()
        self.registry.add(name, canary)
        return canary


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
    """Without canaries."""
    _shared.registry = Registry(_shared.literal, b"a key of the run")
    return Lab(Mint(_shared.literal), _shared.registry, _shared.seeker)


@pytest.fixture(scope="session")
def fingerprint() -> Callable[[Path], dict[str, tuple]]:
    """Every file below a folder with its digest, mode, owner and times (the access time apart)."""

    def take(folder: Path) -> dict[str, tuple]:
        found = {}
        for path in sorted(folder.rglob("*")):
            status = path.lstat()
            content = sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
            found[str(path.relative_to(folder))] = (content, status.st_mode, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        return found

    return take
