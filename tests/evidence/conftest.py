"""A run's worth of canary machinery, and a fingerprint of evidence that must stay as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from shared_seeker import SharedSeeker

from zdr_audit.canary.mint import Mint
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


@pytest.fixture(scope="session")
def _shared() -> SharedSeeker:
    return SharedSeeker()


@pytest.fixture
def lab(_shared: SharedSeeker) -> Lab:
    """Without canaries."""
    return Lab(Mint(_shared.literal), _shared.fresh(), _shared.seeker)


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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a database that is not there yet, alone in a folder."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "app.db"
