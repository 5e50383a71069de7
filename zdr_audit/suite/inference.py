"""Inference, as a scenario asks for it: stimuli with fresh canaries, pairs, blocks of the growth bound. Each request is journaled."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from zdr_audit.canary.mint import parts as canary_parts
from zdr_audit.journal.events import GrowthMeasured, LeftOut
from zdr_audit.profile.model import SESSION
from zdr_audit.profile.operation import Operation
from zdr_audit.suite.answers import answer_id, inference_judge
from zdr_audit.suite.hands import Reply
from zdr_audit.suite.operations import Operations
from zdr_audit.suite.party import Actor, NotOffered, NotThere, Party
from zdr_audit.suite.patience import Patience
from zdr_audit.suite.recorder import Planned
from zdr_audit.target import shape
from zdr_audit.target.dialects import content as words
from zdr_audit.target.dialects.base import counting_dialect
from zdr_audit.target.guise import dressed
from zdr_audit.target.session import NoPlace, in_session
from zdr_audit.target.stimulus import PLACES, Place, Stimulus, fitted
from zdr_audit.target.template import MissingValue, fill_path, fill_some, names, with_query
from zdr_audit.target.transport import Outgoing, now
from zdr_audit.target.wire import Wire

LASTING: frozenset[Place] = frozenset({"system", "tool_name", "tool_description", "tool_schema", "user_id"})
"""Places that say the same in every request of a conversation."""
COUNTING = "messages.count_tokens"
REPLY = "As noted."
"""What the model is said to have answered before. Not what it did: an answer's canary that is sent again would be taken for an answer that was kept."""


@dataclass
class Conversation:
    """A conversation that grows by each request sent in it: every one repeats all that came before, and adds so many `turns` (of user and model) as its
    stimulus has, and its own. `body` is that of the last one, None before the first; `lasting` are canaries (id, text) that every request says anew,
    `canaries` the ids of all."""

    body: bytes | None = None
    turns: int = 0
    lasting: dict[Place, tuple[str, str]] = field(default_factory=dict)
    canaries: tuple[str, ...] = ()

    def under_another_promise(self) -> Conversation:
        """The conversation as it goes on when the promise changed: what was said before is repeated, but what became of it is no matter of the new promise."""
        return replace(self, lasting={}, canaries=())


@dataclass(frozen=True)
class How:
    """How one inference request is sent. One of the statuses in `expects` is accepted too, and a request that is sent once must bring one of them. `repeat`
    sends the very same request again, as a client's retry does; `models`: then the same words to each of these, as a client that falls back to another does
    (not within a conversation). `once`: not even where no answer came. `slowly`: seconds after which the second half of
    the body follows. `begun` is set as soon as an answer begins to come. `conversation` is the one that the request goes on with."""

    operation: str = "messages.create"
    expects: tuple[int, ...] = ()
    repeat: int = 1
    models: tuple[str, ...] = ()
    once: bool = False
    slowly: float = 0.0
    begun: threading.Event | None = None
    conversation: Conversation | None = None

    @property
    def counts_tokens(self) -> bool:
        return self.operation == COUNTING

    @property
    def must(self) -> tuple[int, ...]:
        """The statuses of which one has to come."""
        return self.expects if self.repeat == 1 and not self.models else ()


AS_EVER = How()


@dataclass(frozen=True)
class _Carried:
    """The canaries of one request: their ids, the prompt's texts by place, what the answer should say and in which pieces it is asked for."""

    canaries: tuple[str, ...]
    texts: Mapping[Place, str]
    expected: str = ""
    parts: tuple[str, ...] = ()


class Inference(Operations):
    """Hands that send stimuli, too."""

    def sayable(self, operation: str) -> frozenset[str]:
        """Features of a stimulus that an operation of inference can say: all that are offered, unless it has a body of its own."""
        told = counting_dialect(self.dialect) if operation == COUNTING else self.dialect
        if told is self.dialect:
            return frozenset(self.offered)
        spec = self._operation(operation)
        named = {SESSION} if spec.session is not None else names([spec.query, spec.headers]) & {SESSION}
        return frozenset(self.offered) & (told.features | named)

    def within(self, stimuli: Iterable[Stimulus], operation: str = "messages.create") -> list[Stimulus]:
        """As many stimuli, but only such as the target's dialect can say: for each that it cannot, one that it can again, so that there are enough.
        What is left out is journaled, so that the report can say it. Raises NotOffered where nothing remains."""
        asked = list(stimuli)
        tried = [(stimulus, *fitted(stimulus, self.sayable(operation))) for stimulus in asked]
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

    def optional(self, operation: str) -> tuple[str, ...]:
        """The query parameters and headers that the profile adds to an operation of inference, and that other clients may not send. Not those that say
        whose the request is or name its session, those of the dialect, or those that cannot be left out by the profile's word
        (`stimulus:without:NAME` in `absent`)."""
        spec, parties = self._operation(operation), (self.subject, self.control, *self.others.values())
        whose = {said for party in parties for said in (party.id, party.account) if said}
        fixed = {"content-type", *(name.lower() for name in self.dialect.headers)}

        def can_go(name: str, value: str) -> bool:
            theirs = names(value) & {"org", "account", SESSION} or any(said in value for said in whose)
            return not theirs and name.lower() not in fixed and self.profile.why_absent(f"stimulus:without:{name}") is None

        return tuple(name for name, value in {**spec.query, **spec.headers}.items() if can_go(name, value))

    def naming(self, session: str) -> dict[str, str]:
        """Headers by which a request of whatever kind names a session; empty where the dialect has none for it."""
        if self.session(session) is None:
            return {}
        said: dict[Place, str] = {"message": ""}
        without, named = (
            self.dialect.render(Stimulus(session=name), self.models[0], said, (), self.profile.limits.body_bytes).headers
            for name in (None, session)
        )
        spec = self._operation("messages.create")
        named = named | {key: session for key, value in spec.headers.items() if value == f"{{{SESSION}}}"}
        return {name: value for name, value in named.items() if without.get(name) != value}

    def belonging(self, feature: str, session: str) -> dict[str, Any]:
        """What calls of a feature are given so that they belong to a session: headers, or its name in the body where the profile says at which member.
        Empty where nothing names it."""
        named = self.naming(session)
        inside = any(endpoint.session is not None for endpoint in self.feature(feature).endpoints)
        return ({"_headers": named} if named else {}) | ({"_session": session} if inside else {})

    def infer(
        self,
        by: Actor,
        stimulus: Stimulus,
        *,
        step: str,
        counts: bool = True,
        pair: str | None = None,
        labels: Mapping[str, str] | None = None,
        how: How = AS_EVER,
    ) -> Reply:
        """Send one inference request with a fresh canary in each place. Accepted means: a complete answer, or, for a request that is wrong on purpose, the
        client error it must bring. Whether the answer follows the instruction, and so carries its canary, is in the label `answer`: not every model
        does. What the dialect cannot say of the stimulus is left out and named in the label `left_out`; raises NotOffered where nothing worth sending
        remains."""
        spec = self._operation(how.operation)
        possible, left_out = fitted(stimulus, self.sayable(how.operation))
        if possible is None:
            raise NotThere(f"the dialect {self.dialect.name} or the target has no {', '.join(left_out)}")
        recorder, interaction = self.recorder, self.recorder.new_interaction()
        carried = self._mint(possible, by, interaction, how.conversation)
        model = possible.model or self.models[0]
        planned = Planned(
            self.scenario,
            step,
            self.epoch,
            how.operation,
            counts,
            pair,
            by.content,
            model,
            dict(labels or {}) | ({"left_out": ",".join(left_out)} if left_out else {}),
            stimulus=shape.data(_whole(possible, how.conversation)),
            settles=how.expects,
            once=how.once,
            node=self.at,
        )
        outgoing = self._outgoing(possible, by, model, carried, spec, how)
        actor = replace(by, secret="not-a-credential-of-anybody", token=None) if possible.wrong == "bad_credential" else by  # noqa: S106
        judged = inference_judge(
            self.dialect, self.profile.refusal, possible, carried.expected, spec, how.expects, how.must, counting=how.counts_tokens
        )
        recorded, answer = recorder.exchange(interaction, planned, actor, outgoing, carried.canaries, judged)
        for attempt in range(1, how.repeat):
            retry = replace(outgoing, headers=outgoing.headers | {"x-stainless-retry-count": str(attempt)})
            recorded, answer = recorder.exchange(recorder.new_interaction(), planned, actor, retry, carried.canaries, judged)
        for other in how.models:
            same = possible.model_copy(update={"model": other})
            turned = replace(planned, model=other, stimulus=shape.data(same))
            asked = self._outgoing(same, by, other, carried, spec, how)
            recorded, answer = recorder.exchange(recorder.new_interaction(), turned, actor, asked, carried.canaries, judged)
        called = answer_id(answer)
        return Reply(recorded, {"answer": called} if called else {})

    def ask_again(self, named: str, by: Actor, *, step: str) -> Reply:
        """A GET of what was answered, by an id that the answer bears, below the address where it was asked; of all that was answered, by an empty one."""
        operation = "messages.create"
        path, headers = _addressed(self._operation(operation), operation, self._known(by, self.models[0]))
        place, mark, query = path.partition("?")
        below = f"/{quote(named, safe='')}" if named else ""
        return self.look_at(f"{place}{below}{mark}{query}", by, step=step, headers=headers)

    def _known(self, by: Actor, model: str) -> dict[str, Any]:
        """What the address of inference is filled with."""
        return {"org": by.organization_id, "account": self._account(by), "model": model, "run": self.run_id}

    def _mint(self, stimulus: Stimulus, by: Actor, interaction: str, conversation: Conversation | None) -> _Carried:
        """A fresh canary for every place of the stimulus that does not last in the conversation, and one for the answer where it asks for one. The
        request carries those of the conversation, too."""
        before = conversation or Conversation()
        about = (interaction, by.organization_id, self.scenario, by.content)
        minted = {p: before.lasting.get(p) or self.recorder.new_canary("prompt", p, *about) for p in PLACES if p in stimulus.places}
        before.lasting |= {place: made for place, made in minted.items() if place in LASTING}
        texts: dict[Place, str] = {place: dressed(stimulus, place, canary) for place, (_, canary) in minted.items()}
        answer = [self.recorder.new_canary("response", "answer", *about)] if stimulus.answer else []
        before.canaries = canaries = tuple(dict.fromkeys([*(one for one, _ in (*minted.values(), *answer)), *before.canaries]))
        if not answer:
            return _Carried(canaries, texts)
        expected = answer[0][1]
        parts = canary_parts(expected)
        if stimulus.stopped and "stop_sequence" in texts:
            parts += (words.stop(texts),)
        if stimulus.abandon_after is not None:
            # More follows after the canary, so that closing midway leaves the canary whole on the wire.
            parts += tuple(f" and then {number}" for number in range(150))
        return _Carried(canaries, texts, expected, parts)

    def _outgoing(self, stimulus: Stimulus, by: Actor, model: str, carried: _Carried, spec: Operation, how: How) -> Outgoing:
        told = counting_dialect(self.dialect) if how.counts_tokens else self.dialect
        asked = stimulus.model_copy(update={"ask": self.profile.target.instruction})
        rendered = told.render(asked, model, carried.texts, carried.parts, self.profile.limits.body_bytes)
        known = self._known(by, model) | {SESSION: stimulus.session}
        path, headers = _addressed(spec.without(stimulus.without), how.operation, known)
        body = self._gone_on(how.conversation, rendered.body, stimulus.turns) if how.conversation is not None else rendered.body
        body = told.counting(body) if how.counts_tokens else body
        try:
            body = in_session(body, spec, stimulus.session)
        except NoPlace as exc:
            raise NotOffered(f"operation '{how.operation}': {exc}") from None
        return Outgoing(
            spec.method,
            path,
            {**headers, **rendered.headers},
            body,
            stimulus.abandon_after,
            chunked=stimulus.chunked,
            unnamed=stimulus.unnamed,
            slowly=how.slowly,
            begun=how.begun,
            wire=_unfinished(stimulus, self.profile.limits.body_bytes) if stimulus.unfinished else None,
        )

    def _gone_on(self, conversation: Conversation, body: bytes, turns: int) -> bytes:
        """The body after all that the conversation said before, which goes on from here. The same body where the target takes no earlier turns."""
        continued = getattr(self.dialect, "continued", None)  # a dialect of others may not know of conversations
        if continued is None or "turns" not in self.offered:
            return body
        whole: bytes = body if conversation.body is None else continued(conversation.body, REPLY, body)
        conversation.body, conversation.turns = whole, conversation.turns + turns + 1
        return whole

    def _account(self, by: Actor) -> str:
        parties = (self.subject, self.control, *self.others.values())
        return next((p.account for p in parties if p.key == by.organization), self.subject.account) or ""

    def infer_both(self, stimulus: Stimulus, *, step: str, how: How = AS_EVER) -> tuple[Reply, Reply]:
        """The same stimulus for the subject and for the control organization, each with canaries of its own."""
        pair = f"{self.scenario}/{step}/{self.recorder.sent}"
        mine = self.infer(self.subject.member, stimulus, step=step, pair=pair, how=how)
        theirs = self.infer(self.control.member, stimulus, step=step, counts=False, pair=pair, how=how)
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


def _whole(stimulus: Stimulus, conversation: Conversation | None) -> Stimulus:
    """The stimulus as what is sent in the end, with the turns that came before it."""
    return stimulus if conversation is None else stimulus.model_copy(update={"turns": conversation.turns + stimulus.turns})


def _unfinished(stimulus: Stimulus, body_bytes: int) -> Wire:
    """How a body is written that stays unfinished: one that is too large has its refusal to wait for."""
    return Wire(announced=body_bytes) if stimulus.wrong == "too_large" else Wire(unfinished=True)


def _addressed(spec: Operation, name: str, known: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Path with query, and headers, of an operation whose body is not the profile's. Raises NotOffered where a template needs more than is known."""
    try:
        query, headers = (fill_some(said, known) for said in (spec.query, spec.headers))
        return with_query(fill_path(spec.path, known), query), {key: str(value) for key, value in headers.items()}
    except MissingValue as exc:
        raise NotOffered(f"operation '{name}' needs a value '{exc}' that the run does not have") from None
