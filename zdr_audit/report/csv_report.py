"""`report.csv`: a row a control, for spreadsheets. No cell can become a formula."""

from __future__ import annotations

import csv
import io
import re

from zdr_audit.report.model import ControlResult, Report
from zdr_audit.report.sanitize import LIMIT, visible
from zdr_audit.report.view import FRAMEWORKS, families, minimised_of, minimised_words, place, request_of

COLUMNS = (
    "id",
    "family",
    "title",
    "severity",
    "verdict",
    "reason",
    "accepted",
    "minimum_accepted",
    "findings",
    "first_place",
    "first_request",
    "frameworks",
    "true_verdict",
    "sent",
    "smallest_request",
)
BYTE_ORDER_MARK = "\ufeff"
"""Without it a spreadsheet takes UTF-8 for an 8-bit code page."""

# What begins a formula at the start of a cell, full-width signs too. Where a spreadsheet splits at semicolons, a cell begins after each.
_FORMULA = re.compile(r"""((?:^|;)[\s"']*)([=+\-@|%\uff1d\uff0b\uff0d\uff20])""")


def cell(text: str, limit: int = 2_000) -> str:
    """Text that a spreadsheet shows and never computes: an apostrophe stands before a sign that would begin a formula."""
    return _FORMULA.sub(r"\1'\2", visible(text, limit))


def render(report: Report) -> str:
    """The report as CSV (RFC 4180: every cell quoted, lines end in CR LF) behind a byte order mark; a header, then controls by family."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for family in families(report):
        writer.writerows(_row(report, control) for control in family.controls)
    return BYTE_ORDER_MARK + text.getvalue()


def _row(report: Report, control: ControlResult) -> list[str]:
    smallest = minimised_of(report, control)
    first = control.findings[0] if control.findings else None
    return [
        cell(control.id, 60),
        cell(control.family, 60),
        cell(control.title, 300),
        cell(control.severity, 60),
        control.verdict,
        cell(control.reason),
        str(control.accepted),
        str(control.minimum_accepted),
        str(len(control.findings)),
        cell(place(first)) if first else "",
        cell(request_of(first), 300) if first else "",
        cell("; ".join(_clauses(name, clauses) for name, clauses in sorted(control.frameworks.items()))),
        control.true_verdict or control.verdict,
        str(control.sent),
        cell(minimised_words(smallest[0])) if smallest else "",
    ]


def _clauses(framework: str, clauses: tuple[str, ...]) -> str:
    return f"{FRAMEWORKS.get(framework, framework)[:LIMIT]}: {', '.join(clause[:LIMIT] for clause in clauses)}"
