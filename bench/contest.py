"""Contenders on the same tree, in turn, round after round: what counts is the ratio of their best times, which a drifting machine disturbs least."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_ROOT = Path(__file__).parent.parent


@dataclass
class Outcome:
    """What a contender needed: seconds by the clock and of processors, MiB at most (0: not measured). What it found, and could not examine."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: float = 0.0
    found: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> float:
        """The least time by the clock of any round."""
        return min(self.seconds)

    def ratio(self, other: Outcome) -> float:
        """How often the other's time this one needed."""
        return self.best / other.best

    def work(self, other: Outcome) -> float:
        """The same for processor time, which other work on the machine disturbs less."""
        return min(self.cpu) / max(min(other.cpu), 0.001)


def worker(engine: str, folder: Path, literal: str, canaries: int = 1) -> list[str]:
    """The command that runs one of `bench.worker`'s engines."""
    return [sys.executable, "-m", "bench.worker", engine, str(folder), literal, "--canaries", str(canaries)]


def ripgrep(folder: Path, patterns: list[bytes], *options: str, threads: int = 2) -> list[str]:
    """The command that lists the files in which ripgrep finds one of the patterns, as bytes, in whatever kind of file."""
    program = shutil.which("rg") or str(Path(sys.executable).with_name("rg"))
    given = [part for pattern in patterns for part in ("-e", pattern.decode("latin-1"))]
    return [program, "-a", "-l", "--no-unicode", "--no-ignore", "--hidden", "-j", str(threads), *options, *given, str(folder)]


def compete(contenders: dict[str, list[str]], rounds: int) -> dict[str, Outcome]:
    """Run each command so many times, in turn."""
    outcomes = {name: Outcome() for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            _run(command, outcomes[name])
    return outcomes


def _run(command: list[str], outcome: Outcome) -> None:
    quiet = None if "bench.worker" in command else subprocess.DEVNULL
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True, cwd=_ROOT) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    elapsed = time.perf_counter() - started
    if "bench.worker" in command:
        if process.returncode:
            raise RuntimeError(f"{command} ended with status {process.returncode}")
        report = json.loads(said)
        outcome.seconds.append(report["seconds"])  # without the start of the interpreter
        outcome.cpu.append(report["cpu"])
        outcome.peak = max(outcome.peak, report["peak"])
        outcome.found, outcome.notes = frozenset(report["found"]), tuple(report["notes"])
        return
    if process.returncode not in (0, 1, 2):  # found, nothing found, some file could not be decoded
        raise RuntimeError(f"{command[0]} ended with status {process.returncode}")
    outcome.seconds.append(elapsed)
    outcome.cpu.append(usage.ru_utime + usage.ru_stime)
    outcome.found = frozenset(Path(line).name for line in said.splitlines())


def spread(outcome: Outcome) -> str:
    """Best and median, for whoever wants to know how quiet the machine was."""
    return f"{outcome.best:.2f} s (median {median(outcome.seconds):.2f})"
