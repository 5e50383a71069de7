"""`report.pdf`: the report on paper, set by typst (the extra `pdf`)."""

from __future__ import annotations

import json
from typing import Literal

from zdr_audit import resources
from zdr_audit.report.model import Report
from zdr_audit.report.pdf_data import data
from zdr_audit.report.words import instant

Paper = Literal["a4", "us-letter"]


def render(report: Report, paper: Paper = "a4") -> bytes:
    """The report as a PDF, dated with the end of the run, so that equal reports give equal bytes under one version of typst.

    The fonts are those inside the typst wheel; the machine's are left alone. Raises ImportError where the extra `pdf` is not installed.
    """
    import typst

    # The template sees the data as a string that it parses: no text of the report is ever part of typst source.
    inputs = {"report": json.dumps(data(report), ensure_ascii=True, sort_keys=True), "paper": paper}
    template = (resources.templates() / "report.typ").read_bytes()
    compiler = typst.Compiler(template, root=str(resources.templates()), ignore_system_fonts=True, sys_inputs=inputs)
    made = compiler.compile(format="pdf", timestamp=_stamp(report))
    if not isinstance(made, bytes):
        raise TypeError("typst returned no PDF")
    return made


def _stamp(report: Report) -> int:
    """The end of the run in seconds since 1970, or its start; 0 where neither is a time."""
    for text in (report.run.ended_at, report.run.started_at):
        moment = instant(text)
        if moment is not None and moment.year > 1970:
            return int(moment.timestamp())
    return 0
