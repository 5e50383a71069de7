"""What must be true before a control may pass: enough accepted stimuli, sight in every source it rests on, a target that was alive throughout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from zdr_audit.catalogue.model import Control, Evidence
from zdr_audit.journal.events import Epoch, Interaction, SourceRead
from zdr_audit.report.model import Sight
from zdr_audit.suite.history import History
from zdr_audit.verdict.behind import begins_late, behind


@dataclass(frozen=True)
class Preconditions:
    """Counts, the sight of each reading, and every reason why a pass would be vacuous (empty: none). `out_of_view`: sources that show nothing of the run's
    first requests, because they forget or are a window on the latest."""

    sent: int
    accepted: int
    sight: tuple[Sight, ...]
    problems: tuple[str, ...]
    out_of_view: tuple[str, ...] = ()


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
    late: list[str] = []
    for group in (Evidence.stores, Evidence.read_back):
        if group in control.evidence:
            seen, wrong, begin_late = _sight(history, group.value, epochs)
            sight += seen
            problems += wrong
            late += begin_late
    return Preconditions(len(items), accepted, tuple(sight), tuple(dict.fromkeys(problems)), tuple(dict.fromkeys(late)))


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
    names = tuple(after)
    others = any((found := history.scenarios.get(name)) is not None and not found.absent for name in names)
    for name in names:
        ended = history.scenarios.get(name)
        if ended is not None and ended.absent and others:
            continue  # it is about what the target does not have; the control rests on its other scenarios
        if ended is None:
            problems.append(f"the scenario {name} was not driven to its end")
        elif ended.error or ended.not_run:
            problems.append(f"the scenario {name} broke off: {ended.error or ended.not_run}")
    return problems


def _sight(history: History, group: str, epochs: tuple[Epoch, ...]) -> tuple[list[Sight], list[str], list[str]]:
    sight: list[Sight] = []
    problems: list[str] = []
    late: list[str] = []
    reads = [r for r in history.reads if r.group == group and (r.epoch in epochs or r.reading == "rescan")]
    expected = {source for source, (kind, _) in history.run.sources.items() if (kind == "http") == (group == "read_back")}
    for epoch in epochs:
        missing = sorted(expected - {r.outcome.source for r in reads if r.epoch == epoch and r.reading == "settled"})
        problems += [f"the source {name} was not read in the {epoch} epoch" for name in missing]
    if not expected:
        problems.append("the profile names no evidence source that this control could rest on")
    for read in reads:
        proof, problem, never_sent, begins = _judged(history, read)
        if read.outcome.source in history.run.twin_sources:
            # It proves the sight of another source, where it is missed if it does not; what is damaged in it was not sent for the subject.
            problems += [never_sent] if never_sent else []
            continue
        sight.append(proof)
        if problem:
            problems.append(problem)
        if begins:
            late.append(read.outcome.source)
    return sight, problems, late


def _judged(history: History, read: SourceRead) -> tuple[Sight, str | None, str, bool]:
    """Proof and problem of a reading, whether it holds what was never sent, and whether it begins late; worked out once for all controls."""
    if id(read) not in history.proofs:
        history.proofs[id(read)] = (*_proof(history, read), _never_sent(history, read), begins_late(history, read) is not None)
    found: tuple[Sight, str | None, str, bool] = history.proofs[id(read)]
    return found


def _older(history: History, read: SourceRead) -> str | None:
    """What is wrong with evidence that is empty, or that was last written before the run began."""
    run = history.run
    if read.group == "stores" and not read.outcome.objects and not read.outcome.not_examined:
        return f"the source {read.outcome.source} is empty ({read.epoch} epoch, {read.reading} reading): there was nothing to search"
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
    """How the reading was shown to have sight, and what is wrong with it. Control before spike: a spike shows only that the source can be read."""
    outcome = read.outcome
    blind = Sight(source=outcome.source, epoch=read.epoch, reading=read.reading, how="blind")
    if outcome.error:
        return blind, f"the source {outcome.source} could not be read: {outcome.error}"
    proof = _control(history, read, read, "") or _twin(history, read) or _spike(history, read)
    unsound = _unsound(history, read)
    if unsound:
        return proof or blind, unsound
    if proof is None and (older := _older(history, read)):
        return blind, older
    if proof is None:
        return blind, _blindness(history, read)
    return proof, _behind(history, read) or _closed(history, read)


def _behind(history: History, read: SourceRead) -> str | None:
    """What is wrong with a settled reading that shows the control organization's requests up to a time, and none of those that came after it."""
    if read.reading == "first" or (gap := behind(history, read)) is None:
        return None
    return (
        f"the source {read.outcome.source} is behind ({read.epoch} epoch, {read.reading} reading): it shows none of the last {gap.requests} requests of the "
        f"control organization, since {gap.first.id}, though it shows such as these; perhaps it is a copy, or is written later"
    )


def _closed(history: History, read: SourceRead) -> str | None:
    """What was written during the run in a settled reading's source, and could not be looked into: it may hold anything."""
    if read.reading == "first":
        return None
    began = datetime.fromisoformat(history.run.started_at) - timedelta(seconds=history.run.clock_tolerance_seconds)
    changed = _changed(history, read.outcome.source)
    found = [
        one
        for one in read.outcome.not_examined
        if (one.written is not None and datetime.fromisoformat(one.written) >= began) or (one.mark is not None and one.object in changed)
    ]
    if not found:
        return None
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return (
        f"{found[0].object}{more} in the source {read.outcome.source} was written during the run and could not be examined: {found[0].reason} "
        f"({read.epoch} epoch, {read.reading} reading)"
    )


def _changed(history: History, source: str) -> frozenset[str]:
    """The objects that nobody could look into that are new since the first reading of their source in this run, or have become others since."""
    told = [{n.object: n.mark for n in r.outcome.not_examined} for r in history.reads if r.outcome.source == source and not r.outcome.error]
    names = {name for reading in told for name, mark in reading.items() if mark is not None}
    return frozenset(name for name in names if name not in told[0] or len({reading[name] for reading in told if name in reading}) > 1)


def _unsound(history: History, read: SourceRead) -> str:
    """What makes a reading prove nothing, empty where nothing does."""
    unattributed = sum(hit.canary not in history.canaries for hit in read.outcome.hits)
    damaged = f"the source {read.outcome.source} holds {unattributed} damaged canaries that cannot be attributed to a request"
    return _never_sent(history, read) or (damaged if unattributed else "")


def _never_sent(history: History, read: SourceRead) -> str:
    minted = [history.canaries.get(hit.canary or "") for hit in read.outcome.hits]
    if any(canary is not None and canary.kind == "never_sent" for canary in minted):
        return f"the source {read.outcome.source} is said to hold a canary that was never sent: the search is not sound"
    return ""


def _control(history: History, read: SourceRead, seen: SourceRead, where: str) -> Sight | None:
    """Sight of `read` by what `seen` (the same reading, or that of the twin's source) holds of the control organization."""
    for hit in seen.outcome.hits:
        minted = history.canaries.get(hit.canary or "")
        owner = history.owner(hit.canary)
        if (
            minted is None
            or owner is None
            or hit.of_digest
            or minted.organization != history.run.organizations["control"]
            or owner.content != "standard"
        ):
            continue
        if owner.epoch == read.epoch or read.reading == "rescan":
            about = {"source": read.outcome.source, "epoch": read.epoch, "reading": read.reading}
            return Sight(**about, how="control", canary=hit.canary, object=f"{where}{hit.object}")
    return None


def _twin(history: History, read: SourceRead) -> Sight | None:
    """Sight by the same place in the twin deployment, read in the same epoch and reading."""
    twin = history.run.twins.get(read.outcome.source)
    for other in history.reads:
        if other.outcome.source == twin and (other.epoch, other.reading) == (read.epoch, read.reading) and not other.outcome.error:
            return _control(history, read, other, f"{twin} of the twin deployment: ")
    return None


def _spike(history: History, read: SourceRead) -> Sight | None:
    planted = {s.canary for s in history.spikes if s.source == read.outcome.source and s.epoch == read.epoch and not s.error}
    for hit in read.outcome.hits:
        if hit.canary in planted and not hit.of_digest:
            about = {"source": read.outcome.source, "epoch": read.epoch, "reading": read.reading}
            return Sight(**about, how="spike", canary=hit.canary, object=hit.object)
    return None


def _blindness(history: History, read: SourceRead) -> str:
    source, run = read.outcome.source, history.run
    said = f"the source {source} is blind ({read.epoch} epoch, {read.reading} reading): no canary of the control organization was found in "
    said += f"{run.twins[source]}, the same place of the twin deployment" if source in run.twins else "it"
    failed = [s.error for s in history.spikes if s.source == source and s.epoch == read.epoch and s.error]
    if source in run.spiked:
        said += f", nor the spike ({failed[0]})" if failed else ", nor the spike"
    hint = "" if source in run.spiked else "; where little is kept there, a spike of the profile can show that it is seen"
    return f"{said}, so finding none of the subject organization says nothing{hint}"
