"""`report.html`: one self-contained page that needs no network and no script."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zdr_audit import resources
from zdr_audit.report import view
from zdr_audit.report.model import Report
from zdr_audit.report.sanitize import visible

FINDINGS_SHOWN = 50
OBJECTS_SHOWN = 50
TESTS_SHOWN = 100


def render(report: Report) -> str:
    """The report as one HTML document. Deterministic; every text of the report is escaped and cut before it is shown."""
    style, script = _asset("report.css"), _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _environment().get_template("report.html.j2")
    return page.render(
        report=report,
        run=report.run,
        summary=report.summary,
        totals=view.count(report.controls),
        families=view.families(report),
        attention=view.attention(report),
        broken=view.findings_by_source(report),
        blind=view.blind_readings(report),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_digest=digest,
        duration=_duration(report.run.started_at, report.run.ended_at),
    )


def _asset(name: str) -> str:
    return (resources.templates() / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(resources.templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    env.globals.update(
        VERDICTS=view.VERDICTS,
        WORDS=view.WORDS,
        STATUS_WORDS=view.STATUS_WORDS,
        FRAMEWORKS=view.FRAMEWORKS,
        FINDINGS_SHOWN=FINDINGS_SHOWN,
        OBJECTS_SHOWN=OBJECTS_SHOWN,
        TESTS_SHOWN=TESTS_SHOWN,
        sight_sum=view.sight_sum,
        sight_rows=view.sight_rows,
        volume_of=view.volume,
        leak_bound=view.leak_bound,
        request_of=view.request_of,
        place=view.place,
    )
    env.filters.update(cut=visible, number=_number, size=_size, when=_when, percent=_percent, paragraphs=_paragraphs)
    return env


def _finalize(value: object) -> object:
    """Runs on every expression that a template prints, so that no field can be forgotten; markup of our own passes."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _number(value: int) -> str:
    return f"{value:,}"


def _size(value: int) -> str:
    """Bytes in the unit that reads best (decimal multiples)."""
    amount = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{value} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _when(stamp: str) -> str:
    """An ISO 8601 time in UTC as `2026-11-23 09:05:11 UTC`; anything else as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)", stamp)
    return f"{found[1]} {found[2]} UTC" if found else stamp


def _duration(start: str, end: str) -> str:
    """The time between two ISO 8601 stamps in words; empty where they cannot be compared."""
    try:
        seconds = round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
    except (ValueError, TypeError):
        return ""
    if seconds < 0:
        return ""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60} min"


def _paragraphs(text: str) -> list[str]:
    """A text of the catalogue as paragraphs: blank lines part them, single line feeds are spaces."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text[:20_000]) if part.strip()]
