"""Starting and ending a server for the tests."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
