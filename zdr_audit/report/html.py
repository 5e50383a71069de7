"""`report.html`: one self-contained page that needs no network and no script."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from zdr_audit import resources
from zdr_audit.report import bounds_view, plots, view, words
from zdr_audit.report.model import Report
from zdr_audit.report.sanitize import visible

FINDINGS_SHOWN = 50
OBJECTS_SHOWN = 50
OPERATIONS_SHOWN = 200
TESTS_SHOWN = 100
FORMS_SHOWN = 200
MINIMISED_SHOWN = 12
BROKEN_SHOWN = 4
SCRIPT_LIMIT = 8_000


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
        meaning=view.meaning(report),
        growth=bounds_view.growth_views(report),
        power=bounds_view.power_marks(report),
        leftovers=view.gathered_leftovers(report),
        policy=bounds_view.policy_views(report),
        bound_words=bounds_view.bound_words(report),
        growth_words=bounds_view.growth_words(report),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        script_digest=digest,
        duration=words.duration(report.run.started_at, report.run.ended_at),
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
        ENFORCEMENT=view.ENFORCEMENT,
        FINDINGS_SHOWN=FINDINGS_SHOWN,
        OBJECTS_SHOWN=OBJECTS_SHOWN,
        OPERATIONS_SHOWN=OPERATIONS_SHOWN,
        TESTS_SHOWN=TESTS_SHOWN,
        FORMS_SHOWN=FORMS_SHOWN,
        MINIMISED_SHOWN=MINIMISED_SHOWN,
        BROKEN_SHOWN=BROKEN_SHOWN,
        sight_sum=view.sight_sum,
        sight_rows=view.sight_rows,
        observed_rows=view.observed_rows,
        gathered_findings=view.gathered_findings,
        object_of=view.object_of,
        location_of=view.location_of,
        minimised_of=view.minimised_of,
        minimised_words=view.minimised_words,
        scenario_words=view.scenario_words,
        timeline_plot=plots.timeline,
        volume_of=view.volume,
        leak_bound=view.leak_bound,
        request_of=view.request_of,
        place=view.place,
        reproduce=view.reproduce,
        compact_ids=view.compact_ids,
        growth_plot=plots.growth,
        power_plot=plots.power,
    )
    env.filters.update(
        cut=visible,
        sentence=words.sentence,
        number=words.number,
        size=words.size,
        when=words.when,
        percent=words.percent,
        paragraphs=_paragraphs,
        script=_script,
    )
    return env


def _finalize(value: object) -> object:
    """Runs on every expression that a template prints, so that no field can be forgotten; markup of our own passes."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _script(text: str) -> Markup:
    """A script with its line feeds, everything else made visible and escaped."""
    return Markup("\n").join(escape(line) for line in visible(text, SCRIPT_LIMIT, lines=True).split("\n"))


def _paragraphs(text: str) -> list[str]:
    """A text of the catalogue as paragraphs: blank lines part them, single line feeds are spaces."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text[:20_000]) if part.strip()]
