"""The OSCAL files can be read by compliance-trestle, keep NIST's schema, and never call satisfied what did not pass."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest

from zdr_audit.report import oscal, oscal_parts
from zdr_audit.report.model import Report

from . import hostile, published, samples

SAMPLES: list[Callable[[], Report]] = [samples.compliant, samples.failing, samples.incomplete, samples.partial]
SCHEMAS = {
    oscal.CATALOG: "oscal_catalog_schema.json",
    oscal.PLAN: "oscal_assessment-plan_schema.json",
    oscal.RESULTS: "oscal_assessment-results_schema.json",
}


def documents(report: Report) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in oscal.render(report).items()}


def result_of(report: Report) -> Any:
    return documents(report)[oscal.RESULTS]["assessment-results"]["results"][0]


def props(item: Any) -> dict[str, str]:
    return {prop["name"]: prop["value"] for prop in item["props"]}


def values(item: Any, key: str) -> Iterator[Any]:
    """Every value of that key, however deep."""
    if isinstance(item, dict):
        for name, value in item.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(item, list):
        for value in item:
            yield from values(value, key)


def states(report: Report) -> dict[str, tuple[str, str]]:
    """Verdict -> state and reason of the findings that carry it."""
    return {
        props(found)["verdict"]: (found["target"]["status"]["state"], found["target"]["status"]["reason"])
        for found in result_of(report)["findings"]
    }


@pytest.mark.parametrize("sample", SAMPLES)
def test_trestle_reads_all_three_files_and_finds_every_control(sample: Callable[[], Report], tmp_path: Path) -> None:
    pytest.importorskip("trestle", reason="compliance-trestle is not installed")
    from trestle.oscal.assessment_plan import AssessmentPlan
    from trestle.oscal.assessment_results import AssessmentResults
    from trestle.oscal.catalog import Catalog

    report = sample()
    for name, text in oscal.render(report).items():
        (tmp_path / name).write_text(text)
    catalog = Catalog.oscal_read(tmp_path / oscal.CATALOG)
    plan = AssessmentPlan.oscal_read(tmp_path / oscal.PLAN)
    results = AssessmentResults.oscal_read(tmp_path / oscal.RESULTS)
    assert sorted(c.id for group in catalog.groups for c in group.controls) == sorted(c.id for c in report.controls)
    assert oscal_parts.VERSION in repr(plan.metadata.oscal_version)
    assert len(results.results[0].findings) == sum(c.verdict != "not_applicable" for c in report.controls)


def test_only_a_pass_is_satisfied() -> None:
    assert states(samples.failing()) == {
        "pass": ("satisfied", "pass"),
        "fail": ("not-satisfied", "fail"),
        "inconclusive": ("not-satisfied", "other"),
        "not_tested": ("not-satisfied", "other"),
        "waived": ("not-satisfied", "other"),
    }


def test_a_control_that_does_not_apply_is_observed_and_neither_reviewed_nor_judged() -> None:
    result = result_of(samples.failing())
    assert "ZDR-ENB-07_obj" not in [found["target"]["target-id"] for found in result["findings"]]
    assert {"control-id": "ZDR-ENB-07"} not in result["reviewed-controls"]["control-selections"][0]["include-controls"]
    assert "not_applicable" in {props(item)["verdict"] for item in result["observations"] if item["types"] == ["control-objective"]}


def test_our_properties_are_in_our_namespace() -> None:
    result = result_of(samples.failing())
    ours = [prop for item in (*result["findings"], *result["observations"]) for prop in item["props"]]
    assert {prop["ns"] for prop in ours} == {oscal_parts.NAMESPACE}


def test_a_finding_rests_on_the_observations_of_its_control_and_its_traces() -> None:
    result = result_of(samples.failing())
    known = {item["uuid"]: item for item in result["observations"]}
    failed = next(found for found in result["findings"] if found["target"]["target-id"] == "ZDR-RET-03_obj")
    seen = [known[item["observation-uuid"]] for item in failed["related-observations"]]
    assert [item["types"] for item in seen] == [["control-objective"], ["finding"], ["finding"]]
    assert props(seen[1])["place"] == "database, conversations, row 17, column body"
    assert props(seen[1])["reproduce"].endswith("--controls ZDR-RET-03")


def test_observations_tell_their_method_and_when_their_evidence_was_collected() -> None:
    examined = samples.control("ZDR-AUD-01", method="examine")
    observations = result_of(samples.report(controls=(samples.control("ZDR-RET-01"), examined)))["observations"]
    assert [(item["methods"], item["collected"]) for item in observations] == [
        (["TEST"], "2026-11-23T09:07:30Z"),
        (["EXAMINE"], "2026-11-23T09:05:52Z"),
    ]
    seen = [item for item in result_of(samples.failing())["observations"] if item["types"] == ["finding"]]
    assert seen[0]["collected"] == "2026-11-23T09:05:11Z"


def test_identifiers_are_version_five_unique_and_different_in_another_run() -> None:
    def all_of(report: Report) -> list[str]:
        found = documents(report)
        return [value for name in found for value in values(found[name], "uuid") if isinstance(value, str)]

    one = all_of(samples.failing())
    assert {UUID(value).version for value in one} == {5}
    shared = {"tool", "platform"}  # the tool is the same in plan and results
    assert len(one) - len(set(one)) == len(shared)
    assert not set(one) & set(all_of(samples.report(id="run-other")))


def test_every_reference_leads_somewhere() -> None:
    found = documents(samples.failing())
    controls = {control["id"] for group in found[oscal.CATALOG]["catalog"]["groups"] for control in group["controls"]}
    parts = {part["id"] for group in found[oscal.CATALOG]["catalog"]["groups"] for c in group["controls"] for part in c["parts"]}
    assert set(values(found, "control-id")) <= controls
    assert set(values(found, "target-id")) <= parts
    known = set(values(found, "uuid"))
    for key in ("observation-uuid", "component-uuid", "actor-uuid", "activity-uuid"):
        assert set(values(found, key)) <= known
    assert found[oscal.PLAN]["assessment-plan"]["import-ssp"]["href"][1:] in known
    assert found[oscal.RESULTS]["assessment-results"]["import-ap"]["href"] in found


def test_an_incomplete_run_and_a_partial_one_say_so() -> None:
    assert props(result_of(samples.incomplete()))["verdict"] == "incomplete"
    assert props(result_of(samples.partial()))["partial"] == "true"


def test_a_report_without_controls_has_no_documents() -> None:
    assert oscal.render(samples.report("incomplete", ())) == {}


def test_a_run_in_which_nothing_applies_has_observations_and_no_findings() -> None:
    result = result_of(samples.report(controls=(samples.control("ZDR-RET-01", "not_applicable"),)))
    assert "findings" not in result
    assert len(result["observations"]) == 1


@pytest.mark.parametrize(
    ("stamps", "shown"),
    [
        (("2026-11-23T09:05:00.123456+00:00",), "2026-11-23T09:05:00Z"),
        (("2026-11-23T10:05:00+01:00",), "2026-11-23T09:05:00Z"),
        (("soon", "2026-11-23T09:05:00", "2026-11-23T09:05:01Z"), "2026-11-23T09:05:01Z"),
        (("", "0001-01-01T00:00:00+14:00"), "1970-01-01T00:00:00Z"),
    ],
)
def test_times_are_in_utc_to_the_second(stamps: tuple[str, ...], shown: str) -> None:
    assert oscal_parts.moment(*stamps) == shown


@pytest.mark.parametrize("text", [*hostile.ALL.values(), hostile.EVERYTHING], ids=[*hostile.ALL, "everything"])
def test_hostile_text_is_printable_ascii_and_no_value_is_empty(text: str) -> None:
    for rendered in oscal.render(hostile.poison(samples.failing(), text)).values():
        assert all(char == "\n" or " " <= char <= "~" for char in rendered)
        document = json.loads(rendered)
        for key in ("title", "description", "value", "prose", "version"):
            assert all(re.fullmatch(r"\S(?:[^\n]*\S)?", value) for value in values(document, key))


@pytest.mark.parametrize("text", ["<script>", "[x](javascript:x)", "![x](http://198.51.100.7)", "# x", "{{ insert: param, x }}"])
def test_markdown_in_a_reason_is_escaped_for_readers_that_render_it(text: str) -> None:
    description = result_of(samples.report(controls=(samples.control("ZDR-RET-01", reason=text),)))["observations"][0]["description"]
    assert not re.search(r"<|(?<!\\)[\[\]#{}!]", description)


def test_many_findings_and_huge_texts_are_cut() -> None:
    control = samples.control("ZDR-RET-01", "fail", findings=tuple(samples.finding(request=f"i-{n}") for n in range(1_060)))
    assert len(result_of(samples.report("non_compliant", (control,)))["observations"]) == 51
    assert sum(map(len, oscal.render(hostile.poison(samples.failing(), "\u202e" * 10_000_000)).values())) < 8_000_000


@pytest.mark.parametrize("sample", SAMPLES)
def test_equal_reports_give_equal_text(sample: Callable[[], Report]) -> None:
    assert oscal.render(sample()) == oscal.render(sample())


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("text", ["", *hostile.ALL], ids=["ordinary", *hostile.ALL])
def test_the_files_keep_the_schema_of_nist(name: str, text: str) -> None:
    schema = published.schema(SCHEMAS[name])
    assert f"/oscal/{published.OSCAL}/" in schema["$id"]
    report = hostile.poison_words(samples.failing(), hostile.ALL[text]) if text else samples.failing()
    assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(documents(report)[name])] == []
