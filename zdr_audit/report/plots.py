"""Plots as inline SVG: no script, no colour of its own (the style sheet gives classes their colour), and the same numbers in words.

Texts inside are numbers and fixed words; the one foreign text, a source's name, is cut and escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from markupsafe import Markup, escape

from zdr_audit.report.bounds_view import GrowthView, PowerMark
from zdr_audit.report.model import GrowthBound, Timeline
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import bound_after
from zdr_audit.report.words import instant

LEFT, TOP, WIDE, HIGH = 56, 10, 300, 150
"""The area of a plot inside its frame, in SVG units; labels stand left of it and below."""

_POINTS = 400
_MARKS = 200


class _Scale:
    """Maps values to positions; clips, so that nothing is drawn outside the frame."""

    def __init__(self, low: float, high: float, start: float, length: float, *, logarithmic: bool = False) -> None:
        self.low, self.high = low, high if high > low else low + 1
        self._start, self._length, self._log = start, length, logarithmic

    def __call__(self, value: float) -> str:
        value = min(max(value, self.low), self.high)
        low, high = self.low, self.high
        if self._log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return f"{self._start + self._length * (value - low) / (high - low):.1f}"


PRINT_STYLE = (
    "text{font-family:'Libertinus Serif';font-size:11px;fill:#444c54}.end{text-anchor:end}.middle{text-anchor:middle}"
    ".grid{stroke:#d9dee3;stroke-width:1}.fit{fill:none;stroke-width:1.75}.fit.subject{stroke:#1a5a8a}"
    ".fit.control{stroke:#865300;stroke-dasharray:5 3}.band{opacity:.2}.band.subject{fill:#1a5a8a}.band.control{fill:#865300}"
    ".dot.subject{fill:#1a5a8a}.dot.control{fill:#fff;stroke:#865300;stroke-width:1.5}.drop{stroke:#1a5a8a;stroke-dasharray:2 3}"
    ".tie{stroke:#1a5a8a;stroke-width:1;opacity:.5}.dot.alone{fill:#fff;stroke:#b01c14;stroke-width:2}"
)


def standalone(image: str) -> str:
    """The plot as an SVG file of its own, coloured for paper."""
    return (
        str(image)
        .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        .replace("<title", f"<style>{PRINT_STYLE}</style><title", 1)
    )


def growth(view: GrowthView, number: int) -> Markup:
    """Bits grown over bits sent of one source: points, line and interval, for both organizations. `number` makes its ids unique."""
    shown = [bound for bound in (view.control, view.subject) if bound is not None]
    points = [point for bound in shown for point in bound.points[:_POINTS]]
    if not points:
        return Markup("")
    most = max(8 * grown for _, grown in points)
    least = min(0, *(8 * grown for _, grown in points))
    x = _Scale(0, max(sent for sent, _ in points), LEFT, WIDE)
    y = _Scale(least, max(most, x.high * 0.25), TOP + HIGH, -HIGH)
    parts = [_frame(x, y)]
    for bound in shown:
        parts += _series(bound, x, y)
    title = f"Growth of {visible(view.source, 80)}"
    return _svg(
        f"growth-{number}",
        title,
        " ".join(_in_words(bound) for bound in reversed(shown)),
        parts,
        across="prompt bits sent",
        up="bits grown",
    )


def _series(bound: GrowthBound, x: _Scale, y: _Scale) -> list[str]:
    points = bound.points[:_POINTS]
    parts = []
    if bound.slope is not None and bound.low is not None and bound.high is not None:
        middle = (median(sent for sent, _ in points), median(8 * grown for _, grown in points))
        start, end = (min(sent for sent, _ in points), max(sent for sent, _ in points))

        def at(slope: float, sent: float) -> str:
            return f"{x(sent)},{y(middle[1] + slope * (sent - middle[0]))}"

        corners = (at(bound.low, start), at(bound.high, end), at(bound.low, end), at(bound.high, start))
        # Two triangles that meet at the medians: the lines that the interval allows.
        parts.append(f'<polygon class="band {bound.organization}" points="{corners[0]} {x(middle[0])},{y(middle[1])} {corners[3]}"/>')
        parts.append(f'<polygon class="band {bound.organization}" points="{corners[1]} {x(middle[0])},{y(middle[1])} {corners[2]}"/>')
        parts.append(f'<polyline class="fit {bound.organization}" points="{at(bound.slope, start)} {at(bound.slope, end)}"/>')
    for sent, grown in points:
        if bound.organization == "subject":
            parts.append(f'<circle class="dot subject" cx="{x(sent)}" cy="{y(8 * grown)}" r="3"/>')
        else:
            parts.append(
                f'<rect class="dot control" x="{float(x(sent)) - 2.75:.1f}" y="{float(y(8 * grown)) - 2.75:.1f}" width="5.5" height="5.5"/>'
            )
    return parts


def _in_words(bound: GrowthBound) -> str:
    who = {"subject": "With ZDR", "control": "Without ZDR"}[bound.organization]
    if bound.slope is None or bound.low is None or bound.high is None:
        return f"{who}: {bound.blocks} blocks, too few for a line."
    return f"{who}: {bound.slope:.3f} bits kept per prompt bit, 95 % interval {bound.low:.3f} to {bound.high:.3f}, {bound.blocks} blocks."


def power(marks: tuple[PowerMark, ...]) -> Markup:
    """The exact binomial bound over the number of accepted requests (both logarithmic), with this run's controls marked."""
    most = max([1_000, *(mark.accepted for mark in marks)])
    x = _Scale(1, 10 ** math.ceil(math.log10(most)), LEFT, WIDE, logarithmic=True)
    y = _Scale(min(0.001, bound_after(int(x.high))), 1, TOP + HIGH, -HIGH, logarithmic=True)
    steps = [x.high ** (step / 80) for step in range(81)]
    curve = " ".join(f"{x(n)},{y(1 - 0.05 ** (1 / n))}" for n in steps)
    parts = [_grid(x, y, _decades(x), _decades(y), percent=True), f'<polyline class="fit subject" points="{curve}"/>']
    for mark in marks:
        across, up = x(mark.accepted), y(mark.bound)
        parts.append(f'<line class="drop" x1="{across}" y1="{TOP + HIGH}" x2="{across}" y2="{up}"/>')
        parts.append(f'<circle class="dot subject" cx="{across}" cy="{up}" r="4"/>')
    words = " ".join(f"{mark.accepted:,} accepted: below {mark.bound * 100:.2g} % ({_controls(len(mark.ids))})." for mark in marks[:50])
    title = "Largest share of leaking requests that this many accepted requests could miss"
    return _svg(
        "power", title, words or "No control of this run carries such a bound.", parts, across="accepted requests", up="share, at most"
    )


SPAN, LANES = 640, (26, 104)
"""A timeline's width, and where its two lanes lie."""


def timeline(view: Timeline, number: int) -> Markup:
    """Two lanes over time: our actions above, the audit entries below, and a line from each action to the entry that tells of it."""
    actions, entries = view.actions[:_MARKS], view.entries[:_MARKS]
    times = [when for text in (*(a.at for a in actions), *(e.at for e in entries)) if (when := instant(text)) is not None]
    if not times or not actions:
        return Markup("")
    start = min(times)
    length = max((max(times) - start).total_seconds(), 0.001)
    x = _Scale(0, length, 14, SPAN - 28)

    def at(text: str) -> str | None:
        moment = instant(text)
        return None if moment is None else x((moment - start).total_seconds())

    parts = [f'<line class="grid" x1="8" y1="{lane}" x2="{SPAN - 8}" y2="{lane}"/>' for lane in LANES]
    parts += [
        '<text class="axis" x="8" y="12">actions taken</text>',
        f'<text class="axis" x="8" y="{LANES[1] + 20}">entries of the audit log</text>',
    ]
    parts.append(f'<text class="axis end" x="{SPAN - 8}" y="{LANES[1] + 20}">{_seconds(length)}</text>')
    told = set()
    for action in actions:
        here = at(action.at)
        entry = entries[action.entry] if action.entry is not None and 0 <= action.entry < len(entries) else None
        there = at(entry.at) if entry is not None else None
        if here is None:
            continue
        if there is not None:
            told.add(action.entry)
            parts.append(f'<line class="tie" x1="{here}" y1="{LANES[0]}" x2="{there}" y2="{LANES[1]}"/>')
        parts.append(_mark(float(here), LANES[0], "alone" if entry is None else "subject", refused=action.refused))
    for place, entry in enumerate(entries):
        there = at(entry.at)
        if there is not None:
            parts.append(_mark(float(there), LANES[1], "subject" if place in told else "alone", refused=entry.outcome == "refused"))
    name, title = f"timeline-{number}", f"Enablement actions and audit entries of {visible(view.organization, 80)}"
    lone = sum(action.entry is None for action in view.actions)
    words = f"{len(view.actions)} actions, {len(view.entries)} entries of their types; {lone} actions without an entry."
    head = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-words">{escape(words)}</desc>'
    frame = (
        f'<svg class="plot" viewBox="0 0 {SPAN} {LANES[1] + 28}" role="img" aria-labelledby="{name}-title" aria-describedby="{name}-words">'
    )
    return Markup(f"{frame}{head}{''.join(parts)}</svg>")  # noqa: S704 - foreign text is escaped above


def _mark(x: float, y: float, kind: str, *, refused: bool) -> str:
    """A round mark for what was done, a square one for what was refused."""
    if refused:
        return f'<rect class="dot {kind}" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    return f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def _seconds(length: float) -> str:
    if length < 1:
        return f"{1000 * length:.0f} ms"
    return f"{length:.1f} s" if length < 120 else f"{length / 60:.0f} min" if length < 7200 else f"{length / 3600:.1f} h"


def _controls(number: int) -> str:
    return "1 control" if number == 1 else f"{number} controls"


def _decades(scale: _Scale) -> list[float]:
    return [10.0**power for power in range(math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9) + 1)]


def _ticks(scale: _Scale) -> list[float]:
    """Round numbers, about four of them, over the scale."""
    rough = (scale.high - scale.low) / 4
    step = 10 ** math.floor(math.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= rough)
    first = math.ceil(scale.low / step)
    return [n * step for n in range(first, math.floor(scale.high / step) + 1)]


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _frame(x: _Scale, y: _Scale) -> str:
    return _grid(x, y, _ticks(x), _ticks(y))


def _grid(x: _Scale, y: _Scale, across: Iterable[float], up: Iterable[float], *, percent: bool = False) -> str:
    bottom = TOP + HIGH
    parts = []
    for value in up:
        label = f"{value * 100:g} %" if percent else _short(value)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y(value)}" x2="{LEFT + WIDE}" y2="{y(value)}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{float(y(value)) + 3.5:.1f}">{label}</text>')
    for value in across:
        parts.append(f'<line class="grid" x1="{x(value)}" y1="{bottom}" x2="{x(value)}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick middle" x="{x(value)}" y="{bottom + 16}">{_short(value)}</text>')
    return "".join(parts)


def _svg(name: str, title: str, words: str, parts: list[str], *, across: str, up: str) -> Markup:
    """The whole image; its title and description are what a screen reader reads in its place."""
    labels = (
        f'<text class="axis end" x="{LEFT + WIDE}" y="{TOP + HIGH + 32}">{across}</text>'
        f'<text class="axis" x="0" y="0" transform="translate(9 {TOP + HIGH}) rotate(-90)">{up}</text>'
    )
    head = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-words">{escape(words)}</desc>'
    size = f"0 0 {LEFT + WIDE + 12} {TOP + HIGH + 38}"
    frame = f'<svg class="plot" viewBox="{size}" role="img" aria-labelledby="{name}-title" aria-describedby="{name}-words">'
    return Markup(f"{frame}{head}{''.join(parts)}{labels}</svg>")  # noqa: S704 - foreign text is escaped above
