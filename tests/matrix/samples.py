"""Seeds, reports and matrices made up for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zdr_audit.matrix.model import Attempt, Harmless, Killer, Matrix, NotRun
from zdr_audit.violations import Variant, Violation

FINDING = {"source": "log", "object": "app.jsonl", "location": "line 3", "request": "i-00001", "message": "kept"}


def violation(id: str = "ret-x", **more: Any) -> Violation:
    fields = {"title": "Keeps it", "mechanism": "Somehow", "code": "retention:keep", "controls": ("ZDR-RET-01",)}
    return Violation(id=id, **(fields | more))


def variant(id: str = "ben-x", **more: Any) -> Variant:
    return Variant(id=id, **({"title": "Differs", "mechanism": "It may", "code": "answers:other_ids"} | more))


Findings = list[dict[str, Any]]


def report(folder: Path, verdicts: dict[str, str], *, findings: Findings | dict[str, Findings] | None = None, sanity: bool = True) -> Path:
    """A report with these verdicts; each failed control has the findings, or those that are its own."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [FINDING] if findings is None else findings
    data = {
        "controls": [
            {
                "id": name,
                "verdict": verdict,
                "reason": "so",
                "findings": (found.get(name, []) if isinstance(found, dict) else found) if verdict == "fail" else [],
            }
            for name, verdict in verdicts.items()
        ],
        "sanity": [{"when": "first", "ok": True, "detail": ""}, {"when": "last", "ok": sanity, "detail": "" if sanity else "gone"}],
    }
    (folder / "report.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


def matrix(**more: Any) -> Matrix:
    """A good matrix of one violation and one variant."""
    fields: dict[str, Any] = {
        "violations": (Attempt(id="ret-x", title="Keeps it", mechanism="Somehow", controls=("ZDR-RET-01",), killed=True),),
        "benign": (Harmless(id="ben-x", title="Differs", mechanism="It may", green=True),),
        "not_run": (NotRun(id="ret-server", needs=("servers",)),),
        "controls": (Killer(id="ZDR-RET-01", title="Nothing is kept", violations=("ret-x",)),),
        "whole": True,
        "seed": 1,
        "depth": "quick",
        "version": "0.0",
        "seconds": 9,
    }
    return Matrix(**(fields | more))
