"""Real audits of seeded violations: of each kind of leak the report names the smallest request, in every format that people read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CASES = [
    ("blk-body-spooled-before-the-gate", "ZDR-BLK-06", "(Files) with content in file; the target refused it (status 403), and kept the content all the same"),
    ("blk-odd-bodies-kept", "ZDR-BLK-19", "sent in another form ("),
    ("ret-answer-in-gzip-blob", "ZDR-RET-02", "one plain request whose answer alone holds content"),
    ("con-errors-echo-the-body", "ZDR-CON-03", "its content came back in the answer (status 4"),
]  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize(("violation", "control", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_leak_of_each_kind_is_reduced_and_reported(violation: str, control: str, said: str, tmp_path: Path) -> None:
    words = ["run", "--target", "simulator", "--depth", "quick", "--controls", control, "--violation", violation]
    program = "from zdr_audit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words, "--report-dir", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    reduced = [entry for entry in report["minimised"] if entry["outcome"] == "reduced" and said in entry["words"]]
    assert reduced and all(entry["smallest"] and entry["request"] for entry in reduced)
    failed = next(c for c in report["controls"] if c["id"] == control)
    named = {finding["minimised"] for finding in failed["findings"]}
    assert {entry["id"] for entry in reduced} & named
    assert any(entry["script"].startswith("#!/usr/bin/env bash") for entry in reduced)
    for name in ("report.html", "report.md", "junit.xml", "oscal-assessment-results.json"):
        assert "Sent by itself it leaked again" in (tmp_path / name).read_text(), name
    assert not any(
        left["operation"].startswith("feature:") and left["request"] in (r["request"] for r in reduced) for left in report["leftovers"]
    )
