"""Writes all report files of a run into one folder, each either complete or untouched."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from zdr_audit.report import html, json_report, junit
from zdr_audit.report.model import Report


def write_all(report: Report, folder: Path) -> list[Path]:
    """Write `report.json`, `report.html` and `junit.xml` into `folder` (created where missing); returns their paths in that order.

    Everything is rendered before anything is replaced, and each file is moved into place whole, so a reader never sees half a file and a
    failure leaves an earlier report as it was. Raises OSError where the folder cannot be written.
    """
    texts = {"report.json": json_report.render(report), "report.html": html.render(report), "junit.xml": junit.render(report)}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
        for name, text in texts.items():
            with (Path(scratch) / name).open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        for name in reversed(texts):  # report.json last: whoever waits for it finds the others in place
            (Path(scratch) / name).replace(folder / name)
    return [folder / name for name in texts]
