"""`report.json` is complete, keeps its published schema, and depends on nothing but the report."""

from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema_rs
import pytest

from zdr_audit.report import json_report
from zdr_audit.report.model import Report

from . import hostile, samples

SAMPLES: list[Callable[[], Report]] = [samples.compliant, samples.failing, samples.incomplete, samples.partial]


def test_the_published_schema_is_the_one_of_the_model() -> None:
    assert json_report.SCHEMA_FILE.read_text(encoding="utf-8") == json_report.schema_text()


def test_the_schema_is_valid_and_names_no_host() -> None:
    schema = json_report.schema()
    jsonschema_rs.meta.validate(schema)
    assert schema["$id"] == "urn:zdr-audit:report:1"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_report_keeps_the_schema(sample: Callable[[], Report]) -> None:
    jsonschema_rs.validate(json_report.schema(), json.loads(json_report.render(sample())))


@pytest.mark.parametrize("sample", SAMPLES)
def test_reading_the_file_gives_the_report_again(sample: Callable[[], Report]) -> None:
    assert Report.model_validate_json(json_report.render(sample())) == sample()


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_hostile_text_is_kept_exactly_in_printable_ascii(text: str) -> None:
    poisoned = hostile.poison(samples.failing(), text)
    rendered = json_report.render(poisoned)
    assert all(char == "\n" or " " <= char <= "~" for char in rendered)
    assert json.loads(rendered)["controls"][2]["findings"][0]["excerpt"] == text
    jsonschema_rs.validate(json_report.schema(), json.loads(rendered.replace("\\ud800", "").replace("\\udfff", "")))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d["summary"].update(status="green"), "green"),
        (lambda d: d["controls"][0].update(verdict="passed"), "passed"),
        (lambda d: d["controls"][0].pop("reason"), "reason"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.pop("schema"), "schema"),
        (lambda d: d["controls"][2]["findings"][0].update(forms="gzip"), "gzip"),
    ],
)
def test_the_schema_refuses_what_is_no_report(change: Callable[[dict[str, object]], object], where: str) -> None:
    document = json.loads(json_report.render(samples.failing()))
    change(document)
    with pytest.raises(jsonschema_rs.ValidationError, match=where):
        jsonschema_rs.validate(json_report.schema(), document)


def test_keys_come_in_a_fixed_order() -> None:
    document = json.loads(json_report.render(samples.failing()))
    assert list(document) == [
        *(
            "schema",
            "run",
            "summary",
            "sanity",
            "sources",
            "growth",
            "classes",
            "minimised",
            "timelines",
            "interface",
            "policy",
            "leftovers",
            "controls",
        )
    ]
    assert list(document["summary"]["counts"]) == ["pass", "fail", "inconclusive", "not_tested", "waived", "not_applicable"]
    assert list(document["controls"][0]["frameworks"]) == ["gdpr", "nist80053", "soc2"]


def test_equal_reports_give_equal_bytes_whatever_the_order_of_their_mappings() -> None:
    one = samples.failing()
    counts = dict(reversed(one.summary.counts.items()))
    controls = tuple(
        c.model_copy(
            update={
                "frameworks": dict(reversed(c.frameworks.items())),
                "stimuli": tuple(s.model_copy(update={"outcomes": dict(reversed(s.outcomes.items()))}) for s in c.stimuli),
            }
        )
        for c in one.controls
    )
    minimised = tuple(m.model_copy(update={"shape": dict(reversed(m.shape.items()))}) for m in one.minimised)
    summary = one.summary.model_copy(update={"counts": counts})
    other = one.model_copy(update={"summary": summary, "controls": controls, "minimised": minimised})
    assert one == other
    assert json_report.render(one) == json_report.render(other)


def test_the_file_ends_in_one_newline_and_is_indented_by_two() -> None:
    rendered = json_report.render(samples.partial())
    assert rendered.startswith('{\n  "schema": "zdr-audit/report/1",\n  "run": {\n    "id"')
    assert rendered.endswith("}\n")
    assert not rendered.endswith("\n\n")
