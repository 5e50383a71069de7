"""The smallest leaking requests of a run, for the report, and which findings each of them explains."""

from __future__ import annotations

from zdr_audit.report.model import Minimised
from zdr_audit.suite.history import History
from zdr_audit.target.shape import words
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.verdict.leaks import kind_of


class Reduced:
    """What the journal says of minimised leaks; equal requests for one kind of object are one entry."""

    def __init__(self, history: History) -> None:
        entries: dict[tuple[str, str, str, str], Minimised] = {}
        self._of: dict[tuple[str, str, str], str] = {}
        for event in history.reduced:
            said = words(event.operation, Stimulus.model_validate(event.stimulus))
            key = (event.source, event.object, event.outcome, said)
            sent = history.trials.get(event.interaction or "")
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
                    words=said,
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
