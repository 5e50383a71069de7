"""What all writers share: the words for verdicts, the order of things, and small sums over a report. Pure functions, no markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from zdr_audit.catalogue.model import Family, Severity
from zdr_audit.report.fingerprint import kind_of_object
from zdr_audit.report.model import ControlResult, Finding, Minimised, Report, Status, Verdict
from zdr_audit.report.sanitize import LIMIT

VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "inconclusive", "not_tested", "waived", "not_applicable")
"""Every verdict, in the order in which tables show them."""

OPEN: tuple[Verdict, ...] = ("fail", "inconclusive", "not_tested")
"""The verdicts that keep a run from being compliant, worst first."""

WORDS: dict[Verdict, str] = {
    "pass": "Pass",
    "fail": "Fail",
    "inconclusive": "Inconclusive",
    "not_tested": "Not tested",
    "waived": "Waived",
    "not_applicable": "Not applicable",
}
STATUS_WORDS: dict[Status, str] = {"compliant": "Compliant", "non_compliant": "Not compliant", "incomplete": "Incomplete"}
FRAMEWORKS = {
    "soc2": "SOC 2",
    "iso27001": "ISO/IEC 27001:2022",
    "nist80053": "NIST SP 800-53 rev. 5",
    "gdpr": "GDPR",
    "hipaa": "HIPAA",
}
CONFIDENCE = 0.95

assert set(VERDICTS) == set(get_args(Verdict))


@dataclass(frozen=True)
class FamilyView:
    """A control family of the report: its code, title, controls in id order, and how many have each verdict (all verdicts are keys)."""

    code: str
    title: str
    controls: tuple[ControlResult, ...]
    counts: dict[Verdict, int]


@dataclass(frozen=True)
class Attention:
    """Controls that need attention: one failed control, or all open ones that share a verdict and a reason."""

    verdict: Verdict
    reason: str
    controls: tuple[ControlResult, ...]


@dataclass(frozen=True)
class SightSum:
    """How many sources a control's sight proofs show in each way; a source counts by its weakest proof."""

    control: int
    spike: int
    blind: int


@dataclass(frozen=True)
class SightRow:
    """What was seen of one source, and in which readings (`main: first, settled`)."""

    source: str
    how: str
    canary: str | None
    object: str | None
    readings: str


@dataclass(frozen=True)
class ObservedRow:
    """What readings of one source showed of a control's requests, readings that showed the same gathered, and how sight was proven in them."""

    source: str
    readings: str
    searched: int
    found: int
    sight: int
    sight_sent: int
    how: str | None
    canary: str | None
    object: str | None


@dataclass(frozen=True)
class Volume:
    """What was searched: readings made, bytes read over all of them, objects that could not be examined."""

    readings: int
    bytes: int
    not_examined: int


def count(controls: Iterable[ControlResult]) -> dict[Verdict, int]:
    """How many of the controls have each verdict; every verdict is a key."""
    counts = dict.fromkeys(VERDICTS, 0)
    for item in controls:
        counts[item.verdict] += 1
    return counts


def _family_order(code: str) -> tuple[int, str]:
    codes = [f.value for f in Family]
    return (codes.index(code) if code in codes else len(codes), code)


def family_title(code: str) -> str:
    """The family's title, or the code itself where the catalogue knows no such family."""
    return Family(code).words if code in {f.value for f in Family} else code


def families(report: Report) -> tuple[FamilyView, ...]:
    """The families that occur in the report, in catalogue order (unknown ones last), controls in id order."""
    found = []
    for code in sorted({c.family for c in report.controls}, key=_family_order):
        members = tuple(sorted((c for c in report.controls if c.family == code), key=lambda c: c.id))
        found.append(FamilyView(code, family_title(code), members, count(members)))
    return tuple(found)


def _severity_order(severity: str) -> int:
    known = [s.value for s in Severity]
    return known.index(severity) if severity in known else len(known)


def attention(report: Report) -> tuple[Attention, ...]:
    """What needs attention: failed controls by severity, each on its own; then inconclusive and untested ones, gathered by reason."""
    ordered = [c for family in families(report) for c in family.controls]
    failed = sorted((c for c in ordered if c.verdict == "fail"), key=lambda c: _severity_order(c.severity))
    found = [Attention("fail", c.reason, (c,)) for c in failed]
    for verdict in OPEN[1:]:
        by_reason: dict[str, list[ControlResult]] = {}
        for item in ordered:
            if item.verdict == verdict:
                by_reason.setdefault(item.reason, []).append(item)
        found += [Attention(verdict, reason, tuple(members)) for reason, members in by_reason.items()]
    return tuple(found)


def compact_ids(ids: Iterable[str]) -> str:
    """Control ids in one line, with runs of three and more as ranges: `ZDR-RET-01..05, ZDR-EXC-02`."""
    runs: list[list[str]] = []
    for item in ids:
        last = re.fullmatch(r"(.*-)(\d+)", runs[-1][-1]) if runs else None
        this = re.fullmatch(r"(.*-)(\d+)", item)
        if last and this and this[1] == last[1] and int(this[2]) == int(last[2]) + 1:
            runs[-1].append(item)
        else:
            runs.append([item])
    return ", ".join(f"{run[0]}..{run[-1].rsplit('-', 1)[1]}" if len(run) > 2 else ", ".join(run) for run in runs)


def place(finding: Finding) -> str:
    """Where a finding lies, in one line: source, object, location."""
    return ", ".join(part[:LIMIT] for part in (finding.source, finding.object, finding.location) if part)


def request_of(finding: Finding) -> str:
    """Which request a finding belongs to, in one line; empty where it names none."""
    ours = [finding.request[:LIMIT]] if finding.request else []
    theirs = [finding.request_id[:LIMIT]] if finding.request_id else []
    return " ".join(ours + ([f"({theirs[0]})"] if ours and theirs else theirs))


def meaning(report: Report) -> str:
    """What the verdict says, for a reader without technical knowledge."""
    waived = count(report.controls)["waived"]
    words: dict[Status, str] = {
        "compliant": f"Every promise that this run checked was kept{', apart from what is waived' if waived else ''}.",
        "non_compliant": "At least one promise was broken. Each finding below names its place and its request.",
        "incomplete": "This run gives no assurance, because something could not be checked. It must not be read as a pass.",
    }
    who = "control is" if waived == 1 else "controls are"
    aside = f" {waived:,} {who} waived: not shown to hold, and left open by a named owner until a date." if waived else ""
    return words[report.summary.status] + aside


def reproduce(report: Report, control_id: str) -> str:
    """The command line that runs this control again with the target, depth and seed of the run."""
    words = re.sub(r" --controls (?:'[^']*'|\S+)", "", report.run.command[:LIMIT])
    return f"{words} --controls {control_id[:60]}"


def sight_sum(control: ControlResult) -> SightSum:
    """Sources by their weakest proof of sight: a source that one reading could not see counts as blind."""
    ranks = {"control": 0, "spike": 1, "blind": 2}
    weakest: dict[str, int] = {}
    for proof in control.sight:
        weakest[proof.source] = max(weakest.get(proof.source, 0), ranks[proof.how])
    kinds = list(weakest.values())
    return SightSum(kinds.count(0), kinds.count(1), kinds.count(2))


def sight_rows(control: ControlResult) -> tuple[SightRow, ...]:
    """The sight proofs with readings that saw the same thing in the same source gathered into one row, in order of first appearance."""
    gathered: dict[tuple[str, str, str | None, str | None], dict[str, list[str]]] = {}
    for proof in control.sight:
        epochs = gathered.setdefault((proof.source, proof.how, proof.canary, proof.object), {})
        epochs.setdefault(proof.epoch[:60], []).append(proof.reading[:60])
    return tuple(
        SightRow(*key, readings="; ".join(f"{epoch}: {', '.join(names)}" for epoch, names in found.items()))
        for key, found in gathered.items()
    )


def observed_rows(control: ControlResult) -> tuple[ObservedRow, ...]:
    """What each reading showed, beside its proof of sight; in order of first appearance."""
    proofs = {(proof.source, proof.epoch, proof.reading): proof for proof in control.sight}
    gathered: dict[ObservedRow, dict[str, list[str]]] = {}
    for seen in control.observations:
        proof = proofs.get((seen.source, seen.epoch, seen.reading))
        how, canary, thing = (proof.how, proof.canary, proof.object) if proof else (None, None, None)
        row = ObservedRow(seen.source, "", seen.searched, seen.found, seen.sight, seen.sight_sent, how, canary, thing)
        gathered.setdefault(row, {}).setdefault(seen.epoch[:60], []).append(seen.reading[:60])
    return tuple(
        replace(row, readings="; ".join(f"{epoch}: {', '.join(names)}" for epoch, names in found.items()))
        for row, found in gathered.items()
    )


ENFORCEMENT = {"blocked": "refused under ZDR", "leaves_promise": "usable; whoever uses one leaves the promise"}
"""What the profile says of features that need storage, in words."""


def minimised_of(report: Report, control: ControlResult) -> tuple[Minimised, ...]:
    """The smallest leaking requests that explain the control's findings, those that were found first, in their order."""
    named = {finding.minimised for finding in control.findings} - {None}
    chosen = [item for item in report.minimised if item.id in named]
    return tuple(sorted(chosen, key=lambda item: item.outcome != "reduced"))


def scenario_words(name: str) -> str:
    """`retention.plain_requests` in words."""
    return name[:120].rpartition(".")[2].replace("_", " ")


def minimised_words(item: Minimised) -> str:
    """What the search for a smaller request came to, in a sentence."""
    said = f"{item.words[:1].upper()}{item.words[1:LIMIT]}."
    if item.outcome == "reduced":
        end = "nothing more can be left out" if item.smallest else "there was no time or room to try for less"
        tries = f"{item.tried:,} request{'s' if item.tried != 1 else ''} tried"
        return f"{said} Sent by itself it leaked again; {end} ({tries})."
    if item.outcome == "not_reproduced":
        return f"{said} Sent again by itself it left nothing, so the leak needs what went before it in its scenario."
    return f"{said} Not reduced, because the run's bound on further requests or time was reached."


def gathered_findings(findings: Sequence[Finding]) -> tuple[tuple[Finding, ...], ...]:
    """Findings that share promise, source, kind of object, form and smallest request together, in order of first appearance."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for item in findings:
        groups.setdefault((item.message, item.source, kind_of_object(item), item.forms, item.minimised), []).append(item)
    return tuple(tuple(group) for group in groups.values())


def object_of(group: Sequence[Finding]) -> str:
    """The object of findings that were gathered: its name, or the pattern of their names where they differ."""
    return group[0].object if len({item.object for item in group}) == 1 else kind_of_object(group[0])


def location_of(item: Finding, group: Sequence[Finding]) -> str:
    """Where in the object of its group a finding is; the object's name comes first where the group has several."""
    return item.location if object_of(group) == item.object else f"{item.object}, {item.location}"


def blind_readings(report: Report) -> frozenset[tuple[str, str, str]]:
    """Source, epoch and reading of every reading that some control found blind."""
    return frozenset((s.source, s.epoch, s.reading) for control in report.controls for s in control.sight if s.how == "blind")


def findings_by_source(report: Report) -> dict[str, int]:
    """How many findings of failed controls each source has; sources without any are left out."""
    found: dict[str, int] = {}
    for item in (f for control in report.controls if control.verdict == "fail" for f in control.findings):
        found[item.source] = found.get(item.source, 0) + 1
    return found


@dataclass(frozen=True)
class Left:
    """What the run left in the target, of one kind, in one organization and for one reason: (id, request that made it) each."""

    kind: str
    organization: str
    reason: str
    things: tuple[tuple[str, str], ...]


def gathered_leftovers(report: Report) -> tuple[Left, ...]:
    """What was left in the target, gathered, in order of first appearance."""
    groups: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for item in report.leftovers:
        groups.setdefault((item.kind.removeprefix("feature:"), item.organization, item.reason), []).append((item.id, item.request))
    return tuple(Left(*key, things=tuple(things)) for key, things in groups.items())


def left_behind(report: Report) -> str:
    """What the run left in the target, by kind, in one line; empty where nothing is left."""
    kinds = Counter(item.kind.removeprefix("feature:") for item in report.leftovers)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))


def volume(report: Report) -> Volume:
    """Sums over all readings of all sources."""
    readings = [reading for source in report.sources for reading in source.readings]
    return Volume(len(readings), sum(r.bytes for r in readings), sum(len(r.not_examined) for r in readings))


def leak_bound(control: ControlResult) -> float | None:
    """Exact binomial upper bound (95 %) on the share of like requests that could leave a trace although none of `accepted` did.

    None where the control does not rest on stored evidence, did not pass, or accepted nothing: there the number would say nothing.
    """
    if control.verdict != "pass" or control.accepted < 1 or set(control.evidence) <= {"answers"}:
        return None
    return bound_after(control.accepted)


def bound_after(accepted: int) -> float:
    """Exact binomial upper bound (95 %) on the share of leaking requests when none of `accepted` (at least 1) left a trace."""
    return float(1 - (1 - CONFIDENCE) ** (1 / accepted))
