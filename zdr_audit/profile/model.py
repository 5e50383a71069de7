"""The target profile: everything an audit must know of a target, as data.

Published as JSON Schema in `zdr_audit/profile/profile.schema.json`. Strings in `operations` and `features` are templates: `{name}` is
replaced by a value of the call (see docs/profile.md for the names); a string that is nothing but `{name}` keeps the value's type.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Set
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from zdr_audit.profile.audit import REFUSALS_LOGGED, AuditChain, AuditTypes
from zdr_audit.profile.base import Address, Closed, Name, Pointer, Variable, has_password, names, usable_origin
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.limits import READ as LIMITS
from zdr_audit.profile.limits import fits
from zdr_audit.profile.operation import Feature, Operation, Refusal

Platform = Literal["anthropic", "gateway", "bedrock", "vertex", "foundry", "other"]
OUT_OF_SCOPE_PLATFORMS = frozenset({"bedrock", "vertex", "foundry"})
STAFF = ("account_team", "reviewer", "operator", "auditor")
"""The roles of the provider."""


class TargetSection(Closed):
    """Where the target is and what it claims to be. `production` true needs `production_consent` in words.

    `nodes` are the addresses of the target's nodes, where each can be reached by itself: requests are then spread over all of them.
    `instruction` is how a model is told to join the `{parts}` that it must answer with, where it understands a fixed wording alone (a stand-in for tests).
    `tokenizer` names what turns text into token ids for its models, `tiktoken:ENCODING` or `tokenizers:FILE`: text kept as such ids is then found.
    """

    base_url: Address
    nodes: tuple[Address, ...] = ()
    platform: Platform = "anthropic"
    enforcement: Literal["blocked", "leaves_promise"] = "blocked"
    dialect: Name = "anthropic-messages"
    models: tuple[str, ...] = ()
    tokenizer: Annotated[str, StringConstraints(pattern=r"^(tiktoken|tokenizers):.+$")] | None = None
    instruction: Annotated[str, StringConstraints(pattern=r"^([^{}]*\{parts\}[^{}]*)?$", max_length=500)] = ""
    launch: Literal["simulator", "simulator-servers", "simulator-servers-one-node"] | None = None
    proxy: str | None = None
    proxy_env: Variable | None = None
    production: bool = False
    production_consent: str = ""

    @field_validator("nodes")
    @classmethod
    def _each_once(cls, nodes: tuple[str, ...]) -> tuple[str, ...]:
        for twice in {url for url in nodes if nodes.count(url) > 1}:
            raise ValueError(f"the node {twice} is there twice")
        return nodes

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where requests go: to the nodes, else to the one address."""
        return self.nodes or (self.base_url,)

    @field_validator("proxy")
    @classmethod
    def _plain_proxy(cls, url: str | None) -> str | None:
        if url is not None and has_password(url):
            raise ValueError("holds a password: put it into an environment variable and name that in proxy_env")
        return url if url is None else usable_origin(url)

    @model_validator(mode="after")
    def _production_needs_words(self) -> TargetSection:
        words = "I accept that this audit sends test traffic to production"
        if self.production and self.production_consent != words:
            msg = f'production = true needs production_consent = "{words}"'
            raise ValueError(msg)
        return self


class Inference(Closed):
    """What every inference request says beside the stimulus. `extra` are further members of its body; `max_tokens_key` is read by `openai-chat`."""

    max_tokens: Annotated[int, Field(ge=16)] = 1024
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: dict[str, Any] = {}


class GenericStream(Closed):
    """How the dialect `generic-json` streams. `body` are the members of the request that ask for it; `answer` points at the text in each piece: the
    data of a server-sent event (`sse`) or a line of JSON (`lines`). `done` is a piece that ends the stream, `done_at` points at what is true in its last
    piece; without either, a stream that just ends is whole."""

    format: Literal["sse", "lines"]
    answer: Pointer
    body: dict[str, Any] = {}
    done: str | None = None
    done_at: Pointer | None = None


class GenericJson(Closed):
    """The dialect `generic-json`. `body` is the template of a request: `{text}` is where the user's words go, and may stand with other text; `{model}`,
    `{stream}`, `{session}` and the names of places (`{system}`, `{history}`, `{document}`, ...) are filled likewise. `answer` points at the answer's
    text. `wrong` gives, for a kind of mistake, the template of a request that the target must answer with a client error."""

    body: dict[str, Any]
    answer: Pointer
    stream: GenericStream | None = None
    request_id_header: str = "x-request-id"
    wrong: dict[Literal["negative_max_tokens", "empty_messages", "bad_role"], dict[str, Any]] = {}

    @field_validator("body")
    @classmethod
    def _text_goes_in(cls, body: dict[str, Any]) -> dict[str, Any]:
        if "{text}" not in str(body):
            raise ValueError("needs '{text}' where the user's words go")
        return body

    @field_validator("wrong")
    @classmethod
    def _text_goes_into_mistakes(cls, wrong: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for kind, body in wrong.items():
            if "{text}" not in str(body):
                raise ValueError(f"'{kind}' needs '{{text}}': a mistake that carries no content shows nothing")
        return wrong


class Rate(Closed):
    """How fast requests may go: so many a second, so many at a time. None: no bound."""

    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    concurrency: Annotated[int, Field(ge=1)] | None = None


class Limits(Rate):
    """Bounds of a run. Times in seconds, sizes in bytes.

    `operations` bounds single operations (by name or pattern) beyond the whole. `max_requests` and `max_tokens` (estimated at 4 bytes a token) are the budget:
    the run stops cleanly where it is spent. A request that is put off (429, 503) is sent again up to `retries` times, as late as the target asks, if that
    is no more than `retry_wait_seconds` each and `retry_wait_total_seconds` in all.
    """

    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30
    max_answer_bytes: Annotated[int, Field(ge=1024)] = 8 * 1024 * 1024
    settle_seconds: Annotated[float, Field(ge=0, le=86400)] = 2
    growth_wait_seconds: Annotated[float, Field(ge=0, le=600)] | None = None
    analytics_delay_seconds: Annotated[float, Field(ge=0, le=3600)] = 5
    clock_tolerance_seconds: Annotated[float, Field(ge=0)] = 120
    standard_retention_days: Annotated[int, Field(ge=0)] = 30
    exception_retention_days: Annotated[int, Field(ge=0, le=731)] = 730
    body_bytes: Annotated[int, Field(ge=0)] = 32 * 1024 * 1024
    operations: dict[str, Rate] = {}
    max_requests: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    retries: Annotated[int, Field(ge=0, le=20)] = 3
    retry_wait_seconds: Annotated[float, Field(ge=0)] = 60
    retry_wait_total_seconds: Annotated[float, Field(ge=0)] = 600


class Organization(Closed):
    """An organization of the target. `account` groups organizations of one customer. `base_url` is that of a deployment of its own: the control
    organization may be served by a twin of the target, the same software with retention on."""

    id: Annotated[str, StringConstraints(min_length=1)]
    account: str | None = None
    base_url: Address | None = None


class ActorSection(Closed):
    """Who we act as. The credential comes from the environment variable `env`, or is what a `command` prints (words, no shell): asked again after
    `refresh_seconds`, and once after an answer 401. It goes into `header`, after the word `prefix` (for `authorization` that is `Bearer`).

    `sample` is a public, documented credential of a sample system: used only where the variable is unset and the target is on a loopback address.
    """

    env: Variable | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    refresh_seconds: Annotated[float, Field(gt=0)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 30
    sample: str | None = None
    header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")] = "x-api-key"
    prefix: Annotated[str, StringConstraints(pattern=r"^[!-~]*$")] | None = None
    email: str | None = None

    @model_validator(mode="after")
    def _one_means(self) -> ActorSection:
        if (self.env is None) == (self.command is None):
            raise ValueError("needs either 'env' or 'command'")
        if self.command is not None and self.sample is not None:
            raise ValueError("'sample' goes with 'env'")
        if self.command is None and self.refresh_seconds is not None:
            raise ValueError("'refresh_seconds' goes with 'command'")
        return self


class Tls(Closed):
    """Transport security: files in PEM. `ca` takes the place of the public authorities; `client_cert` and `client_key` are for mutual TLS."""

    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    @model_validator(mode="after")
    def _key_goes_with_certificate(self) -> Tls:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("'client_key' goes with 'client_cert'")
        return self


MERGES: Mapping[str, str] = {"zdr.approve": "zdr.enable", "zdr.request": "zdr.approve"}
"""The steps of enablement that may do a further one by themselves (`also`), and which."""
NEED_NOT_BE_LOGGED: Mapping[str, tuple[str, str]] = {
    "enabled": ("zdr.enable", 'the approval enables (also = ["zdr.enable"])'),
    "approved": ("zdr.approve", 'the request is approved at once (also = ["zdr.approve"])'),
    "rejected": ("zdr.reject", "nothing is rejected (no operation 'zdr.reject')"),
}
"""Actions for which the audit log may have no type, each with its operation and when that is so."""
POLICY_FEATURES = frozenset({"web_sessions", "remote_sessions", "feedback"})
"""Features that the policy names one by one."""


BY_NAME_ALONE = frozenset({"service.restart"})
"""Operations that no pattern of `allow` covers: they reach everybody whom the target serves."""


class Permissions(Closed):
    """Operations that change the target and that this profile allows, by name or pattern (`zdr.*`). `service.restart` must be named as it is: no pattern
    allows it."""

    allow: tuple[str, ...] = ()

    def allows(self, operation: str) -> bool:
        return operation in self.allow or (
            operation not in BY_NAME_ALONE and any(fnmatch.fnmatchcase(operation, pattern) for pattern in self.allow)
        )


GIVEN = frozenset({"org", "account", "model", "run"})
"""Names that every template may use."""
INFERENCE = frozenset({"messages.create", "messages.count_tokens"})
"""Operations whose content is that of a stimulus."""
SESSION = "session"
"""What headers and query of inference may name besides: where they do, requests that belong to no session go without them."""


def _filled(where: str, template: Any, known: Set[str]) -> None:
    for name in sorted(names(template) - known):
        close = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean '{{{close[0]}}}'?" if close else ""
        raise ValueError(f"{where}: nothing gives '{{{name}}}'{hint} (there are: {', '.join(sorted(known))})")


class Prices(Closed):
    """What a million tokens of inference cost, for the estimate of a plan."""

    currency: str = "USD"
    input_per_million: Annotated[float, Field(ge=0)]
    output_per_million: Annotated[float, Field(ge=0)]


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("needs the reason why the target does not have it")
    return reason


Reason = Annotated[str, AfterValidator(_said)]


class Profile(Closed):
    """A target profile. `absent` gives, for each operation or feature the target does not have, the reason.

    A file may say only what differs from the shipped profile that it `extends`.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    name: Name
    target: TargetSection
    limits: Limits = Limits()
    tls: Tls = Tls()
    inference: Inference = Inference()
    generic: GenericJson | None = None
    organizations: dict[Name, Organization]
    actors: dict[Name, dict[Name, ActorSection]]
    operations: dict[Name, Operation]
    features: dict[Name, Feature] = {}
    refusal: Refusal = Refusal()
    audit_types: AuditTypes | None = None
    audit_chain: AuditChain | None = None
    evidence: tuple[Evidence, ...] = ()
    permissions: Permissions = Permissions()
    prices: Prices | None = None
    absent: dict[str, Reason] = {}
    extends: Name | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Profile:
        for name in ("subject", "control"):
            if name not in self.organizations:
                raise ValueError(f"organizations needs '{name}'")
        if self.organizations["subject"].id == self.organizations["control"].id:
            raise ValueError(
                "organizations.subject and organizations.control are the same organization: the control must be one without ZDR"
            )
        for group in self.actors:
            if group != "staff" and group not in self.organizations:
                raise ValueError(f"actors.{group}: no such organization; allowed: staff, {', '.join(sorted(self.organizations))}")
        for name in ("subject", "control"):
            if "member" not in self.actors.get(name, {}):
                raise ValueError(f"actors.{name} needs 'member'")
        if "messages.create" not in self.operations:
            raise ValueError("operations needs 'messages.create'")
        self._cleaning()
        self._merging()
        if LIMITS in self.operations:
            fits(self.operations[LIMITS])
        ids = [e.id for e in self.evidence]
        for twice in {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"evidence id '{twice}' is used twice")
        for item in self.evidence:
            self._twin_fits(item)
            for used in (item.operation, item.detail):
                if used and used not in self.operations:
                    raise ValueError(f"evidence '{item.id}' names the operation '{used}', which operations does not define")
        self._templates()
        if self.audit_types is not None and self.audit_types.denied and REFUSALS_LOGGED in self.absent:
            raise ValueError(f"audit_types.denied says how refused attempts are logged, and absent.'{REFUSALS_LOGGED}' that they are not")
        return self

    def _twin_fits(self, item: Evidence) -> None:
        """Raises ValueError where the twin of a source, or its spike, cannot prove anything."""
        twin = next((e for e in self.evidence if e.id == item.twin), None)
        if item.twin is not None and (item.of != "subject" or twin is None or twin.of != "control" or twin.kind != item.kind):
            raise ValueError(
                f"evidence '{item.id}': 'twin' needs of = \"subject\", and names evidence of the same kind that has of = \"control\""
            )
        if item.spike is not None and item.spike.file is not None and item.kind != "files":
            raise ValueError(f"evidence '{item.id}': a spike by 'file' is for evidence of kind 'files'; use 'command'")
        if item.spike is not None and item.kind == "http":
            raise ValueError(f"evidence '{item.id}': evidence of kind 'http' has no spike")

    def _cleaning(self) -> None:
        calls = [*self.operations.items(), *((f"features.{n}.{e.name}", e) for n, f in self.features.items() for e in f.endpoints)]
        for name, spec in calls:
            if spec.cleanup and spec.cleanup not in self.operations:
                raise ValueError(f"'{name}' is cleaned up by '{spec.cleanup}', which operations does not define")

    def _merging(self) -> None:
        """Raises ValueError where a step cannot do another one by itself, or the audit log's type for that one is not told."""
        for name, spec in self.operations.items():
            for step in spec.also:
                if MERGES.get(name) != step:
                    allowed = f"'{MERGES[name]}' alone" if name in MERGES else f"nothing; {' and '.join(MERGES)} can"
                    raise ValueError(f"operations.{name}: 'also' names '{step}'; this operation can also do {allowed}")
                if step in self.operations:
                    raise ValueError(f"operations.{name} does '{step}' also, which has an operation of its own")
                if step in self.absent:
                    raise ValueError(f"operations.{name} does '{step}' also, and absent says that the target does not have it")
        if self.approved_at_once and "zdr.reject" in self.operations:
            raise ValueError("operations.zdr.request does 'zdr.approve' also, so there is nothing that 'zdr.reject' could reject")
        for action, (step, why) in NEED_NOT_BE_LOGGED.items():
            if self.audit_types is not None and getattr(self.audit_types, action) is None and step in self.operations:
                raise ValueError(f"audit_types.{action} is missing; it may be where {why}")

    def done_by(self, step: str) -> str | None:
        """The operation that does a step by itself, beside its own; None where none does."""
        return next((name for name, spec in self.operations.items() if step in spec.also), None)

    @property
    def enabling(self) -> tuple[str, str]:
        """The operation that enables ZDR, and the action that it is."""
        return ("zdr.approve", "approved") if self.done_by("zdr.enable") else ("zdr.enable", "enabled")

    @property
    def approved_at_once(self) -> bool:
        """Whether a request for ZDR is approved by the very answer to it, so that there is no review to try."""
        return self.done_by("zdr.approve") is not None

    @property
    def further_entry(self) -> str | None:
        """The type of the entry that a step leaves for what it does also, beside its own; None where it does nothing else, leaves none, or that is one and
        the same."""
        types = self.audit_types
        if types is None:
            return None
        if self.approved_at_once:
            return None if types.approved == types.requested else types.approved
        return None if not self.done_by("zdr.enable") or types.enabled == types.approved else types.enabled

    def why_absent(self, need: str) -> str | None:
        """The reason why the target does not have an operation, `feature:NAME` or the like; None where the profile gives none."""
        return next((reason for pattern, reason in self.absent.items() if fnmatch.fnmatchcase(need, pattern)), None)

    @property
    def logs_refusals(self) -> bool:
        """Whether the audit log is to tell of refused attempts, too."""
        return self.why_absent(REFUSALS_LOGGED) is None

    @property
    def other_features(self) -> dict[str, Feature]:
        """Features that need storage beside those for which the policy has a control of their own."""
        return {name: feature for name, feature in self.features.items() if name not in POLICY_FEATURES}

    def _templates(self) -> None:
        """Raises ValueError where a template of inference or of a feature names what nothing gives, or content is to go where no template takes it."""
        for name in sorted(self.operations.keys() & INFERENCE):
            spec = self.operations[name]
            _filled(f"operations.{name}", spec.path, GIVEN)
            _filled(f"operations.{name}", [spec.query, spec.headers], GIVEN | {SESSION})
            self._bodies(name, spec)
        for name in sorted(self.operations.keys() - INFERENCE):
            if self.operations[name].session is not None:
                raise ValueError(f"operations.{name}: 'session' is for {', '.join(sorted(INFERENCE))} and the endpoints of features")
        for name, feature in self.features.items():
            known = GIVEN | {"canary", "marker"} | feature.examples.keys() | {n for e in feature.endpoints for n in e.extract}
            for number, endpoint in enumerate(feature.endpoints):
                where, used = (
                    f"features.{name}.endpoints.{number}",
                    [endpoint.path, endpoint.query, endpoint.headers, endpoint.body, endpoint.multipart],
                )
                _filled(where, used, known)
                if endpoint.carries and "canary" not in names(used):
                    raise ValueError(f"{where}: content goes in nowhere: put '{{canary}}' where it does, or say carries = false")

    def _bodies(self, name: str, spec: Operation) -> None:
        """Raises ValueError where an operation of inference has a body that its dialect has already, or one that cannot carry what it must."""
        where, generic = f"operations.{name}", self.target.dialect == "generic-json"
        if spec.multipart is not None or (spec.body is not None and (name == "messages.create" or not generic)):
            other = "the section 'generic' says what it is" if generic else f"it is that of the dialect '{self.target.dialect}'"
            raise ValueError(f"{where}: has no body of its own: {other}")
        if spec.body is not None and (not isinstance(spec.body, dict) or "text" not in names(spec.body)):
            raise ValueError(f"{where}: 'body' needs '{{text}}' where the user's words go")
        own = spec.body if spec.body is not None else self.generic.body if self.generic is not None and generic else {}
        if spec.session is not None and SESSION in names(own):
            raise ValueError(f"{where}: 'session' and '{{session}}' in the body both name the session; give one")

    @property
    def removals(self) -> frozenset[str]:
        """The operations that remove what others made."""
        calls = [*self.operations.values(), *(e for f in self.features.values() for e in f.endpoints)]
        return frozenset(spec.cleanup for spec in calls if spec.cleanup)
