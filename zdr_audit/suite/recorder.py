"""Sends requests and writes each into the journal with what is needed to judge it later, and nothing that must not be kept."""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from zdr_audit.canary.digests import DigestBook
from zdr_audit.canary.mint import Mint
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.renditions import renditions, text_renditions
from zdr_audit.canary.seeker import Seeker
from zdr_audit.journal.events import CanaryMinted, DigestsTaken, Epoch, Interaction
from zdr_audit.journal.store import Journal
from zdr_audit.profile.load import ProfileError
from zdr_audit.suite.late_log import LateLog
from zdr_audit.suite.party import Actor
from zdr_audit.suite.read_again import LogsToReadAgain
from zdr_audit.target.outcome import document
from zdr_audit.target.pace import NO_ANSWER, TRY_AGAIN
from zdr_audit.target.transport import DROPPED, Answer, Outgoing, Transport, now

_DATA_LIMIT = 1024 * 1024
_LONGEST_VALIDATOR = 512


@dataclass(frozen=True)
class Planned:
    """What is known of an interaction before it is sent. `node` None: whichever comes next. `at` is the organization at whose deployment it is made
    (empty: the actor's own)."""

    scenario: str
    step: str
    epoch: Epoch
    operation: str
    counts: bool = True
    pair: str | None = None
    content: str = "none"
    model: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    settles: tuple[int, ...] = ()
    """Statuses that are an answer to this request even where they otherwise mean: try again later."""
    once: bool = False
    """Whether it must not be sent again where nobody knows if it was dealt with."""
    node: int | None = None
    at: str = ""
    stimulus: Mapping[str, Any] | None = None
    malformed: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Judged:
    """What an answer was taken for; `labels` are added to those of the interaction. `text` is what it says, put together from its pieces; it stays in
    memory."""

    outcome: str
    accepted: bool
    error: str = ""
    data: Any = None
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Exchange:
    """A request about to be sent as an interaction: by whom (None: without a credential), with which canaries in it, and how its answer is judged."""

    interaction: str
    planned: Planned
    actor: Actor | None
    outgoing: Outgoing
    canaries: tuple[str, ...]
    judge: Callable[[Answer], Judged]


class Recorder:
    """Numbers interactions and canaries, sends, recognises canaries in answers, journals. Safe for several threads."""

    def __init__(
        self,
        transport: Transport,
        journal: Journal,
        mint: Mint,
        registry: Registry,
        seeker: Seeker,
        elsewhere: Mapping[str, Transport] | None = None,
        digests: DigestBook | None = None,
    ) -> None:
        """`elsewhere`: organizations that have a deployment of their own."""
        self.transport = transport
        self.elsewhere = dict(elsewhere or {})
        self.journal = journal
        self.mint = mint
        self.registry = registry
        self.seeker = seeker
        self._content = seeker.without_digests()  # what comes back as a digest is no echo
        self.digests = digests
        self.late_log = LateLog()
        self.logs_to_read_again = LogsToReadAgain()
        self._lock = threading.Lock()
        self._interactions = itertools.count(1)
        self._canaries = itertools.count(1)
        self.request_id_header = "request-id"
        self.sent = 0
        self.clock_offset: float | None = None
        """Seconds by which the target's clock was ahead of ours in the last answer that had a Date header."""
        self.ends_late: bool | None = None
        """Whether the target answers a request to begin anew before it ends: None until the first was watched."""
        self.made: dict[str, Mapping[str, Actor]] = {}
        """Who there is in each organization that was made for the run, by its key and their roles."""
        self.takes_the_other_header: bool | None = None
        """Whether the target takes keys in the other header, too: None until it was tried."""

    def transport_of(self, organization: str) -> Transport:
        """The way to the deployment that serves an organization."""
        return self.elsewhere.get(organization, self.transport)

    def _send(self, actor: Actor | None, outgoing: Outgoing, transport: Transport) -> tuple[Answer, dict[str, str]]:
        """Send as the actor. Where its token, which a command gave, is answered with 401, a fresh one is tried once: the labels say so."""
        if actor is None:
            return transport.send(outgoing), {}
        try:
            headers, secret = actor.headers()
            answer = transport.send(_with(outgoing, headers))
            if answer.status != 401 or actor.token is None:
                return answer, {}
            fresh = actor.token.renewed(secret)
        except ProfileError as exc:
            moment = now()
            return Answer(None, {}, b"", f"not sent: {exc}", moment, moment, request_bytes=len(outgoing.body or b"")), {}
        if fresh == secret:
            return answer, {}
        return transport.send(_with(outgoing, actor.headers()[0])), {"credential": "renewed after 401"}

    def new_interaction(self) -> str:
        with self._lock:
            return f"i-{next(self._interactions):05d}"

    def go_on(self, interactions: int, canaries: int) -> None:
        """Number from there: a run that was broken off goes on."""
        self._interactions, self._canaries = itertools.count(interactions + 1), itertools.count(canaries + 1)
        self.sent = interactions

    def new_canary(
        self, kind: str, place: str, interaction: str | None, organization_id: str, scenario: str = "", content: str = "none"
    ) -> tuple[str, str]:
        """Mint a canary, register and journal its digests. Returns (canary id, canary)."""
        with self._lock:
            canary_id = f"c-{next(self._canaries):05d}"
        canary = self.mint.new()
        self.registry.add(canary_id, canary)
        event = CanaryMinted.model_validate(
            {
                "id": canary_id,
                "kind": kind,
                "place": place,
                "interaction": interaction,
                "organization": organization_id,
                "digest": self.registry.digest(canary),
                "cuts": self.registry.cuts(canary),
                "scenario": scenario,
                "content": content,
            }
        )
        self.journal.append(event)
        return canary_id, canary

    def exchange(
        self,
        interaction: str,
        planned: Planned,
        actor: Actor | None,
        outgoing: Outgoing,
        canaries: tuple[str, ...],
        judge: Callable[[Answer], Judged],
    ) -> tuple[Interaction, Answer]:
        """Send, judge, journal; again, as an interaction of its own, where the target puts it off. `actor` None sends no credential."""
        whole = replace(outgoing, operation=planned.operation, inference=planned.model is not None, node=planned.node)
        transport = self.transport_of(planned.at or (actor.organization if actor else ""))
        first = retry_of = None
        for attempt in itertools.count(1):
            answer, about = self._send(actor, whole, transport)
            self.clock_offset = clock_offset(answer) if answer.header("date") else self.clock_offset
            put_off = answer.status in TRY_AGAIN and answer.status not in planned.settles
            again = (put_off or lost(answer, planned, outgoing)) and transport.pace.back_off(
                planned.operation, attempt, answer.header("retry-after")
            )
            sent = Exchange(interaction, planned, actor, outgoing, canaries, judge)
            recorded = self._record(sent, answer, about, superseded=again, retry_of=retry_of)
            if not again:
                break
            first = first or interaction
            interaction, retry_of = self.new_interaction(), first
        return recorded, answer

    def _record(self, sent: Exchange, answer: Answer, about: dict[str, str], *, superseded: bool, retry_of: str | None) -> Interaction:
        planned, actor, outgoing = sent.planned, sent.actor, sent.outgoing
        try:
            judged = sent.judge(answer)
        except Exception as exc:  # what was sent is journaled whatever the answer does to its reader
            judged = Judged("malformed", False, f"the answer could not be read: {type(exc).__name__}")
        about |= {"served_organization": _short(answer.header("anthropic-organization-id")) or ""}
        if actor is not None and actor.email:
            about["email"] = actor.email
        if len(self.transport.addresses) > 1:
            about["node"] = str(answer.node + 1)
        if retry := _retry(answer):
            about["retry"] = retry
        in_body, in_headers = self._echoes(answer.body), self._echoes(_header_text(answer))
        recorded = Interaction.model_validate(
            {
                "id": sent.interaction,
                "scenario": planned.scenario,
                "step": planned.step,
                "epoch": planned.epoch,
                "actor": actor.key if actor else "nobody",
                "role": actor.role if actor else "nobody",
                "organization": actor.organization if actor else "nobody",
                "organization_id": actor.organization_id if actor else "",
                "operation": planned.operation,
                "method": outgoing.method,
                "path": outgoing.raw_path,
                "model": planned.model,
                "status": answer.status,
                "outcome": judged.outcome,
                "accepted": judged.accepted,
                "counts": planned.counts,
                "pair": planned.pair,
                "content": planned.content,
                "error": judged.error or answer.error,
                "request_id": _short(answer.header(self.request_id_header)),
                "request_bytes": answer.request_bytes,
                "answer_bytes": len(answer.body),
                "started_at": answer.started_at,
                "ended_at": answer.ended_at,
                "labels": dict(planned.labels) | about | dict(judged.labels),
                "data": judged.data if len(repr(judged.data)) <= _DATA_LIMIT else {"too_large": True},
                "echoes": tuple(dict.fromkeys((*in_body, *in_headers))),
                "header_echoes": in_headers,
                "canaries": sent.canaries,
                "superseded": superseded,
                "retry_of": retry_of,
                "stimulus": dict(planned.stimulus) if planned.stimulus is not None else None,
                "malformed": dict(planned.malformed) if planned.malformed is not None else None,
                "validators": validators(answer),
            }
        )
        self.journal.append(recorded)
        if self.digests is not None and planned.content not in ("standard", "not_covered"):  # what may be kept may be digested
            self._take_digests(self.digests, sent.interaction, outgoing, answer, judged)
        with self._lock:
            self.sent += 1
        return recorded

    def _echoes(self, text: bytes) -> tuple[str, ...]:
        """The canaries that a part of an answer holds."""
        return tuple(dict.fromkeys(s.canary for s in self._content.search(text) if s.canary)) if text else ()

    def _take_digests(self, digests: DigestBook, interaction: str, outgoing: Outgoing, answer: Answer, judged: Judged) -> None:
        """Note the digests of every text with a canary that was sent or came back: one of them in a store betrays the text, though it cannot be read."""
        literal = self.mint.literal
        texts = itertools.chain(
            renditions(outgoing.body or b"", literal, "request"),
            *(text_renditions(value, literal, "request-header") for value in outgoing.headers.values()),
            text_renditions(outgoing.raw_path, literal, "request-path"),
            renditions(answer.body, literal, "answer"),
            text_renditions(judged.text, literal, "answer-text"),
        )
        whose: dict[str, str | None] = {}  # most texts of an exchange carry the same few canaries
        entries = []
        for one in texts:
            if one.canary not in whose:
                whose[one.canary] = self.registry.identify(one.canary)
            if canary := whose[one.canary]:
                entries.append(digests.entry(canary, one.what, one.data, one.algorithms))
        for entry in entries:
            digests.add(entry)
        if entries:
            kept = tuple((entry.canary, entry.what, base64.b64encode(entry.marks).decode()) for entry in entries)
            self.journal.append(DigestsTaken(interaction=interaction, entries=kept))


def lost(answer: Answer, planned: Planned, outgoing: Outgoing) -> bool:
    """Whether no answer came, by no will of ours or of the target's: a connection that bytes of our own making were written on may be closed for them."""
    whole = outgoing.wire is None and outgoing.abandon_after is None
    return not planned.once and (answer.status in NO_ANSWER or (whole and answer.status is None and answer.error in DROPPED))


def clock_offset(answer: Answer) -> float | None:
    """The Date header against the middle of the exchange; None where it is no date."""
    try:
        said = parsedate_to_datetime(answer.header("date") or "")
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    began, ended = datetime.fromisoformat(answer.started_at), datetime.fromisoformat(answer.ended_at)
    return (said.replace(tzinfo=said.tzinfo or UTC) - (began + (ended - began) / 2)).total_seconds()


def validators(answer: Answer) -> dict[str, str]:
    """By what an answer 200 can be asked for again: its `etag`, and its `last-modified` where that tells one state from the next, by the clock of the target:
    what was modified in the second of the answer may be modified once more in it (RFC 9110, 8.8.2.2), and `fresh` says so instead. One that is too long is left
    out, not cut."""
    found = {name: answer.header(name) or "" for name in ("etag", "last-modified")} if answer.status == 200 else {}
    if found and not _is_past(found["last-modified"], answer.header("date") or ""):
        modified = found.pop("last-modified")
        found |= {"fresh": "last-modified"} if _is_past(EPOCH, modified) else {}
    return {name: value for name, value in found.items() if 0 < len(value) <= _LONGEST_VALIDATOR}


EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"


def _is_past(modified: str, said: str) -> bool:
    """Whether one date of HTTP is at least a second before another; not, where either is none."""
    try:
        return parsedate_to_datetime(said).replace(tzinfo=UTC) > parsedate_to_datetime(modified).replace(tzinfo=UTC)
    except (ValueError, IndexError, TypeError, OverflowError):
        return False


def _with(outgoing: Outgoing, headers: Mapping[str, str]) -> Outgoing:
    return replace(outgoing, headers={**outgoing.headers, **headers})


def _short(text: str | None) -> str | None:
    return text[:200] if text else None


def _header_text(answer: Answer) -> bytes:
    """What the headers say, their names too: content may come back there, of this request or of another."""
    return "\n".join(part for pair in answer.headers.items() for part in pair).encode("utf-8", "replace")


def _retry(answer: Answer) -> str:
    """The header that asks the client to try again, empty where none does."""
    if after := answer.header("retry-after"):
        return f"retry-after: {after[:40]}"
    return "x-should-retry: true" if (answer.header("x-should-retry") or "").strip().lower() == "true" else ""


def error_data(answer: Answer) -> Any:
    """What is kept of an error answer: its JSON where small, else its beginning as text."""
    data = document(answer)
    if data is not None and len(answer.body) <= 4096:
        return data
    return {"text": answer.body[:512].decode("utf-8", "replace")} if answer.body else None
