"""What an audit of a seed came to: killed, missed, collateral, green."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zdr_audit import __version__
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.judge import Result, attempt, harmless, killers
from zdr_audit.matrix.work import Job

from .samples import FINDING, report, variant, violation


def test_a_finished_audit_is_known_again(tmp_path):
    run = {"command": "zdr-audit run --target t --violation ret-x --depth quick --seed 3", "version": __version__} | {
        "catalogue_digest": "c",
        "seed": 3,
        "depth": "quick",
    }
    (tmp_path / "report.json").write_text(json.dumps({"run": run}), encoding="utf-8")
    job = Job(tmp_path, tmp_path, violations=("ret-x",), seed=3)
    assert Result(tmp_path).is_of(job, "c")
    for other in (
        replace(job, violations=("ret-y",)),
        replace(job, violations=("ret-x", "ret-y")),
        replace(job, violations=(), variants=("ret-x",)),
        replace(job, seed=4),
        replace(job, depth="standard"),
    ):
        assert not Result(tmp_path).is_of(other, "c")
    assert not Result(tmp_path).is_of(job, "d")
    assert not Result(tmp_path / "none").is_of(job, "c")


def test_a_violation_is_killed_where_all_its_controls_fail(tmp_path):
    found = Result(report(tmp_path, {"ZDR-RET-01": "fail", "ZDR-RET-02": "fail", "ZDR-AUD-01": "pass"}))
    row = attempt(violation(controls=("ZDR-RET-01", "ZDR-RET-02")), found)
    assert row.killed and row.good and not row.missed and not row.collateral


@pytest.mark.parametrize("verdict", ["pass", "inconclusive", "not_tested", "waived"])
def test_a_control_that_does_not_fail_has_missed_it(tmp_path, verdict):
    row = attempt(violation(controls=("ZDR-RET-01", "ZDR-RET-02")), Result(report(tmp_path, {"ZDR-RET-01": "fail", "ZDR-RET-02": verdict})))
    assert row.missed == ("ZDR-RET-02",)
    assert not row.killed


def test_a_control_that_is_not_in_the_report_has_missed_it(tmp_path):
    assert attempt(violation(), Result(report(tmp_path, {"ZDR-AUD-01": "pass"}))).missed == ("ZDR-RET-01",)


@pytest.mark.parametrize("lacking", ["source", "object", "location", "request"])
def test_a_finding_that_does_not_say_where_and_by_which_request_kills_nothing(tmp_path, lacking):
    result = Result(report(tmp_path, {"ZDR-RET-01": "fail"}, findings=[FINDING | {lacking: ""}]))
    assert attempt(violation(), result).missed == ("ZDR-RET-01",)


def test_another_control_that_fails_is_related_or_collateral(tmp_path):
    result = Result(report(tmp_path, {"ZDR-RET-01": "fail", "ZDR-RET-02": "fail", "ZDR-AUD-01": "fail", "ZDR-CON-01": "inconclusive"}))
    row = attempt(violation(related=("ZDR-RET-*",)), result)
    assert (row.related, row.collateral, row.inconclusive) == (("ZDR-RET-02",), ("ZDR-AUD-01",), ("ZDR-CON-01",))
    assert row.killed and not row.good


def test_an_audit_without_a_report_has_missed_everything(tmp_path):
    (tmp_path / "said.txt").write_text("zdr-audit: it broke", encoding="utf-8")
    row = attempt(violation(), Result(tmp_path))
    assert not row.killed and "it broke" in row.problem


def test_a_target_that_died_during_the_audit_proves_nothing(tmp_path):
    row = attempt(violation(), Result(report(tmp_path, {"ZDR-RET-01": "fail"}, sanity=False)))
    assert row.missed == ("ZDR-RET-01",) and "last sanity probe" in row.problem
    assert not harmless(variant(), Result(report(tmp_path, {"ZDR-RET-01": "pass"}, sanity=False))).green


def test_a_variant_is_green_where_all_that_applies_passes(tmp_path):
    assert harmless(variant(), Result(report(tmp_path, {"ZDR-RET-01": "pass", "ZDR-RET-02": "not_applicable"}))).green


@pytest.mark.parametrize("verdict", ["fail", "inconclusive", "not_tested", "waived"])
def test_a_variant_is_not_green_where_anything_else_is_said(tmp_path, verdict):
    assert not harmless(variant(), Result(report(tmp_path, {"ZDR-RET-01": "pass", "ZDR-RET-02": verdict}))).green


@pytest.mark.parametrize("verdicts", [{}, {"ZDR-RET-01": "not_applicable"}])
def test_a_variant_of_which_nothing_was_checked_is_not_green(tmp_path, verdicts):
    assert not harmless(variant(), Result(report(tmp_path, verdicts))).green
    assert not harmless(variant(), Result(tmp_path / "none")).green


def test_a_control_has_killed_what_it_had_to_find_and_found(tmp_path):
    result = Result(report(tmp_path, {"ZDR-RET-01": "fail", "ZDR-RET-02": "pass", "ZDR-RET-03": "fail"}))
    row = attempt(violation(controls=("ZDR-RET-01", "ZDR-RET-02"), related=("ZDR-RET-03",)), result)
    found = {killer.id: killer.violations for killer in killers(load_catalogue().controls, [row])}
    assert found["ZDR-RET-01"] == ("ret-x",)
    assert found["ZDR-RET-02"] == found["ZDR-RET-03"] == ()
    assert set(found) == {control.id for control in load_catalogue().controls}
