"""`--timestamp` and `--baseline` under plain pytest, which `zdr-audit run` has of its own: checked before anything is sent, done after the report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zdr_audit.run.afterwards import Afterwards

CHECKOUT = Path(__file__).resolve().parents[2]


def plain_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "suites", "--target", "simulator", "--depth", "quick"]
    command += ["--controls", "ZDR-ADM-01", "--report-dir", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT, timeout=300)


@pytest.mark.parametrize(
    ("timestamp", "baseline", "attested", "words"),
    [
        ("ftp://stamps.example", None, True, "not an http or https address"),
        ("http://127.0.0.1:9/tsa", None, False, "--timestamp needs --attest-key"),
        (None, "no-such-folder", False, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_sent(timestamp, baseline, attested, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        Afterwards.asked(timestamp, str(tmp_path / baseline) if baseline else None, attested=attested)


def test_a_token_that_is_not_there_is_said_before_anything_is_sent():
    with pytest.raises(ValueError, match="no identity token: environment variable NO_SUCH_TOKEN is not set"):
        Afterwards.asked(None, None, attested=False, sigstore=(True, None, "NO_SUCH_TOKEN"))


def test_a_run_is_held_against_its_baseline(tmp_path):
    """The published sample looked at every control, this run at one: that is worse, whatever the run itself found."""
    run = plain_pytest(tmp_path / "report", "--baseline", str(CHECKOUT / "reports" / "sample" / "compliant"))
    assert json.loads((tmp_path / "report" / "report.json").read_text())["summary"]["status"] == "compliant"
    assert run.returncode == 1, run.stdout[-2000:]
    assert "Controls that vanished" in run.stdout or "Verdicts that changed" in run.stdout
