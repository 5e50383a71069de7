"""Starts the shipped reference simulator as a process of its own, on a free loopback port with fresh stores, and stops it afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from zdr_audit.run.nursery import Process, start_simulator

START_SECONDS = 60


class LaunchError(Exception):
    """The simulator did not start; the message is one line for the user."""


class LaunchedSimulator:
    """Context manager. `base_url` and `data_dir` are set once it accepts connections."""

    def __init__(self, violations: Sequence[str] = (), variants: Sequence[str] = ()) -> None:
        self._violations, self._variants = tuple(violations), tuple(variants)
        self._folder = tempfile.TemporaryDirectory(prefix="zdr-audit-simulator-")
        self._process: Process | None = None
        self.base_url = ""
        self.data_dir = Path(self._folder.name) / "data"

    def __enter__(self) -> Self:
        arguments = ["--port", "0", "--operator", "--data-dir", str(self.data_dir)]
        for violation in self._violations:
            arguments += ["--violation", violation]
        for variant in self._variants:
            arguments += ["--variant", variant]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        self._process = start_simulator(arguments, environment, self._folder.name)
        try:
            self.base_url = self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait(self) -> str:
        process = self._process
        assert process is not None and process.stdout is not None and process.stderr is not None
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        try:
            said = json.loads(line)
        except ValueError:
            process.kill()
            said = process.stderr.read().strip().splitlines()
            raise LaunchError(f"the reference simulator did not start: {said[-1] if said else 'no message'}") from None
        # What it prints later must not fill the pipes and stop it.
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=stream.read, daemon=True).start()
        return str(said["base_url"])

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()
