"""Each control by itself: what is asked, what it comes to, and that it is not taken for a matrix with every control."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from zdr_audit import __version__
from zdr_audit.cli import main
from zdr_audit.matrix.asked import COMPLIANT, alone
from zdr_audit.matrix.cases import choose
from zdr_audit.matrix.judge import Result, attempt_alone, harmless_alone
from zdr_audit.matrix.model import Harmless
from zdr_audit.matrix.page import render
from zdr_audit.matrix.work import Job
from zdr_audit.matrix.write import MatrixError, brought_up

from .samples import matrix, report, variant, violation

TWO = violation(controls=("ZDR-RET-01", "ZDR-AUD-01"))


def _results(folder: Path, **verdicts: str) -> dict[str, Result]:
    named = {name.replace("_", "-"): verdict for name, verdict in verdicts.items()}
    return {name: Result(report(folder / name, {name: verdict})) for name, verdict in named.items()}


def test_a_violation_is_held_against_each_of_its_controls_alone(tmp_path):
    asked = alone(choose([TWO], [variant()]), tmp_path, 3, "quick")
    jobs = {job.folder.relative_to(tmp_path).as_posix(): job for item in asked for job in item.jobs}
    assert set(jobs) == {f"{place}/{name}" for place in (COMPLIANT, "ret-x") for name in ("ZDR-AUD-01", "ZDR-RET-01")}
    assert all(job.controls == (place.split("/")[1],) and job.seed == 3 for place, job in jobs.items())
    assert {job.violations for place, job in jobs.items() if place.startswith("ret-x")} == {("ret-x",)}
    assert {job.violations for place, job in jobs.items() if place.startswith(COMPLIANT)} == {()}


def test_where_there_is_no_violation_nothing_is_asked(tmp_path):
    assert alone(choose([], [variant()]), tmp_path, 1, "quick") == []


def test_a_violation_is_killed_where_each_of_its_controls_sees_it_alone(tmp_path):
    row = attempt_alone(TWO, _results(tmp_path, ZDR_RET_01="fail", ZDR_AUD_01="fail"))
    assert row.good and not row.missed


@pytest.mark.parametrize("verdict", ["pass", "inconclusive", "not_applicable"])
def test_a_control_that_needs_what_others_send_has_missed_it(tmp_path, verdict):
    row = attempt_alone(TWO, _results(tmp_path, ZDR_RET_01="fail", ZDR_AUD_01=verdict))
    assert row.missed == ("ZDR-AUD-01",) and not row.killed


def test_an_audit_of_which_nothing_can_be_said_has_missed_it(tmp_path):
    row = attempt_alone(violation(), {"ZDR-RET-01": Result(tmp_path)})
    assert row.missed == ("ZDR-RET-01",) and "ZDR-RET-01: no report" in row.problem


@pytest.mark.parametrize(("verdict", "green"), [("pass", True), ("fail", False), ("inconclusive", False), ("not_applicable", False)])
def test_where_nothing_is_broken_each_control_must_pass_alone(tmp_path, verdict, green):
    assert harmless_alone(_results(tmp_path, ZDR_RET_01="pass", ZDR_AUD_01=verdict)).green is green


def test_an_audit_of_other_controls_is_not_the_one_asked_for(tmp_path):
    run = {"command": "zdr-audit run --controls ZDR-RET-01 --seed 1", "version": __version__, "catalogue_digest": "c", "seed": 1}
    (tmp_path / "report.json").write_text(json.dumps({"run": run | {"depth": "quick"}}), encoding="utf-8")
    job = Job(tmp_path, tmp_path, controls=("ZDR-RET-01",))
    assert Result(tmp_path).is_of(job, "c")
    assert not Result(tmp_path).is_of(replace(job, controls=("ZDR-RET-02",)), "c")
    assert not Result(tmp_path).is_of(replace(job, controls=()), "c")


def test_the_two_kinds_of_matrices_are_not_mixed():
    with pytest.raises(MatrixError, match="not of each control alone"):
        brought_up(matrix(), matrix(alone=True), {"ret-x"})


def test_the_page_says_which_kind_it_is():
    compliant = Harmless(id=COMPLIANT, title="As it is", mechanism="It must hold", green=True)
    one, every = render(matrix(alone=True, benign=(compliant,))), render(matrix())
    assert "each control alone" in one and "collateral</li>" not in one and "earlier suites" not in one
    assert "each control alone" not in every and "collateral</li>" in every


def test_only_patterns_that_fit_no_violation_are_refused():
    result = CliRunner().invoke(main, ["violations", "--matrix", "--alone", "--only", "ben-*"])
    assert result.exit_code == 2 and "--only selects nothing" in result.output
