"""`junit.xml` can be read by any tool, and no tool can take an open control for a pass."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as Xml

import pytest

from zdr_audit.report import junit
from zdr_audit.report.model import Report

from . import hostile, samples


def parsed(report: Report) -> Xml.Element:
    return Xml.fromstring(junit.render(report).encode())


def case(root: Xml.Element, control_id: str) -> Xml.Element:
    return next(c for c in root.iter("testcase") if c.get("name", "").startswith(control_id + " "))


def numbers(element: Xml.Element) -> tuple[int, ...]:
    return tuple(int(element.get(name, "missing")) for name in ("tests", "failures", "errors", "skipped"))


def test_each_family_is_a_suite_and_each_control_a_case() -> None:
    root = parsed(samples.failing())
    assert [suite.get("name") for suite in root] == [
        "RET Retention",
        "EXC Exceptions",
        "SCP Scope",
        "BLK Blocked features",
        "ENB Enablement",
        "AUD Audit log",
        "ADM Administration",
        "CON Contract",
    ]
    first = next(root.iter("testcase"))
    assert (first.get("classname"), first.get("name")) == ("RET", "ZDR-RET-01 Plain prompts are in no store after the answer")


def test_the_counts_are_right_in_the_whole_and_in_each_suite() -> None:
    root = parsed(samples.failing())
    assert numbers(root) == (80, 2, 4, 2)
    assert numbers(root[0]) == (18, 1, 2, 0)
    assert [sum(column) for column in zip(*(numbers(suite) for suite in root), strict=True)] == list(numbers(root))


@pytest.mark.parametrize(
    ("verdict", "element"),
    [("fail", "failure"), ("inconclusive", "error"), ("not_tested", "error"), ("not_applicable", "skipped"), ("waived", "skipped")],
)
def test_a_verdict_other_than_pass_is_an_element_with_its_type(verdict: str, element: str) -> None:
    root = parsed(samples.report("incomplete", (samples.control("ZDR-RET-01", verdict),)))
    children = list(case(root, "ZDR-RET-01"))
    assert [(child.tag, child.get("type")) for child in children] == [(element, verdict)]
    assert samples.control("ZDR-RET-01", verdict).reason in children[0].get("message", "")


def test_a_pass_is_an_empty_case() -> None:
    root = parsed(samples.compliant())
    assert numbers(root) == (80, 0, 0, 0)
    assert all(len(case) == 0 for case in root.iter("testcase"))


def test_a_failure_names_place_form_request_organization_and_model() -> None:
    text = case(parsed(samples.failing()), "ZDR-RET-03").findtext("failure", "")
    for part in (
        "database, conversations, row 17",
        "gzip > base64 > plain",
        "i-0042 (req_011",
        "canary qz7k",
        "org-subject",
        "claude-sonnet",
    ):
        assert part in text


def test_many_findings_are_cut_and_the_rest_is_counted() -> None:
    control = samples.control("ZDR-RET-01", "fail", findings=tuple(samples.finding(request=f"i-{n:04d}") for n in range(25)))
    text = case(parsed(samples.report("non_compliant", (control,))), "ZDR-RET-01").findtext("failure", "")
    assert "i-0019" in text
    assert "i-0020" not in text
    assert "5 more findings are in report.json." in text


@pytest.mark.parametrize(("status", "element"), [("incomplete", "error"), ("non_compliant", "failure")])
def test_a_run_that_is_not_compliant_is_never_green_even_where_all_controls_are(status: str, element: str) -> None:
    root = parsed(samples.report(status, reasons=("The last sanity probe failed.",)))
    assert [suite.get("name") for suite in root][-1] == "RUN Verdict of the run"
    assert root[-1].findtext(f"testcase/{element}") == "The last sanity probe failed."
    assert numbers(root)[0] == 81


def test_a_run_without_any_control_is_never_green() -> None:
    assert numbers(parsed(samples.report("compliant", ()))) == (1, 0, 1, 0)


@pytest.mark.parametrize("sample", [samples.failing, samples.incomplete, samples.compliant])
def test_no_further_case_is_added_where_the_controls_tell(sample: Callable[[], Report]) -> None:
    assert len(list(parsed(sample()).iter("testcase"))) == 80


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_hostile_text_leaves_the_document_well_formed_and_its_counts_right(text: str) -> None:
    root = parsed(hostile.poison(samples.failing(), text))
    assert numbers(root) == (80, 2, 4, 2)
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "error", "skipped", "properties", "property",
    }  # fmt: skip
    shown = "".join(root.itertext()) + "".join("".join(e.attrib.values()) for e in root.iter())
    assert not any(char < " " and char != "\n" for char in shown)


def test_a_huge_text_is_cut() -> None:
    assert len(junit.render(hostile.poison(samples.failing(), "x" * 10_000_000))) < 1_000_000


def test_the_properties_say_where_the_verdicts_come_from() -> None:
    names = {p.get("name"): p.get("value") for p in parsed(samples.partial()).iter("property")}
    assert names["run"] == "run-01hx3c9k"
    assert names["partial"] == "true"
    assert names["seed"] == "20261123"
