"""Runs the real suites, in this process, against a backend on paper: whole with all reports (`audited`), or the drive and the checks alone (`judged`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests_mock
from paper_backend import BASE_URL, CONTROLS, WITHOUT, PaperBackend, Spoil, profile

from suites.administration.test_administration import test_managed_settings_are_served_and_follow_the_admin as settings_check
from suites.blocked.test_features import test_feedback_is_refused as feedback_check
from suites.retention import unusual
from suites.retention.test_inference import test_answers_of_plain_requests_are_kept_nowhere as answers_check
from suites.retention.test_inference import test_prompts_of_plain_requests_are_kept_nowhere as retention_check
from zdr_audit import plugin
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.journal.events import Checked, RunStarted
from zdr_audit.journal.store import Journal
from zdr_audit.report import json_report
from zdr_audit.report.model import EXIT_STATUS
from zdr_audit.run.audit import JOURNAL, Audit
from zdr_audit.run.cli_run import run_suites
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.known_checks import known_checks
from zdr_audit.suite.outcomes import Inconclusive, Violated

CHECKS = dict(zip(CONTROLS, (retention_check, feedback_check, settings_check), strict=True)) | {"ZDR-RET-02": answers_check}


@dataclass(frozen=True)
class Outcome:
    """A finished run: exit status, report.json, what was written and printed by name, and the backend."""

    status: int
    report: dict[str, Any]
    written: dict[str, bytes]
    backend: PaperBackend

    def verdicts(self) -> dict[str, str]:
        return {c["id"]: c["verdict"] for c in self.report["controls"] if c["id"] in CONTROLS}

    def control(self, control_id: str) -> dict[str, Any]:
        return next(c for c in self.report["controls"] if c["id"] == control_id)


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _bodies_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about how long a request takes."""
    monkeypatch.setattr(unusual, "SLOW_BODY", 0.0)


@pytest.fixture
def judged(tmp_path: Path) -> Run:
    """Drive the scenarios of the three controls and check them, as the plug-in does, without pytest and without rendered reports."""

    def run(spoil: Spoil | None = None, controls: tuple[str, ...] = CONTROLS, give_up: bool = False, **limits: object) -> Outcome:
        backend = PaperBackend(tmp_path, spoil)
        options = Options(
            target=str(profile(tmp_path, **limits)),
            base_url=BASE_URL,
            report_dir=tmp_path / "report",
            controls=controls,
            depth="quick",
            resume=give_up,
            give_up=give_up,
        )
        catalogue = load_catalogue()
        audit = Audit(options, catalogue, select(catalogue, controls), Reporter(), {})
        try:
            audit.open()
            with requests_mock.Mocker() as mocker:
                backend.mount(mocker)
                marks = {control: CHECKS[control].pytestmark[0].args for control in controls}
                audit.drive({s.name: s for _, scenarios, *_ in marks.values() for s in scenarios}.values())
            history = audit.history()
            for control, (_, scenarios, epochs, counting, *_) in marks.items():
                after = tuple(s.name for s in scenarios)
                said: dict[str, Any] = {"outcome": "holds", "message": ""}
                try:
                    CHECKS[control](Expect(history, audit.profile, control, after, epochs))
                except Violated as exc:
                    said = {"outcome": "violated", "message": str(exc), "findings": exc.findings}
                except Inconclusive as exc:
                    said = {"outcome": "inconclusive", "message": str(exc)}
                except Exception as exc:
                    said = {"outcome": "inconclusive", "message": f"the check broke: {type(exc).__name__}: {exc}"}
                audit.record(Checked(nodeid=control, control=control, title=control, after=after, epochs=epochs, counting=counting, **said))
            report = audit.close()
        finally:
            audit.stop()
        text = json_report.render(report)
        outcome = Outcome(
            EXIT_STATUS[report.summary.status], json.loads(text), {"report.json": text.encode()} | _files(tmp_path / "report"), backend
        )
        _is_sound(outcome, tmp_path / "report")
        return outcome

    return run


@pytest.fixture
def audited(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same by the command's own way: the suites under pytest, all reports written, the closing words printed."""

    def run(spoil: Spoil | None = None, controls: tuple[str, ...] = CONTROLS, all_known: bool = False, **limits: object) -> Outcome:
        monkeypatch.chdir(tmp_path)
        if not all_known:  # what the backend on paper is too simple for is no check of these runs
            monkeypatch.setattr(plugin, "known_checks", lambda suites: _without(known_checks(suites)))
        backend = PaperBackend(tmp_path, spoil)
        folder = tmp_path / "report"
        arguments = [
            "--target",
            str(profile(tmp_path, **limits)),
            "--base-url",
            BASE_URL,
            "--report-dir",
            str(folder),
            "--depth",
            "quick",
            *WITHOUT,
        ]
        for control in controls:
            arguments += ["--controls", control]
        with requests_mock.Mocker() as mocker:
            backend.mount(mocker)
            status = run_suites(arguments, folder)
        printed = capfd.readouterr()
        written = _files(folder) | {"out": printed.out.encode(), "err": printed.err.encode()}
        outcome = Outcome(status, json.loads(written["report.json"]), written, backend)
        _is_sound(outcome, folder)
        return outcome

    return run


def _without(known: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {control: tuple(test for test in tests if not test.startswith(WITHOUT[1])) for control, tests in known.items()}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _is_sound(found: Outcome, folder: Path) -> None:
    """What holds for every run, whatever the target did."""
    assert found.status == EXIT_STATUS[found.report["summary"]["status"]]
    with Journal(folder / JOURNAL, read_only=True) as journal:
        assert journal.problems(found.report["run"]["journal_digest"]) == []
        literal = next(e.literal for e in journal.events() if isinstance(e, RunStarted)).encode()
    for name, content in found.written.items():
        assert b"sample-key-" not in content, f"a credential is in {name}"
        assert b"key-of-" not in content, f"a credential is in {name}"
        assert content.lower().count(literal) == (1 if name == JOURNAL else 0), f"a canary is in {name}"
        if name in ("report.json", "report.html", "junit.xml", "out", "err"):
            assert b"\x1b" not in content, f"a control character is in {name}"
            assert b"Traceback" not in content
