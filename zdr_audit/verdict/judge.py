"""Verdicts: a pure function of the run journal and the catalogue. Fail outranks inconclusive, inconclusive outranks pass."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from zdr_audit.catalogue.model import Catalogue, Control, Evidence
from zdr_audit.journal.events import Checked, Epoch, FindingSeen
from zdr_audit.profile.model import OUT_OF_SCOPE_PLATFORMS
from zdr_audit.report.model import (
    NOT_SELECTED,
    ControlResult,
    Finding,
    Leftover,
    PolicyLine,
    Report,
    Run,
    SanityProbe,
    SourceReading,
    SourceResult,
    Status,
    Summary,
    Target,
    TestResult,
    Verdict,
)
from zdr_audit.suite.history import History
from zdr_audit.verdict.classes import class_bounds
from zdr_audit.verdict.growth import bounds
from zdr_audit.verdict.interface import interface_coverage
from zdr_audit.verdict.observed import Observed
from zdr_audit.verdict.preconditions import Preconditions, examine
from zdr_audit.verdict.reduced import Reduced
from zdr_audit.verdict.timeline import timelines
from zdr_audit.waiver.apply import apply

COVERED = ("Prompts and responses of model inference calls made through Claude Code by the subject organization",)
NOT_COVERED = (
    "Chat in the web interface",
    "Cowork sessions",
    "Productivity metadata of Claude Code analytics (accounts and usage figures)",
    "User and seat administration data",
    "Third-party integrations, connectors and MCP servers",
    "Deployments on Amazon Bedrock, Google Vertex AI and Microsoft Foundry",
    "Content that no search pattern of this version knows, such as encrypted content",
)
LEAVES_PROMISE = ("Content sent through features that need storage: the target does not claim to block them, using one leaves the promise",)


def judge(history: History, catalogue: Catalogue, journal_digest: str) -> Report:
    """The report of a run."""
    run = history.run
    selected = set(run.selected)
    alone = {c.id for c in catalogue.controls if run.waivers and _findings_alone(history, c)}
    reduced, observed = Reduced(history), Observed(history)
    judged = [_control(history, catalogue, c, reduced, observed) for c in catalogue.controls]
    waived = apply(run.waivers, _last_looked(history), judged, selected, alone)
    controls = waived.controls
    status, headline, reasons = _status(history, [c for c in controls if c.id in selected], waived.problems, len(controls))
    return Report(
        run=Run(
            id=run.id,
            version=run.version,
            target=Target(
                name=run.target,
                base_url=run.base_url,
                platform=run.platform,
                enforcement=run.enforcement,
                subject=run.organizations["subject"],
                control=run.organizations["control"],
            ),
            started_at=run.started_at,
            ended_at=history.ended.ended_at if history.ended else "",
            seed=run.seed,
            depth=run.depth,
            selection=run.selection,
            policy_edition=run.policy_edition,
            profile_digest=run.profile_digest,
            catalogue_digest=run.catalogue_digest,
            journal_digest=journal_digest,
            requests_sent=len(history.interactions),
            requests_accepted=sum(i.accepted for i in history.interactions.values()),
            canaries=sum(c.interaction not in history.trials for c in history.canaries.values()),
            command=run.command,
            requests_to_minimise=len(history.trials),
        ),
        summary=Summary(
            status=status,
            partial=len(selected) < len(controls),
            headline=headline,
            counts=dict(sorted(Counter(c.verdict for c in controls).items())),
            covered=COVERED if run.platform not in OUT_OF_SCOPE_PLATFORMS else (),
            not_covered=NOT_COVERED + (LEAVES_PROMISE if run.enforcement == "leaves_promise" else ()) + _rescanned(history),
            reasons=reasons,
        ),
        sanity=tuple(SanityProbe(when=p.when, ok=p.ok, detail=p.detail) for p in history.sanity),
        sources=_sources(history),
        growth=bounds(history),
        classes=class_bounds(history, sighted=_sighted(history, controls)),
        minimised=reduced.entries,
        timelines=timelines(history),
        interface=interface_coverage(history),
        policy=policy_lines(catalogue),
        leftovers=_leftovers(history),
        controls=controls,
    )


def _last_looked(history: History) -> str:
    """When the evidence was last looked at on demand, at the earliest the start of the run: what a rescan finds no waiver excuses that had expired."""
    rescans = [r.at for r in history.reads if r.reading == "rescan"]
    return max([history.run.started_at, *rescans], key=datetime.fromisoformat)


def _rescanned(history: History) -> tuple[str, ...]:
    """Of a run whose evidence was read again: which sources were not."""
    again = {r.outcome.source for r in history.reads if r.reading == "rescan"}
    left = [source for source in history.run.sources if source not in again]
    return (f"What came after the run into sources that were not read again: {', '.join(left)}",) if again and left else ()


def _sighted(history: History, controls: tuple[ControlResult, ...]) -> bool:
    """Whether the run came to its end and no store was found blind: else the share of unseen leaks has no bound."""
    http = {source for source, (kind, _) in history.run.sources.items() if kind == "http"}
    proofs = [proof for control in controls for proof in control.sight if proof.source not in http]
    return bool(proofs) and all(proof.how != "blind" for proof in proofs) and all(probe.ok for probe in history.sanity)


def policy_lines(catalogue: Catalogue) -> tuple[PolicyLine, ...]:
    """Every statement of the policy in its own order, with the controls of the catalogue that check it."""
    return tuple(
        PolicyLine(
            id=statement.id,
            section=statement.section,
            paraphrase=statement.paraphrase,
            controls=tuple(control.id for control in catalogue.controls if statement.id in control.policy),
            why_not=statement.why_not,
        )
        for statement in catalogue.statements
    )


def verdict_of(history: History, control: Control, checks: list[Checked]) -> tuple[Verdict, str, Preconditions]:
    """Verdict, reason and preconditions of one control. Checks that do not apply neither carry it nor stand in its way."""
    aside = [c for c in checks if c.outcome == "not_applicable"]
    checks = [c for c in checks if c.outcome != "not_applicable"]
    after = tuple(dict.fromkeys(name for c in checks for name in c.after))
    epochs: tuple[Epoch, ...] = tuple(dict.fromkeys(e for c in checks for e in c.epochs)) or ("main",)
    counting = checks[0].counting if checks else ""
    run = history.run
    if control.id not in run.selected:
        return "not_tested", NOT_SELECTED, Preconditions(0, 0, (), ())
    if control.id in run.unavailable:
        return "not_applicable", run.unavailable[control.id], Preconditions(0, 0, (), ())
    if control.id in run.without_means:
        return "not_tested", run.without_means[control.id], Preconditions(0, 0, (), ())
    state = examine(history, control, after, epochs, counting)
    broken = [c for c in checks if c.outcome == "violated"]
    if broken:
        return "fail", broken[0].message, state
    unclear = [c for c in checks if c.outcome != "holds"]
    problems = (
        list(state.problems) + [c.message for c in unclear if c.message not in state.problems] + _not_run(history, control, checks + aside)
    )
    if not checks:
        problems.insert(0, f"none of its checks applies: {aside[0].message}" if aside else "no test of this control ran")
    if problems:
        others = len(problems) - 1
        more = f" (and {others} more reason{'s' if others > 1 else ''})" if others else ""
        return "inconclusive", problems[0] + more, state
    return "pass", _pass_reason(history, control, state, after, epochs) + _aside(aside), state


def _not_run(history: History, control: Control, checks: list[Checked]) -> list[str]:
    """That tests of the control are missing: left out when pytest was called, or the run ended before them."""
    ran = {c.nodeid.partition("[")[0] for c in checks}
    missing = [name for name in history.known.get(control.id, ()) if name not in ran]
    return [f"{len(missing)} of its {len(history.known[control.id])} checks did not run, first: {missing[0]}"] if missing and checks else []


def _aside(checks: list[Checked]) -> str:
    said = "; ".join(dict.fromkeys(c.message for c in checks))
    return f"; {len(checks)} of its checks {'does' if len(checks) == 1 else 'do'} not apply ({said})" if checks else ""


def _pass_reason(history: History, control: Control, state: Preconditions, after: tuple[str, ...], epochs: tuple[Epoch, ...]) -> str:
    text = f"{state.accepted} of {state.sent} requests dealt with"
    if control.evidence != (Evidence.answers,):
        text += _sight_words(history, state)
        group = "stores" if Evidence.stores in control.evidence else "read_back"
        settled = [r for r in history.reads if r.group == group and r.reading == "settled" and r.epoch in epochs]
        unread = sum(len(r.outcome.not_examined) for r in settled)
        if unread:
            text += f"; {unread} object{'s' if unread != 1 else ''} not examined"
        if state.out_of_view:
            text += f"; nothing of the first requests is in view in {', '.join(state.out_of_view)}"
        empty = sorted({r.outcome.source for r in settled if r.outcome.objects == 0 and not r.outcome.error})
        if empty:
            text += f"; nothing at all in {', '.join(empty)}"
    missing = _left_out(history, after)
    if missing:
        text += f"; not sent, for want of it in the dialect or the target: {', '.join(missing)}"
    return text


def _sight_words(history: History, state: Preconditions) -> str:
    """In how many sources nothing was found, and by what sight was proven in them; a spike in one of its readings makes a source's sight the weaker."""
    sources = {s.source for s in state.sight}
    spikes = {s.source for s in state.sight if s.how == "spike"}
    twins = sources & set(history.run.twins) - spikes
    own = sources - spikes - twins
    text = f"; nothing found in {len(sources)} source{'s' if len(sources) != 1 else ''}, sight proven in "
    if not spikes and not twins:
        return text + "each by the control organization"
    ways = [f"{len(own)} by the control organization"] * bool(own)
    ways += [f"{len(twins)} by the control organization of a twin deployment"] * bool(twins)
    ways += [f"{len(spikes)} by a spike alone, which shows that it can be read, not that the target would write there"] * bool(spikes)
    return text + ", in ".join(ways)


def _left_out(history: History, after: tuple[str, ...]) -> list[str]:
    """Features of stimuli that the scenarios would have used and could not."""
    found = [name for left in history.left_out if left.scenario in after for name in left.features]
    for item in history.of(after):
        found += [name for name in item.labels.get("left_out", "").split(",") if name]
    return sorted(set(found))


def _control(history: History, catalogue: Catalogue, control: Control, reduced: Reduced, observed: Observed) -> ControlResult:
    checks = [c for c in history.checks if c.control == control.id]
    after = tuple(dict.fromkeys(name for c in checks for name in c.after))
    epochs: tuple[Epoch, ...] = tuple(dict.fromkeys(e for c in checks for e in c.epochs))
    verdict, reason, state = verdict_of(history, control, checks)
    return ControlResult(
        id=control.id,
        family=control.family.value,
        title=control.title,
        statement=control.statement,
        policy=control.policy,
        severity=control.severity.value,
        method=control.method.value,
        verdict=verdict,
        reason=reason,
        sent=state.sent,
        accepted=state.accepted,
        minimum_accepted=control.minimum_accepted,
        evidence=tuple(e.value for e in control.evidence),
        sight=state.sight,
        findings=tuple(_finding(history, f, reduced) for c in checks for f in c.findings),
        tests=tuple(TestResult(nodeid=c.nodeid, title=c.title, outcome=c.outcome, message=c.message) for c in checks),
        frameworks=catalogue.clauses_of(control.id),
        remediation=control.remediation,
        stimuli=observed.stimuli(after, checks[0].counting if checks else ""),
        observations=observed.observations(control, after, epochs),
    )


def _findings_alone(history: History, control: Control) -> bool:
    """Whether the control would pass if its violated tests, each of which names findings, had held."""
    checks = [c for c in history.checks if c.control == control.id]
    held = [c.model_copy(update={"outcome": "holds"}) if c.outcome == "violated" and c.findings else c for c in checks]
    return verdict_of(history, control, held)[0] == "pass"


def _finding(history: History, seen: FindingSeen, reduced: Reduced) -> Finding:
    item = history.interaction(seen.interaction)
    return Finding(
        source=seen.source,
        object=seen.object,
        location=seen.location,
        forms=seen.forms,
        canary=seen.canary,
        request=item.id if item else None,
        request_id=item.request_id if item else None,
        organization=item.organization_id if item else None,
        model=item.model if item else None,
        at=item.started_at if item else None,
        residue=seen.residue,
        excerpt=seen.excerpt,
        message=seen.message + (f" (node {item.labels['node']} was asked)" if item and "node" in item.labels else ""),
        minimised=reduced.of(seen.source, seen.object, seen.canary),
    )


def _leftovers(history: History) -> tuple[Leftover, ...]:
    tried = {(item.kind, item.id): item.detail for item in history.removed}
    return tuple(
        Leftover(
            kind=item.kind,
            id=item.id,
            organization=item.organization,
            operation=item.operation,
            request=item.interaction,
            reason=tried.get((item.kind, item.id), "the run ended before it was removed"),
        )
        for item in history.leftovers()
    )


def _sources(history: History) -> tuple[SourceResult, ...]:
    results = []
    subject, control = history.run.organizations["subject"], history.run.organizations["control"]
    for source, (kind, what) in history.run.sources.items():
        readings = []
        for read in history.reads:
            if read.outcome.source != source:
                continue
            owners = [history.canaries[h.canary].organization for h in read.outcome.hits if h.canary in history.canaries]
            readings.append(
                SourceReading(
                    epoch=read.epoch,
                    reading=read.reading,
                    at=read.at,
                    objects=read.outcome.objects,
                    bytes=read.outcome.bytes,
                    subject_hits=owners.count(subject),
                    control_hits=owners.count(control),
                    not_examined=tuple((n.object, n.reason) for n in read.outcome.not_examined),
                    error=read.outcome.error,
                )
            )
        forms = tuple(dict.fromkeys(form for read in history.reads if read.outcome.source == source for form in read.outcome.searched))
        results.append(SourceResult(id=source, kind=kind, what=what, readings=tuple(readings), forms=forms))
    return tuple(results)


def _status(
    history: History, chosen: list[ControlResult], waiver_problems: tuple[str, ...], total: int
) -> tuple[Status, str, tuple[str, ...]]:
    failed = [c for c in chosen if c.verdict == "fail"]
    unclear = [c for c in chosen if c.verdict in ("inconclusive", "not_tested")]
    passed = [c for c in chosen if c.verdict == "pass"]
    reasons = []
    if history.ended is None:
        reasons.append("the run did not come to its end")
    elif history.ended.interrupted:
        reasons.append(f"the run was interrupted: {history.ended.interrupted}")
    reasons += [f"the sanity probe {p.when} failed: {p.detail}" for p in history.sanity if not p.ok]
    scope = f"{len(chosen)} of {total} controls were selected: this is a partial audit. " if len(chosen) < total else ""
    reasons += waiver_problems
    outside = history.run.platform in OUT_OF_SCOPE_PLATFORMS
    if outside:
        reasons.append(
            f"the platform {history.run.platform} is outside the policy's scope: nothing here says anything about ZDR for Claude Code"
        )
    if failed:
        findings = sum(len(c.findings) for c in failed)
        words = f"{len(failed)} of {len(chosen)} controls failed, with {findings} {'finding' if findings == 1 else 'findings'}."
        return "non_compliant", scope + words, tuple(reasons)
    if waiver_problems:
        count = f"{len(waiver_problems)} waiver{'s' if len(waiver_problems) > 1 else ''}"
        return "non_compliant", f"{scope}No control failed, but {count} must be removed or renewed.", tuple(reasons)
    if unclear or reasons or not passed:
        what = f"{len(unclear)} of {len(chosen)} controls could not be decided" if unclear else "the run cannot be called compliant"
        if outside:
            scope += f"Generic retention results only, {len(passed)} of {len(chosen)} controls hold: "
        reasons = reasons or ([unclear[0].reason] if unclear else ["no control was tested"])
        return "incomplete", f"{scope}{what}; nothing was found to be broken, which is not the same as compliant.", tuple(reasons)
    waived = sum(c.verdict == "waived" for c in chosen)
    aside = len(chosen) - len(passed) - waived
    if waived:
        words = f"{len(passed)} of {len(chosen)} controls hold, {waived} {'are' if waived > 1 else 'is'} waived"
        return "compliant", scope + words + (f"; {aside} do not apply to this target." if aside else "."), ()
    words = f"All {len(passed)} controls that apply hold" + (f"; {aside} do not apply to this target." if aside else ".")
    return "compliant", scope + words, ()
