"""What the PDF shows, as plain data: every text cut, made visible, and given places where a line may break."""

from __future__ import annotations

import re
from typing import Any, Final

from zdr_audit.report import bounds_view, plots, view
from zdr_audit.report.bounds_view import GrowthView
from zdr_audit.report.model import ControlResult, Finding, GrowthBound, Minimised, Report, SourceResult, Timeline, Verdict
from zdr_audit.report.sanitize import visible
from zdr_audit.report.words import duration, number, percent, sentence, size, when

FINDINGS_SHOWN: Final = 20
OBJECTS_SHOWN: Final = 50
MINIMISED_SHOWN: Final = 6
SCRIPT_LIMIT: Final = 4_000
SCRIPTS_SHOWN: Final = 3
BROKEN_SHOWN: Final = 6
BLOTTED: Final = "[canary]"
"""An excerpt that is the canary alone, which is blotted out in every record."""

Json = dict[str, Any]
Pairs = list[tuple[str, str]]

_BREAK = "\u200b"
_LONG = re.compile(r"\S{18,}")
# What the embedded fonts can draw; the rest is written as its code point, because a box says nothing.
_UNDRAWN = re.compile("[^\u0000-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u20ac\u2116\u2122\u2190-\u2193\u2212]")


def shown(text: str, limit: int = 400) -> str:
    """Text as the page shows it: visible, cut, in letters that the fonts have, with a place to break in every long word."""
    drawn = _UNDRAWN.sub(lambda m: f"\\u{{{ord(m[0]):x}}}", " ".join(visible(text, limit).split()))
    return _LONG.sub(lambda m: _BREAK.join(re.findall(r".{1,6}[/_.:,;=&?-]*", m[0])), drawn)


def data(report: Report) -> Json:
    """The report as JSON-ready data for the template."""
    run, summary = report.run, report.summary
    totals = view.count(report.controls)
    columns = [v for v in view.VERDICTS if totals[v] or v in ("pass", *view.OPEN)]
    families = view.families(report)
    broken = [item.controls[0] for item in view.attention(report) if item.verdict == "fail"]
    return {
        "status": summary.status,
        "status_words": view.STATUS_WORDS[summary.status],
        "partial": summary.partial,
        "headline": shown(summary.headline, 600),
        "meaning": view.meaning(report),
        "broken": [f"{shown(c.id, 60)} {shown(c.title, 200)}" for c in broken[:BROKEN_SHOWN]],
        "more_broken": max(0, len(broken) - BROKEN_SHOWN),
        "reasons": [shown(reason, 300) for reason in summary.reasons[:10]],
        "more_reasons": max(0, len(summary.reasons) - 10),
        "target": shown(run.target.name, 120),
        "run": shown(run.id, 80),
        "digest": shown(run.journal_digest, 100),
        "made": _made(report),
        "facts": _target(report),
        "samples": _samples(report),
        "bounds": [shown(bounds_view.bound_words(report), 400), shown(bounds_view.growth_words(report), 400)],
        "covered": [shown(item, 300) for item in summary.covered],
        "not_covered": [shown(item, 300) for item in summary.not_covered],
        "columns": [{"key": v, "word": view.WORDS[v]} for v in columns],
        "families": [{"title": shown(f.title, 60), "numbers": [f.counts[v] for v in columns], "total": len(f.controls)} for f in families],
        "totals": {"numbers": [totals[v] for v in columns], "total": len(report.controls)},
        "attention": [_attention(report, item) for item in view.attention(report)[:100]],
        "controls": [
            {"title": shown(f"{f.title} ({f.code})", 80), "controls": [_control(report, c) for c in f.controls]} for f in families
        ],
        "growth": [_growth(item, n) for n, item in enumerate(bounds_view.growth_views(report)[:OBJECTS_SHOWN])],
        "power": _power(report),
        "classes": [
            (shown(c.name, 120), number(c.accepted), number(c.leaked), "not bounded" if c.upper is None else percent(c.upper))
            for c in report.classes[:OBJECTS_SHOWN]
        ],
        "minimised": [_minimised(item, scripted=n < SCRIPTS_SHOWN) for n, item in enumerate(report.minimised[:OBJECTS_SHOWN])],
        "timelines": [_timeline(item, n) for n, item in enumerate(report.timelines[:OBJECTS_SHOWN])],
        "interface": _interface(report),
        "policy": _policy(report),
        "leftovers": [_left(item) for item in view.gathered_leftovers(report)[:OBJECTS_SHOWN]],
        "sources": [_source(source) for source in report.sources[:OBJECTS_SHOWN]],
        "sanity": [
            {"when": p.when.capitalize(), "verdict": "pass" if p.ok else "fail", "detail": shown(p.detail, 600)} for p in report.sanity
        ],
        "provenance": _provenance(report),
        "command": shown(run.command, 1_000),
        "version": shown(run.version, 40),
    }


def _interface(report: Report) -> dict[str, Any]:
    """Words, and the operations that let nobody through or the wrong roles; all are in the HTML and JSON reports."""
    operations = report.interface.operations if report.interface is not None else ()
    odd = [row for row in operations if row.wrong or not row.accepted]
    rows = [
        (shown(row.operation, 160), number(row.sent), number(row.accepted), shown(", ".join(row.wrong), 160)) for row in odd[:OBJECTS_SHOWN]
    ]
    return {"words": shown(bounds_view.interface_words(report), 400), "rows": rows}


def _made(report: Report) -> str:
    run = report.run
    took = duration(run.started_at, run.ended_at)
    parts = [when(visible(run.started_at, 60)), f"took {took}" if took else "", f"depth {shown(run.depth, 40)}"]
    return ", ".join(part for part in (*parts, f"policy edition {shown(run.policy_edition, 80)}") if part)


def _target(report: Report) -> Pairs:
    target = report.run.target
    return [
        ("Target", shown(target.name, 120)),
        ("Address", shown(target.base_url, 200)),
        ("Platform", shown(target.platform, 120)),
        ("Storage use", shown(view.ENFORCEMENT.get(target.enforcement, target.enforcement), 200)),
        ("With ZDR", shown(target.subject, 120)),
        ("Without ZDR", shown(target.control, 120)),
    ]


def _samples(report: Report) -> Pairs:
    searched = view.volume(report)
    return [
        ("Requests sent", number(report.run.requests_sent)),
        ("Accepted", number(report.run.requests_accepted)),
        ("Unique canaries", number(report.run.canaries)),
        ("Evidence sources", number(len(report.sources))),
        ("Readings", number(searched.readings)),
        ("Searched", size(searched.bytes)),
        ("Not examined", number(searched.not_examined)),
    ]


def _provenance(report: Report) -> Pairs:
    run = report.run
    return [
        ("Run", shown(run.id, 120)),
        ("Started", when(visible(run.started_at, 60))),
        ("Ended", when(visible(run.ended_at, 60))),
        ("zdr-audit", shown(run.version, 60)),
        ("Seed", str(run.seed)),
        ("Depth", shown(run.depth, 60)),
        ("Selection", shown(run.selection, 300)),
        ("Policy edition", shown(run.policy_edition, 120)),
        ("Profile digest", shown(run.profile_digest, 160)),
        ("Catalogue digest", shown(run.catalogue_digest, 160)),
        ("Journal digest", shown(run.journal_digest, 160)),
    ]


def _verdict(control: ControlResult) -> Json:
    return {"id": shown(control.id, 60), "verdict": control.verdict, "word": view.WORDS[control.verdict]}


def _attention(report: Report, item: view.Attention) -> Json:
    first = item.controls[0]
    one = len(item.controls) == 1
    smallest = view.minimised_of(report, first)
    return {
        "verdict": item.verdict,
        "word": view.WORDS[item.verdict],
        "ids": shown(view.compact_ids(control.id for control in item.controls), 400),
        "title": shown(first.title, 200) if one else f"{len(item.controls)} controls for one reason",
        "severity": shown(first.severity, 20) if one else "",
        "reason": shown(sentence(item.reason), 600),
        "where": shown(view.place(first.findings[0]), 300) if first.findings else "",
        "request": shown(view.request_of(first.findings[0]), 200) if first.findings else "",
        "command": shown(view.reproduce(report, first.id), 1_000) if item.verdict == "fail" else "",
        "smallest": shown(view.minimised_words(smallest[0]), 600) if item.verdict == "fail" and smallest else "",
        "remedy": shown(first.remediation, 800) if item.verdict == "fail" else "",
    }


def _control(report: Report, control: ControlResult) -> Json:
    proofs = view.sight_sum(control)
    kinds = [f"{n} {word}" for n, word in ((proofs.blind, "blind"), (proofs.spike, "by spike"), (proofs.control, "by control")) if n]
    bound = view.leak_bound(control)
    return _verdict(control) | {
        "title": shown(control.title, 200),
        "reason": shown(control.reason, 500),
        "statement": shown(control.statement, 1_000),
        "severity": shown(control.severity, 20),
        "accepted": f"{number(control.accepted)} of min. {number(control.minimum_accepted)}",
        "sight": ", ".join(kinds) or ("answers only" if control.evidence == ("answers",) else "none shown"),
        "bound": percent(bound) if bound is not None else "",
        "clauses": [
            f"{shown(view.FRAMEWORKS.get(name, name), 80)}: {shown(', '.join(clauses), 200)}"
            for name, clauses in sorted(control.frameworks.items())
        ],
        "command": shown(view.reproduce(report, control.id), 1_000),
        "findings": [_findings(group) for group in view.gathered_findings(control.findings[:FINDINGS_SHOWN])],
        "more": max(0, len(control.findings) - FINDINGS_SHOWN),
        "minimised": [
            {"id": shown(item.id, 40), "words": shown(view.minimised_words(item), 700)}
            for item in view.minimised_of(report, control)[:MINIMISED_SHOWN]
        ],
        "true_word": view.WORDS[control.true_verdict] if control.true_verdict else "",
        "stimuli": [
            f"{shown(view.scenario_words(item.scenario), 120)}: {number(item.accepted)} of {number(item.sent)}"
            for item in control.stimuli[:20]
        ],
        "observed": [_observed(row) for row in view.observed_rows(control)[:OBJECTS_SHOWN]],
    }


def _observed(row: view.ObservedRow) -> list[str]:
    how = {"blind": "blind", None: "none needed"}.get(row.how, f"by {row.how}")
    where = f", {shown(row.canary, 80)} in {shown(row.object or '', 120)}" if row.canary else ""
    return [
        shown(row.source, 120),
        shown(row.readings, 200),
        f"{number(row.found)} of {number(row.searched)}",
        f"{number(row.sight)} of {number(row.sight_sent)}",
        how + where,
    ]


def _minimised(item: Minimised, *, scripted: bool) -> Json:
    script = visible(item.script, SCRIPT_LIMIT, lines=True) if scripted else ""
    lines = [_UNDRAWN.sub(lambda m: f"\\u{{{ord(m[0]):x}}}", line) for line in script.split("\n")]
    return {
        "id": shown(item.id, 40),
        "words": shown(view.minimised_words(item), 700),
        "where": shown(f"{item.source}, objects like {item.object}", 400),
        "script": "\n".join(_LONG.sub(lambda m: _BREAK.join(re.findall(r".{1,12}", m[0])), line) for line in lines).strip("\n"),
    }


def _timeline(item: Timeline, place: int) -> Json:
    lone = [action for action in item.actions if action.entry is None]
    return {
        "organization": shown(item.organization, 120),
        "words": f"{len(item.actions)} actions, {len(lone)} without an entry",
        "lone": [shown(f"{a.operation} by {a.actor} at {when(visible(a.at, 60))} ({a.request})", 300) for a in lone[:20]],
        "image": plots.standalone(plots.timeline(item, place)),
    }


def _findings(group: tuple[Finding, ...]) -> Json:
    """Findings of one kind: what they share, and a row for each."""
    first = group[0]
    pairs = [("Form, outermost first", " > ".join(first.forms[:20]), 300), ("Smallest request", first.minimised or "", 40)]
    return {
        "where": shown(", ".join(part for part in (first.source, view.object_of(group)) if part), 600),
        "message": shown(sentence(first.message), 600),
        "pairs": [(name, shown(value, limit)) for name, value, limit in pairs if value],
        "rows": [_finding(item, group) for item in group],
    }


def _finding(item: Finding, group: tuple[Finding, ...]) -> list[str]:
    remains = " (in deleted remains)" if item.residue else ""
    excerpt = "" if item.excerpt in ("", BLOTTED) else f" {item.excerpt}"
    return [
        shown(view.location_of(item, group), 400) + remains + shown(excerpt, 200),
        shown(view.request_of(item), 300),
        shown(item.canary or "", 120),
        shown(", ".join(part for part in (item.organization, item.model) if part), 240),
        shown(when(item.at or ""), 60),
    ]


def _left(item: view.Left) -> Json:
    ids = ", ".join(f"{thing} ({request})" for thing, request in item.things[:OBJECTS_SHOWN])
    more = len(item.things) - OBJECTS_SHOWN
    return {
        "words": shown(f"{len(item.things)} {item.kind} in {item.organization}: {item.reason}.", 600),
        "ids": shown(ids, 4_000) + (f", and {more} more in report.json" if more > 0 else ""),
    }


def _growth(item: GrowthView, place: int) -> Json:
    return {
        "source": shown(item.source, 80),
        "verdict": item.verdict,
        "word": view.WORDS[item.verdict],
        "words": item.words,
        "subject": _slope(item.subject),
        "control": _slope(item.control),
        "image": plots.standalone(plots.growth(item, place)),
    }


def _slope(bound: GrowthBound | None) -> str:
    if bound is None or bound.slope is None or bound.low is None or bound.high is None:
        return "not bounded"
    return f"{bound.slope:.3f} ({bound.low:.3f} to {bound.high:.3f}) from {bound.blocks} blocks"


def _power(report: Report) -> Json:
    marks = bounds_view.power_marks(report)
    rows = [(number(mark.accepted), percent(mark.bound), shown(view.compact_ids(mark.ids), 300)) for mark in marks[:OBJECTS_SHOWN]]
    return {"image": plots.standalone(plots.power(marks)), "rows": rows}


def _policy(report: Report) -> list[Json]:
    return [
        {
            "section": shown(group.section, 200),
            "lines": [
                {
                    "text": shown(line.paraphrase, 600),
                    "id": shown(line.id, 100),
                    "controls": [_gathered(verdict, controls) for verdict in view.VERDICTS if any(c.verdict == verdict for c in controls)],
                    "why": f"Not checkable: {shown(line.why_not, 400)}" if line.why_not else "No control of this report.",
                }
                for line, controls in group.lines
            ],
        }
        for group in bounds_view.policy_views(report)
    ]


def _gathered(verdict: Verdict, controls: tuple[ControlResult, ...]) -> Json:
    """The controls of that verdict, in short: a sentence may have dozens."""
    ids = view.compact_ids(control.id for control in controls if control.verdict == verdict)
    return {"ids": shown(ids, 600), "verdict": verdict, "word": view.WORDS[verdict]}


def _source(source: SourceResult) -> Json:
    skipped = [
        (shown(thing, 200), shown(reason, 200)) for thing, reason in dict.fromkeys(n for r in source.readings for n in r.not_examined)
    ]
    return {
        "id": shown(source.id, 120),
        "kind": shown(source.kind, 60),
        "what": shown(source.what, 300),
        "readings": [
            {
                "name": f"{shown(r.epoch, 40)}, {shown(r.reading, 40)}",
                "cells": [when(visible(r.at, 60)), *map(number, (r.bytes, r.objects, r.subject_hits, r.control_hits, len(r.not_examined)))],
                "error": shown(r.error or "", 400),
            }
            for r in source.readings
        ],
        "forms": shown(", ".join(form[:60] for form in source.forms[:200]), 2_000),
        "skipped": skipped[:10],
        "more": max(0, len(skipped) - 10),
    }
