"""Whether a source that shows content of the control organization shows it for the whole run, or stops early or begins late."""

from __future__ import annotations

import json
from dataclasses import dataclass

from zdr_audit.journal.events import Interaction, SourceRead
from zdr_audit.suite.history import History

CHANCE = 0.001
"""How improbable a gap must be, were the source to show what comes as often as what it did show."""


@dataclass(frozen=True)
class Gap:
    """`requests` of the control organization, alike to ones that the source shows, are not in it; `first` is the first of them and `last` the last."""

    requests: int
    first: Interaction
    last: Interaction


def behind(history: History, read: SourceRead) -> Gap | None:
    """What came after the last that the source shows, where a source that is not behind would show some of it."""
    return _gap(history, read, newest=True)


def begins_late(history: History, read: SourceRead) -> Gap | None:
    """What came before the first that the source shows, where one that goes back to the beginning would show some of it."""
    return _gap(history, read, newest=False)


def _gap(history: History, read: SourceRead, *, newest: bool) -> Gap | None:
    """Requests are alike that ask the same of the same model: a source may keep some kinds alone, or a sample. Of each kind, the part that the source shows up
    to the edge is taken for what it shows of any, and the chance worked out that it shows none beyond it."""
    found = {hit.canary for hit in read.outcome.hits if not hit.of_digest}
    kinds: dict[tuple[str, str | None, str], list[tuple[str, bool, Interaction]]] = {}
    for item in _asked(history, read):
        kind = (item.operation, item.model, json.dumps(item.stimulus, sort_keys=True, default=str))
        kinds.setdefault(kind, []).append((item.ended_at, not found.isdisjoint(item.canaries), item))
    shown = [when for sent in kinds.values() for when, seen, _ in sent if seen]
    if not shown:
        return None
    edge = max(shown) if newest else min(shown)
    chance, missing = 1.0, []
    for sent in kinds.values():
        inside = [seen for when, seen, _ in sent if (when <= edge if newest else when >= edge)]
        beyond = [item for when, _, item in sent if (when > edge if newest else when < edge)]
        if any(inside):
            chance *= (1 - sum(inside) / (len(inside) + 1)) ** len(beyond)
            missing += beyond
    if chance >= CHANCE:
        return None
    missing.sort(key=lambda item: item.ended_at)
    return Gap(len(missing), missing[0], missing[-1])


def _asked(history: History, read: SourceRead) -> list[Interaction]:
    """Inference of the control organization in the reading's epoch that was answered before it."""
    control = history.run.organizations["control"]
    return [
        item
        for item in history.interactions.values()
        if item.organization_id == control
        and item.content == "standard"
        and item.accepted
        and item.stimulus is not None
        and item.canaries
        and item.epoch == read.epoch
        and item.ended_at < read.at
    ]
