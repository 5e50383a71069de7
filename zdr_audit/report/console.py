"""The closing words on a terminal: controls by family, what is open, and the verdict. Reads without colour and at 80 columns."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zdr_audit.report.model import EXIT_STATUS, Report
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import (
    OPEN,
    STATUS_WORDS,
    VERDICTS,
    WORDS,
    Attention,
    attention,
    compact_ids,
    count,
    families,
    left_behind,
    minimised_of,
    minimised_words,
    place,
    request_of,
)

STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "not_tested": "yellow", "waived": "cyan", "not_applicable": "dim"}
STATUS_STYLES = {"compliant": "bold green", "non_compliant": "bold red", "incomplete": "bold yellow"}


def _text(value: str, limit: int, style: str = "") -> Text:
    """Target text as rich text: `Text` does not read markup, and `visible` leaves nothing that a terminal would obey."""
    return Text(visible(value, limit), style=style)


def closing_table(report: Report) -> Table:
    """Controls by family with how many have each verdict, and a total. Columns of rare verdicts appear only where they occur."""
    totals = count(report.controls)
    shown = [v for v in VERDICTS if totals[v] or v in ("pass", *OPEN)]
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Family", footer="All", overflow="fold")
    for verdict in shown:
        style = STYLES[verdict] if totals[verdict] else "dim"
        heading = "N/A" if verdict == "not_applicable" else WORDS[verdict]
        table.add_column(heading, footer=Text(str(totals[verdict]), style), justify="right", no_wrap=True)
    table.add_column("Total", footer=str(len(report.controls)), justify="right", no_wrap=True)
    for family in families(report):
        cells = [Text(str(family.counts[v]), STYLES[v]) if family.counts[v] else Text("-", "dim") for v in shown]
        table.add_row(_text(f"{family.code} {family.title}", 60), *cells, str(len(family.controls)))
    return table


def open_controls(report: Report) -> RenderableType:
    """Failed, inconclusive and untested controls, one entry each with its reason, and place and request of its first finding."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for item in attention(report):
        grid.add_row(Text(WORDS[item.verdict].upper(), STYLES[item.verdict]), _entry(report, item))
    return grid


def _entry(report: Report, item: Attention) -> Text:
    first = item.controls[0]
    entry = _text(compact_ids(c.id for c in item.controls), 300, "bold")
    if len(item.controls) == 1:
        entry.append_text(Text(" ")).append_text(_text(first.title, 120))
    else:
        entry.append(f" ({len(item.controls)} controls)")
    entry.append("\n").append_text(_text(item.reason, 400))
    if first.findings:
        finding = first.findings[0]
        entry.append("\nat ").append_text(_text(place(finding), 300))
        if request := request_of(finding):
            entry.append("\nrequest ").append_text(_text(request, 120))
        if len(first.findings) > 1:
            entry.append(f" and {len(first.findings) - 1} more finding{'s' if len(first.findings) > 2 else ''}")
        if smallest := minimised_of(report, first):
            entry.append("\nsmallest ").append_text(_text(minimised_words(smallest[0]), 300))
    return entry


def verdict_line(report: Report) -> Text:
    """The last line: the verdict in words, PARTIAL where it is, the headline, and the exit status."""
    status = report.summary.status
    line = Text(STATUS_WORDS[status].upper(), STATUS_STYLES[status])
    if report.summary.partial:
        line.append(" (PARTIAL: selected controls only)", "bold")
    line.append(": ").append_text(_text(report.summary.headline, 400))
    return line.append(f" [exit status {EXIT_STATUS[status]}]")


def closing(report: Report) -> Group:
    """All closing words: the table, what is open, the verdict line."""
    parts: list[RenderableType] = [closing_table(report)]
    if attention(report):
        parts.append(Padding(open_controls(report), (0, 0, 1, 0)))
    if left := left_behind(report):
        words = f"Left in the target: {left} (leftovers in report.json say which, and why)"
        parts.append(Padding(_text(words, 400), (0, 0, 1, 0)))
    return Group(*parts, verdict_line(report))
