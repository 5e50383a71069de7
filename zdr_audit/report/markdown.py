"""`report.md`: a summary for the job page of a CI system, in GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from zdr_audit.report.bounds_view import bound_words, growth_words, interface_words
from zdr_audit.report.model import ControlResult, Finding, Report
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
    reproduce,
    request_of,
    volume,
)
from zdr_audit.report.words import sentence, when

FINDINGS_SHOWN = 5
CONTROLS_SHOWN = 100

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Letters and digits stay, and so do signs that mean nothing between words. A dot and a colon count only in what would become a link.
_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+!|~$@^=]|(?<=www)\.|:(?=//)|(?<=http):|(?<=https):|(?<=mailto):|^[-+]", re.IGNORECASE)
_ITEM = re.compile(r"^(\d+)\.(?=\s|$)")


def prose(text: str, limit: int = 400) -> str:
    """Text as one line of Markdown that reads as it is: no markup, link, image, HTML, mention or table cell can come out of it."""
    return escaped(text, limit).replace("\\@", "<span>@</span>")


def escaped(text: str, limit: int = 400) -> str:
    """The same in plain Markdown without any HTML of ours; only an e-mail address might become a link in it."""
    shown = " ".join(visible(text, limit).split())
    shown = "".join(_ENTITIES.get(char, char) for char in shown)
    shown = _SPECIAL.sub(lambda m: f"\\{m[0]}", shown)
    return _ITEM.sub(r"\1\.", shown)


def code(text: str, limit: int = 200) -> str:
    """Text as a code span, not for table cells; nothing acts inside one but its fence, longer than any run of back-ticks in it."""
    shown = " ".join(visible(text, limit).split())
    if not shown:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def render(report: Report) -> str:
    """The report as Markdown text with a trailing newline: verdict, scope and sample sizes, families, what needs attention."""
    blocks = [_head(report), _samples(report), _families(report)]
    if found := attention(report):
        blocks.append("### What needs attention")
        blocks += [_entry(report, item) for item in found[:CONTROLS_SHOWN]]
        if len(found) > CONTROLS_SHOWN:
            blocks.append(f"{len(found) - CONTROLS_SHOWN} more entries are in report.html.")
    if left := left_behind(report):
        blocks.append(f"Left in the target: {prose(left)} (leftovers in report.json say which, and why)")
    blocks.append(_foot(report))
    return "\n\n".join(blocks) + "\n"


def _head(report: Report) -> str:
    summary = report.summary
    partial = " (PARTIAL: selected controls only)" if summary.partial else ""
    lines = [f"## Zero data retention audit: {STATUS_WORDS[summary.status]}{partial}"]
    if headline := prose(summary.headline):
        lines += ["", f"**{headline}**"]
    if summary.status == "incomplete":
        lines += ["", "This run gives no assurance and must not be read as a pass."]
    target = report.run.target
    lines += ["", f"Target: {prose(target.name, 120)} at {code(target.base_url)}, started {prose(when(report.run.started_at), 60)}"]
    if summary.reasons:
        lines += ["", *(f"- {prose(reason)}" for reason in summary.reasons[:6])]
        lines += [f"- and {len(summary.reasons) - 6} more"] if len(summary.reasons) > 6 else []
    return "\n".join(lines)


def _samples(report: Report) -> str:
    searched = volume(report)
    cells = {
        "Requests sent": report.run.requests_sent,
        "Accepted": report.run.requests_accepted,
        "Canaries": report.run.canaries,
        "Evidence sources": len(report.sources),
        "Readings": searched.readings,
        "Bytes searched": searched.bytes,
        "Not examined": searched.not_examined,
    }
    table = "\n".join(
        (f"| {' | '.join(cells)} |", "|" + " ---: |" * len(cells), f"| {' | '.join(f'{value:,}' for value in cells.values())} |")
    )
    words = (bound_words(report), growth_words(report), interface_words(report))
    return f"{table}\n\n{' '.join(prose(text, 400) for text in words if text)}"


def _families(report: Report) -> str:
    totals = count(report.controls)
    shown = [v for v in VERDICTS if totals[v] or v in ("pass", *OPEN)]
    rows = [f"| Family | {' | '.join(WORDS[v] for v in shown)} | Total |", "| :--- |" + " ---: |" * (len(shown) + 1)]
    for family in families(report):
        numbers = " | ".join(f"**{family.counts[v]}**" if v in OPEN and family.counts[v] else str(family.counts[v]) for v in shown)
        rows.append(f"| {prose(family.title, 60)} | {numbers} | {len(family.controls)} |")
    rows.append(f"| All | {' | '.join(str(totals[v]) for v in shown)} | {len(report.controls)} |")
    return "\n".join(rows)


def _entry(report: Report, item: Attention) -> str:
    first = item.controls[0]
    if len(item.controls) == 1:
        title = f"{code(first.id, 60)} {prose(first.title, 200)} ({prose(first.severity, 20)})"
    else:
        title = f"{len(item.controls)} controls: {code(compact_ids(c.id for c in item.controls), 400)}"
    lines = [f"#### {WORDS[item.verdict]}: {title}", "", prose(sentence(item.reason))]
    if item.verdict == "fail":
        lines += ["", *_findings(first), *_smallest(report, first), "", f"To reproduce: {code(reproduce(report, first.id), 400)}"]
        lines += ["", f"Remedy: {prose(first.remediation, 800)}"]
    return "\n".join(lines)


def _smallest(report: Report, control: ControlResult) -> list[str]:
    found = minimised_of(report, control)
    more = f" ({len(found) - 1} more in report.html)" if len(found) > 1 else ""
    return ["", f"Smallest request that leaks: {prose(minimised_words(found[0]), 600)}{more}"] if found else []


def _findings(control: ControlResult) -> list[str]:
    shown = control.findings[:FINDINGS_SHOWN]
    lines = [_finding(item, before) for before, item in zip((None, *shown), shown, strict=False)]
    if more := len(control.findings) - len(shown):
        lines.append(f"- {more:,} more {'finding is' if more == 1 else 'findings are'} in report.html and report.json")
    return lines


def _finding(item: Finding, before: Finding | None) -> str:
    """What is the same as in the finding before is not said again."""
    again = before is not None and before.message == item.message
    parts = [] if again else [prose(sentence(item.message), 300)]
    parts += [f"at {code(place(item), 300)}"] if place(item) else []
    parts += [f"as {code(' > '.join(item.forms[:20]), 200)}"] if item.forms else []
    parts += [f"request {code(request_of(item))}"] if request_of(item) else []
    return f"- {'; '.join(parts)}"


def _foot(report: Report) -> str:
    run = report.run
    facts = [f"Run {code(run.id, 80)}", f"zdr-audit {prose(run.version, 40)}", f"policy edition {prose(run.policy_edition, 80)}"]
    covered = "\n".join(f"- {prose(item, 300)}" for item in report.summary.not_covered)
    gaps = f"<details><summary>Not covered</summary>\n\n{covered}\n\n</details>\n\n" if covered else ""
    return f"{gaps}{', '.join(facts)}. Journal {code(run.journal_digest, 100)}. To run it again: {code(run.command, 1_000)}"
