"""Processes of the simulator from a warm one: started in a fraction of the time, and otherwise just as those that are started from scratch."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

VARIABLE = "ZDR_AUDIT_NURSERY"
"""The environment variable that names the warm process's socket; unset, every simulator is started from scratch."""
SIMULATOR = "zdr_audit.simulator"


class Process(Protocol):
    """What is used of a started simulator; `subprocess.Popen` has it too."""

    pid: int

    @property
    def stdout(self) -> IO[str] | None: ...
    @property
    def stderr(self) -> IO[str] | None: ...
    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class WarmProcess:
    """A simulator forked from the warm process. It ends when this object's connection closes, at the latest with this process."""

    def __init__(self, place: str, arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
        request = json.dumps({"arguments": list(arguments), "environment": dict(environment), "folder": folder}) + "\n"
        outputs = [os.pipe(), os.pipe()]
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.connect(place)
            socket.send_fds(self._connection, [request.encode()], [write for _, write in outputs])
            self.pid = int(self._connection.makefile("r").readline() or 0)
        except BaseException:
            self._connection.close()
            for read, _ in outputs:
                os.close(read)
            raise
        finally:
            for _, write in outputs:
                os.close(write)
        self.stdout: IO[str] | None
        self.stderr: IO[str] | None
        self.stdout, self.stderr = (os.fdopen(read) for read, _ in outputs)

    def poll(self) -> int | None:
        """0 once the process is gone, whatever its status was; None as long as it runs."""
        ready, _, _ = select.select([self._connection], [], [], 0)
        return 0 if ready or not self.pid else None

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """0 when the process has gone. Raises TimeoutExpired."""
        ready, _, _ = select.select([self._connection], [], [], timeout)
        if not ready:
            raise subprocess.TimeoutExpired("simulator", timeout or 0)
        return 0


def start_simulator(arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> Process:
    """The simulator with these arguments as a process of its own, with pipes for what it says."""
    place = os.environ.get(VARIABLE)
    if place:
        return WarmProcess(place, arguments, environment, folder)
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", SIMULATOR, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(environment),
        cwd=folder,
    )


class Nursery:
    """The warm process itself. Context manager; `place` is its socket. Only where there is `fork`."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="zdr-audit-nursery-")
        self.place = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", f"{SIMULATOR}.nursery", self.place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            self.__exit__(None, None, None)
            raise OSError("the warm simulator process did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()
