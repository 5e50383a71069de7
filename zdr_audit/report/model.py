"""`report.json` as a model.

Its JSON Schema is published as `zdr_audit/report/report.schema.json`; others build on these names, so keep them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["zdr-audit/report/1"] = "zdr-audit/report/1"
Verdict = Literal["pass", "fail", "inconclusive", "not_applicable", "not_tested", "waived"]
Status = Literal["compliant", "non_compliant", "incomplete"]
EXIT_STATUS: dict[str, int] = {"compliant": 0, "non_compliant": 1, "incomplete": 3}


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(Part):
    """One thing seen that breaks a control.

    A retained canary has the evidence source, object, location and decoding forms (outermost first); any other finding has `source`
    "answers", the method and path as `object` and the status as `location`. `request` is the id of our request in the journal (`i-0042`),
    `request_id` the target's own. `residue` is true where the bytes lie outside live data. `at` is an ISO 8601 time.
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


class ControlResult(Part):
    """A control's verdict. `sent` and `accepted` count the interactions that its verdict rests on."""

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
    """An evidence source and its readings; `what` says in words what the source holds."""

    id: str
    kind: str
    what: str
    readings: tuple[SourceReading, ...]


class GrowthBound(Part):
    """How much of what was sent a source can have kept, whatever the form: bits kept per prompt bit, with a 95 % interval (Theil-Sen).

    `points` are (bits sent, bytes grown) of each block of requests. `judged`: `bounded` (the interval lies below `tolerated`), `retained`
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
    """Where the report comes from: times are ISO 8601, `command` repeats the run, digests are those of profile, catalogue and journal."""

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
    policy: tuple[PolicyLine, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    controls: tuple[ControlResult, ...]
