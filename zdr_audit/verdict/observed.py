"""What was sent for a control and what each reading showed of it, in numbers: for the report, beside the verdict and not part of it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from zdr_audit.catalogue.model import Control
from zdr_audit.journal.events import Epoch
from zdr_audit.report.model import Observation, StimulusCount
from zdr_audit.suite.history import History
from zdr_audit.verdict.preconditions import counted, is_accepted


class Observed:
    """Over one history: what every reading found is indexed once, for all controls."""

    def __init__(self, history: History) -> None:
        self._history = history

    @cached_property
    def _found(self) -> list[frozenset[str]]:
        return [frozenset(hit.canary for hit in read.outcome.hits if hit.canary) for read in self._history.reads]

    def stimuli(self, after: tuple[str, ...], counting: str) -> tuple[StimulusCount, ...]:
        """The requests that a control's verdict rests on, by scenario."""
        shown = []
        for name in after:
            items = counted(self._history, (name,), counting)
            if items:
                accepted = sum(is_accepted(self._history, item) for item in items)
                outcomes = Counter(item.outcome for item in items)
                shown.append(StimulusCount(scenario=name, sent=len(items), accepted=accepted, outcomes=dict(sorted(outcomes.items()))))
        return tuple(shown)

    def observations(self, control: Control, after: tuple[str, ...], epochs: tuple[Epoch, ...]) -> tuple[Observation, ...]:
        """What each reading that the control rests on showed of the canaries of its scenarios."""
        groups = {evidence.value for evidence in control.evidence}
        items = self._history.of(after)
        ours = {canary for item in items if item.content == "zdr" for canary in item.canaries}
        theirs = {canary for item in items if item.content == "standard" and item.organization == "control" for canary in item.canaries}
        return tuple(
            Observation(
                source=read.outcome.source,
                epoch=read.epoch,
                reading=read.reading,
                searched=len(ours),
                found=len(ours & found),
                sight=len(theirs & found),
                sight_sent=len(theirs),
            )
            for read, found in zip(self._history.reads, self._found, strict=True)
            if read.group in groups and (read.epoch in epochs or read.reading == "rescan") and not read.outcome.error
        )
