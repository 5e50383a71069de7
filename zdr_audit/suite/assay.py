"""What a scenario drives with: inference, operations, features, fresh organizations. Everything it does is journaled."""

from __future__ import annotations

import copy
import itertools
import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, TypeVar

from zdr_audit.canary.mint import parts as canary_parts
from zdr_audit.journal.events import Created, Epoch, GrowthMeasured, Interaction, LeftOut
from zdr_audit.profile.model import Feature, FeatureEndpoint, Operation, Profile
from zdr_audit.suite.answers import Weigh, body_of, inference_judge, judged_call
from zdr_audit.suite.openapi import DeclaredOperation, labels
from zdr_audit.suite.party import Actor, Content, NotOffered, NotThere, Party, not_offered
from zdr_audit.suite.patience import Patience
from zdr_audit.suite.recorder import Judged, Planned, Recorder
from zdr_audit.target import shape
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.base import Dialect
from zdr_audit.target.outcome import document, outcome
from zdr_audit.target.stimulus import PLACES, Place, Stimulus, fitted
from zdr_audit.target.template import MissingValue, fill, fill_path, names, with_query
from zdr_audit.target.transport import Answer, Outgoing, now
from zdr_audit.target.wire import Wire

LONGEST_LATE = 30.0
"""Seconds that an audit log is waited for at most."""
BACK_SECONDS = 0.25
"""How long to wait for a target that begins anew before it is asked again."""
Depth = Literal["quick", "standard", "thorough"]
T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """An interaction with what was read from its answer. `values` may hold secrets: it stays in memory."""

    interaction: Interaction
    values: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[Any, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.interaction.outcome == "accepted"


class ScenarioBroken(Exception):
    """A step that the rest of the scenario needs did not succeed; the message says which and how."""


@dataclass
class Assay:
    """One scenario's hands. `subject` is under ZDR, `control` is not; `models` are those the target lists. `offered` are the features of a stimulus that
    the dialect can say and that the target has. `shortens`: whether to look for what is smaller than the first that went wrong."""

    profile: Profile
    recorder: Recorder
    subject: Party
    control: Party
    others: Mapping[str, Party]
    staff_actors: Mapping[str, Actor]
    models: tuple[str, ...]
    depth: Depth
    seed: int
    scenario: str = ""
    epoch: Epoch = "main"
    fresh_numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    measure: Callable[[], dict[str, int]] = dict
    at: int | None = None
    dialect: Dialect = field(default_factory=AnthropicMessages)
    offered: frozenset[str] = AnthropicMessages.features
    run_id: str = "run"
    pause: Callable[[float], None] = time.sleep
    shortens: bool = True

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.seed}:{self.scenario}")  # noqa: S311 - shapes, not secrets

    # -- who ------------------------------------------------------------------------------------------------------------------------

    def other(self, name: str) -> Party:
        """Another organization of the profile (`neighbour`, `sibling`)."""
        if name not in self.others:
            raise NotOffered(f"the profile names no organization '{name}'")
        return self.others[name]

    @property
    def elsewhere(self) -> Party:
        """Whose account to use for organizations that are switched to and fro: another customer's, so that it cannot reach the subject."""
        other = self.others.get("neighbour")
        return other if other is not None and other.account else self.subject

    def staff(self, role: str) -> Actor:
        """A provider-side actor: account_team, reviewer, operator, auditor."""
        if role not in self.staff_actors:
            raise NotOffered(f"no credential for the provider role '{role}'")
        return self.staff_actors[role]

    def count(self, quick: int, standard: int, thorough: int) -> int:
        """How many, by --depth."""
        return {"quick": quick, "standard": standard, "thorough": thorough}[self.depth]

    def parallel(self, jobs: Iterable[Callable[[], T]], workers: int = 16) -> list[T]:
        """Run jobs at the same time, in threads; results in the order of the jobs."""
        pool = ThreadPoolExecutor(workers)
        try:
            return [future.result() for future in [pool.submit(job) for job in jobs]]
        finally:
            pool.shutdown(cancel_futures=True)  # where one job breaks, or the user stops the run, what has not begun is not sent

    @property
    def nodes(self) -> int:
        """How many addresses the target has, at least one. What is sent without further ado is spread over all of them."""
        return len(self.recorder.transport.addresses)

    def node(self, number: int) -> Assay:
        """The same hands, but everything they send goes to one node: `number` counts from 0, modulo the number of nodes."""
        other = copy.copy(self)  # with the same source of chance, and the same numbers for fresh organizations
        other.at = number
        return other

    # -- inference ------------------------------------------------------------------------------------------------------------------

    def within(self, stimuli: Iterable[Stimulus]) -> list[Stimulus]:
        """As many stimuli, but only such as the target's dialect can say: for each that it cannot, one that it can again, so that there are enough.
        What is left out is journaled, so that the report can say it. Raises NotOffered where nothing remains."""
        asked = list(stimuli)
        tried = [(stimulus, *fitted(stimulus, self.offered)) for stimulus in asked]
        possible = [stimulus for stimulus, remains, _ in tried if remains is not None]
        missing = [name for _, remains, lacking in tried if remains is None for name in lacking]
        if missing:
            left = LeftOut(scenario=self.scenario, features=tuple(dict.fromkeys(missing)), stimuli=len(asked) - len(possible))
            self.recorder.journal.append(left)
        if not possible:
            raise NotThere(f"the dialect {self.dialect.name} or the target has none of: {', '.join(dict.fromkeys(missing))}")
        return [*possible, *itertools.islice(itertools.cycle(possible), len(asked) - len(possible))]

    def can_say(self, stimulus: Stimulus) -> bool:
        """Whether the target's dialect can say what makes the stimulus."""
        return fitted(stimulus, self.offered)[0] is not None

    def session(self, name: str) -> str | None:
        """A session of that name, for requests that belong together and mean the same without one: None where the dialect has none."""
        return name if "session" in self.offered else None

    def infer(
        self,
        by: Actor,
        stimulus: Stimulus,
        *,
        step: str,
        counts: bool = True,
        pair: str | None = None,
        operation: str = "messages.create",
        labels: Mapping[str, str] | None = None,
        expects: tuple[int, ...] = (),
        repeat: int = 1,
        once: bool = False,
        slowly: float = 0.0,
    ) -> Reply:
        """Send one inference request with a fresh canary in each place. Accepted means: a complete answer, or, for a request that is wrong on purpose, the
        client error it must bring. Whether the answer follows the instruction, and so carries its canary, is in the label `answer`: not every model
        does. One of the statuses in `expects` is accepted too, and a request that is sent once must bring one of them. `repeat` sends the very same
        request again, as a client's retry does; `once`: not even where no answer came. `slowly`: seconds after which the second half of the body follows.
        What the dialect cannot say of the stimulus is left out and named in the label `left_out`; raises NotOffered where nothing worth sending
        remains."""
        spec = self._operation(operation)
        recorder = self.recorder
        possible, left_out = fitted(stimulus, self.offered)
        if possible is None:
            raise NotThere(f"the dialect {self.dialect.name} or the target has no {', '.join(left_out)}")
        stimulus = possible
        tags = dict(labels or {}) | ({"left_out": ",".join(left_out)} if left_out else {})
        interaction = recorder.new_interaction()
        about = (interaction, by.organization_id, self.scenario, by.content)
        minted = {p: recorder.new_canary("prompt", p, *about) for p in PLACES if p in stimulus.places}
        canaries = [canary_id for canary_id, _ in minted.values()]
        expected, parts = "", tuple[str, ...]()
        if stimulus.answer:
            answer_id, expected = recorder.new_canary("response", "answer", *about)
            canaries.append(answer_id)
            parts = canary_parts(expected)
            if stimulus.abandon_after is not None:
                # More follows after the canary, so that closing midway leaves the canary whole on the wire.
                parts += tuple(f" and then {number}" for number in range(150))
        model = stimulus.model or self.models[0]
        texts: dict[Place, str] = {place: canary for place, (_, canary) in minted.items()}
        rendered = self.dialect.render(stimulus, model, texts, parts, self.profile.limits.body_bytes)
        body = self.dialect.counting(rendered.body) if operation == "messages.count_tokens" else rendered.body
        planned = Planned(
            self.scenario,
            step,
            self.epoch,
            operation,
            counts,
            pair,
            by.content,
            model,
            tags,
            stimulus=shape.data(stimulus),
            settles=expects,
            once=once,
            node=self.at,
        )
        known = {"org": by.organization_id, "account": self._account(by), "model": model, "run": self.run_id}
        path, headers = _addressed(spec, operation, known)
        outgoing = Outgoing(spec.method, path, {**headers, **rendered.headers}, body, stimulus.abandon_after)
        outgoing = replace(
            outgoing,
            chunked=stimulus.chunked,
            unnamed=stimulus.unnamed,
            slowly=slowly,
            wire=Wire(unfinished=True) if stimulus.unfinished else None,
        )
        actor = replace(by, secret="not-a-credential-of-anybody", token=None) if stimulus.wrong == "bad_credential" else by  # noqa: S106
        must = expects if repeat == 1 else ()
        judged = inference_judge(
            self.dialect, self.profile.refusal, stimulus, expected, spec, expects, must, counting=operation == "messages.count_tokens"
        )
        recorded, _ = recorder.exchange(interaction, planned, actor, outgoing, tuple(canaries), judged)
        for attempt in range(1, repeat):
            retry = replace(outgoing, headers=outgoing.headers | {"x-stainless-retry-count": str(attempt)})
            recorded, _ = recorder.exchange(recorder.new_interaction(), planned, actor, retry, tuple(canaries), judged)
        return Reply(recorded)

    def _account(self, by: Actor) -> str:
        parties = (self.subject, self.control, *self.others.values())
        return next((p.account for p in parties if p.key == by.organization), self.subject.account) or ""

    def infer_both(self, stimulus: Stimulus, *, step: str, **more: Any) -> tuple[Reply, Reply]:
        """The same stimulus for the subject and for the control organization, each with canaries of its own."""
        pair = f"{self.scenario}/{step}/{self.recorder.sent}"
        mine = self.infer(self.subject.member, stimulus, step=step, pair=pair, **more)
        theirs = self.infer(self.control.member, stimulus, step=step, counts=False, pair=pair, **more)
        return mine, theirs

    def grow(
        self, party: Party, stimulus: Stimulus, requests: int, *, step: str, patience: Patience | None = None, wait: float = 0
    ) -> GrowthMeasured:
        """One block of the growth bound: measure every source, send `requests` stimuli of one size, wait, measure again; with `patience` once nothing
        changes any more. Returns what it journals."""
        before = self.measure()
        replies = [self.infer(party.member, stimulus, step=step, counts=party.key == "subject") for _ in range(requests)]
        if patience is None:
            self.pause(wait)
            after = self.measure()
        else:
            kept = party.key == "control" and stimulus.noise > 0
            after = patience.measured(before, [e.id for e in self.profile.evidence if e.of in ("both", "control")] if kept else ())
        event = GrowthMeasured(
            scenario=self.scenario,
            organization=party.key,
            bits=6 * stimulus.noise * requests,
            sent=requests,
            accepted=sum(r.interaction.accepted for r in replies),
            before=before,
            after=after,
            at=now(),
        )
        self.recorder.journal.append(event)
        return event

    # -- operations -----------------------------------------------------------------------------------------------------------------

    def offers(self, operation: str) -> bool:
        """Whether the profile gives the operation, and permission where it changes the target."""
        spec = self.profile.operations.get(operation)
        return spec is not None and (not spec.changes or self._allowed(operation))

    def _allowed(self, operation: str) -> bool:
        return self.profile.permissions.allows(operation)

    def _operation(self, name: str) -> Operation:
        spec = self.profile.operations.get(name)
        if spec is None:
            raise not_offered(self.profile, name, f"the profile names no operation '{name}'")
        if spec.changes and not self._allowed(name):
            raise NotOffered(f"the profile's permissions do not allow '{name}'")
        return spec

    def call(
        self,
        operation: str,
        by: Actor | None,
        *,
        step: str,
        org: Party | None = None,
        counts: bool = False,
        pair: str | None = None,
        content: Content = "none",
        labels: Mapping[str, str] | None = None,
        weigh: Weigh = "success",
        **values: Any,
    ) -> Reply:
        """Make one call of the profile's operations as `by` (None: without credential), about `org` (default: the actor's own organization).

        `weigh` says when the target has dealt with the call: when it did what was asked (`success`), when it decided either way (`decision`: any answer
        but 401, 429), or when it answered at all (`answer`). Values that start with an underscore alter the request itself: `_method`, `_path`,
        `_headers`, `_query`, `_body`, `_reshape` (a function of body and headers), `_wire`; `_made_up` fills what the templates need and the call
        does not give.
        """
        spec = self._operation(operation)
        return self._call(spec, operation, by, step, org, counts, pair, content, labels or {}, weigh, values)

    def call_as(self, spec: Operation, name: str, by: Actor, *, step: str, **values: Any) -> Reply:
        """One call of an operation that the profile has otherwise; it counts for nothing. `name` is what the journal calls it."""
        return self._call(spec, name, by, step, None, False, None, by.content, {}, "decision", values)

    def attempt(self, operation: str, by: Actor | None, *, step: str, org: Party | None = None, **more: Any) -> Reply:
        """A call that counts, and that the target may well refuse."""
        return self.call(operation, by, step=step, org=org, counts=True, **{"weigh": "decision", **more})

    def must(self, operation: str, by: Actor, *, step: str, org: Party | None = None, **values: Any) -> Reply:
        """A call without which the scenario cannot go on. Raises ScenarioBroken where it is not accepted."""
        reply = self.call(operation, by, step=step, org=org, **values)
        if not reply.accepted:
            seen = reply.interaction
            raise ScenarioBroken(f"{step}: {operation} as {by.key} gave {seen.outcome} (status {seen.status}) {seen.error}".strip())
        return reply

    def list_all(self, operation: str, by: Actor, *, step: str, org: Party | None = None, counts: bool = False, **values: Any) -> Reply:
        """All items of a paged list, at most 50 pages. The audit log is read when it has had the time that this target's log takes."""
        if operation == "audit.list" and self._told_by_reference():
            about = org.id if org else by.organization_id
            asked = {name: value for name, value in values.items() if name != "labels"}
            read = partial(self._pages, operation, by, step=f"{step}: is it there yet", org=org, counts=False, **asked)
            window = min(self.profile.limits.settle_seconds, LONGEST_LATE)
            self.recorder.late_log.before(about, window, self.pause, lambda: _rows(read()))
        return self._pages(operation, by, step=step, org=org, counts=counts, **values)

    def _told_by_reference(self) -> bool:
        """Whether entries of the audit log can be told by the reference of the action."""
        spec = self.profile.operations.get("audit.list")
        return spec is not None and "reference" in spec.fields

    def _pages(self, operation: str, by: Actor, *, step: str, org: Party | None, counts: bool, **values: Any) -> Reply:
        spec = self._operation(operation)
        first = reply = self.call(operation, by, step=step, org=org, counts=counts, **values)
        items = list(reply.items)
        for _ in range(50):
            if spec.page is None or not reply.accepted or not reply.values.get("_more") or not reply.values.get("_cursor"):
                break
            values["_query"] = {**values.get("_query", {}), spec.page.parameter: str(reply.values["_cursor"])}
            reply = self.call(operation, by, step=step, org=org, **values)
            items += reply.items
        return Reply(first.interaction, first.values, tuple(items))

    def _call(
        self,
        spec: Operation,
        name: str,
        by: Actor | None,
        step: str,
        org: Party | None,
        counts: bool,
        pair: str | None,
        content: Content,
        labels: Mapping[str, str],
        weigh: Weigh,
        values: Mapping[str, Any],
    ) -> Reply:
        recorder = self.recorder
        interaction = recorder.new_interaction()
        organization = org.id if org else (by.organization_id if by else self.subject.id)
        known: dict[str, Any] = {"org": organization, "account": (org or self.subject).account or "", "model": self.models[0]}
        known |= {"run": self.run_id, **values}
        canaries: list[str] = []
        used = names(spec.body) | names(spec.multipart) | names(spec.query) | names(spec.headers)
        if "_made_up" in known:
            known = dict.fromkeys((used | names(spec.path)) - {"canary", "marker"}, known["_made_up"]) | known
        if "canary" in used and "canary" not in known:
            canary_id, known["canary"] = recorder.new_canary("prompt", name, interaction, organization, self.scenario, content)
            canaries.append(canary_id)
        tags = {**labels, "about": organization}
        if "marker" in used:
            # A reference of our own making: it is meant to be found again in the audit log, so it is no canary and is journaled as it is.
            tags["marker"] = known.setdefault("marker", f"zdrref-{secrets.token_hex(6)}")
        try:
            path = fill_path(spec.path, known)
            body, headers = body_of(spec, known)
            if "_reshape" in known:
                body, headers = known["_reshape"](body, headers)
            query = {**fill(spec.query, known), **known.get("_query", {})}
        except MissingValue as exc:
            raise NotOffered(f"operation '{name}' needs a value '{exc}' that the run does not have") from None
        path = known.get("_path", with_query(path, query))
        outgoing = Outgoing(
            known.get("_method", spec.method), path, {**headers, **known.get("_headers", {})}, body, wire=known.get("_wire")
        )
        own = () if name == "cost.set" else spec.refused  # those of a limit are what requests over it are refused with
        settles = (*spec.accepted, *own, *self.profile.refusal.status)
        said, at = content if canaries else "none", org.key if org else ""
        planned = Planned(
            self.scenario, step, self.epoch, name, counts, pair, said, None, tags, settles=settles, once=spec.changes, node=self.at, at=at
        )
        found: dict[str, Any] = {}
        items: list[Any] = []

        def judge(answer: Answer) -> Judged:
            return judged_call(spec, self.profile.refusal, answer, found, items, weigh, recorder.journal.redactor.add_secret)

        recorded, _ = recorder.exchange(interaction, planned, by, outgoing, tuple(canaries), judge)
        if "marker" in used:
            recorder.late_log.noted(organization, str(known["marker"]), recorded.outcome == "accepted")
        if spec.creates and recorded.accepted and recorded.outcome == "accepted":
            self._note_created(spec, recorded, organization, known | found)
        return Reply(recorded, found, tuple(items))

    def _note_created(self, spec: Operation, recorded: Interaction, organization: str, known: Mapping[str, Any]) -> None:
        """Into the journal goes what the run made, with what its removal needs."""
        removal = self.profile.operations.get(spec.cleanup or "")
        needed = names(removal.path) | names(removal.query) | names(removal.body) if removal else set()
        event = Created(
            kind=recorded.operation.rpartition(".")[0] or recorded.operation,
            id=str(known[spec.creates or ""]),
            operation=recorded.operation,
            interaction=recorded.id,
            organization=organization,
            actor=recorded.actor,
            cleanup=spec.cleanup,
            values={name: str(known[name]) for name in sorted(needed - set(spec.secret) - {"org", "marker", "canary"}) if name in known},
        )
        self.recorder.journal.append(event)

    def document(self, operation: str, *, step: str) -> Any:
        """The whole JSON of an open document of the target (its OpenAPI document). Raises ScenarioBroken where there is none."""
        spec = self._operation(operation)
        planned = Planned(self.scenario, step, self.epoch, operation, counts=False, node=self.at)
        found: list[Any] = []

        def judge(answer: Answer) -> Judged:
            found.append(document(answer))
            seen = outcome(answer, spec, self.profile.refusal)
            return Judged(seen, seen == "accepted" and isinstance(found[0], dict), data={"documented": labels(found[0])})

        recorded, _ = self.recorder.exchange(self.recorder.new_interaction(), planned, None, Outgoing(spec.method, spec.path), (), judge)
        if not recorded.accepted:
            raise ScenarioBroken(f"{step}: {operation} gave {recorded.outcome} (status {recorded.status}) {recorded.error}".strip())
        return found[0]

    def call_declared(self, operation: DeclaredOperation, by: Actor, *, step: str, pair: str, counts: bool) -> Reply:
        """Try an operation that only the target's interface document names."""
        spec = Operation(method=operation.method, path=operation.path, body=operation.body, headers=dict(self.dialect.headers))
        made_up = dict.fromkeys(names(operation.path), "zdraudit00") | {"org": by.organization_id}
        labels = {"feature": operation.feature, "endpoint": f"{operation.method} {operation.path}"}
        return self._call(spec, f"declared:{operation.feature}", by, step, None, counts, pair, by.content, labels, "decision", made_up)

    # -- features -------------------------------------------------------------------------------------------------------------------

    def feature(self, name: str) -> Feature:
        if name not in self.profile.features:
            raise not_offered(self.profile, f"feature:{name}", f"the profile names no feature '{name}'")
        return self.profile.features[name]

    def use_feature(
        self,
        name: str,
        by: Actor,
        *,
        step: str,
        values: Mapping[str, Any] | None = None,
        counts: bool = True,
        only: Callable[[FeatureEndpoint], bool] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[Reply]:
        """Go through the endpoints of a feature in order, handing on what each answer gives (a session id, say). `step` names the attempt."""
        spec = self.feature(name)
        known: dict[str, Any] = {**spec.examples, **(values or {})}
        replies = []
        for endpoint in spec.endpoints:
            if only is not None and not only(endpoint):
                continue
            tags = {
                "feature": name,
                "endpoint": endpoint.name,
                "helper": str(endpoint.helper).lower(),
                "named": str(spec.named_in_policy).lower(),
                **(labels or {}),
            }
            pair = f"{self.scenario}/{step}/{name}/{endpoint.name}"
            content: Content = "not_covered" if self.profile.target.enforcement == "leaves_promise" else by.content
            reply = self._call(endpoint, f"feature:{name}.{endpoint.name}", by, step, None, counts, pair, content, tags, "decision", known)
            known |= {k: v for k, v in reply.values.items() if v is not None and not k.startswith("_")}
            replies.append(reply)
        return replies

    def use_feature_both(self, name: str, *, step: str, labels: Mapping[str, str] | None = None) -> None:
        """The same for the control organization, where it should work, and for the subject, where it should be refused."""
        self.use_feature(name, self.control.member, step=step, counts=False, labels=labels)
        self.use_feature(name, self.subject.member, step=step, labels=labels)

    # -- the service as a whole --------------------------------------------------------------------------------------------------------

    def restart(self, *, step: str = "restart", labels: Mapping[str, str] | None = None) -> Reply:
        """Every node of the target ends and begins anew; gives the first one's answer once all serve again. An answer may well not come, since whoever
        should give it is ended. Raises ScenarioBroken where the target refuses, or does not come back within the profile's time-out."""
        operator = self.staff("operator")
        replies = []
        for number in range(self.nodes):
            node = self.node(number)
            reply = node.call("service.restart", operator, step=step, weigh="answer", labels=labels)
            if reply.interaction.outcome not in ("accepted", "no_answer", "server_error"):
                raise ScenarioBroken(f"{step}: the restart gave {reply.interaction.outcome} (status {reply.interaction.status})")
            node.wait_until_served(step=f"{step}: is it back")
            replies.append(reply)
        return replies[0]

    def wait_until_served(self, *, step: str) -> None:
        """Until the ZDR status of the subject organization can be read. Raises ScenarioBroken where it cannot within the profile's time-out."""
        waited = 0.0
        while not self.call("zdr.status", self.subject.member, step=step, org=self.subject).accepted:
            if waited >= self.profile.limits.timeout_seconds:
                raise ScenarioBroken(f"{step}: the target does not serve again")
            self.pause(BACK_SECONDS)
            waited += BACK_SECONDS

    # -- organizations made for the run ---------------------------------------------------------------------------------------------

    def fresh(
        self, *, step: str = "create an organization", account: Party | None = None, operation: str = "organization.create", **values: Any
    ) -> Party:
        """A new organization with an admin and a member of its own, without ZDR unless its values say so. Raises ScenarioBroken or NotOffered."""
        self._operation(operation)
        label = f"{self.scenario.rsplit('.', 1)[-1].replace('_', '-')}-{next(self.fresh_numbers)}"
        key = f"fresh:{label}"
        name = f"zdr-audit {self.run_id} {label}"
        made = self.must(operation, self.staff("account_team"), step=step, org=account or self.subject, name=name, **values)
        identity = str(_given(made, operation, "organization"))
        like = self.subject.actors.get("admin", self.subject.member)  # its credential goes where those of the profile go
        party = Party(key, identity, (account or self.subject).account, "standard", {})
        secret, email = str(_given(made, operation, "admin_key")), made.values.get("admin_email")
        admin = Actor(f"{key}.admin", "admin", key, identity, "standard", like.header, secret, email, prefix=like.prefix)
        return self.add_member(party.with_actor(admin), step=step)

    def add_member(self, party: Party, *, step: str, role: str = "member") -> Party:
        """A further user of an organization made for the run, with a key of their own."""
        email = f"zdr-audit-{role}-{party.key.split(':')[-1]}@{self.run_id}.example".lower()
        user = self.must("user.create", party.admin, step=f"{step}: add a user", email=email)
        person, like = _given(user, "user.create", "user"), self.subject.member
        granted = self.must("key.create", party.admin, step=f"{step}: give the user a key", user=person)
        actor = Actor(
            f"{party.key}.{role}",
            role,
            party.key,
            party.id,
            party.content,
            like.header,
            str(_given(granted, "key.create", "key")),
            email,
            str(person),
            like.prefix,
        )
        return party.with_actor(actor)

    def enable(self, party: Party, *, step: str = "enable") -> Party:
        """Request, approve and enable ZDR for an organization; each step must succeed. Gives the party under its new promise."""
        asked = self.must("zdr.request", self.staff("account_team"), step=f"{step}: request", org=party)
        request = _given(asked, "zdr.request", "request")
        self.must("zdr.approve", self.staff("reviewer"), step=f"{step}: approve", org=party, request=request)
        self.must("zdr.enable", self.staff("reviewer"), step=f"{step}: enable", org=party, request=request)
        return party.under("zdr")


def _rows(reply: Reply) -> tuple[Any, ...] | None:
    return reply.items if reply.accepted else None


def _given(reply: Reply, operation: str, name: str) -> Any:
    """What an answer gave under a name that the suites count on. Raises NotOffered where the profile does not say where it stands."""
    if reply.values.get(name) is None:
        raise NotOffered(f"'extract' of the operation '{operation}' in the profile does not give '{name}'")
    return reply.values[name]


def _addressed(spec: Operation, name: str, known: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Path with query, and headers, of an operation whose body is not the profile's. Raises NotOffered where a template needs more than is known."""
    try:
        path = with_query(fill_path(spec.path, known), fill(spec.query, known))
        return path, {key: str(value) for key, value in fill(spec.headers, known).items()}
    except MissingValue as exc:
        raise NotOffered(f"operation '{name}' needs a value '{exc}' that the run does not have") from None
