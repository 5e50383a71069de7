"""Real servers, started from wheels, without root rights of their own or containers: one of each kind a test session."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder with a short name (sockets need one) that other users can pass through (PostgreSQL refuses to run as root)."""
    folder = Path(tempfile.mkdtemp(prefix="zdr-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(command: list[str], log: Path, ready: Callable[[], bool], **options) -> Iterator[subprocess.Popen]:
    """A server as a child process, ended by its own id."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)
    try:
        for _ in range(600):
            if process.poll() is not None or ready():
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"the server was not ready: {log.read_text(errors='replace')[-2000:]}")
        if process.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text(errors='replace')[-2000:]}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def places(reading, residue: bool | None = None) -> dict[str | None, str]:
    """Canary -> `object: location` of its hits."""
    return {hit.canary: f"{hit.object}: {hit.location}" for hit in reading.hits if residue is None or hit.residue == residue}


@pytest.fixture(name="places")
def _places():
    return places
