"""Starts the parlour, and audits it by the command's own way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zdr_audit.run.cli_run import run_suites

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class House:
    """A parlour that is open: where it is and where it keeps what it keeps."""

    base_url: str
    home: Path


@contextmanager
def opened(home: Path, mode: str) -> Iterator[House]:
    process = subprocess.Popen([sys.executable, str(HERE / "parlour.py"), "0", str(home), mode], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield House(f"http://127.0.0.1:{int(process.stdout.readline())}", home)
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def parlour(tmp_path: Path) -> Iterator[Callable[[str], House]]:
    """Opens a parlour of a mode, with a folder of its own."""
    with ExitStack() as stack:
        yield lambda mode: stack.enter_context(opened(tmp_path / mode, mode))


@dataclass(frozen=True)
class Outcome:
    status: int
    report: dict[str, Any]

    def verdicts(self) -> dict[str, str]:
        return {c["id"]: c["verdict"] for c in self.report["controls"] if c["reason"] != "not selected for this run"}

    def control(self, control_id: str) -> dict[str, Any]:
        return next(c for c in self.report["controls"] if c["id"] == control_id)


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Audit at quick depth with a profile of this folder; its variables are given by name."""

    def run(profile: Path, controls: str, **variables: str | Path) -> Outcome:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.chdir(tmp_path)
        folder = tmp_path / "report"
        status = run_suites(["--target", str(profile), "--report-dir", str(folder), "--depth", "quick", "--controls", controls], folder)
        return Outcome(status, json.loads((folder / "report.json").read_text(encoding="utf-8")))

    return run
