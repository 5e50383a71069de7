"""One audit of a matrix, in a process of its own."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

SAID = "said.txt"
REPORT = "report.json"
JOURNAL = "journal.sqlite"


@dataclass(frozen=True)
class Job:
    """What an audit needs: everything about it lies in `folder` afterwards. `record` is the folder of an earlier one, whose journal is checked again in its
    place: nothing is sent."""

    folder: Path
    target: Path
    violations: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    seed: int = 1
    depth: str = "quick"
    environment: tuple[tuple[str, str], ...] = ()
    record: Path | None = None

    def arguments(self) -> list[str]:
        words = ["--target", str(self.target), "--report-dir", str(self.folder), "--depth", self.depth, "--seed", str(self.seed)]
        words += ["--format", REPORT, "--no-minimise"]
        words += [word for name in self.violations for word in ("--violation", name)]
        words += [word for name in self.variants for word in ("--variant", name)]
        words += ["--journal", str(self.folder / JOURNAL)] if self.record else []
        return [*words, *(["--controls", ",".join(self.controls)] if self.controls else [])]


def audit(job: Job) -> None:
    """Runs the audit, with what it says in a file, and ends this process with its status."""
    from zdr_audit.run.cli_run import run_suites

    job.folder.mkdir(parents=True, exist_ok=True)
    with (job.folder / SAID).open("wb") as said:
        for number in (1, 2):
            os.dup2(said.fileno(), number)
    os.environ.update(job.environment)
    if job.record is not None:
        shutil.copyfile(job.record / JOURNAL, job.folder / JOURNAL)
    sys.exit(run_suites(job.arguments(), job.folder))
