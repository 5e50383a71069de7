"""The difference on a terminal. Reads without colour and at 80 columns; nothing of a target's text can drive the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zdr_audit.compare.difference import KINDS, Difference, FindingChange, Kind
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import WORDS, place

TITLES: dict[Kind, str] = {
    "new": "New findings",
    "changed": "Changed findings (the same leak in another form or place)",
    "still": "Still there",
    "fixed": "Fixed",
    "unchecked": "Gone, but not looked at again",
}
STYLES: dict[Kind, str] = {"new": "bold red", "changed": "yellow", "still": "yellow", "fixed": "green", "unchecked": "yellow"}
SHOWN = 50
"""Findings of a kind that are listed on a terminal; the HTML page lists more."""


def verdict_words(verdict: str | None) -> str:
    """A verdict in words, "absent" for None."""
    return next((words for known, words in WORDS.items() if known == verdict), "absent").lower()


def counted(change: FindingChange) -> str:
    """In how many places the finding was and is."""
    if change.kind in ("fixed", "unchecked"):
        return f"was in {_places(change.before)}"
    return f"in {_places(change.after)}" + (f", was in {change.before}" if change.before not in (0, change.after) else "")


def _places(number: int) -> str:
    return f"{number} place{'s' if number != 1 else ''}"


def where(change: FindingChange) -> str:
    """Where the finding lies (the first place of several), and in what form, from the stored bytes inwards."""
    forms = " > ".join(form[:60] for form in change.finding.forms[:10])
    return place(change.finding) + (f" ({forms})" if forms else "")


def summary_line(difference: Difference) -> str:
    """The last line: what is worse, or that nothing is."""
    complaints = difference.complaints()
    return "WORSE: " + "; ".join(complaints) if complaints else "Nothing is worse."


def as_text(difference: Difference) -> Group:
    """The whole difference: sections that have something to say, and the summary line."""
    parts: list[RenderableType] = []
    for kind in KINDS:
        parts += _findings(difference, kind)
    parts += _section("Verdicts that changed", [_verdict(v.control, v.old, v.new, v.reason, v.worse) for v in difference.verdicts])
    parts += _section("Samples that shrank", [_row(s.control, Text(f"{s.what}: {s.before}, then {s.after}")) for s in difference.shrunk])
    parts += _section("Evidence sources no longer read", [_row("", Text(visible(s, 200))) for s in difference.lost_sources])
    parts += _section("Hard to compare", [_row("", Text(visible(n, 300))) for n in difference.notes])
    parts.append(Text(summary_line(difference), "bold red" if difference.worse else "bold green"))
    return Group(*parts)


def _row(head: str, body: Text, style: str = "") -> tuple[Text, Text]:
    return Text(visible(head, 60), style), body


def _verdict(control: str, old: str | None, new: str | None, reason: str, worse: bool) -> tuple[Text, Text]:
    body = Text(f"{verdict_words(old)}, now {verdict_words(new)}\n").append(visible(reason, 300), "dim")
    return _row(control, body, "bold red" if worse else "green")


def _findings(difference: Difference, kind: Kind) -> list[RenderableType]:
    changes = difference.of(kind)
    rows = []
    for change in changes[:SHOWN]:
        body = Text(visible(where(change), 300)).append(f"\n{counted(change)}; fingerprint {change.fingerprint}", "dim")
        rows.append(_row(change.control, body, STYLES[kind]))
    if len(changes) > SHOWN:
        rows.append(_row("", Text(f"and {len(changes) - SHOWN} more")))
    return _section(f"{TITLES[kind]} ({len(changes)})", rows)


def _section(title: str, rows: list[tuple[Text, Text]]) -> list[RenderableType]:
    if not rows:
        return []
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return [Text(title, "bold"), Padding(grid, (0, 0, 1, 2))]
