"""What got worse between two runs is found, and what merely was not looked at again never counts as fixed."""

from __future__ import annotations

import pytest
from report import samples

from zdr_audit.compare.difference import Difference, FindingChange, compare
from zdr_audit.report.model import ControlResult, Finding, Report, Sight

ONE, TWO = "ZDR-RET-01", "ZDR-RET-02"


def fails(*findings: Finding, **changes: object) -> ControlResult:
    return samples.control(ONE, "fail", **({"findings": findings} | changes))


def report(*controls: ControlResult, status: str = "compliant", **run: object) -> Report:
    return samples.report(status, controls, **run)  # type: ignore[arg-type]


def kinds(difference: Difference) -> list[str]:
    return [f.kind for f in difference.findings]


def only(difference: Difference) -> FindingChange:
    (change,) = difference.findings
    return change


HERE = samples.finding()
ELSEWHERE = samples.finding(source="logs", object="app.log", location="bytes 120-156", forms=("plain",))


def test_a_report_against_itself_has_no_difference() -> None:
    same = compare(samples.failing(), samples.failing())
    assert (same.complaints(), same.verdicts, same.shrunk, same.lost_sources, same.notes) == ((), (), (), (), ())
    assert set(kinds(same)) == {"still"}


def test_a_finding_of_the_second_report_alone_is_new_and_worse() -> None:
    found = compare(report(fails(HERE)), report(fails(HERE, ELSEWHERE)))
    assert [(f.kind, f.finding.source) for f in found.findings] == [("new", "logs"), ("still", "database")]
    assert found.complaints() == ("1 new finding",)


def test_another_canary_request_and_row_make_no_other_finding() -> None:
    again = samples.finding(
        canary="qz7k9999x", request="i-0777", request_id="req_other", location="row 99, column body", at="2027-01-01T00:00:00Z"
    )
    found = compare(report(fails(HERE)), report(fails(again)))
    assert (only(found).kind, found.worse) == ("still", False)


def test_more_places_of_a_known_finding_are_counted_not_new() -> None:
    more = samples.finding(location="row 18, column body")
    change = only(compare(report(fails(HERE)), report(fails(HERE, more))))
    assert (change.kind, change.before, change.after) == ("still", 1, 2)


def test_the_same_leak_in_another_form_is_changed() -> None:
    found = compare(report(fails(HERE)), report(fails(samples.finding(forms=("plain",)))))
    assert (only(found).kind, found.worse) == ("changed", False)


def test_a_form_beside_the_known_one_is_new() -> None:
    assert kinds(compare(report(fails(HERE)), report(fails(HERE, samples.finding(forms=("plain",)))))) == ["new", "still"]


def test_one_old_form_excuses_one_new_form_only() -> None:
    both = (samples.finding(forms=("plain",)), samples.finding(forms=("hex", "plain")))
    assert kinds(compare(report(fails(HERE)), report(fails(*both)))) == ["new", "changed"]


def test_a_finding_is_fixed_where_its_control_passes_again() -> None:
    found = compare(report(fails(HERE), status="non_compliant"), report(samples.control(ONE)))
    assert (only(found).kind, found.worse) == ("fixed", False)


@pytest.mark.parametrize("verdict", ["inconclusive", "not_tested", "not_applicable"])
def test_a_finding_nobody_could_have_seen_again_is_not_fixed(verdict: str) -> None:
    assert only(compare(report(fails(HERE)), report(samples.control(ONE, verdict)))).kind == "unchecked"


def test_a_finding_of_a_control_that_vanished_is_not_fixed() -> None:
    assert only(compare(report(fails(HERE)), report(samples.control(TWO)))).kind == "unchecked"


def test_a_finding_in_a_source_that_was_blind_is_not_fixed() -> None:
    blind = Sight(source="database", epoch="main", reading="settled", how="blind")
    found = compare(report(fails(HERE, ELSEWHERE)), report(fails(ELSEWHERE, sight=(blind,))))
    assert kinds(found) == ["still", "unchecked"]


def test_a_finding_in_a_source_that_is_no_longer_read_is_not_fixed() -> None:
    rest = tuple(samples.source(*one) for one in samples.SOURCES if one[0] != "database")
    found = compare(report(fails(HERE)), samples.report("compliant", (samples.control(ONE),), sources=rest))
    assert kinds(found) == ["unchecked"]
    assert (found.lost_sources, found.complaints()) == (("database",), ("1 evidence source no longer read",))


def test_an_answer_that_is_right_again_is_fixed_without_a_source() -> None:
    answer = samples.finding(source="answers", object="POST /v1/x", location="status 200", forms=())
    assert only(compare(report(fails(answer)), report(samples.control(ONE)))).kind == "fixed"


@pytest.mark.parametrize(
    ("old", "new", "worse"),
    [
        ("pass", "fail", True),
        ("pass", "inconclusive", True),
        ("pass", "not_tested", True),
        ("pass", "waived", True),
        ("pass", "not_applicable", True),
        ("inconclusive", "fail", True),
        ("not_tested", "inconclusive", True),
        ("fail", "waived", False),
        ("fail", "pass", False),
        ("inconclusive", "pass", False),
        ("not_applicable", "pass", False),
    ],
)
def test_a_verdict_that_says_less_good_is_worse(old: str, new: str, worse: bool) -> None:
    found = compare(report(samples.control(ONE, old, findings=())), report(samples.control(ONE, new, findings=())))
    (change,) = found.verdicts
    assert (change.old, change.new, change.worse) == (old, new, worse)


def test_a_control_that_vanished_is_worse() -> None:
    found = compare(report(samples.control(ONE), samples.control(TWO)), report(samples.control(ONE)))
    assert [(v.control, v.new) for v in found.verdicts] == [(TWO, None)]
    assert found.complaints() == ("1 control that vanished",)


@pytest.mark.parametrize(("verdict", "worse"), [("pass", False), ("inconclusive", False), ("fail", True)])
def test_a_control_that_is_new_is_worse_only_where_it_fails(verdict: str, worse: bool) -> None:
    found = compare(report(samples.control(ONE)), report(samples.control(ONE), samples.control(TWO, verdict, findings=())))
    assert (found.verdicts[0].old, found.verdicts[0].worse) == (None, worse)


@pytest.mark.parametrize(("accepted", "shrank"), [(100, False), (70, False), (69, True), (0, True), (200, False)])
def test_a_sample_that_lost_more_than_chance_takes_shrank(accepted: int, shrank: bool) -> None:
    found = compare(report(samples.control(ONE, accepted=100)), report(samples.control(ONE, accepted=accepted)))
    assert bool(found.shrunk) == shrank == found.worse


@pytest.mark.parametrize(("accepted", "shrank"), [(6, False), (3, False), (2, True)])
def test_a_small_sample_shrank_where_more_than_half_of_it_is_gone(accepted: int, shrank: bool) -> None:
    found = compare(report(samples.control(ONE, accepted=6)), report(samples.control(ONE, accepted=accepted)))
    assert bool(found.shrunk) == shrank


def test_a_minimum_that_was_lowered_is_told() -> None:
    found = compare(report(samples.control(ONE)), report(samples.control(ONE, minimum_accepted=1)))
    assert [(s.control, s.what, s.before, s.after) for s in found.shrunk] == [(ONE, "requests needed", 5, 1)]


def test_a_run_that_ended_worse_is_worse_though_no_control_changed() -> None:
    found = compare(report(samples.control(ONE)), report(samples.control(ONE), status="incomplete"))
    assert found.complaints() == ("the run is incomplete, it was compliant",)


def test_what_makes_runs_hard_to_compare_is_noted_and_no_complaint() -> None:
    found = compare(report(samples.control(ONE)), report(samples.control(ONE), depth="quick", profile_digest="9" * 64))
    assert found.notes == ("different target profiles: sha256:1f1f1, then 999999999999", "different depths: standard, then quick")
    assert not found.worse
