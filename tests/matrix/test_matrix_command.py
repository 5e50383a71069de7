"""`zdr-audit violations --matrix` as a user calls it, in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from zdr_audit.cli import main
from zdr_audit.matrix.write import would_go, write

from .samples import matrix

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from zdr_audit.cli import main; main()", "violations"]


ONE = ["--matrix", "--only", "con-member-sets-limits", "--jobs", "1"]


def called(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *ONE, *words], capture_output=True, text=True, timeout=400, stdin=subprocess.DEVNULL, check=False)


def test_it_audits_judges_and_publishes_and_the_same_comes_of_checking_the_records_again(tmp_path):
    done = called("--out", str(tmp_path / "out"), "--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / "out" / "kill-matrix.json").read_text(encoding="utf-8"))
    (row,) = written["violations"]
    assert row["killed"] and row["controls"] == ["ZDR-CON-05"] and not row["collateral"]
    assert not written["whole"]
    assert "con-member-sets-limits" in (tmp_path / "out" / "kill-matrix.html").read_text(encoding="utf-8")

    record = tmp_path / "kept" / "con-member-sets-limits" / "journal.sqlite"
    before = record.read_bytes()
    done = called("--out", str(tmp_path / "again"), "--recheck", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stdout + done.stderr
    again = json.loads((tmp_path / "again" / "kill-matrix.json").read_text(encoding="utf-8"))
    assert again["violations"] == written["violations"]
    assert record.read_bytes() == before
    for wrong in (["--seed", "2"], ["--alone"]):
        done = called("--out", str(tmp_path / "none"), "--recheck", str(tmp_path / "kept"), *wrong)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--recheck: no record of" in done.stderr.splitlines()[-1]


def test_several_share_an_audit_and_each_is_told_of(tmp_path):
    words = ["--only", "adm-analytics-empty", "--only", "ben-extra-fields", "--only", "ben-policy-error-in-german", "--together"]
    done = called("--out", str(tmp_path / "out"), "--keep", str(tmp_path / "kept"), *words)
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / "out" / "kill-matrix.json").read_text(encoding="utf-8"))
    assert written["together"] and not written["whole"]
    assert {row["id"]: (row["killed"], row["beside"]) for row in written["violations"]} == {
        "adm-analytics-empty": (True, ["con-member-sets-limits"]),
        "con-member-sets-limits": (True, ["adm-analytics-empty"]),
    }
    assert {row["id"]: row["green"] for row in written["benign"]} == {"ben-extra-fields": True, "ben-policy-error-in-german": True}
    audits = sorted(place.parent.name for place in (tmp_path / "kept").glob("*/report.json"))
    assert audits == ["variants-01", "violations-01"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--matrix", "--only", "no-such-*"], "--only selects nothing by 'no-such-*'; it is given whole ids or patterns such as 'ret-*'"),
        (
            ["--matrix", "--only", "ret-*", "--only", "ben-gzip-answer"],
            "--only selects nothing by 'ben-gzip-answer'; close matches: ben-gzip-answers",
        ),
        (["--matrix", "--jobs", "0"], "--jobs"),
        (["--matrix", "--resume"], "--resume needs --keep"),
        (["--matrix", "--with", "luck"], "--with"),
        (["--matrix", "--recheck", "tests", "--keep", "tests"], "--recheck and --keep need folders of their own"),
        (["--matrix", "--recheck", "no-such-folder"], "'no-such-folder' does not exist"),
    ],
)
def test_bad_usage_is_refused(words, said):
    result = CliRunner().invoke(main, ["violations", *words])
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("words", "folder"), [([], "reports"), (["--alone"], "reports/alone"), (["--out", "reports/seed-2"], "reports/seed-2")]
)
def test_a_part_does_not_take_the_place_of_a_matrix_with_more_rows(words, folder, monkeypatch):
    monkeypatch.chdir(ROOT)
    before = (ROOT / folder / "kill-matrix.json").read_bytes()
    result = CliRunner().invoke(main, ["violations", "--matrix", "--only", "con-member-sets-limits", *words])
    assert result.exit_code == 2
    assert re.fullmatch(
        rf"zdr-audit: --only would throw away \d+ rows of the matrix in {folder}: .*\(--out\).*\(--update\)\n", result.output
    )
    assert (ROOT / folder / "kill-matrix.json").read_bytes() == before


def test_what_would_go_are_the_rows_that_are_not_made_again(tmp_path):
    published = matrix()
    write(published, tmp_path)
    rows = {row.id for row in (*published.violations, *published.benign)}
    assert would_go(tmp_path, rows) == 0
    assert would_go(tmp_path, {"another"}) == len(rows) > 0
    assert would_go(tmp_path / "nothing-there", {"another"}) == 0


def test_the_harmless_variants_are_listed():
    result = CliRunner().invoke(main, ["violations", "--benign"])
    assert result.exit_code == 0
    assert "ben-policy-error-in-german" in result.output


@pytest.mark.parametrize("word", ["--violation", "--variant"])
def test_seeds_go_with_a_simulator_that_is_started(word):
    result = CliRunner().invoke(main, ["run", "--target", "simulator", "--base-url", "http://127.0.0.1:1", word, "x"])
    assert result.exit_code == 2
    assert f"zdr-audit simulate {word} ID" in result.output
