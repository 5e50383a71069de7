"""The JSON Schema of target profiles, for editors and for whoever generates a profile.

`python -m zdr_audit.profile.schema` writes it anew beside this module after the model has changed.
"""

from __future__ import annotations

import json
from pathlib import Path

from zdr_audit.profile.model import Profile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE = Path(__file__).resolve().with_name("profile.schema.json")


def schema() -> str:
    """The schema's text, generated from the model."""
    whole = Profile.model_json_schema(mode="validation")
    required = whole.pop("required")
    either = [{"required": required}, {"required": ["schema", "extends"], "properties": {"extends": {"type": "string"}}}]
    return json.dumps({"$schema": DIALECT, **whole, "anyOf": either}, indent=2, sort_keys=True) + "\n"


def write_schema(path: Path = FILE) -> Path:
    """Writes the schema and returns where. OSError where that cannot be written."""
    path.write_text(schema(), encoding="utf-8")
    return path


if __name__ == "__main__":
    write_schema()
