"""Sends requests and writes each into the journal with what is needed to judge it later, and nothing that must not be kept."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zdr_audit.canary.mint import Mint
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.journal.events import CanaryMinted, Epoch, Interaction
from zdr_audit.journal.store import Journal
from zdr_audit.suite.party import Actor
from zdr_audit.target.outcome import document
from zdr_audit.target.transport import Answer, Outgoing, Transport, auth_headers

_DATA_LIMIT = 256 * 1024


@dataclass(frozen=True)
class Planned:
    """What is known of an interaction before it is sent."""

    scenario: str
    step: str
    epoch: Epoch
    operation: str
    counts: bool = True
    pair: str | None = None
    content: str = "none"
    model: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    stimulus: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Judged:
    """What an answer was taken for."""

    outcome: str
    accepted: bool
    error: str = ""
    data: Any = None


class Recorder:
    """Numbers interactions and canaries, sends, recognises canaries in answers, journals. Safe for several threads."""

    def __init__(self, transport: Transport, journal: Journal, mint: Mint, registry: Registry, seeker: Seeker) -> None:
        self.transport = transport
        self.journal = journal
        self.mint = mint
        self.registry = registry
        self.seeker = seeker
        self._lock = threading.Lock()
        self._interactions = itertools.count(1)
        self._canaries = itertools.count(1)
        self.sent = 0

    def new_interaction(self) -> str:
        with self._lock:
            return f"i-{next(self._interactions):05d}"

    def new_canary(self, kind: str, place: str, interaction: str | None, organization_id: str) -> tuple[str, str]:
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
        """Send, judge, journal. `actor` None sends no credential."""
        headers = dict(outgoing.headers)
        if actor is not None:
            headers |= auth_headers(actor.header, actor.secret)
        answer = self.transport.send(
            Outgoing(outgoing.method, outgoing.raw_path, headers, outgoing.body, outgoing.abandon_after, outgoing.timeout)
        )
        try:
            judged = judge(answer)
        except Exception as exc:  # what was sent is journaled whatever the answer does to its reader
            judged = Judged("malformed", False, f"the answer could not be read: {type(exc).__name__}")
        about = {"served_organization": _short(answer.header("anthropic-organization-id")) or ""}
        if actor is not None and actor.email:
            about["email"] = actor.email
        echoes = tuple(dict.fromkeys(s.canary for s in self.seeker.search(answer.body) if s.canary)) if answer.body else ()
        recorded = Interaction.model_validate(
            {
                "id": interaction,
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
                "request_id": _short(answer.header("request-id")),
                "request_bytes": answer.request_bytes,
                "answer_bytes": len(answer.body),
                "started_at": answer.started_at,
                "ended_at": answer.ended_at,
                "labels": dict(planned.labels) | about,
                "data": judged.data if len(repr(judged.data)) <= _DATA_LIMIT else {"too_large": True},
                "echoes": echoes,
                "canaries": canaries,
                "stimulus": dict(planned.stimulus) if planned.stimulus is not None else None,
            }
        )
        self.journal.append(recorded)
        with self._lock:
            self.sent += 1
        return recorded, answer


def _short(text: str | None) -> str | None:
    return text[:200] if text else None


def error_data(answer: Answer) -> Any:
    """What is kept of an error answer: its JSON where small, else its beginning as text."""
    data = document(answer)
    if data is not None and len(answer.body) <= 4096:
        return data
    return {"text": answer.body[:512].decode("utf-8", "replace")} if answer.body else None
