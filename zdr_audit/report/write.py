"""Writes all report files of a run into one folder, each either complete or untouched."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

from zdr_audit.report import csv_report, html, json_report, junit, markdown, oscal, pdf, sarif
from zdr_audit.report.model import Report

NAMES = (
    "report.json",
    "report.html",
    "report.pdf",
    "report.md",
    "report.csv",
    "junit.xml",
    "report.sarif",
    oscal.CATALOG,
    oscal.PLAN,
    oscal.RESULTS,
)
"""Every file that a report can have, in the order in which they are told."""

_NEEDS = {"report.pdf": ("typst", "pdf")}


def missing_formats() -> dict[str, str]:
    """The files that cannot be written here: file name -> the extra of zdr-audit that brings what is missing."""
    return {name: extra for name, (module, extra) in _NEEDS.items() if find_spec(module) is None}


def render_all(report: Report) -> dict[str, bytes]:
    """File name -> content of every format that can be written here, in the order of `NAMES`. Equal reports give equal bytes."""
    texts = {
        "report.json": json_report.render(report),
        "report.html": html.render(report),
        "report.md": markdown.render(report),
        "report.csv": csv_report.render(report),
        "junit.xml": junit.render(report),
        "report.sarif": sarif.render(report),
        **oscal.render(report),
    }
    files = {name: text.encode() for name, text in texts.items()}
    if "report.pdf" not in missing_formats():
        files["report.pdf"] = pdf.render(report)
    return {name: files[name] for name in NAMES if name in files}


def write_all(report: Report, folder: Path) -> list[Path]:
    """Write every format that can be written here into `folder` (created where missing); returns the paths in the order of `NAMES`.

    Everything is rendered before anything is replaced, and each file is moved into place whole, so a reader never sees half a file and a
    failure leaves an earlier report as it was. A file of an earlier report that this one does not have is removed: beside the new ones it
    would speak of another run. Raises OSError where the folder cannot be written.
    """
    files = render_all(report)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
        for name, content in files.items():
            with (Path(scratch) / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name in NAMES:
            if name not in files:
                (folder / name).unlink(missing_ok=True)
        for name in reversed(files):  # report.json last: whoever waits for it finds the others in place
            (Path(scratch) / name).replace(folder / name)
    return [folder / name for name in files]
