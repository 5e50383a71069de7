"""Runs the real suites, in this process, against a backend on paper."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests_mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from paper_backend import BASE_URL, CONTROLS, PaperBackend, Spoil, profile

from zdr_audit.journal.events import RunStarted
from zdr_audit.journal.store import Journal
from zdr_audit.report.model import EXIT_STATUS
from zdr_audit.run.cli_run import run_suites


@dataclass(frozen=True)
class Outcome:
    """A finished run: exit status, report.json, what was printed, the folder, and the backend."""

    status: int
    report: dict[str, Any]
    out: str
    err: str
    folder: Path
    backend: PaperBackend

    def verdicts(self) -> dict[str, str]:
        return {c["id"]: c["verdict"] for c in self.report["controls"] if c["id"] in CONTROLS}

    def control(self, control_id: str) -> dict[str, Any]:
        return next(c for c in self.report["controls"] if c["id"] == control_id)


Audited = Callable[..., Outcome]


@pytest.fixture
def audited(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Audited:
    """Audit the backend as spoilt by a function. `limits` go into the profile."""

    def run(spoil: Spoil | None = None, controls: tuple[str, ...] = CONTROLS, **limits: object) -> Outcome:
        monkeypatch.chdir(tmp_path)
        backend = PaperBackend(tmp_path, spoil)
        folder = tmp_path / "report"
        arguments = ["--target", str(profile(tmp_path, **limits)), "--base-url", BASE_URL, "--report-dir", str(folder), "--depth", "quick"]
        for control in controls:
            arguments += ["--controls", control]
        with requests_mock.Mocker() as mocker:
            backend.mount(mocker)
            status = run_suites(arguments, folder)
        printed = capfd.readouterr()
        outcome = Outcome(status, json.loads((folder / "report.json").read_text()), printed.out, printed.err, folder, backend)
        _is_sound(outcome)
        return outcome

    return run


def _is_sound(found: Outcome) -> None:
    """What holds for every run, whatever the target did."""
    assert found.status == EXIT_STATUS[found.report["summary"]["status"]]
    with Journal(found.folder / "journal.sqlite", read_only=True) as journal:
        assert journal.problems(found.report["run"]["journal_digest"]) == []
        literal = next(e.literal for e in journal.events() if isinstance(e, RunStarted))
    written = {path.name: path.read_bytes() for path in found.folder.iterdir()} | {"printed": (found.out + found.err).encode()}
    for name, content in written.items():
        assert b"sample-key-" not in content and b"key-of-" not in content, f"a credential is in {name}"
        assert b"\x1b" not in content, f"a control character is in {name}"
        assert content.lower().count(literal.encode()) == (1 if name == "journal.sqlite" else 0), f"a canary is in {name}"
    assert "Traceback" not in found.out + found.err
