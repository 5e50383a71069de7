"""Schemas that standards bodies publish, not ours to ship: whoever has them names their folder in PUBLISHED_SCHEMAS."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def schema(name: str) -> Any:
    """The published schema of that file name; without the folder the test is skipped, which says that this was not looked at."""
    folder = os.environ.get("PUBLISHED_SCHEMAS")
    if not folder:
        pytest.skip(f"not tested against the published schema: PUBLISHED_SCHEMAS names no folder with {name}")
    return json.loads((Path(folder) / name).read_text(encoding="utf-8"))
