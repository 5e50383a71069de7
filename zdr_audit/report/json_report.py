"""`report.json`: the report as data, and the JSON Schema that it keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from zdr_audit.report.model import Report
from zdr_audit.report.view import VERDICTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID = "urn:zdr-audit:report:1"
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


class _Written(GenerateJsonSchema):
    """The schema of what is written: every key is there. Field titles repeat the key in other letters, so it does without them."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002 - pydantic's signature
        return True

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def _text(document: dict[str, Any]) -> str:
    """JSON text, 2-space indent, trailing newline. ASCII, so that showing it cannot drive a terminal; DEL is ASCII, so it is replaced."""
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False).replace("\x7f", "\\u007f") + "\n"


def render(report: Report) -> str:
    """The report as JSON text: keys in the order of the model, mappings by verdict order or by key, sequences as they are."""
    document = report.model_dump(mode="json", by_alias=True)
    counts = document["summary"]["counts"]
    order: list[str] = [*VERDICTS, *sorted(counts.keys() - set(VERDICTS))]
    document["summary"]["counts"] = {key: counts[key] for key in order if key in counts}
    for control in document["controls"]:
        control["frameworks"] = dict(sorted(control["frameworks"].items()))
        for stimulus in control["stimuli"]:
            stimulus["outcomes"] = dict(sorted(stimulus["outcomes"].items()))
    for item in document["minimised"]:
        item["shape"] = dict(sorted(item["shape"].items()))
    return _text(document)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `report.json`. Every key is required: a writer leaves none out."""
    body = Report.model_json_schema(by_alias=True, mode="serialization", schema_generator=_Written)
    return {"$schema": DIALECT, "$id": SCHEMA_ID, **body}


def schema_text() -> str:
    """The text of the published `report.schema.json`."""
    return _text(schema())
