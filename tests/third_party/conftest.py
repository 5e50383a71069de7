"""The servers of a session: each configuration started once, before one upstream that keeps nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .servers import Running, mitmproxy, mlflow_gateway, upstream


@dataclass(frozen=True)
class Outcome:
    status: int
    report: dict[str, Any]

    def verdicts(self) -> dict[str, str]:
        return {c["id"]: c["verdict"] for c in self.report["controls"]}

    def control(self, control_id: str) -> dict[str, Any]:
        return next(c for c in self.report["controls"] if c["id"] == control_id)

    def places(self, control_id: str, source: str) -> set[str]:
        """Table and column, or file, of a control's findings in a source."""
        found = [f for f in self.control(control_id)["findings"] if f["source"] == source]
        return {f"{f['object']}.{f['location'].split('column ')[1]}" if "column " in f["location"] else f["object"] for f in found}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """A server by its configuration; each is started when it is first asked for."""
    folder = tmp_path_factory.mktemp("servers")
    running: dict[str, Running] = {}
    with ExitStack() as stack:
        provider = stack.enter_context(upstream(folder / "upstream")).base_url
        starts = {
            "mlflow, tracking on": lambda home: mlflow_gateway(home, provider, usage_tracking=True),
            "mlflow, tracking off": lambda home: mlflow_gateway(home, provider, usage_tracking=False),
            "mlflow, tracking off, no traces": lambda home: mlflow_gateway(home, provider, usage_tracking=False, sampled=False),
            "mitmproxy, recording": lambda home: mitmproxy(home, provider, records=True),
            "mitmproxy": lambda home: mitmproxy(home, provider, records=False),
        }

        def get(name: str) -> Running:
            if name not in running:
                running[name] = stack.enter_context(starts[name](folder / name.replace(", ", "-").replace(" ", "-")))
            return running[name]

        yield get


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., Outcome]:
    """Audit with a shipped profile at quick depth; `prefix` is that of the profile's variables."""

    def run(profile: str, prefix: str, subject: Running, twin: Running) -> Outcome:
        places = {"URL": subject.base_url, "HOME": str(subject.home), "TWIN_URL": twin.base_url, "TWIN_HOME": str(twin.home)}
        environment = os.environ | {f"{prefix}_{name}": value for name, value in places.items()}
        start = "from zdr_audit.cli import main; main()"
        command = [sys.executable, "-c", start, "run", "--target", profile, "--depth", "quick", "--report-dir", str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1, 3), done.stderr
        return Outcome(done.returncode, json.loads((tmp_path / "report.json").read_text(encoding="utf-8")))

    return run
