"""Synthetic reports: compliant, failing, incomplete, hostile, small parts of them. Everything is spelled out, nothing is random."""

from __future__ import annotations

from zdr_audit.report.model import (
    NOT_SELECTED,
    AuditAction,
    AuditEntry,
    ClassBound,
    ControlResult,
    Finding,
    GrowthBound,
    InterfaceCoverage,
    Minimised,
    Observation,
    OperationCoverage,
    PolicyLine,
    Report,
    Run,
    SanityProbe,
    Sight,
    SourceReading,
    SourceResult,
    StimulusCount,
    Summary,
    Target,
    TestResult,
    Timeline,
)
from zdr_audit.report.view import count

FAMILY_SIZES = {"RET": 18, "EXC": 6, "SCP": 8, "BLK": 13, "ENB": 9, "AUD": 9, "ADM": 8, "CON": 9}
TITLES = {
    "RET": ["Plain prompts are in no store after the answer", "Answers are in no store", "Streamed requests leave nothing behind"],
    "EXC": ["A flagged session does not spread", "What was kept for a flagged session is gone after two years at most"],
    "SCP": ["A new organization starts without ZDR", "Enabling one organization leaves its siblings as they were"],
    "BLK": ["Web sessions are refused", "Remote sessions are refused", "Feedback is refused"],
    "ENB": ["Request, review and enabling work, and the status says so", "No customer role can enable ZDR"],
    "AUD": ["Each enablement action has exactly one entry", "Entries are chained and the chain recomputes"],
    "ADM": ["A user over the spend limit is stopped", "Contribution metrics are absent"],
    "CON": ["Answers conform to the published interface", "Errors do not echo what was sent"],
}
SOURCES = (
    ("database", "sqlite", "relational database, live rows and raw pages"),
    ("logs", "files", "structured log file"),
    ("traces", "files", "trace export in OTLP JSON"),
    ("cache", "sqlite", "response cache"),
    ("blobs", "files", "blob folder"),
    ("read-back", "http", "interfaces that give stored content back"),
)
PLACES = {"RET": ("stores",), "EXC": ("stores",), "SCP": ("answers",), "BLK": ("answers",)}


def finding(**changes: object) -> Finding:
    """One retained canary in the database, overwritten by `changes`."""
    fields: dict[str, object] = {
        "source": "database",
        "object": "conversations",
        "location": "row 17, column body",
        "forms": ("gzip", "base64", "plain"),
        "canary": "qz7k0042x",
        "request": "i-0042",
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        "organization": "org-subject",
        "model": "claude-sonnet-4-5",
        "at": "2026-11-23T09:05:11Z",
        "excerpt": "...qz7k0042x...",
        "message": "A prompt canary of the subject organization is stored.",
        "minimised": "m-01",
    }
    return Finding(**(fields | changes))  # type: ignore[arg-type]


def sight_everywhere(how: str = "control") -> tuple[Sight, ...]:
    """Sight of every source in the first and the settled reading."""
    return tuple(
        Sight(source=name, epoch="main", reading=reading, how=how, canary="qz7k0107x", object="conversations")  # type: ignore[arg-type]
        for name, _, _ in SOURCES
        for reading in ("first", "settled")
    )


def control(control_id: str = "ZDR-RET-01", verdict: str = "pass", **changes: object) -> ControlResult:
    """One control with plausible fields, overwritten by `changes`."""
    family = control_id.split("-")[1]
    number = int(control_id.rsplit("-", 1)[1])
    evidence = PLACES.get(family, ("answers",))
    reasons = {
        "pass": "Held in 5 of 5 accepted requests; sight proven in 6 of 6 sources.",
        "fail": "1 of 5 accepted requests left its canary in an evidence source.",
        "inconclusive": "Only 2 requests were accepted; 5 are needed.",
        "not_tested": "The profile declares no means to flag a session.",
        "not_applicable": "The target has no pay-as-you-go product.",
        "waived": "Waived by J. Doe until 2027-01-31: migration of the log store.",
    }
    outcome = {"pass": "holds", "fail": "violated", "waived": "violated"}.get(verdict, verdict)
    fields: dict[str, object] = {
        "id": control_id,
        "family": family,
        "title": TITLES[family][(number - 1) % len(TITLES[family])],
        "statement": "Once the answer has been returned, nothing of the prompt may be found in any evidence source of the target.",
        "policy": ("intro.processing", "scope.covers.inference"),
        "severity": ("critical", "high", "medium")[number % 3],
        "method": "test",
        "verdict": verdict,
        "reason": reasons[verdict],
        "sent": 5,
        "accepted": 2 if verdict == "inconclusive" else 0 if verdict == "not_tested" else 5,
        "minimum_accepted": 5,
        "evidence": evidence,
        "sight": sight_everywhere() if evidence == ("stores",) else (),
        "findings": (finding(), finding(source="logs", object="app.log", location="bytes 120-156", forms=("plain",)))
        if verdict == "fail"
        else (),
        "tests": (
            TestResult(
                nodeid=f"retention/test_plain.py::test_{family.lower()}_{number:02d}",
                title="Plain requests leave nothing in any store",
                outcome=outcome,  # type: ignore[arg-type]
                message="" if outcome == "holds" else "see the findings",
            ),
        ),
        "frameworks": {"soc2": ("C1.1", "C1.2"), "gdpr": ("Art. 5(1)(e)",), "nist80053": ("SI-12", "SI-12(3)")},
        "remediation": "Stop writing request and response bodies; log the request id, the model and token counts instead.",
        "true_verdict": "fail" if verdict == "waived" else None,
        "stimuli": (
            StimulusCount(scenario="retention.plain_requests", sent=3, accepted=2, outcomes={"accepted": 2, "rate_limited": 1}),
            StimulusCount(scenario="retention.streamed_requests", sent=2, accepted=2, outcomes={"accepted": 2}),
        ),
        "observations": observations(found=2 if verdict == "fail" else 0) if evidence == ("stores",) else (),
    }
    return ControlResult(**(fields | changes))  # type: ignore[arg-type]


def observations(found: int = 0) -> tuple[Observation, ...]:
    """What both readings of every source showed; the settled one found one canary of the control organization fewer."""
    return tuple(
        Observation(
            source=name,
            epoch="main",
            reading=reading,
            searched=10,
            found=found if name == "database" else 0,
            sight=10 if reading == "first" else 9,
            sight_sent=10,
        )
        for name, _, _ in SOURCES
        for reading in ("first", "settled")
    )


def all_controls(**verdicts: str) -> tuple[ControlResult, ...]:
    """The 80 controls of a full catalogue; `verdicts` maps ids with underscores (`ZDR_RET_03`) to verdicts, the rest pass."""
    ids = [f"ZDR-{family}-{number:02d}" for family, size in FAMILY_SIZES.items() for number in range(1, size + 1)]
    return tuple(control(i, verdicts.get(i.replace("-", "_"), "pass")) for i in ids)


def source(name: str, kind: str, what: str, subject_hits: int = 0, control_hits: int = 214) -> SourceResult:
    """One evidence source, read twice, with one object that could not be examined."""
    skipped = (("core.4711", "unknown container format"),) if name == "blobs" else ()
    return SourceResult(
        id=name,
        kind=kind,
        what=what,
        forms=("plain", "base64", "gzip", "utf-16-le"),
        readings=tuple(
            SourceReading(
                epoch="main",
                reading=reading,
                at=f"2026-11-23T09:0{minute}:30Z",
                objects=31,
                bytes=1_482_752,
                subject_hits=subject_hits,
                control_hits=control_hits,
                not_examined=skipped,
            )
            for reading, minute in (("first", 6), ("settled", 7))
        ),
    )


def growth_bound(name: str, organization: str = "subject", judged: str = "bounded") -> GrowthBound:
    """A growth bound over ten blocks of 64 kbit to 640 kbit: flat with some noise, or with everything kept, or too noisy to say."""
    slope, spread = {"bounded": (0.0, 0.002), "retained": (1.02, 0.01), "noisy": (0.04, 0.3)}[judged]
    bits = [64_000 * (n + 1) for n in range(10)]
    noise = [700, -300, 1_200, 0, 450, 900, -120, 300, 650, 80]
    scale = 40 if judged == "noisy" else 1
    return GrowthBound(
        source=name,
        organization=organization,  # type: ignore[arg-type]
        blocks=len(bits),
        slope=slope,
        low=round(slope - spread, 6),
        high=round(slope + spread, 6),
        tolerated=0.05,
        judged=judged,  # type: ignore[arg-type]
        points=tuple((sent, round(slope * sent / 8) + scale * extra) for sent, extra in zip(bits, noise, strict=True)),
    )


def growth() -> tuple[GrowthBound, ...]:
    """Every source but the read-back interfaces, for both organizations; the trace export is too noisy to say anything."""
    names = [name for name, kind, _ in SOURCES if kind != "http"]
    return tuple(
        growth_bound(name, organization, "noisy" if name == "traces" else {"subject": "bounded", "control": "retained"}[organization])
        for organization in ("subject", "control")
        for name in names
    )


def classes(leaked: int = 0) -> tuple[ClassBound, ...]:
    """All requests and three classes of them; the last was too small to bound."""
    return (
        ClassBound(name="All requests", accepted=222, leaked=leaked, upper=0.0134 if not leaked else 0.028),
        ClassBound(name="Streamed", accepted=53, leaked=leaked, upper=0.0549 if not leaked else 0.12),
        ClassBound(name="Model claude-sonnet-4-5", accepted=5, leaked=0, upper=0.4507),
        ClassBound(name="Closed by the client midway", accepted=0, leaked=0, upper=None),
    )


def minimised() -> tuple[Minimised, ...]:
    """One request that was reduced, one that left nothing when it was sent by itself, one that there was no room to try."""
    reduced = Minimised(
        id="m-01",
        source="database",
        object="conversations",
        operation="messages.create",
        outcome="reduced",
        smallest=True,
        tried=6,
        words="one streamed request with content in the user's message",
        shape={"stream": True, "answer": False, "places": ["message"], "padding": 0},
        request="i-1413",
        request_id="req_011CSHoEeqs5C35K2UUqR7Fz",
        model="claude-sonnet-4-5",
        at="2026-11-23T09:05:50Z",
        script='#!/usr/bin/env bash\nbody=$(cat <<\'REQUEST\'\n{"stream": true, "text": "Please note CANARY."}\nREQUEST\n)\n',
    )
    silent = {"request": None, "request_id": None, "model": None, "at": None, "script": "", "smallest": False}
    return (
        reduced,
        reduced.model_copy(update={"id": "m-02", "source": "logs", "object": "app.log", "outcome": "not_reproduced", **silent}),
        reduced.model_copy(update={"id": "m-03", "source": "logs", "object": "app.log", "outcome": "not_tried", "tried": 0, **silent}),
    )


def timelines() -> tuple[Timeline, ...]:
    """One organization: an action with its entry, a refused one with its entry, one without; and an entry that tells of no action."""
    stamps = [f"2026-11-23T09:05:{second:02d}Z" for second in (10, 12, 14, 16)]
    actions = tuple(
        AuditAction(request=f"i-01{n:02d}", operation=operation, actor=actor, refused=refused, at=stamps[n], entry=entry)
        for n, (operation, actor, refused, entry) in enumerate(
            (
                ("zdr.request", "staff.account_team", False, 0),
                ("zdr.enable", "subject.admin", True, 1),
                ("zdr.enable", "staff.reviewer", False, None),
            )
        )
    )
    entries = tuple(
        AuditEntry(id=f"act_{n}", type=kind, outcome=outcome, actor="someone@provider.example", at=stamps[n])
        for n, (kind, outcome) in enumerate((("zdr_requested", "success"), ("zdr_enabled", "refused"), ("zdr_disabled", "success")))
    )
    return (Timeline(organization="org-new", actions=actions, entries=entries),)


def policy() -> tuple[PolicyLine, ...]:
    """Three sentences: one that two controls check, one that a control outside some samples checks, one that none can."""
    return (
        PolicyLine(
            id="intro.processing",
            section="Introduction",
            paraphrase="No copy is kept once the answer is out.",
            controls=("ZDR-RET-01", "ZDR-RET-03"),
        ),
        PolicyLine(id="blocked.web", section="Blocked features", paraphrase="Web sessions are refused.", controls=("ZDR-BLK-01",)),
        PolicyLine(
            id="request.contact",
            section="Requests",
            paraphrase="Customers ask their account team.",
            controls=(),
            why_not="Between people; no software can check it.",
        ),
    )


def report(
    status: str = "compliant",
    controls: tuple[ControlResult, ...] | None = None,
    *,
    partial: bool = False,
    headline: str = "The backend kept its promise in every control that was checked.",
    reasons: tuple[str, ...] = (),
    sanity: tuple[SanityProbe, ...] | None = None,
    sources: tuple[SourceResult, ...] | None = None,
    target: Target | None = None,
    bounds: tuple[GrowthBound, ...] | None = None,
    **run: object,
) -> Report:
    """A report with the given status over `controls` (all pass, 80 of them, unless given)."""
    judged = all_controls() if controls is None else controls
    fields: dict[str, object] = {
        "id": "run-01hx3c9k",
        "version": "0.1.0",
        "target": target
        or Target(
            name="Reference simulator",
            base_url="http://127.0.0.1:8641",
            platform="direct",
            enforcement="backend",
            subject="org-subject",
            control="org-control",
        ),
        "started_at": "2026-11-23T09:05:00Z",
        "ended_at": "2026-11-23T09:05:52Z",
        "seed": 20261123,
        "depth": "standard",
        "selection": "ZDR-RET-*" if partial else "*",
        "policy_edition": "2026-11",
        "profile_digest": "sha256:" + "1f" * 32,
        "catalogue_digest": "sha256:" + "2e" * 32,
        "journal_digest": "sha256:" + "3d" * 32,
        "requests_sent": 1412,
        "requests_accepted": 1398,
        "canaries": 2630,
        "command": "zdr-audit run --target simulator --depth standard --seed 20261123",
    }
    return Report(
        run=Run(**(fields | run)),  # type: ignore[arg-type]
        summary=Summary(
            status=status,  # type: ignore[arg-type]
            partial=partial,
            headline=headline,
            counts=dict(count(judged)),
            covered=(
                "Inference of Claude Code on the direct platform, for every model that the target lists",
                "Features that need storage",
            ),
            not_covered=(
                "Chat and Cowork: standard retention applies",
                "Analytics metadata, user and seat administration",
                "Third-party integrations and MCP servers",
                "Bedrock, Vertex AI and Foundry deployments",
            ),
            reasons=reasons,
        ),
        sanity=(
            (
                SanityProbe(when="first", ok=True, detail="An ordinary request was answered with 200."),
                SanityProbe(when="last", ok=True, detail="An ordinary request was answered with 200."),
            )
            if sanity is None
            else sanity
        ),
        sources=tuple(source(*one) for one in SOURCES) if sources is None else sources,
        growth=growth() if bounds is None else bounds,
        classes=classes(leaked=2 if any(c.verdict == "fail" for c in judged) else 0),
        minimised=minimised() if any(c.verdict == "fail" for c in judged) else (),
        timelines=timelines(),
        interface=interface(),
        policy=policy(),
        controls=judged,
    )


def interface() -> InterfaceCoverage:
    """Three operations, one of which let a role through that the document does not name."""
    rows = (
        OperationCoverage(operation="GET /v1/files", sent=12, accepted=9, let_through=("admin", "member")),
        OperationCoverage(
            operation="GET /v1/organizations/{organization}/users", sent=7, accepted=2, let_through=("admin",), refused=("member",)
        ),
        OperationCoverage(
            operation="POST /v1/zdr/requests/{id}/approve", sent=6, accepted=2, let_through=("reviewer",), wrong=("auditor",)
        ),
    )
    return InterfaceCoverage(documented=4, tried=3, reached=3, floor=0.8, operations=rows)


def compliant() -> Report:
    """80 controls, all pass."""
    return report()


def failing() -> Report:
    """Every verdict occurs; two controls fail."""
    controls = all_controls(
        ZDR_RET_03="fail",
        ZDR_BLK_02="fail",
        ZDR_RET_11="inconclusive",
        ZDR_RET_12="inconclusive",
        ZDR_EXC_02="not_tested",
        ZDR_EXC_03="not_tested",
        ZDR_ENB_07="not_applicable",
        ZDR_AUD_09="waived",
    )
    return report(
        "non_compliant",
        controls,
        headline="2 of 80 controls failed: streamed prompts are kept in the database, and remote sessions are not refused.",
        reasons=("ZDR-RET-03 failed", "ZDR-BLK-02 failed", "4 controls are inconclusive or not tested"),
        sources=tuple(source(*one, subject_hits=2 if one[0] == "database" else 0) for one in SOURCES),
    )


def incomplete() -> Report:
    """A target that refused everything: nothing passes, nothing fails, the last sanity probe is broken."""
    reason = "No request was accepted: the target answered 401 to all of them."
    controls = tuple(c.model_copy(update={"verdict": "inconclusive", "reason": reason, "accepted": 0, "sight": ()}) for c in all_controls())
    return report(
        "incomplete",
        controls,
        headline="No verdict: the target accepted no request.",
        reasons=("The first sanity probe was answered with 401.",),
        sanity=(
            SanityProbe(when="first", ok=False, detail="POST /v1/messages was answered with 401."),
            SanityProbe(when="last", ok=False, detail="POST /v1/messages was answered with 401."),
        ),
        sources=tuple(source(*one, control_hits=0) for one in SOURCES),
        requests_accepted=0,
    )


def partial() -> Report:
    """A selection of one family, all pass; the others are in the report as not selected."""
    others = {c.id.replace("-", "_"): "not_tested" for c in all_controls() if c.family != "RET"}
    controls = tuple(c if c.verdict == "pass" else c.model_copy(update={"reason": NOT_SELECTED}) for c in all_controls(**others))
    return report("compliant", controls, partial=True, headline="The backend kept its promise in the 18 controls that were selected.")
