"""The operations and features of the profile, as a scenario calls them. Each call is journaled."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from zdr_audit.canary.mint import parts as canary_parts
from zdr_audit.journal.events import Created, Interaction
from zdr_audit.profile.operation import Feature, FeatureEndpoint, Operation
from zdr_audit.suite.answers import Weigh, body_of, judged_call
from zdr_audit.suite.hands import Hands, Reply, ScenarioBroken
from zdr_audit.suite.openapi import DeclaredOperation, labels
from zdr_audit.suite.party import Actor, Content, NotOffered, Party, not_offered
from zdr_audit.suite.recorder import Judged, Planned
from zdr_audit.target.dialects import content as words
from zdr_audit.target.outcome import document, outcome
from zdr_audit.target.session import NoPlace, in_session
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.target.template import MissingValue, fill, fill_path, names, with_query
from zdr_audit.target.transport import Answer, Outgoing

CONDITIONS = {"etag": "if-none-match", "last-modified": "if-modified-since"}
"""The header by which a client that has an answer with this validator asks for it again."""
AWAITED = ": is it there yet"
"""How steps end that look for an entry until it is there: how often, the target says."""
LONGEST_LATE = 30.0
"""Seconds that an audit log is waited for at most."""


class Operations(Hands):
    """Hands that call operations and go through features."""

    def offers(self, operation: str) -> bool:
        """Whether the profile gives the operation, or another that does it also, and permission where it changes the target."""
        operation = self.profile.done_by(operation) or operation
        spec = self.profile.operations.get(operation)
        return spec is not None and (not spec.changes or self._allowed(operation))

    def separate(self, step: str) -> bool:
        """Whether a step of enablement has an operation of its own: no other one does it also."""
        return self.profile.done_by(step) is None

    def needs(self, *operations: str) -> None:
        """Before a scenario makes anything: raises NotOffered where the profile lacks one of these, or the permission for it."""
        for operation in operations:
            self._operation(self.profile.done_by(operation) or operation)

    def _allowed(self, operation: str) -> bool:
        return self.profile.permissions.allows(operation)

    def _operation(self, name: str) -> Operation:
        spec = self.profile.operations.get(name)
        if spec is None and (doer := self.profile.done_by(name)):
            raise NotOffered(f"'{name}' is nothing by itself: '{doer}' does it also")
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
        `_headers`, `_query`, `_body`, `_reshape` (a function of body and headers), `_wire`, `_session` (named in the body where the profile says at which
        member); `_made_up` fills what the templates need and the call does not give; `_asks` has the content ask for an answer with content of its own.
        """
        spec = self._operation(operation)
        return self._call(spec, operation, by, step, org, counts, pair, content, labels or {}, weigh, values)

    def call_as(self, spec: Operation, name: str, by: Actor, *, step: str, **values: Any) -> Reply:
        """One call of an operation that the profile has otherwise; it counts for nothing. `name` is what the journal calls it."""
        return self._call(spec, name, by, step, None, False, None, by.content, {}, "decision", values)

    def look_at(self, path: str, by: Actor, *, step: str, headers: Mapping[str, str] | None = None) -> Reply:
        """A GET of a path that the profile does not name; it counts for nothing."""
        said = {**(headers or {}), **self.dialect.headers}
        return self.call_as(Operation(method="GET", path="/"), "look", by, step=step, _path=path, _headers=said)

    def poll(self, operation: str, by: Actor, before: Reply, *, step: str, org: Party | None = None, **more: Any) -> Reply | None:
        """A read as a client makes it that still has the answer `before`: only what has changed is to be sent. By all its validators, and where it has
        several by each alone: the last reply. None, and nothing is sent, where that answer had none."""
        held = {CONDITIONS[name]: value for name, value in before.interaction.validators.items() if name in CONDITIONS}
        reply = None
        for asked in (held, *({name: value} for name, value in held.items() if len(held) > 1)) if held else ():
            reply = self.call(operation, by, step=step, org=org, **{"weigh": "decision", **more}, _headers=asked)
        return reply

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
            read = partial(self._pages, operation, by, step=step + AWAITED, org=org, counts=False, **asked)
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
            about = (name, interaction, organization, self.scenario, content)
            canary_id, known["canary"] = recorder.new_canary("prompt", *about)
            canaries.append(canary_id)
            if "_asks" in known:
                answer_id, answer = recorder.new_canary("response", *about)
                canaries.append(answer_id)
                known["canary"] = words.prompt(
                    Stimulus(ask=self.profile.target.instruction), {"message": known["canary"]}, canary_parts(answer)
                )
        tags = {**labels, "about": organization}
        if spec.also:
            tags["also"] = " ".join(spec.also)
        if "marker" in used:
            # A reference of our own making: it is meant to be found again in the audit log, so it is no canary and is journaled as it is.
            tags["marker"] = known.setdefault("marker", f"zdrref-{secrets.token_hex(6)}")
        try:
            path = fill_path(spec.path, known)
            body, headers = body_of(spec, known)
            if "_reshape" in known:
                body, headers = known["_reshape"](body, headers)
            body = body if body is None else in_session(body, spec, known.get("_session"))
            query = {**fill(spec.query, known), **known.get("_query", {})}
        except NoPlace as exc:
            raise NotOffered(f"operation '{name}': {exc}") from None
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
            return judged_call(spec, self.profile.refusal, answer, found, items, weigh, recorder.journal.redactor.add_secret, known)

        recorded, _ = recorder.exchange(interaction, planned, by, outgoing, tuple(canaries), judge)
        if "marker" in used:
            recorder.late_log.noted(organization, str(known["marker"]), recorded.outcome == "accepted")
        elif spec.changes:
            recorder.late_log.noted(organization, "", False)  # it may have an entry, too, which no reference tells
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
            reply = self._call(
                endpoint,
                f"feature:{name}.{endpoint.name}",
                self._entitled(endpoint, by),
                step,
                None,
                counts,
                pair,
                content,
                tags,
                "decision",
                known,
            )
            known |= {k: v for k, v in reply.values.items() if v is not None and not k.startswith("_")}
            replies.append(reply)
        return replies

    def _entitled(self, endpoint: FeatureEndpoint, by: Actor) -> Actor:
        """Who of a member's organization is entitled to an endpoint, where the profile says that members are not; the member where nobody is at hand."""
        if by.role != "member" or endpoint.by == "member":
            return by
        known = next((p.actors for p in (self.subject, self.control, *self.others.values()) if p.key == by.organization), None)
        other = (self.recorder.made.get(by.organization, {}) if known is None else known).get(endpoint.by)
        return by if other is None else replace(other, content=by.content)

    def use_feature_both(self, name: str, *, step: str, labels: Mapping[str, str] | None = None) -> None:
        """The same for the control organization, where it should work, and for the subject, where it should be refused."""
        self.use_feature(name, self.control.member, step=step, counts=False, labels=labels)
        self.use_feature(name, self.subject.member, step=step, labels=labels)


def _rows(reply: Reply) -> tuple[Any, ...] | None:
    return reply.items if reply.accepted else None
