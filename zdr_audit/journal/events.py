"""What a run journal records. Each event is one of these models; verdicts and reports are functions of nothing else."""

from __future__ import annotations

from typing import Any, Literal

from zdr_audit.evidence.model import Frozen, Reading
from zdr_audit.waiver.model import Waiver

Epoch = Literal["main", "late"]


class RunStarted(Frozen):
    """First event. `literal` is shared by all canaries of the run; `key` keys the canary digests (it protects nothing but the prompts we made up).
    `launched`: the run itself started the simulator that it audits, which ends with it."""

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
    launched: bool = False


class CanaryMinted(Frozen):
    """A canary was made: only its keyed digests are kept, that of the whole and those of the cuts that identify it when damaged. `place` is
    where in the request it went; `interaction` None means never sent. Scenario and promise are here too: where a run is killed before an answer came, this
    is all that is known of the request."""

    id: str
    kind: Literal["prompt", "response", "never_sent"]
    place: str
    interaction: str | None
    organization: str
    digest: str
    cuts: tuple[str, ...] = ()
    scenario: str = ""
    content: Literal["zdr", "standard", "exception", "not_covered", "none"] = "none"


class Interaction(Frozen):
    """One request and its answer, secrets and canaries blotted out.

    `outcome`: accepted (the answer the stimulus aims at), refused_by_policy, denied (401, 403 otherwise), not_found, rate_limited, client_error,
    server_error, redirected, unexpected (another 2xx), malformed, abandoned (by us, on purpose), no_answer. `accepted` says whether the
    target really dealt with the stimulus.
    `counts` marks what counts towards a control's minimum; `pair` joins the same stimulus sent to subject and control organization.
    `content` names the promise that holds for its content: `zdr` (must not be kept), `standard`, `exception`, `not_covered`.
    `superseded`: the target put it off (429, 503), and the same request was sent again; that one names it in `retry_of`.
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


class ScenarioEnded(Frozen):
    """A scenario came to its end. `error` is set where it broke, `not_run` where it could not be started."""

    name: str
    error: str | None = None
    not_run: str | None = None


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
    "interaction": Interaction,
    "scenario": ScenarioEnded,
    "sanity": SanityProbed,
    "source_read": SourceRead,
    "growth": GrowthMeasured,
    "check": Checked,
    "created": Created,
    "removed": Removed,
    "run_resumed": RunResumed,
    "run_ended": RunEnded,
}
KINDS = {model: kind for kind, model in EVENTS.items()}
