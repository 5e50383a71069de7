"""Running the real audit against a simulator with one seeded violation, and reading its report."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.resources import fixtures
from zdr_audit.violations import Violation

PROFILE = fixtures() / "targets" / "simulator.toml"
SETTLE_SECONDS = 0.2
LONGEST_SECONDS = 400
# Checked by generated requests, which take a quarter of an audit's time: the default run asks for them only where the violation names them.
GENERATED = {"ZDR-CON-01", "ZDR-CON-02"}
# How many of a family's violations the default run takes; the environment variable ZDR_AUDIT_VIOLATIONS=all takes all of all families.
SHARE = {"ret": 2, "blk": 2}
SHARE_OF_OTHERS = 1


def family(violation: Violation) -> str:
    return violation.id.split("-", 1)[0]


def alone(violations: Iterable[Violation]) -> list[Violation]:
    """Those that show on one node over files."""
    return [item for item in violations if not item.needs]


def sample(violations: Iterable[Violation]) -> list[Violation]:
    """A subset by rule: as many of each family as its share, evenly spread over the family in id order."""
    families: dict[str, list[Violation]] = {}
    for item in alone(violations):
        families.setdefault(family(item), []).append(item)
    chosen = []
    for name, items in families.items():
        share = min(len(items), SHARE.get(name, SHARE_OF_OTHERS))
        chosen += [items[(number + 1) * len(items) // share - 1] for number in range(share)]
    return chosen


def controls_for(violation: Violation) -> list[str]:
    """The controls that the default run selects for a violation: all but those on generated requests, unless it names one of them."""
    named = any(fnmatch.fnmatchcase(name, glob) for name in GENERATED for glob in (*violation.controls, *violation.related))
    return [control.id for control in load_catalogue().controls if named or control.id not in GENERATED]


def quick_profile(folder: Path) -> Path:
    """A copy of the shipped profile that waits less for the target to settle."""
    text, replaced = re.subn(r"(?m)^settle_seconds = .*$", f"settle_seconds = {SETTLE_SECONDS}", PROFILE.read_text(encoding="utf-8"))
    assert replaced == 1, "the shipped profile says once how long to let the target settle"
    place = folder / "simulator-quick.toml"
    place.write_text(text, encoding="utf-8")
    return place


@dataclass(frozen=True)
class Run:
    """One finished audit: exit status, what it printed, and its report (empty where none was written)."""

    status: int
    said: str
    report: dict[str, Any]

    @property
    def controls(self) -> dict[str, dict[str, Any]]:
        return {control["id"]: control for control in self.report.get("controls", ())}

    @property
    def failed(self) -> list[str]:
        return [name for name, control in self.controls.items() if control["verdict"] == "fail"]

    def unrelated(self, violation: Violation) -> list[str]:
        """Controls that failed although the violation breaks nothing of what they promise."""
        expected = (*violation.controls, *violation.related)
        return [name for name in self.failed if not any(fnmatch.fnmatchcase(name, glob) for glob in expected)]

    def told(self) -> str:
        """Every control that did not pass, with its reason, for the message of a failed test."""
        lines = [f"{name} {c['verdict']}: {c['reason']}" for name, c in self.controls.items() if c["verdict"] not in {"pass", "not_tested"}]
        lines += [f"sanity probe {probe['when']}: {probe['detail']}" for probe in self.report.get("sanity", ()) if not probe["ok"]]
        return f"exit status {self.status}\n" + ("\n".join(lines) if self.report else self.said[-2000:])


def audit(target: Path, folder: Path, violation: Violation | None = None, controls: Iterable[str] = ()) -> Run:
    """The command line as a user calls it, in a process of its own; its report goes to `folder`. No `controls` means all."""
    words = ["run", "--target", str(target), "--depth", "quick", "--report-dir", str(folder)]
    words += ["--violation", violation.id] if violation else []
    words += ["--controls", ",".join(controls)] if controls else []
    command = [sys.executable, "-c", "from zdr_audit.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False, stdin=subprocess.DEVNULL)
    report = folder / "report.json"
    return Run(done.returncode, done.stdout + done.stderr, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {})
