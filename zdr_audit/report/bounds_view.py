"""What the report says of its bounds: growth source by source, detection power by sample size, the policy sentence by sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from zdr_audit.report.model import ControlResult, GrowthBound, PolicyLine, Report, Verdict
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import bound_after, leak_bound
from zdr_audit.report.words import percent


@dataclass(frozen=True)
class GrowthView:
    """A source's growth bounds; `verdict` and `words` judge both together: a flat subject means something only where the control grows."""

    source: str
    subject: GrowthBound | None
    control: GrowthBound | None
    verdict: Verdict
    words: str


@dataclass(frozen=True)
class PowerMark:
    """The passed controls that rest on the same number of accepted requests, and the bound (a share) that this number gives."""

    accepted: int
    bound: float
    ids: tuple[str, ...]


@dataclass(frozen=True)
class PolicyView:
    """A section of the policy and its sentences, each with those of its controls that the report holds."""

    section: str
    lines: tuple[tuple[PolicyLine, tuple[ControlResult, ...]], ...]


def growth_views(report: Report) -> tuple[GrowthView, ...]:
    """The sources with a growth bound, in the order of the report."""
    subject = {bound.source: bound for bound in report.growth if bound.organization == "subject"}
    control = {bound.source: bound for bound in report.growth if bound.organization == "control"}
    return tuple(_growth(name, subject.get(name), control.get(name)) for name in dict.fromkeys((*subject, *control)))


def _growth(source: str, subject: GrowthBound | None, control: GrowthBound | None) -> GrowthView:
    if subject is not None and subject.judged == "retained":
        return GrowthView(source, subject, control, "fail", "Grows with what the subject organization sends")
    if subject is None or subject.judged == "noisy":
        return GrowthView(source, subject, control, "inconclusive", "Too noisy to bound what can have been kept")
    if control is None or control.judged != "retained":
        words = "Flat, but not even the content without ZDR is seen to take room, so this says nothing"
        return GrowthView(source, subject, control, "inconclusive", words)
    return GrowthView(source, subject, control, "pass", "Flat, while content without ZDR takes room")


def bound_words(report: Report) -> str:
    """In a sentence: how many requests leaked, and how many more could without having been seen."""
    first = report.classes[0] if report.classes else None
    if first is None or first.upper is None:
        return "How many requests could leak unseen is not bounded."
    limit = f"At 95 % confidence, fewer than {percent(first.upper)} of requests like these leak."
    if first.leaked:
        return f"{first.leaked:,} of {first.accepted:,} requests whose content must not be kept leaked. {limit}"
    return f"None of {first.accepted:,} requests whose content must not be kept leaked. {limit}"


def growth_words(report: Report) -> str:
    """In a sentence: how much content in a form that nobody searched for the stores can have kept."""
    views = growth_views(report)
    failed = [view.source for view in views if view.verdict == "fail"]
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return f"The source {visible(failed[0], 60)}{more} grows with what is sent."
    ends = [view.subject.high for view in views if view.verdict == "pass" and view.subject is not None and view.subject.high is not None]
    if not ends or len(ends) < len(views):
        return "Content kept in forms unknown to the search is not bounded."
    return f"Content kept in forms unknown to the search: less than {max(0.001, math.ceil(1000 * max(ends)) / 1000):.3f} of each bit sent, at 95 % confidence."


def power_marks(report: Report) -> tuple[PowerMark, ...]:
    """Controls whose pass carries a bound on unseen leaks, gathered by sample size, smallest first."""
    gathered: dict[int, list[str]] = {}
    for control in report.controls:
        if leak_bound(control) is not None:
            gathered.setdefault(control.accepted, []).append(control.id)
    return tuple(PowerMark(accepted, bound_after(accepted), tuple(sorted(ids))) for accepted, ids in sorted(gathered.items()))


def policy_views(report: Report) -> tuple[PolicyView, ...]:
    """The policy by section, in its own order."""
    known = {control.id: control for control in report.controls}
    sections: dict[str, list[tuple[PolicyLine, tuple[ControlResult, ...]]]] = {}
    for line in report.policy:
        sections.setdefault(line.section, []).append((line, tuple(known[name] for name in line.controls if name in known)))
    return tuple(PolicyView(section, tuple(lines)) for section, lines in sections.items())


def interface_words(report: Report) -> str:
    """How much of the documented interface was exercised, in a sentence; empty where no interface document was read."""
    found = report.interface
    if found is None:
        return ""
    return f"{found.reached} of {found.documented} documented operations let a request through (at least {found.floor:.0%} are needed)."
