"""`report.sarif` shows what is broken or open, never hides it, and calls the same leak by the same name in every run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from zdr_audit import resources
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.report import sarif
from zdr_audit.report.fingerprint import fingerprint
from zdr_audit.report.model import Report

from . import hostile, published, samples

SAMPLES: list[Callable[[], Report]] = [samples.compliant, samples.failing, samples.incomplete, samples.partial]


def run_of(report: Report) -> Any:
    document = json.loads(sarif.render(report))
    assert document["version"] == "2.1.0"
    return document["runs"][0]


def levels(report: Report) -> dict[str, int]:
    found = [result["level"] for result in run_of(report)["results"]]
    return {level: found.count(level) for level in set(found)}


def failed_with(*findings: Any, verdict: str = "fail") -> Report:
    return samples.report("non_compliant", (samples.control("ZDR-RET-03", verdict, findings=findings),))


def marks(report: Report) -> list[str]:
    return [result["partialFingerprints"][sarif.FINGERPRINT] for result in run_of(report)["results"]]


def test_every_control_is_a_rule_without_an_address() -> None:
    rules = run_of(samples.failing())["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules[:2]] == ["ZDR-RET-01", "ZDR-RET-02"]
    assert len(rules) == 80
    assert not any("helpUri" in rule for rule in rules)
    assert rules[0]["help"]["text"].startswith("Stop writing request")


def test_failed_controls_are_errors_open_ones_warnings_waived_ones_suppressed_notes_and_passes_are_silent() -> None:
    assert levels(samples.failing()) == {"error": 4, "warning": 4, "note": 1}
    assert levels(samples.compliant()) == {}
    waived = [r for r in run_of(samples.failing())["results"] if r["ruleId"] == "ZDR-AUD-09"]
    assert waived[0]["suppressions"][0] == {
        "kind": "external",
        "justification": "Waived by J. Doe until 2027-01-31: migration of the log store.",
    }


def test_a_result_belongs_to_its_rule_and_points_at_the_file_of_its_control() -> None:
    run = run_of(samples.failing())
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    first = run["results"][0]["locations"][0]
    assert first["physicalLocation"]["artifactLocation"]["uri"] == "zdr_audit/catalogue/controls/RET/ZDR-RET-03.toml"
    assert first["logicalLocations"][0]["fullyQualifiedName"] == "database, conversations, row 17, column body"


def test_the_files_that_results_point_at_exist_for_every_control_of_the_catalogue() -> None:
    top = Path(resources.PACKAGE).parent
    for control in load_catalogue().controls:
        one = samples.control(control.id, "fail")
        uri = run_of(samples.report("non_compliant", (one,)))["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert (top / uri).is_file()


def test_a_finding_is_told_with_form_request_and_how_to_reproduce_it() -> None:
    result = run_of(samples.failing())["results"][0]
    for words in ("row 17, column body", "form gzip > base64 > plain", "request i-0042 (req_011"):
        assert words in result["message"]["text"]
    assert result["properties"]["reproduce"].endswith("--seed 20261123 --controls ZDR-RET-03")


@pytest.mark.parametrize(
    "change",
    [
        {"canary": "qz7k9999x"},
        {"request": "i-0777", "request_id": "req_other"},
        {"at": "2027-01-01T00:00:00Z"},
        {"location": "row 4242, column body"},
        {"excerpt": "other"},
        {"object": "conversations", "message": "other words"},
    ],
)
def test_a_fingerprint_stays_the_same_in_another_run(change: dict[str, object]) -> None:
    assert fingerprint("ZDR-RET-03", samples.finding()) == fingerprint("ZDR-RET-03", samples.finding(**change))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"object": "cache/qz7k0042x.bin", "canary": "qz7k0042x"}, {"object": "cache/qz7k0043x.bin", "canary": "qz7k0043x"}),
        ({"object": "app-2026-11-23.log"}, {"object": "app-2027-01-02.log"}),
        ({"object": "0f8fad5b-d9cb-469f-a165-70867728950e.json"}, {"object": "7c9e6679-7425-40de-944b-e07fc1f90ae7.json"}),
        (
            {"source": "answers", "object": "GET /v1/files/file_011CSHoEeqs5C35K2UUqR7Fy"},
            {"source": "answers", "object": "GET /v1/files/file_011CSHoEeqs5C35K2UUqR7Fz"},
        ),
    ],
)
def test_names_made_for_one_run_do_not_change_a_fingerprint(one: dict[str, object], other: dict[str, object]) -> None:
    assert fingerprint("ZDR-RET-03", samples.finding(**one)) == fingerprint("ZDR-RET-03", samples.finding(**other))


@pytest.mark.parametrize(
    "change",
    [
        {"source": "logs"},
        {"object": "messages"},
        {"location": "row 17, column title"},
        {"forms": ("base64",)},
        {"forms": ("gzip,base64", "plain")},
    ],
)
def test_another_source_object_place_or_form_is_another_finding(change: dict[str, object]) -> None:
    assert fingerprint("ZDR-RET-03", samples.finding()) != fingerprint("ZDR-RET-03", samples.finding(**change))


def test_another_control_or_another_answer_is_another_finding() -> None:
    answer = {"source": "answers", "object": "POST /v1/feedback"}
    found = [fingerprint("ZDR-BLK-03", samples.finding(location=f"status {status}", **answer)) for status in (200, 500)]
    assert len({*found, fingerprint("ZDR-BLK-04", samples.finding(location="status 200", **answer))}) == 3


def test_traces_of_one_leak_are_one_result_that_counts_them() -> None:
    results = run_of(failed_with(*(samples.finding(location=f"row {n}, column body", request=f"i-{n}") for n in range(30))))["results"]
    assert [result["occurrenceCount"] for result in results] == [30]


def test_a_failure_without_a_finding_is_still_an_error() -> None:
    results = run_of(failed_with())["results"]
    assert [(r["level"], r["message"]["text"]) for r in results] == [
        ("error", "Fail: 1 of 5 accepted requests left its canary in an evidence source.")
    ]


@pytest.mark.parametrize(("status", "level"), [("incomplete", "warning"), ("non_compliant", "error")])
def test_a_run_that_is_not_compliant_has_a_result_even_where_all_controls_pass(status: str, level: str) -> None:
    run = run_of(samples.report(status, reasons=("The last sanity probe failed.",)))
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [("ZDR-RUN", level)]
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]["id"] == "ZDR-RUN"


def test_at_most_five_thousand_results_are_written_failures_first_and_the_cut_is_told() -> None:
    names = [f"{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(26) for b in range(26) for c in range(8)]
    broken = samples.control("ZDR-RET-03", "fail", findings=tuple(samples.finding(object=name) for name in names))
    run = run_of(samples.report("non_compliant", (samples.control("ZDR-RET-01", "inconclusive"), broken)))
    assert len(run["results"]) == 5_000
    assert {r["level"] for r in run["results"]} == {"error"}
    assert (
        run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]
        == f"{len(names) + 1 - 5_000} more results are in report.json."
    )


def test_a_failed_sanity_probe_is_a_notification() -> None:
    notes = run_of(samples.incomplete())["invocations"][0]["toolExecutionNotifications"]
    assert "first sanity probe failed: POST /v1/messages was answered with 401." in notes[0]["message"]["text"]


@pytest.mark.parametrize(
    ("stamp", "shown"),
    [
        ("2026-11-23T09:05:00Z", "2026-11-23T09:05:00Z"),
        ("2026-11-23T09:05:00.123456+00:00", "2026-11-23T09:05:00Z"),
        ("soon", None),
        ("2026-11-23T09:05:00+01:00", None),
        ("", None),
    ],
)
def test_a_time_is_written_only_where_it_is_one_in_utc(stamp: str, shown: str | None) -> None:
    assert run_of(samples.report(started_at=stamp))["invocations"][0].get("startTimeUtc") == shown


@pytest.mark.parametrize("text", [*hostile.ALL.values(), hostile.EVERYTHING], ids=[*hostile.ALL, "everything"])
def test_hostile_text_is_printable_ascii_and_keeps_counts_rules_and_paths(text: str) -> None:
    report = hostile.poison(samples.failing(), text)
    assert all(char == "\n" or " " <= char <= "~" for char in sarif.render(report))
    run = run_of(report)
    assert len(run["tool"]["driver"]["rules"]) == 80
    assert levels(report).keys() == {"error", "warning", "note"}
    for result in run["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"zdr_audit/catalogue/controls/[\w%.~-]*/[\w%.~-]*\.toml", uri)


def test_a_huge_text_is_cut() -> None:
    assert len(sarif.render(hostile.poison(samples.failing(), "\u202e" * 10_000_000))) < 3_000_000


@pytest.mark.parametrize("sample", SAMPLES)
def test_equal_reports_give_equal_text(sample: Callable[[], Report]) -> None:
    assert sarif.render(sample()) == sarif.render(sample())


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_file_keeps_the_published_schema(sample: Callable[[], Report]) -> None:
    jsonschema_rs.validator_for(published.schema("sarif-2.1.0.json"), validate_formats=True).validate(json.loads(sarif.render(sample())))


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_hostile_text_keeps_the_published_schema(text: str) -> None:
    document = json.loads(sarif.render(hostile.poison_words(samples.failing(), text)))
    assert jsonschema_rs.validator_for(published.schema("sarif-2.1.0.json"), validate_formats=True).is_valid(document)


def test_brackets_of_the_target_make_no_link() -> None:
    finding = samples.finding(message="see [a fix](https://evil.example/x) \\[", object="[y](1)")
    (result,) = run_of(failed_with(finding))["results"]
    assert result["message"]["text"].startswith(r"see \[a fix\](https://evil.example/x) \\\[ At ")
    assert not re.search(r"(?<!\\)[\[\]]", result["message"]["text"].replace("\\\\", ""))
