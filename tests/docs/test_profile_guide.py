"""Every key that a profile may have is named in docs/profile.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2]


def keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from keys(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from keys(part)


def test_no_key_of_a_profile_is_left_out_of_its_guide() -> None:
    schema = json.loads((HOME / "zdr_audit" / "profile" / "profile.schema.json").read_text(encoding="utf-8"))
    guide = (HOME / "docs" / "profile.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+", guide))
    assert sorted(set(keys(schema)) - named) == []
