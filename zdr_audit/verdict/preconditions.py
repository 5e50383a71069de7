"""What must be true before a control may pass: enough accepted stimuli, sight in every source it rests on, a target that was alive throughout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from zdr_audit.catalogue.model import Control, Evidence
from zdr_audit.journal.events import Epoch, Interaction, SourceRead
from zdr_audit.report.model import Sight
from zdr_audit.suite.history import History


@dataclass(frozen=True)
class Preconditions:
    """Counts, the sight of each reading, and every reason why a pass would be vacuous (empty: none)."""

    sent: int
    accepted: int
    sight: tuple[Sight, ...]
    problems: tuple[str, ...]


def counted(history: History, after: Iterable[str], counting: str) -> list[Interaction]:
    """Interactions that count towards a control's minimum."""
    items = history.of(after)
    return [i for i in items if (i.organization == counting if counting else i.counts)]


def is_accepted(history: History, item: Interaction) -> bool:
    """Accepted by the target; a feature request of an organization under ZDR only where the same request works for the control organization."""
    if not item.accepted:
        return False
    if "feature" in item.labels and item.pair and item.organization != "control":
        other = history.counterpart(item)
        return other is None or other.outcome == "accepted"
    return True


def examine(history: History, control: Control, after: tuple[str, ...], epochs: tuple[Epoch, ...], counting: str = "") -> Preconditions:
    """Judge the record a control's tests rest on."""
    problems = _sanity(history) + _scenarios(history, after)
    items = counted(history, after, counting)
    accepted = sum(is_accepted(history, i) for i in items)
    if accepted < control.minimum_accepted:
        problems.append(
            f"only {accepted} of {len(items)} requests were dealt with by the target, at least {control.minimum_accepted} are needed{_why(items)}"
        )
    sight: list[Sight] = []
    for group in (Evidence.stores, Evidence.read_back):
        if group in control.evidence:
            seen, wrong = _sight(history, group.value, epochs)
            sight += seen
            problems += wrong
    return Preconditions(len(items), accepted, tuple(sight), tuple(dict.fromkeys(problems)))


def _why(items: list[Interaction]) -> str:
    for item in items:
        if not item.accepted:
            more = f": {item.error}" if item.status and item.error else ""
            return f" (first: {item.id} {item.method} {item.path} gave {item.status or item.error or item.outcome}{more})"
    return ""


def _sanity(history: History) -> list[str]:
    problems = [f"the sanity probe {p.when} failed: {p.detail}" for p in history.sanity if not p.ok]
    if not problems and {p.when for p in history.sanity} != {"first", "last"}:
        problems.append("the run was not completed: the last sanity probe is missing")
    return problems


def _scenarios(history: History, after: Iterable[str]) -> list[str]:
    problems = []
    for name in after:
        ended = history.scenarios.get(name)
        if ended is None:
            problems.append(f"the scenario {name} was not driven to its end")
        elif ended.error or ended.not_run:
            problems.append(f"the scenario {name} broke off: {ended.error or ended.not_run}")
    return problems


def _sight(history: History, group: str, epochs: tuple[Epoch, ...]) -> tuple[list[Sight], list[str]]:
    sight, problems = [], []
    reads = [r for r in history.reads if r.group == group and (r.epoch in epochs or r.reading == "rescan")]
    expected = {source for source, (kind, _) in history.run.sources.items() if (kind == "http") == (group == "read_back")}
    for epoch in epochs:
        missing = sorted(expected - {r.outcome.source for r in reads if r.epoch == epoch and r.reading == "settled"})
        problems += [f"the source {name} was not read in the {epoch} epoch" for name in missing]
    if not expected:
        problems.append("the profile names no evidence source that this control could rest on")
    for read in reads:
        proof, problem = _proof(history, read)
        sight.append(proof)
        if problem:
            problems.append(problem)
    return sight, problems


def _older(history: History, read: SourceRead) -> str | None:
    """What is wrong with evidence that was last written before the run began."""
    run = history.run
    if read.changed_at is None:
        return None
    began, changed = datetime.fromisoformat(run.started_at), datetime.fromisoformat(read.changed_at)
    if changed >= began - timedelta(seconds=run.clock_tolerance_seconds):
        return None
    return (
        f"the source {read.outcome.source} is older than the run: it was last written at {read.changed_at[:19]}Z, the run began at {run.started_at[:19]}Z; "
        "perhaps it is a copy, or the target writes elsewhere"
    )


def _proof(history: History, read: SourceRead) -> tuple[Sight, str | None]:
    outcome, control_id = read.outcome, history.run.organizations["control"]
    blind = Sight(source=outcome.source, epoch=read.epoch, reading=read.reading, how="blind")
    if outcome.error:
        return blind, f"the source {outcome.source} could not be read: {outcome.error}"
    unattributed = 0
    proof: Sight | None = None
    for hit in outcome.hits:
        minted = history.canaries.get(hit.canary or "")
        if minted is None:
            unattributed += 1
        elif minted.kind == "never_sent":
            return blind, f"the source {outcome.source} is said to hold a canary that was never sent: the search is not sound"
        elif proof is None and minted.organization == control_id:
            owner = history.owner(hit.canary)
            if owner is not None and (owner.epoch == read.epoch or read.reading == "rescan") and owner.content == "standard":
                proof = Sight(
                    source=outcome.source, epoch=read.epoch, reading=read.reading, how="control", canary=hit.canary, object=hit.object
                )
    if unattributed:
        return proof or blind, f"the source {outcome.source} holds {unattributed} damaged canaries that cannot be attributed to a request"
    if proof is None and (older := _older(history, read)):
        return blind, older
    if proof is None:
        return blind, (
            f"the source {outcome.source} is blind ({read.epoch} epoch, {read.reading} reading): no canary of the control organization was found in it, "
            "so finding none of the subject organization says nothing"
        )
    return proof, None
