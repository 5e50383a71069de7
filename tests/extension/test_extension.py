"""A package adds a dialect, a reader and a form by entry points alone: it is put on the path, nothing of ours names it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from foreign.conftest import HERE as FOREIGN
from foreign.conftest import opened

PACKAGE = Path(__file__).resolve().parent / "package"
MAIN = "from zdr_audit.cli import main; main()"
FORM = """
from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker, searched_forms
literal = new_literal()
canary, registry = Mint(literal).new(), Registry(literal, b"key")
registry.add("c-1", canary)
stored = b"left " + bytes(code + 3 for code in canary.encode()) + b" right"
print([(s.canary, s.forms) for s in Seeker(literal, registry.identify).search(stored)], "shifted" in searched_forms())
"""


def run(*words: str, extended: bool = True, folder: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables | ({"PYTHONPATH": str(PACKAGE)} if extended else {})
    return subprocess.run([sys.executable, "-c", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    text = (FOREIGN / "parlour.toml").read_text(encoding="utf-8").replace('dialect = "generic-json"', 'dialect = "parlour"')
    start, end = text.index("[generic]"), text.index("[limits]")
    head = (text[:start] + text[end:]).split("[[evidence]]")[0]
    path = tmp_path / "extended.toml"
    path.write_text(
        f'{head}[[evidence]]\nid = "diary"\nkind = "extension"\nwhat = "diary"\nreader = "diary"\noptions = {{ folder = "{tmp_path}/home/diary" }}\n'
    )
    return path


def test_a_run_uses_the_dialect_and_the_reader_that_a_package_adds(profile, tmp_path):
    with opened(tmp_path / "home", "remember") as house:
        arguments = ["run", "--target", str(profile), "--depth", "quick", "--report-dir", "report"]
        arguments += ["--controls", "ZDR-RET-01,ZDR-RET-03,ZDR-RET-19"]
        done = run(MAIN, *arguments, folder=tmp_path, PARLOUR=house.base_url)
    assert done.returncode == 1, done.stderr
    controls = {c["id"]: c for c in json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))["controls"]}
    assert (controls["ZDR-RET-01"]["verdict"], controls["ZDR-RET-03"]["verdict"]) == ("fail", "not_applicable")
    assert {(f["source"], f["object"]) for f in controls["ZDR-RET-01"]["findings"]} == {("diary", "quiet.txt")}
    assert controls["ZDR-RET-19"]["reason"].startswith("a store must not grow with the size of what is sent, but diary does: ")
    assert controls["ZDR-RET-03"]["reason"] == "the dialect parlour, as the profile describes it, has no stream in a request"


def test_without_the_package_the_profile_is_refused_in_a_line(profile, tmp_path):
    done = run(
        MAIN, "run", "--target", str(profile), "--report-dir", "report", extended=False, folder=tmp_path, PARLOUR="http://127.0.0.1:9"
    )
    assert (done.returncode, (tmp_path / "report").exists()) == (2, False)
    assert "evidence.0.reader: no installed package adds 'diary' (added: none)" in done.stderr


def test_a_package_that_does_not_load_is_refused_in_a_line(profile, tmp_path):
    broken = tmp_path / "broken" / "broken-1.0.dist-info"
    broken.mkdir(parents=True)
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[zdr_audit.forms]\nlost = no_such_module_anywhere:FORM\n")
    where = {"PARLOUR": "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path / "broken")}
    done = run(MAIN, "run", "--target", str(profile), "--report-dir", "report", extended=False, folder=tmp_path, **where)
    assert (done.returncode, (tmp_path / "report").exists()) == (2, False)
    assert "the extension 'lost' (no_such_module_anywhere:FORM) cannot be loaded: ModuleNotFoundError" in done.stderr


def test_a_form_that_a_package_adds_is_searched_for():
    assert run(FORM).stdout.strip() == "[('c-1', ('shifted', 'plain'))] True"
    assert run(FORM, extended=False).stdout.strip() == "[] False"
