"""Waivers given to a run: refused before anything is sent where malformed, else in the report beside the true verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from zdr_audit.cli import main

WAIVER = """[[waiver]]
control = "{control}"
owner = "J. Doe"
reason = "known"
expires = 2999-01-01T00:00:00Z
"""


def test_a_malformed_waiver_stops_a_run_before_anything_is_sent(tmp_path: Path) -> None:
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER.format(control="ZDR-ADM-02").replace("Z\n", "\n"))
    done = CliRunner().invoke(main, ["run", "--target", "simulator", "--report-dir", str(tmp_path / "out"), "--waivers", str(waivers)])
    assert (done.exit_code, "expires: must be a date-time in UTC" in done.output) == (2, True)
    assert not (tmp_path / "out").exists()


def test_an_unused_waiver_makes_a_clean_run_non_compliant(tmp_path: Path) -> None:
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER.format(control="ZDR-ADM-02"))
    words = ["run", "--target", "simulator", "--depth", "quick", "--controls", "ZDR-ADM-02", "--report-dir", str(tmp_path / "out")]
    program = "from zdr_audit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *words, "--waivers", str(waivers)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["summary"]["reasons"] == ["the waiver of ZDR-ADM-02 by J. Doe is unused: there is nothing to waive"]
    assert f"--waivers {waivers} " in report["run"]["command"]
