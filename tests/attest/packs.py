"""A small pack: a catalogue of two controls, a journal written event by event, its report as JSON alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from zdr_audit.attest import remake
from zdr_audit.attest.manifest import JOURNAL
from zdr_audit.attest.seal import seal
from zdr_audit.catalogue.model import Catalogue, Control, PolicyStatement
from zdr_audit.evidence.model import Frozen
from zdr_audit.journal.events import Checked, FindingSeen, Interaction, RunEnded, RunStarted, SanityProbed, ScenarioEnded
from zdr_audit.journal.store import Journal
from zdr_audit.report import json_report
from zdr_audit.report.model import Report
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge

SERVED, REFUSED = "ZDR-CON-01", "ZDR-CON-02"


def control(control_id: str) -> Control:
    return Control.model_validate(
        {
            "id": control_id,
            "title": "Answers keep to the interface",
            "statement": "Each answer is as the interface says.",
            "policy": ("intro.one",),
            "severity": "high",
            "method": "test",
            "minimum_accepted": 1,
            "evidence": ("answers",),
            "remediation": "Mend the answer.",
        }
    )


CATALOGUE = Catalogue(
    edition="2026-11",
    source="the policy",
    statements=(PolicyStatement(id="intro.one", section="Introduction", paraphrase="One sentence."),),
    controls=(control(SERVED), control(REFUSED)),
    frameworks=(),
    digest="2e" * 32,
)


def started(**changes: object) -> RunStarted:
    fields: dict[str, object] = {
        "id": "run-1",
        "version": "0.1.0",
        "target": "a target",
        "base_url": "http://127.0.0.1:1",
        "platform": "direct",
        "enforcement": "backend",
        "organizations": {"subject": "org-subject", "control": "org-control"},
        "profile_digest": "1f" * 32,
        "catalogue_digest": CATALOGUE.digest,
        "policy_edition": "2026-11",
        "seed": 1,
        "depth": "quick",
        "selection": "all",
        "selected": (SERVED, REFUSED),
        "unavailable": {},
        "without_means": {},
        "sources": {},
        "settle_seconds": 0.0,
        "clock_tolerance_seconds": 1.0,
        "command": "zdr-audit run --target a",
        "literal": "abcdefghij",
        "key": "00",
        "started_at": "2026-11-23T09:00:00Z",
    }
    return RunStarted.model_validate(fields | changes)


def interaction(**changes: object) -> Interaction:
    fields: dict[str, object] = {
        "id": "i-0001",
        "scenario": "one",
        "step": "ask",
        "epoch": "main",
        "actor": "subject.member",
        "role": "member",
        "organization": "subject",
        "organization_id": "org-subject",
        "operation": "messages.create",
        "method": "POST",
        "path": "/v1/messages",
        "model": "a-model",
        "status": 200,
        "outcome": "accepted",
        "accepted": True,
        "counts": True,
        "pair": None,
        "content": "none",
        "error": "",
        "request_id": "req_1",
        "request_bytes": 10,
        "answer_bytes": 10,
        "started_at": "2026-11-23T09:00:01Z",
        "ended_at": "2026-11-23T09:00:02Z",
        "labels": {},
        "data": None,
        "echoes": (),
        "canaries": (),
    }
    return Interaction.model_validate(fields | changes)


def checked(control_id: str, outcome: str = "holds", findings: tuple[FindingSeen, ...] = (), message: str = "") -> Checked:
    return Checked.model_validate(
        {
            "nodeid": f"suites/test_one.py::test_{control_id}",
            "control": control_id,
            "title": "a test",
            "after": ("one",),
            "epochs": ("main",),
            "counting": "",
            "outcome": outcome,
            "message": message or ("" if outcome == "holds" else f"the check says {outcome}"),
            "findings": findings,
        }
    )


def finding(**changes: object) -> FindingSeen:
    fields: dict[str, object] = {
        "source": "answers",
        "object": "POST /v1/messages",
        "location": "status 200",
        "message": "it must be refused",
    }
    return FindingSeen.model_validate(fields | {"interaction": "i-0001"} | changes)


def events(*checks: Checked, **changes: object) -> list[Frozen]:
    """A whole run with these checks; `changes` go to its first event."""
    return [
        started(**changes),
        SanityProbed(when="first", ok=True, detail="served", at="2026-11-23T09:00:00Z"),
        interaction(),
        ScenarioEnded(name="one"),
        SanityProbed(when="last", ok=True, detail="served", at="2026-11-23T09:00:03Z"),
        *(checks or (checked(SERVED), checked(REFUSED))),
        RunEnded(ended_at="2026-11-23T09:00:04Z"),
    ]


def write_journal(folder: Path, written: list[Frozen]) -> Path:
    """A journal in small pages, so that a test can look at each of its bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / JOURNAL)) as db:
        db.executescript("PRAGMA page_size=512; VACUUM")
    with Journal(folder / JOURNAL) as journal:
        for event in written:
            journal.append(event)
    return folder / JOURNAL


def judged(*checks: Checked, **changes: object) -> Report:
    """The report of such a run, without a journal file."""
    return judge(History(events(*checks, **changes)), CATALOGUE, "3d" * 32)


def write_pack(folder: Path, *checks: Checked, signer: object = None, written: list[Frozen] | None = None, **changes: object) -> Path:
    """Journal (of the `written` events, where given), report.json and manifest, with an attestation where a signer is given."""
    journal = write_journal(folder, written or events(*checks, **changes))
    report = remake.rejudge(journal, CATALOGUE)
    (folder / "report.json").write_bytes(json_report.render(report).encode())
    seal(report, folder, [JOURNAL, "report.json"], signer)  # type: ignore[arg-type]
    return folder
