"""What a run journal records. Each event is one of these models; verdicts and reports are functions of nothing else."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from zdr_audit.evidence.model import Frozen, Reading
from zdr_audit.waiver.model import Waiver

Epoch = Literal["main", "late", "minimise"]
"""`minimise` comes after all checks: no verdict rests on it."""


class RunStarted(Frozen):
    """First event. `literal` is shared by all canaries of the run; `key` keys the canary digests (it protects nothing but the prompts we made up).

    `audit_types` says how the target's audit log names the enablement actions, as in the profile. `launched`: the run itself started the simulator that
    it audits, which ends with it.
    """

    id: str
    version: str
    target: str
    base_url: str
    platform: str
    enforcement: str
    organizations: dict[str, str]
    profile_digest: str
    catalogue_digest: str
    policy_edition: str
    seed: int
    depth: str
    selection: str
    selected: tuple[str, ...]
    unavailable: dict[str, str]
    without_means: dict[str, str]
    sources: dict[str, tuple[str, str]]
    settle_seconds: float
    clock_tolerance_seconds: float
    command: str
    literal: str
    key: str
    started_at: str
    waivers: tuple[Waiver, ...] = ()
    twins: dict[str, str] = Field(default_factory=dict)
    """Source of the subject's deployment -> the same place in the twin deployment."""
    twin_sources: tuple[str, ...] = ()
    """Sources of the twin deployment: what is found there proves sight."""
    spiked: tuple[str, ...] = ()
    """Sources into which a canary is written by other means."""
    audit_types: dict[str, str] = Field(default_factory=dict)
    launched: bool = False


class CanaryMinted(Frozen):
    """A canary was made: only its keyed digests are kept, that of the whole and those of the cuts that identify it when damaged. `place` is
    where in the request it went; `interaction` None means never sent. A `spike` was written into a source by other means; `place` names the source.
    Scenario and promise are here too: where a run is killed before an answer came, this is all that is known of the request."""

    id: str
    kind: Literal["prompt", "response", "never_sent", "spike"]
    place: str
    interaction: str | None
    organization: str
    digest: str
    cuts: tuple[str, ...] = ()
    scenario: str = ""
    content: Literal["zdr", "standard", "exception", "not_covered", "none"] = "none"


class DigestsTaken(Frozen):
    """Digests of what an interaction sent and got were taken, to be looked for in the stores: for each text the canary in it, what the text is, and
    marks of its digests in base64 (see `zdr_audit/canary/digests.py`), which are keyed and cut so that none can be compared without the run's key."""

    interaction: str
    entries: tuple[tuple[str, str, str], ...]


class Interaction(Frozen):
    """One request and its answer, secrets and canaries blotted out.

    `outcome`: accepted (the answer the stimulus aims at), refused_by_policy, denied (401, 403 otherwise), not_found, rate_limited, client_error,
    server_error, redirected, not_modified (304), declined (a 2xx that by the profile's own sign is no success), unexpected (another 2xx), malformed,
    abandoned (by us, on purpose), no_answer (to us, or to a gateway: 502, 504). `accepted` says whether the target really dealt with the stimulus.
    `counts` marks what counts towards a control's minimum; `pair` joins the same stimulus sent to subject and control organization.
    `content` names the promise that holds for its content: `zdr` (must not be kept), `standard`, `exception`, `not_covered`.
    `superseded`: the target put it off (429, 503) or no answer came, and the same request was sent again; that one names it in `retry_of`.
    `stimulus` is the shape of an inference request (a `Stimulus` as JSON, without its defaults), `malformed` that of a request that was malformed on
    purpose (a `Malformed`, likewise). `echoes` are the canaries that the answer held, `header_echoes` those of them that stood in its headers.
    `validators` are the answer's `etag` and `last-modified`, by which it can be asked for again; `fresh` names the one that will be good in a second.
    """

    id: str
    scenario: str
    step: str
    epoch: Epoch
    actor: str
    role: str
    organization: str
    organization_id: str
    operation: str
    method: str
    path: str
    model: str | None
    status: int | None
    outcome: str
    accepted: bool
    counts: bool
    pair: str | None
    content: Literal["zdr", "standard", "exception", "not_covered", "none"]
    error: str
    request_id: str | None
    request_bytes: int
    answer_bytes: int
    started_at: str
    ended_at: str
    labels: dict[str, str]
    data: Any
    echoes: tuple[str, ...]
    canaries: tuple[str, ...]
    superseded: bool = False
    retry_of: str | None = None
    stimulus: dict[str, Any] | None = None
    malformed: dict[str, Any] | None = None
    header_echoes: tuple[str, ...] = ()
    validators: dict[str, str] = Field(default_factory=dict)

    @property
    def served(self) -> bool:
        """A success by its status, unless the profile reads a refusal in it: where every answer has the status 200, words tell."""
        return self.status is not None and 200 <= self.status < 300 and self.outcome not in ("refused_by_policy", "declined")


class ScenarioEnded(Frozen):
    """A scenario came to its end. `error` is set where it broke, `not_run` where it could not be started; `absent`: because the target does not have what
    it is about, as the profile says with a reason."""

    name: str
    error: str | None = None
    not_run: str | None = None
    absent: bool = False


class LeftOut(Frozen):
    """Stimuli of a scenario that were not sent: the target's dialect cannot say these features of them, or the profile says that the target lacks them."""

    scenario: str
    features: tuple[str, ...]
    stimuli: int


class Spiked(Frozen):
    """A canary was written into a source by means of the profile. `error` is set where that failed."""

    source: str
    canary: str
    epoch: Epoch
    how: Literal["file", "command"]
    error: str = ""


class SpikeRemoved(Frozen):
    """Whether a spike was taken out again; not, where the profile gives no means."""

    source: str
    canary: str
    removed: bool
    error: str = ""


class SanityProbed(Frozen):
    when: Literal["first", "last"]
    ok: bool
    detail: str
    at: str


class SourceRead(Frozen):
    """One reading of one source. `reading` is `first` (at once after the stimuli), `settled` (after the settle window) or `rescan` (later, on demand).
    `changed_at`: when the newest part of a source on disk was last written."""

    epoch: Epoch
    reading: Literal["first", "settled", "rescan"]
    at: str
    group: Literal["stores", "read_back"]
    outcome: Reading
    changed_at: str | None = None


class GrowthMeasured(Frozen):
    """A block of requests of one size, with the bytes in use of each source before and after. `bits` is what a perfect store would need for the
    block's random payloads."""

    scenario: str
    organization: str
    bits: int
    sent: int
    accepted: int
    before: dict[str, int]
    after: dict[str, int]
    at: str


class FindingSeen(Frozen):
    """A finding of a check, in the terms of the report."""

    source: str
    object: str
    location: str
    forms: tuple[str, ...] = ()
    canary: str | None = None
    interaction: str | None = None
    residue: bool = False
    excerpt: str = ""
    message: str


class Checked(Frozen):
    """A suite test looked at the journal. `outcome` is its own; preconditions (acceptance, sight, sanity) are judged from the other events."""

    nodeid: str
    control: str
    title: str
    after: tuple[str, ...]
    epochs: tuple[Epoch, ...]
    counting: str
    outcome: Literal["holds", "violated", "inconclusive", "not_applicable", "not_tested"]
    message: str
    findings: tuple[FindingSeen, ...] = ()


class ChecksKnown(Frozen):
    """The checks begin, and those of these controls made before count no more: `tests` names, by control, all that there are. One that is not `Checked`
    after this did not run."""

    tests: dict[str, tuple[str, ...]]


class LeakReduced(Frozen):
    """The smallest request that still leaves content of one kind (that of `canaries`) in one kind of object of a source.

    `outcome`: `reduced` (the request `stimulus` was sent in the interaction `interaction` of the epoch `minimise`, and leaked), `not_reproduced` (sent
    again by itself, the original `stimulus` left nothing), `not_tried` (the bound on requests or time was reached). `smallest` says that nothing more
    could be taken away, `tried` how many requests bore on it, `script` how anybody can send it.
    """

    source: str
    object: str
    operation: str
    canaries: tuple[str, ...]
    outcome: Literal["reduced", "not_reproduced", "not_tried"]
    smallest: bool
    tried: int
    stimulus: dict[str, Any]
    interaction: str | None
    script: str = ""


class Created(Frozen):
    """The target made something for this run. `values` are what the operation `cleanup` needs to remove it (None: the profile names none); `organization`
    is the id of the organization that it lies in."""

    kind: str
    id: str
    operation: str
    interaction: str
    organization: str
    actor: str
    cleanup: str | None
    values: dict[str, str]


class Removed(Frozen):
    """An attempt to remove what the run had made. `detail` says why it failed, or, of what went with its organization, that it did."""

    kind: str
    id: str
    ok: bool
    detail: str
    at: str


class RunResumed(Frozen):
    """A run that was broken off goes on. Scenarios without an end are driven anew; what their first attempt sent stays sent."""

    at: str


class RunEnded(Frozen):
    ended_at: str
    interrupted: str | None = None


EVENTS: dict[str, type[Frozen]] = {
    "run_started": RunStarted,
    "canary": CanaryMinted,
    "digests": DigestsTaken,
    "interaction": Interaction,
    "scenario": ScenarioEnded,
    "left_out": LeftOut,
    "spiked": Spiked,
    "spike_removed": SpikeRemoved,
    "sanity": SanityProbed,
    "source_read": SourceRead,
    "growth": GrowthMeasured,
    "check": Checked,
    "checks_known": ChecksKnown,
    "leak_reduced": LeakReduced,
    "created": Created,
    "removed": Removed,
    "run_resumed": RunResumed,
    "run_ended": RunEnded,
}
KINDS = {model: kind for kind, model in EVENTS.items()}
