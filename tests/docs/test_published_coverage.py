"""The published table of policy sentences, controls, tests and violations is the true one, and nothing in it is orphaned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.violations import load_violations

CHECKOUT = Path(__file__).resolve().parents[2]


def printed(code: str) -> str:
    """What a fresh process prints: the suites are collected there, not in this pytest session."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_published_table_is_what_the_command_prints() -> None:
    table = printed("from zdr_audit.cli import main; main(['controls', '--coverage'])")
    assert (CHECKOUT / "docs" / "coverage.md").read_text() == table, "make it again: zdr-audit controls --coverage > docs/coverage.md"


def test_no_sentence_control_test_or_violation_is_orphaned() -> None:
    assert printed("from zdr_audit.run.coverage import problems; print('\\n'.join(problems()), end='')") == ""


def test_every_control_has_a_violation_that_it_must_catch() -> None:
    killed = {name for violation in load_violations() for name in violation.controls}
    assert sorted({c.id for c in load_catalogue().controls} - killed) == []
