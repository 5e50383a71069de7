"""A run that is killed with SIGKILL, and goes on; against a simulator that lives longer than both."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# A shell's background jobs are deaf to Ctrl-C, and so are their children, unless they say otherwise.
_HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = [sys.executable, "-c", f"{_HEARS}; from zdr_audit.cli import main; main()"]
# Each kind of scenario: stimuli alone, organizations made for the run, features, failures that are asked for, growth, the late epoch.
FEW = "ZDR-RET-01,ZDR-RET-10,ZDR-ENB-02,ZDR-EXC-02"
CONTROLS = "ZDR-RET-01,ZDR-RET-03,ZDR-RET-10,ZDR-RET-13,ZDR-RET-17,ZDR-BLK-0*,ZDR-ENB-0*,ZDR-SCP-0*,ZDR-EXC-0*,ZDR-AUD-0*,ZDR-ADM-0*"


@contextmanager
def simulator(home: Path, *options: str) -> Iterator[dict[str, str]]:
    """A simulator with fresh stores: what the environment of a run against it needs, and its address as ZDR_URL."""
    command = [sys.executable, "-m", "zdr_audit.simulator", "--port", "0", "--operator", "--data-dir", str(home / "data"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield {"ZDR_URL": json.loads(process.stdout.readline())["base_url"], "ZDR_SIM_DATA": str(home / "data")}
        finally:
            process.terminate()


def start(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *words],
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_words(environment: dict[str, str], profile: Path, folder: Path, controls: str = CONTROLS) -> list[str]:
    words = ["run", "--target", str(profile), "--base-url", environment["ZDR_URL"], "--depth", "quick", "--controls", controls]
    return [*words, "--report-dir", str(folder)]


def resuming(environment: dict[str, str], profile: Path, folder: Path) -> list[str]:
    return ["run", "--resume", str(folder), "--target", str(profile), "--base-url", environment["ZDR_URL"]]


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=600)
    return process.returncode, out + err


def length(folder: Path) -> int:
    """How many events the journal has, while it is being written."""
    try:
        with sqlite3.connect(f"{(folder / 'journal.sqlite').resolve().as_uri()}?mode=ro", uri=True) as database:
            return int(database.execute("SELECT COALESCE(MAX(sequence), 0) FROM events").fetchone()[0])
    except sqlite3.Error:
        return 0


def stop_at(process: subprocess.Popen[str], folder: Path, events: int, how: signal.Signals = signal.SIGKILL) -> bool:
    """Send the signal once the journal has that many events. False where the process ended before."""
    while process.poll() is None:
        if length(folder) >= events:
            process.send_signal(how)
            process.wait(600)
            return how is not signal.SIGKILL or process.returncode == -signal.SIGKILL
        time.sleep(0.002)
    return False


def verdicts(folder: Path) -> dict[str, str]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return {c["id"]: c["verdict"] for c in report["controls"] if c["verdict"] != "not_tested"}
