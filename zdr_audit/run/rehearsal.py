"""A run that sends nothing: the same steps and the same scenarios, against answers that are made up from the profile.

It is gone through twice, because later requests depend on answers. `expected`: what ZDR and roles should refuse is refused, lists have items, the interface
document declares one operation. `contrary`: every known credential gets everything, lists are empty, the document declares nothing, sources grow at random.
What differs between the two depends on the target.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from zdr_audit.canary.digests import DigestBook
from zdr_audit.canary.mint import Mint
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence.model import Reading
from zdr_audit.journal.events import Created, Epoch, Interaction
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.base import OF_THE_REQUEST
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import LoadedProfile, load
from zdr_audit.profile.model import STAFF, Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.run.audit import Audit
from zdr_audit.run.observe import read_source
from zdr_audit.suite.party import Actor
from zdr_audit.suite.recorder import Exchange, Judged, Recorder
from zdr_audit.target.pace import Pace
from zdr_audit.target.transport import Answer, Outgoing, Transport, now

Answers = Literal["expected", "contrary"]
ITEMS = 2
ROLE, CONTENT = "x-rehearsal-role", "x-rehearsal-content"
MADE_UP = "planned"
HEAD: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "made up", "version": "1"}}
BODY: dict[str, Any] = {"content": {"application/json": {"schema": {"type": "object", "properties": {"text": {"type": "string"}}}}}}
DONE: dict[str, Any] = {"200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}}}
DOCUMENT: dict[str, Any] = {
    "/declared": {"post": {"x-zdr-requires-storage": True, "requestBody": BODY, "responses": DONE}},
    "/described": {"post": {"requestBody": BODY, "responses": DONE}},
    "/shown": {"get": {"responses": DONE}},
}


@dataclass(frozen=True)
class Sent:
    """A request that would be sent. `read` are those that read evidence; `answer_tokens` is what the request allows the model to answer."""

    interaction: Interaction
    answer_tokens: int
    read: bool = False


class MadeUpTransport(Transport):
    """Answers each operation by the profile's own words on how its answer is read. Nothing leaves the process."""

    def __init__(self, profile: Profile, answers: Answers, base_url: str, nodes: tuple[str, ...]) -> None:
        super().__init__(base_url, 1, 1, nodes, pace=Pace())
        self.profile, self.answers = profile, answers
        self._numbers = itertools.count(1)
        self._emails: dict[str, str] = {}
        self.operations = dict(profile.operations)
        for name, feature in profile.features.items():
            self.operations |= {f"feature:{name}.{endpoint.name}": endpoint for endpoint in feature.endpoints}

    def send(self, outgoing: Outgoing) -> Answer:
        """The answer that lets a scenario go on."""
        size = len(outgoing.body or b"")
        spec = self.operations.get(outgoing.operation)
        if refusal := self._refusal(spec, outgoing):
            return Answer(refusal, {}, b"{}", "", now(), now(), request_bytes=size)
        body = json.dumps(self._body(spec, outgoing.headers.get(CONTENT) == "zdr")).encode() if spec else b"{}"
        status = spec.accepted[0] if spec else 200
        return Answer(status, {"content-type": "application/json"}, body, "", now(), now(), request_bytes=size)

    def _refusal(self, spec: Operation | None, outgoing: Outgoing) -> int | None:
        """The status by which whoever asks is refused, None where not."""
        role, content = outgoing.headers.get(ROLE, "member"), outgoing.headers.get(CONTENT, "none")
        by = spec.by if spec else "member"
        if role == "nobody":
            return None if by == "anybody" else 401
        if self.answers == "contrary":
            return None
        if outgoing.operation.startswith(("feature:", "declared:")) and content == "zdr":
            return self.profile.refusal.status[0]
        entitled = by in ("member", "anybody") or role == by or (by == "admin" and role in STAFF)
        return None if entitled or spec is None else 403

    def _body(self, spec: Operation, under_zdr: bool) -> Any:
        document: dict[str, Any] = dict(HEAD) if "paths" in spec.extract else {}
        for name, where in spec.extract.items():
            if where:
                _put(document, where, self._value(name, under_zdr))
        if spec.items is not None:
            items: list[Any] = [self._item(spec) for _ in range(ITEMS if self.answers == "expected" else 0)]
            if spec.items in ("", "$"):
                return items
            _put(document, spec.items, items)
        return document

    def _item(self, spec: Operation) -> dict[str, Any]:
        item: dict[str, Any] = {}
        for name, where in spec.fields.items():
            if where and where != OF_THE_REQUEST:
                _put(item, where, self._value(name, False))
        return item

    def _value(self, name: str, under_zdr: bool) -> Any:
        if name == "paths":
            return DOCUMENT if self.answers == "expected" else {}
        if name == "status":  # so that the sanity probe finds the organizations as the profile has them
            return "enabled" if under_zdr else "disabled"
        if name == "email" and self._emails:  # whoever was made last is among those that are listed
            return next(reversed(self._emails.values()))
        value = f"{MADE_UP}-{name.replace('_', '-')}-{next(self._numbers):05d}"
        if name.endswith("email"):
            self._emails[name] = value
        return value


_NAME_OR_INDEX = r"""\.([A-Za-z_]\w*)|\['([^'\\]+)'\]|\["([^"\\]+)"\]|\[(\d{1,3})\]"""
_STEP, _ONE = re.compile(_NAME_OR_INDEX), re.compile(rf"\$(?:{_NAME_OR_INDEX})+")


def _put_along(node: Any, steps: list[str | int], value: Any) -> None:
    for step, following in itertools.zip_longest(steps, steps[1:]):
        fresh = value if following is None else [{} for _ in range(following + 1)] if isinstance(following, int) else {}
        if isinstance(node, dict):
            node = node.setdefault(step, fresh)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node[step] = node[step] or fresh
            node = node[step]


def _put(document: dict[str, Any], where: str, value: Any) -> None:
    """Set the value at a JSON pointer, as nested objects all the way: an index is found there as a name, too. Or at a JSONPath that names one place;
    what another would find cannot be made up."""
    if where.startswith("$"):
        _put_along(
            document,
            [step[1] or step[2] or step[3] or int(step[4]) for step in _STEP.finditer(where)] if _ONE.fullmatch(where) else [],
            value,
        )
        return
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in where[1:].split("/")]
    for part in parents:
        inner = document.setdefault(part, {})
        document = inner if isinstance(inner, dict) else {}
    document[last] = value


class Rehearser(Recorder):
    """Takes every inference for answered, and keeps what would be sent."""

    def __init__(
        self,
        transport: Transport,
        journal: Journal,
        mint: Mint,
        registry: Registry,
        seeker: Seeker,
        elsewhere: Mapping[str, Transport] | None = None,
        digests: DigestBook | None = None,  # noqa: ARG002 - nothing is searched for, so no digest is taken
    ) -> None:
        super().__init__(transport, journal, mint, registry, seeker, elsewhere)
        self.rehearsed: list[Sent] = []

    def _send(self, actor: Actor | None, outgoing: Outgoing, transport: Transport) -> tuple[Answer, dict[str, str]]:
        """No credential goes anywhere. Whoever asks is named to the made-up target, which does not look at credentials."""
        who = {ROLE: actor.role if actor else "nobody", CONTENT: actor.content if actor else "none"}
        return transport.send(replace(outgoing, headers=outgoing.headers | who)), {}

    def _record(self, sent: Exchange, answer: Answer, about: dict[str, str], *, superseded: bool, retry_of: str | None) -> Interaction:
        infers = sent.planned.model is not None
        served = replace(sent, judge=lambda _: Judged("accepted", True)) if infers else sent
        recorded = super()._record(served, answer, about, superseded=superseded, retry_of=retry_of)
        self.rehearsed.append(Sent(recorded, _allowed(sent.outgoing) if infers else 0))
        return recorded


def _allowed(outgoing: Outgoing) -> int:
    """The bound on the answer's length that the request itself gives, 0 where it gives none."""
    try:
        body = json.loads(outgoing.body or b"{}")
    except ValueError:
        return 0
    names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    found = [body[name] for name in names if isinstance(body, dict) and isinstance(body.get(name), int)]
    return max(found, default=0)


class Rehearsal(Audit):
    """The run's own steps over made-up answers: no simulator is started, nothing is sent, no file is written, no evidence is read."""

    recorders = Rehearser
    answers: Answers = "expected"
    _measured = 0

    def rehearsed(self) -> list[Sent]:
        """What would be sent, in order."""
        assert isinstance(self.recorder, Rehearser)
        return self.recorder.rehearsed

    def created(self) -> list[Created]:
        """What would be made in the target."""
        return self.history().created

    def open(self) -> None:
        """As for a run; but no spike is planted into evidence."""
        super().open()
        self.spikes.sources = ()

    def _load(self) -> LoadedProfile:
        data = self._environment.get("ZDR_SIM_DATA", "zdr-simulator-data")
        loaded = load(self.options.target, self._environment | {"ZDR_SIM_DATA": data}, self.options.base_url, self.options.nodes)
        if self.answers == "contrary":
            return loaded
        # Nobody can make up the counts of what is sent: analytics that show them at once are not waited for.
        limits = loaded.profile.limits.model_copy(update={"analytics_delay_seconds": 0.0})
        return replace(loaded, profile=loaded.profile.model_copy(update={"limits": limits}))

    def _claim(self) -> None:
        pass

    def _look_for_evidence(self) -> None:
        pass

    def _journal(self, redactor: Redactor) -> Journal:
        return Journal(Path(":memory:"), redactor)

    def _transport(self, base_url: str, nodes: tuple[str, ...] = ()) -> Transport:
        return MadeUpTransport(self.profile, self.answers, base_url, nodes)

    def _pause(self, seconds: float) -> None:
        pass

    def _measure(self) -> dict[str, int]:
        """Sizes that never change; `contrary`, such that nothing can be said of them, however many blocks are sent."""
        self._measured += 1
        wild = self.answers == "contrary"
        return {item.id: 10**9 * (self._measured % 4 > 1) if wild else 0 for item in self.profile.evidence}

    def _read(self, item: Evidence, epoch: Epoch, reading: str, only: frozenset[str] | None = None) -> Reading:  # noqa: ARG002
        """Of reading the evidence only what goes to the target's interfaces."""
        assert isinstance(self.recorder, Rehearser)
        if item.kind != "http":
            return Reading(source=item.id, kind=item.kind, objects=0, bytes=0)
        heard: list[Sent] = []

        def transport_of(organization: str) -> Transport:
            return _Overhearing(self.recorder.transport_of(organization), item, epoch, reading, heard)

        parties = tuple(party for party in (self.cast.parties["subject"], self.cast.parties["control"]) if item.of in ("both", party.key))
        found = read_source(item, self.seeker, transport_of, self.profile.operations, parties)
        self.recorder.rehearsed.extend(heard)
        return found


class _Overhearing(Transport):
    """Notes what a reading of evidence asks of an interface."""

    def __init__(self, inner: Transport, evidence: Evidence, epoch: Epoch, reading: str, heard: list[Sent]) -> None:
        super().__init__(inner.base_url, 1, 1, pace=Pace())
        self._inner, self._evidence, self._epoch, self._reading, self._heard = inner, evidence, epoch, reading, heard

    def send(self, outgoing: Outgoing) -> Answer:
        answer = self._inner.send(outgoing)
        self._heard.append(Sent(self._interaction(outgoing, answer), 0, read=True))
        return answer

    def _interaction(self, outgoing: Outgoing, answer: Answer) -> Interaction:
        return Interaction(
            id="",
            scenario=f"evidence.{self._evidence.id}",
            step=self._reading,
            epoch=self._epoch,
            actor="",
            role="",
            organization="subject, control",
            organization_id="",
            operation=outgoing.operation,
            method=outgoing.method,
            path=outgoing.raw_path,
            model=None,
            status=answer.status,
            outcome="accepted",
            accepted=True,
            counts=False,
            pair=None,
            content="none",
            error="",
            request_id=None,
            request_bytes=0,
            answer_bytes=0,
            started_at=answer.started_at,
            ended_at=answer.ended_at,
            labels={},
            data=None,
            echoes=(),
            canaries=(),
        )


class Contrary(Rehearsal):
    """The second time through."""

    answers: Answers = "contrary"
