"""Writes all report files of a run into one folder, each either complete or untouched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
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
"""Every file that a report has unless others are asked for, in the order in which they are told."""

LETTER = "report-letter.pdf"
"""`report.pdf` on US Letter, written where it is asked for by name."""
KNOWN = (*NAMES, LETTER)
_PAPERS: Mapping[str, pdf.Paper] = {"report.pdf": "a4", LETTER: "us-letter"}
_NEEDS = dict.fromkeys(_PAPERS, ("typst", "pdf"))


def missing_formats() -> dict[str, str]:
    """The files that cannot be written here: file name -> the extra of zdr-audit that brings what is missing."""
    return {name: extra for name, (module, extra) in _NEEDS.items() if name in NAMES and find_spec(module) is None}


def report_names(chosen: Iterable[str]) -> tuple[str, ...]:
    """The chosen report files in the order of `KNOWN`. Raises ValueError for what is none."""
    wanted = set(chosen)
    if unknown := wanted - set(KNOWN):
        raise ValueError(f"--format {sorted(unknown)[0]}: allowed are {', '.join(KNOWN)}")
    return tuple(name for name in KNOWN if name in wanted)


_TEXTS: Mapping[str, Callable[[Report], str]] = {
    "report.json": json_report.render,
    "report.html": html.render,
    "report.md": markdown.render,
    "report.csv": csv_report.render,
    "junit.xml": junit.render,
    "report.sarif": sarif.render,
}


def render_all(report: Report, wanted: Collection[str] = ()) -> dict[str, bytes]:
    """File name -> content of every wanted format (none named: `NAMES`) that can be written here, in the order of `KNOWN`. Equal reports give equal bytes."""
    names = set(wanted or NAMES)
    texts = {name: render(report) for name, render in _TEXTS.items() if name in names}
    if names & {oscal.CATALOG, oscal.PLAN, oscal.RESULTS}:
        texts |= oscal.render(report)
    files = {name: text.encode() for name, text in texts.items()}
    files |= {name: pdf.render(report, paper) for name, paper in _PAPERS.items() if name in names and find_spec(_NEEDS[name][0])}
    return {name: files[name] for name in KNOWN if name in files and name in names}


def write_all(report: Report, folder: Path, wanted: Collection[str] = ()) -> list[Path]:
    """Write every wanted format (none named: `NAMES`) that can be written here into `folder` (created where missing); returns the paths in the order of
    `KNOWN`.

    Everything is rendered before anything is replaced, and each file is moved into place whole, so a reader never sees half a file and a
    failure leaves an earlier report as it was. A file of an earlier report that this one does not have is removed: beside the new ones it
    would speak of another run. Raises OSError where the folder cannot be written.
    """
    files = render_all(report, wanted)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
        for name, content in files.items():
            with (Path(scratch) / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name in KNOWN:
            if name not in files:
                (folder / name).unlink(missing_ok=True)
        for name in reversed(files):  # report.json last: whoever waits for it finds the others in place
            (Path(scratch) / name).replace(folder / name)
    return [folder / name for name in files]
