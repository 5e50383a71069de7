"""The difference as one self-contained HTML page without scripts."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zdr_audit import resources
from zdr_audit.compare.difference import KINDS, Difference
from zdr_audit.compare.text import TITLES, counted, summary_line, verdict_words, where
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import STATUS_WORDS
from zdr_audit.report.words import when

SHOWN = 500


def render(difference: Difference) -> str:
    """The page. Deterministic; every text of a report is escaped and cut before it is shown."""
    env = Environment(
        loader=FileSystemLoader(resources.templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value, 500) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    return env.get_template("diff.html.j2").render(
        difference=difference,
        runs=(("First", difference.old), ("Second", difference.new)),
        sections=[(kind, TITLES[kind], difference.of(kind)) for kind in KINDS if difference.of(kind)],
        summary=summary_line(difference),
        where=where,
        counted=counted,
        words=verdict_words,
        when=when,
        STATUS_WORDS=STATUS_WORDS,
        SHOWN=SHOWN,
    )
