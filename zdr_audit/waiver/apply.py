"""Applies journaled waivers to verdicts: a pure function, "now" being the start of the run, or when its evidence was last read again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from zdr_audit.report.fingerprint import fingerprint
from zdr_audit.report.model import ControlResult
from zdr_audit.waiver.model import Waiver

WAIVABLE = ("fail", "inconclusive")


@dataclass(frozen=True)
class Applied:
    """The controls with `waived` verdicts, and one line for each waiver that fails the run: expired, or waiving nothing."""

    controls: tuple[ControlResult, ...]
    problems: tuple[str, ...]


def apply(
    waivers: Sequence[Waiver], now: str, controls: Sequence[ControlResult], selected: Collection[str], by_findings: Collection[str]
) -> Applied:
    """A control is waived by its own waiver, or where each of its findings is waived and nothing but findings broke it (`by_findings`).

    Waivers of controls that were not selected are left alone; of waivers of findings that were not seen this can be said only where all
    controls were selected.
    """
    moment = datetime.fromisoformat(now)
    valid = [w for w in waivers if datetime.fromisoformat(w.expires) > moment]
    everything = all(c.id in selected for c in controls)
    seen = {c.id: {fingerprint(c.id, f) for f in c.findings} for c in controls}
    waivable = {c.id for c in controls if c.id in selected and c.verdict in WAIVABLE}
    problems = []
    for waiver in waivers:
        holders = {c.id for c in controls if (waiver.control == c.id if waiver.control else waiver.finding in seen[c.id])}
        concerned = bool(holders & set(selected)) or (waiver.control is None and everything)
        if concerned and waiver not in valid:
            problems.append(f"the waiver of {waiver.about} by {waiver.owner} expired at {waiver.expires}")
        elif concerned and not holders & waivable:
            problems.append(f"the waiver of {waiver.about} by {waiver.owner} is unused: there is nothing to waive")
    judged = tuple(_waived(c, valid, seen[c.id] if c.id in by_findings else set()) if c.id in waivable else c for c in controls)
    return Applied(judged, tuple(problems))


def _waived(control: ControlResult, valid: Sequence[Waiver], seen: set[str]) -> ControlResult:
    used = [w for w in valid if w.control == control.id]
    by_finding = {w.finding: w for w in valid if w.finding}
    if not used and seen and seen <= by_finding.keys():
        used = [by_finding[f] for f in sorted(seen)]
    if not used:
        return control
    words = "; ".join(f"waived by {w.owner} until {w.expires}: {w.reason}" for w in used)
    reason = f"{words}; the true verdict is {control.verdict}: {control.reason}"
    return control.model_copy(update={"verdict": "waived", "true_verdict": control.verdict, "reason": reason})
