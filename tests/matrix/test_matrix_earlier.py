"""Whether the suites that were there first see a violation: told from what failed, and from which scenario sent what it failed on."""

from __future__ import annotations

import json

import pytest
from engine_events import interaction, started

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.journal.store import Journal
from zdr_audit.matrix.earlier import earlier_suites, missed_for_real, seen_earlier
from zdr_audit.matrix.judge import Result, attempt
from zdr_audit.matrix.page import render
from zdr_audit.violations import load_violations

from .samples import FINDING, matrix, report, violation

SUITES = {"ZDR-BLK-08": frozenset({"blocked.old"}), "ZDR-RET-01": frozenset({"retention.old"})}


def audit(folder, failed, sent):
    """An audit in which these controls failed on a request, and this scenario sent it."""
    report(folder, {"ZDR-RET-02": "pass", **dict.fromkeys(failed, "fail")})
    if sent:
        with Journal(folder / "journal.sqlite") as journal:
            journal.append(started())
            journal.append(interaction(1, scenario=sent))
    return Result(folder)


@pytest.mark.parametrize(
    ("failed", "sent", "seen"),
    [
        (["ZDR-BLK-08"], "blocked.old", ("ZDR-BLK-08",)),
        (["ZDR-BLK-08"], "blocked.new", ()),
        (["ZDR-ENB-13"], "blocked.old", ()),  # a control that came later
        (["ZDR-BLK-08", "ZDR-RET-01"], "retention.old", ("ZDR-RET-01",)),
        (["ZDR-BLK-08"], "", ("ZDR-BLK-08",)),  # without a journal it cannot be told
        ([], "blocked.old", ()),
    ],
)
def test_a_control_counts_where_a_scenario_of_its_earlier_ones_sent_what_it_failed_on(tmp_path, failed, sent, seen):
    assert seen_earlier(audit(tmp_path, failed, sent), SUITES) == seen


def test_a_finding_without_a_request_counts(tmp_path):
    report(tmp_path, {"ZDR-BLK-08": "fail"}, findings=[FINDING | {"request": None}])
    assert seen_earlier(Result(tmp_path), SUITES) == ("ZDR-BLK-08",)


def test_a_failure_without_findings_counts(tmp_path):
    report(tmp_path, {"ZDR-BLK-08": "fail"}, findings=[])
    assert seen_earlier(Result(tmp_path), SUITES) == ("ZDR-BLK-08",)


@pytest.mark.parametrize(
    ("depth", "failed", "earlier", "deep", "said"),
    [
        (True, True, (), True, "<td>no</td>"),
        (True, True, ("ZDR-BLK-08",), False, "<td>by ZDR-BLK-08</td>"),
        (True, False, (), False, "<td>not known</td>"),
        (False, True, (), False, '<td><span class="muted">theirs</span></td>'),
    ],
)
def test_a_violation_is_one_of_depth_where_it_was_found_and_none_of_the_earlier_suites_saw_it(tmp_path, depth, failed, earlier, deep, said):
    result = Result(report(tmp_path, {"ZDR-RET-01": "fail" if failed else "pass"}))
    row = attempt(violation(depth=depth), result, earlier)
    assert row.deep is deep
    made = matrix(violations=(row,))
    assert made.deep == (int(deep), int(depth))
    assert said in render(made)
    assert json.loads(row.model_dump_json())["earlier"] == list(earlier)


def test_the_earlier_suites_are_controls_of_the_catalogue_and_not_all_of_them():
    known = {control.id for control in load_catalogue().controls}
    assert set(earlier_suites()) < known
    assert all(earlier_suites().values())


def test_what_was_missed_for_real_came_with_the_suites_in_depth():
    assert missed_for_real() <= {item.id for item in load_violations() if item.depth}
