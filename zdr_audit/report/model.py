"""`report.json` as a model.

Its JSON Schema is published as `zdr_audit/report/report.schema.json`; others build on these names, so keep them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

SCHEMA: Literal["zdr-audit/report/1"] = "zdr-audit/report/1"
Verdict = Literal["pass", "fail", "inconclusive", "not_applicable", "not_tested", "waived"]
Status = Literal["compliant", "non_compliant", "incomplete"]
EXIT_STATUS: dict[str, int] = {"compliant": 0, "non_compliant": 1, "incomplete": 3}
NOT_SELECTED = "not selected for this run"
"""Reason of a control that the user left out: not an open question of the run."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(Part):
    """One thing seen that breaks a control.

    A retained canary has the evidence source, object, location and decoding forms (outermost first); any other finding has `source`
    "answers", the method and path as `object` and the status as `location`. `request` is the id of our request in the journal (`i-0042`),
    `request_id` the target's own. `residue` is true where the bytes lie outside live data. `at` is an ISO 8601 time.
    `minimised` is the id of an entry of the report's `minimised`.
    """

    source: str
    object: str
    location: str
    forms: tuple[str, ...] = ()
    canary: str | None = None
    request: str | None = None
    request_id: str | None = None
    organization: str | None = None
    model: str | None = None
    at: str | None = None
    residue: bool = False
    excerpt: str = ""
    message: str
    minimised: str | None = None


class Sight(Part):
    """Proof that a source can be seen: the control organization's canary found there in this run, or a spike written by other means."""

    source: str
    epoch: str
    reading: str
    how: Literal["control", "spike", "blind"]
    canary: str | None = None
    object: str | None = None


class TestResult(Part):
    """One suite test of a control: `nodeid` below the suites folder, its outcome and message."""

    nodeid: str
    title: str
    outcome: Literal["holds", "violated", "inconclusive", "not_applicable", "not_tested"]
    message: str = ""


class StimulusCount(Part):
    """The requests of one scenario (`retention.plain_requests`) that a control's tests read. `outcomes` counts what came back, by outcome."""

    scenario: str
    sent: int
    accepted: int
    outcomes: dict[str, int]


class Observation(Part):
    """What one reading of a source showed for one control.

    `searched`: unique canaries of the control's requests that must not be there; `found` of them. `sight`: unique canaries of the control organization's
    matching requests that were found, out of `sight_sent`. Of both groups only the requests of the control's own scenarios count.
    """

    source: str
    epoch: str
    reading: str
    searched: int
    found: int
    sight: int
    sight_sent: int


class ControlResult(Part):
    """A control's verdict. `sent` and `accepted` count the interactions that its verdict rests on.

    `true_verdict` is set on waived controls alone: the verdict that the record gives without the waiver. `stimuli` and `observations` say what was sent and
    what each reading showed.
    """

    id: str
    family: str
    title: str
    statement: str
    policy: tuple[str, ...]
    severity: str
    method: str
    verdict: Verdict
    reason: str
    sent: int
    accepted: int
    minimum_accepted: int
    evidence: tuple[str, ...]
    sight: tuple[Sight, ...]
    findings: tuple[Finding, ...]
    tests: tuple[TestResult, ...]
    frameworks: dict[str, tuple[str, ...]]
    remediation: str
    true_verdict: Verdict | None = None
    stimuli: tuple[StimulusCount, ...] = ()
    observations: tuple[Observation, ...] = ()


class SourceReading(Part):
    """One reading of a source: `epoch` is `main` or `late`, `reading` is `first` or `settled`.

    `objects` and `bytes` count what was read, `subject_hits` and `control_hits` the places in which a canary of that organization was seen.
    `not_examined` holds pairs of object and reason. `error` is set where the source could not be read at all.
    """

    epoch: str
    reading: str
    at: str
    objects: int
    bytes: int
    subject_hits: int
    control_hits: int
    not_examined: tuple[tuple[str, str], ...]
    error: str | None = None


class SourceResult(Part):
    """An evidence source and its readings; `what` says in words what the source holds, `forms` in which forms canaries were looked for in it."""

    id: str
    kind: str
    what: str
    readings: tuple[SourceReading, ...]
    forms: tuple[str, ...] = ()


class GrowthBound(Part):
    """How much of what was sent a source can have kept, whatever the form: bits kept per prompt bit, with a 95 % interval (Theil-Sen).

    `points` are (bits sent, bytes grown) of each block of requests. `judged`: `bounded` (the interval lies within `tolerated` of nought), `retained`
    (above it), `noisy` (neither). The bound of the `control` organization shows whether growth by kept content can be seen in the source at
    all.
    """

    source: str
    organization: Literal["subject", "control"]
    blocks: int
    slope: float | None
    low: float | None
    high: float | None
    tolerated: float
    judged: Literal["bounded", "retained", "noisy"]
    points: tuple[tuple[int, int], ...]


class ClassBound(Part):
    """A class of requests whose content must not be kept: how many were dealt with, how many of them were seen to leak (`leaked`).

    `upper` is the exact (Clopper-Pearson) one-sided 95 % upper bound on the share of such requests that leak in a way that the search can see; None where
    nothing was dealt with or where a source was blind. A request belongs to every class that fits it; the first class is all of them.
    """

    name: str
    accepted: int
    leaked: int
    upper: float | None


class Minimised(Part):
    """The smallest request found that still leaves its content in one kind of object of a source.

    `outcome`: `reduced` (`words` and `shape` describe a request that was sent once more and leaked), `not_reproduced` (sent again by itself the request left
    nothing: what leaks depends on what came before), `not_tried` (the bound on requests or time was reached). `smallest`: nothing more could be taken away.
    `tried` counts the requests that were tried, `request` is that which leaked (an id in the journal), `script` sends it: the credential is an environment
    variable in it, the canary the word CANARY.
    """

    id: str
    source: str
    object: str
    operation: str
    outcome: Literal["reduced", "not_reproduced", "not_tried"]
    smallest: bool
    tried: int
    words: str
    shape: dict[str, JsonValue]
    request: str | None = None
    request_id: str | None = None
    model: str | None = None
    at: str | None = None
    script: str = ""


class AuditAction(Part):
    """An enablement action of ours and the audit entry that tells of it: `entry` is its place in the timeline's `entries`, None where there is none."""

    request: str
    operation: str
    actor: str
    refused: bool
    at: str
    entry: int | None


class AuditEntry(Part):
    """An entry of the organization's audit log as the target gave it."""

    id: str
    type: str
    outcome: str
    actor: str
    at: str


class Timeline(Part):
    """Enablement actions in one organization against the entries of its audit log between them, both in order of time."""

    organization: str
    actions: tuple[AuditAction, ...]
    entries: tuple[AuditEntry, ...]


class OperationCoverage(Part):
    """One documented operation: requests sent to it, and how many got further than authentication, permission and routing (`accepted`).

    Roles: `let_through` are entitled and were, `refused` are not entitled and were refused although somebody else was let through with the same request,
    `wrong` are those to whom the opposite happened, of `undecided` nothing can be said.
    """

    operation: str
    sent: int
    accepted: int
    let_through: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


class InterfaceCoverage(Part):
    """How much of the documented interface was exercised: operations that the document has, that were tried, that let at least one request through to
    their handler (`reached`). `floor` is the share that must be reached."""

    documented: int
    tried: int
    reached: int
    floor: float
    operations: tuple[OperationCoverage, ...]


class PolicyLine(Part):
    """One sentence of the policy in the catalogue's words and the ids of the controls that check it; `why_not` where none can."""

    id: str
    section: str
    paraphrase: str
    controls: tuple[str, ...]
    why_not: str | None = None


class SanityProbe(Part):
    """An ordinary request made before everything else (`first`) and after it (`last`), and whether it was served."""

    when: Literal["first", "last"]
    ok: bool
    detail: str


class Leftover(Part):
    """Something that the run made in the target and did not remove; `reason` says why. `request` is the id of the request that made it."""

    kind: str
    id: str
    organization: str
    operation: str
    request: str
    reason: str


class Target(Part):
    """The audited target as its profile names it; `subject` and `control` are the organizations with and without ZDR."""

    name: str
    base_url: str
    platform: str
    enforcement: str
    subject: str
    control: str


class Run(Part):
    """Where the report comes from: times are ISO 8601, `command` repeats the run, digests are those of profile, catalogue and journal.

    `requests_to_minimise` were sent after all checks, to find the smallest request that leaks; they are not among `requests_sent`.
    """

    id: str
    version: str
    target: Target
    started_at: str
    ended_at: str
    seed: int
    depth: str
    selection: str
    policy_edition: str
    profile_digest: str
    catalogue_digest: str
    journal_digest: str
    requests_sent: int
    requests_accepted: int
    canaries: int
    command: str
    requests_to_minimise: int = 0


class Summary(Part):
    """`partial` is true where not every control of the catalogue was selected; the status then speaks of the selected ones alone."""

    status: Status
    partial: bool
    headline: str
    counts: dict[str, int]
    covered: tuple[str, ...]
    not_covered: tuple[str, ...]
    reasons: tuple[str, ...]


class Report(Part):
    """The whole report. In JSON the first key is `schema` (pydantic reserves that name on models)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["zdr-audit/report/1"] = Field(SCHEMA, alias="schema")
    run: Run
    summary: Summary
    sanity: tuple[SanityProbe, ...]
    sources: tuple[SourceResult, ...]
    growth: tuple[GrowthBound, ...] = ()
    classes: tuple[ClassBound, ...] = ()
    minimised: tuple[Minimised, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    interface: InterfaceCoverage | None = None
    policy: tuple[PolicyLine, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    controls: tuple[ControlResult, ...]

    @property
    def selected(self) -> tuple[ControlResult, ...]:
        """The controls that the run was asked for, in order; the others are listed as not tested."""
        return tuple(c for c in self.controls if not (c.verdict == "not_tested" and c.reason == NOT_SELECTED))
