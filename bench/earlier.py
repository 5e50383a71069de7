"""The suites of an earlier commit, as they were, held against the reference simulator of today with a seeded violation: `python -m bench.earlier COMMIT ID...`.

Prints a line of JSON for each: the verdicts. Without a violation (`-`) the earlier suites must pass, else what they miss says nothing. What is missed for real
stands in `fixtures/earlier_suites.toml`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from zdr_audit.run.launch import LaunchedSimulator

RUN = "from zdr_audit.cli import main; main()"


def unpacked(commit: str, folder: Path) -> Path:
    archive = subprocess.run(["git", "archive", commit], capture_output=True, check=True).stdout  # noqa: S603, S607 - git
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def verdicts(suites: Path, violation: str | None) -> dict[str, object]:
    """What the suites in that folder say of today's simulator."""
    with (
        tempfile.TemporaryDirectory(prefix="zdr-audit-earlier-") as scratch,
        LaunchedSimulator([violation] if violation else []) as simulator,
    ):
        words = ["--target", "simulator", "--base-url", simulator.base_url, "--depth", "quick", "--report-dir", scratch]
        environment = {**os.environ, "PYTHONPATH": str(suites), "ZDR_SIM_DATA": str(simulator.data_dir)}
        done = subprocess.run([sys.executable, "-c", RUN, "run", *words], cwd=suites, env=environment, capture_output=True, check=False)  # noqa: S603 - suites of this repository
        report = json.loads((Path(scratch) / "report.json").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for control in report["controls"]:
        found.setdefault(control["verdict"], []).append(control["id"])
    return {"violation": violation, "exit": done.returncode, "missed": set(found) == {"pass"}} | {
        k: v for k, v in found.items() if k != "pass"
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="zdr-audit-earlier-") as folder:
        suites = unpacked(sys.argv[1], Path(folder))
        for name in sys.argv[2:] or ["-"]:
            sys.stdout.write(json.dumps(verdicts(suites, None if name == "-" else name)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
