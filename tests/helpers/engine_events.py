"""A run journal made by hand: whole and clean, so that one change makes one thing wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from zdr_audit.catalogue.model import Catalogue, Control, PolicyStatement
from zdr_audit.evidence.model import Frozen, Hit, Reading
from zdr_audit.journal.events import (
    CanaryMinted,
    Checked,
    ChecksKnown,
    Created,
    Interaction,
    RunEnded,
    RunStarted,
    SanityProbed,
    ScenarioEnded,
    SourceRead,
)
from zdr_audit.suite.history import History

SUBJECT, CONTROL = "org_subject", "org_control"
SCENARIO, FEEDBACK = "retention.plain_requests", "blocked.feedback"
STORES, ANSWERS, READ_BACK = "ZDR-RET-01", "ZDR-BLK-03", "ZDR-RET-17"
NOON = "2026-11-23T12:00:00.000000+00:00"


def control(control_id: str, evidence: str, minimum: int = 5) -> Control:
    return Control.model_validate(
        {
            "id": control_id,
            "title": f"Title of {control_id}",
            "statement": "What must hold.",
            "policy": ("intro.processing",),
            "severity": "high",
            "method": "test",
            "minimum_accepted": minimum,
            "evidence": (evidence,),
            "remediation": "What to do.",
        }
    )


def catalogue() -> Catalogue:
    """Three controls: one rests on stores, one on answers, one on what an interface reads back."""
    return Catalogue(
        edition="2026-11",
        source="policy",
        statements=(PolicyStatement(id="intro.processing", section="Intro", paraphrase="Nothing is kept."),),
        controls=(control(STORES, "stores"), control(READ_BACK, "read_back"), control(ANSWERS, "answers", 1)),
        frameworks=(),
        digest="c" * 64,
    )


def started(**changes: Any) -> RunStarted:
    fields: dict[str, Any] = {
        "id": "run-1",
        "version": "0.0.0",
        "target": "paper",
        "base_url": "http://127.0.0.1:1",
        "platform": "anthropic",
        "enforcement": "blocked",
        "organizations": {"subject": SUBJECT, "control": CONTROL},
        "profile_digest": "p" * 64,
        "catalogue_digest": "c" * 64,
        "policy_edition": "2026-11",
        "seed": 1,
        "depth": "quick",
        "selection": "all",
        "selected": (STORES, ANSWERS, READ_BACK),
        "unavailable": {},
        "without_means": {},
        "sources": {"db": ("sqlite", "database"), "log": ("files", "log"), "api": ("http", "export interface")},
        "settle_seconds": 0,
        "clock_tolerance_seconds": 60,
        "command": "zdr-audit run --target paper",
        "literal": "zqx123a456",
        "key": "00" * 16,
        "started_at": NOON,
    }
    return RunStarted.model_validate(fields | changes)


def interaction(number: int, **changes: Any) -> Interaction:
    """A served request of the subject organization that counts."""
    fields: dict[str, Any] = {
        "id": f"i-{number:05d}",
        "scenario": SCENARIO,
        "step": "ask",
        "epoch": "main",
        "actor": "subject.member",
        "role": "member",
        "organization": "subject",
        "organization_id": SUBJECT,
        "operation": "messages.create",
        "method": "POST",
        "path": "/v1/messages",
        "model": "model-a",
        "status": 200,
        "outcome": "accepted",
        "accepted": True,
        "counts": True,
        "pair": None,
        "content": "zdr",
        "error": "",
        "request_id": f"req_{number}",
        "request_bytes": 300,
        "answer_bytes": 200,
        "started_at": NOON,
        "ended_at": NOON,
        "labels": {},
        "data": None,
        "echoes": (),
        "canaries": (),
    }
    return Interaction.model_validate(fields | changes)


def by_control(number: int, **changes: Any) -> Interaction:
    """The same of the control organization; it does not count."""
    defaults = {"actor": "control.member", "organization": "control", "organization_id": CONTROL, "content": "standard", "counts": False}
    return interaction(number, **(defaults | changes))


def canary(number: int, owner: Interaction | None, kind: str = "prompt") -> CanaryMinted:
    return CanaryMinted.model_validate(
        {
            "id": f"c-{number:05d}",
            "kind": kind,
            "place": "message" if owner else "nowhere",
            "interaction": owner.id if owner else None,
            "organization": owner.organization_id if owner else "",
            "digest": f"{number:064x}",
        }
    )


def hit(canary_id: str | None, source: str = "db", **changes: Any) -> Hit:
    fields: dict[str, Any] = {
        "source": source,
        "object": "conversations",
        "location": "row 7, column body",
        "forms": ("plain",),
        "canary": canary_id,
    }
    return Hit(**(fields | changes))


def source_read(source: str, hits: Iterable[Hit] = (), **changes: Any) -> SourceRead:
    kind = started().sources[source][0]
    fields: dict[str, Any] = {"epoch": "main", "reading": "settled", "at": NOON, "group": "read_back" if kind == "http" else "stores"}
    outcome = {"source": source, "kind": kind, "objects": 3, "bytes": 999, "hits": tuple(hits), "error": changes.pop("error", None)}
    outcome["not_examined"] = changes.pop("not_examined", ())
    return SourceRead.model_validate(fields | {"outcome": Reading.model_validate(outcome)} | changes)


def checked(control_id: str, outcome: str = "holds", message: str = "", **changes: Any) -> Checked:
    fields: dict[str, Any] = {
        "nodeid": f"suites/test_paper.py::test_{control_id}",
        "control": control_id,
        "title": "it holds",
        "after": (FEEDBACK,) if control_id == ANSWERS else (SCENARIO,),
        "epochs": ("main",),
        "counting": "",
        "outcome": outcome,
        "message": message,
    }
    return Checked.model_validate(fields | changes)


class Record:
    """The events of a run by kind, in lists to be changed; `events()` puts them in the order of a run."""

    def __init__(self) -> None:
        self.run = started()
        subject = [interaction(n, pair=f"p{n}") for n in range(1, 6)]
        control_ = [by_control(n + 10, pair=f"p{n}") for n in range(1, 6)]
        tried = interaction(
            21, scenario=FEEDBACK, step="use", status=403, outcome="refused_by_policy", pair="f", labels={"feature": "feedback"}
        )
        worked = by_control(22, scenario=FEEDBACK, step="use", pair="f", labels={"feature": "feedback"})
        self.interactions = [*subject, *control_, tried, worked]
        self.canaries = [canary(int(i.id[2:]), i) for i in self.interactions] + [canary(90 + n, None, "never_sent") for n in range(3)]
        self.created: list[Created] = []
        self.scenarios = [ScenarioEnded(name=SCENARIO), ScenarioEnded(name=FEEDBACK)]
        self.sanity = [SanityProbed(when=when, ok=True, detail="both organizations are served", at=NOON) for when in ("first", "last")]
        self.reads = [
            source_read(source, [hit("c-00011", source)], reading=reading)
            for reading in ("first", "settled")
            for source in ("db", "log", "api")
        ]
        self.checks = [checked(STORES), checked(READ_BACK), checked(ANSWERS)]
        self.known: dict[str, tuple[str, ...]] = {}
        self.ended: RunEnded | None = RunEnded(ended_at=NOON)

    def change(self, number: int, **changes: Any) -> None:
        """Change one interaction."""
        self.interactions = [i.model_copy(update=changes) if i.id == f"i-{number:05d}" else i for i in self.interactions]

    def read(self, source: str, hits: Iterable[Hit] = (), reading: str = "settled", **changes: Any) -> None:
        """Replace one reading of a source."""
        fresh = source_read(source, hits, reading=reading, **changes)
        self.reads = [fresh if (r.outcome.source, r.reading) == (source, reading) else r for r in self.reads]

    def check(self, control_id: str, outcome: str, message: str, **changes: Any) -> None:
        """Replace what the test of a control said."""
        self.checks = [checked(control_id, outcome, message, **changes) if c.control == control_id else c for c in self.checks]

    def events(self) -> list[Frozen]:
        """As a journal gives them back: no text in them is the same object as a literal of the code."""
        return [type(event).model_validate(json.loads(event.model_dump_json())) for event in self._events()]

    def _events(self) -> list[Frozen]:
        middle = [*self.canaries, *self.interactions, *self.created, *self.scenarios, *self.reads]
        return [
            self.run,
            *self.sanity[:1],
            *middle,
            *self.sanity[1:],
            ChecksKnown(tests=self.known),
            *self.checks,
            *([self.ended] if self.ended else []),
        ]

    def history(self) -> History:
        return History(self.events())
