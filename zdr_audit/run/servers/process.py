"""A server as a child process: started, waited for, and ended by its own id."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 120
STOP_SECONDS = 20


class ServerError(Exception):
    """A server did not start; the message is one line for the user."""


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(name: str, command: Sequence[str], log: Path, ready: Callable[[], bool], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The server while it is needed. Raises ServerError where it ends by itself or is not `ready` in time."""
    with log.open("wb") as output:
        process = subprocess.Popen(list(command), stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)  # noqa: S603 - no shell
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and not ready():
            if time.monotonic() > deadline:
                raise ServerError(f"{name} was not ready within {START_SECONDS} s: {_last_line(log)}")
            time.sleep(0.05)
        if process.poll() is not None:
            raise ServerError(f"{name} did not start: {_last_line(log)}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "no message"
