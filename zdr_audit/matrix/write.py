"""Writes `kill-matrix.json` and `kill-matrix.html`, each whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from zdr_audit.matrix.model import Matrix
from zdr_audit.matrix.page import render

JSON, HTML = "kill-matrix.json", "kill-matrix.html"


def to_json(matrix: Matrix) -> str:
    return json.dumps(matrix.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def write(matrix: Matrix, folder: Path) -> list[Path]:
    """Both files in `folder`, which is made where it is missing. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {JSON: to_json(matrix), HTML: render(matrix)}
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
        for name, text in files.items():
            place = Path(scratch) / name
            place.write_text(text, encoding="utf-8")
            os.replace(place, folder / name)  # noqa: PTH105 - both are paths already
    return [folder / name for name in files]
