"""The smallest leaking requests of a run, for the report, and which findings each of them explains."""

from __future__ import annotations

from typing import Any

from zdr_audit.journal.events import Interaction, LeakReduced
from zdr_audit.report.model import Minimised
from zdr_audit.suite.history import History
from zdr_audit.target import call, malformed, shape
from zdr_audit.target.call import Call
from zdr_audit.target.malformed import Malformed
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.verdict.leaks import kind_of

Shape = Stimulus | Call | Malformed


def data_of(request: Shape) -> dict[str, Any]:
    """A request's shape as JSON data, for journal and report."""
    if isinstance(request, Stimulus):
        return shape.data(request)
    return {"call" if isinstance(request, Call) else "malformed": request.model_dump(mode="json", exclude_defaults=True)}


def shape_of(data: dict[str, Any]) -> Shape:
    """What `data_of` wrote."""
    if "malformed" in data:
        return Malformed.model_validate(data["malformed"])
    return Call.model_validate(data["call"]) if "call" in data else Stimulus.model_validate(data)


def said(operation: str, request: Shape) -> str:
    """A request in words."""
    if isinstance(request, Malformed):
        return malformed.words(request)
    return call.words(request) if isinstance(request, Call) else shape.words(operation, request)


def _answered(event: LeakReduced, request: Shape, sent: Interaction | None) -> str:
    """What came back, where it matters: the content itself, or that it was refused and its content kept all the same."""
    if sent is None or sent.status is None:
        return ""
    if event.source == "answers":
        return f"; its content came back in the answer (status {sent.status})"
    refused = not isinstance(request, Stimulus) and 400 <= sent.status < 500
    return f"; the target refused it (status {sent.status}), and kept the content all the same" if refused else ""


class Reduced:
    """What the journal says of minimised leaks; equal requests for one kind of object are one entry."""

    def __init__(self, history: History) -> None:
        entries: dict[tuple[str, str, str, str], Minimised] = {}
        self._of: dict[tuple[str, str, str], str] = {}
        for event in history.reduced:
            request = shape_of(event.stimulus)
            sent = history.trials.get(event.interaction or "")
            text = said(event.operation, request) + _answered(event, request, sent)
            key = (event.source, event.object, event.outcome, text)
            entry = entries.setdefault(
                key,
                Minimised(
                    id=f"m-{len(entries) + 1:02d}",
                    source=event.source,
                    object=event.object,
                    operation=event.operation,
                    outcome=event.outcome,
                    smallest=event.smallest,
                    tried=event.tried,
                    words=text,
                    shape=event.stimulus,
                    request=sent.id if sent else None,
                    request_id=sent.request_id if sent else None,
                    model=sent.model if sent else None,
                    at=sent.started_at if sent else None,
                    script=event.script,
                ),
            )
            self._of |= {(event.source, event.object, canary): entry.id for canary in event.canaries}
        self.entries = tuple(entries.values())

    def of(self, source: str, thing: str, canary: str | None) -> str | None:
        """The id of the entry that explains a finding."""
        return self._of.get((source, kind_of(thing), canary)) if canary and self._of else None
