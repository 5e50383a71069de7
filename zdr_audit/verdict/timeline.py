"""Enablement actions of the run beside the audit log's entries: which entry tells of which action, for the reader's eye. Verdicts are the suites'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.report.model import AuditAction, AuditEntry, Timeline
from zdr_audit.suite.history import History

ENTRIES = 500
"""As many entries as are shown of one organization's log."""


def timelines(history: History) -> tuple[Timeline, ...]:
    """One for each organization in which actions were taken that its log must tell of, in order of the first action."""
    acted: dict[str, list[Interaction]] = {}
    for item in history.interactions.values():
        if "audit" in item.labels and item.labels.get("about"):
            acted.setdefault(item.labels["about"], []).append(item)
    return tuple(_timeline(history, organization, actions) for organization, actions in acted.items())


def _timeline(history: History, organization: str, actions: list[Interaction]) -> Timeline:
    entries = list(_entries(history, organization))
    known = {history.run.audit_types.get(action.labels["audit"], action.labels["audit"]) for action in actions}
    known |= {denied} if (denied := history.run.audit_types.get("denied")) else set()
    entries = [entry for entry in entries if str(entry.get("type")) in known][:ENTRIES]
    places = _matched(history, actions, entries)
    return Timeline(
        organization=organization,
        actions=tuple(
            AuditAction(
                request=action.id,
                operation=action.operation,
                actor=action.actor,
                refused=action.outcome != "accepted",
                at=action.started_at,
                entry=places.get(action.id),
            )
            for action in sorted(actions, key=lambda one: one.started_at)
        ),
        entries=tuple(
            AuditEntry(id=_text(e, "id"), type=_text(e, "type"), outcome=_text(e, "outcome"), actor=_text(e, "actor"), at=_text(e, "at"))
            for e in entries
        ),
    )


def _entries(history: History, organization: str) -> Iterator[dict[str, Any]]:
    """The log as the organization itself could read it, each entry once, in the order given."""
    seen = set()
    for read in history.interactions.values():
        if read.operation != "audit.list" or read.organization_id != organization or not read.accepted or not isinstance(read.data, dict):
            continue
        for entry in read.data.get("items") or ():
            if isinstance(entry, dict) and (key := _text(entry, "id") or str(sorted(entry))) not in seen:
                seen.add(key)
                yield entry


def _matched(history: History, actions: list[Interaction], entries: list[dict[str, Any]]) -> dict[str, int]:
    """Action -> place of its entry: by our reference where the entry carries it, else by type and outcome in order."""
    free = dict(enumerate(entries))
    found: dict[str, int] = {}
    for action in actions:
        marker = action.labels.get("marker")
        place = next((n for n, e in free.items() if marker and _text(e, "reference") == marker), None)
        if place is not None:
            found[action.id] = place
            del free[place]
    for action in actions:
        refused = action.outcome != "accepted"
        kinds = {history.run.audit_types.get(action.labels["audit"], action.labels["audit"])}
        kinds |= {history.run.audit_types.get("denied", "")} if refused else set()
        place = next((n for n, e in free.items() if e.get("type") in kinds and (_text(e, "outcome") != "success") == refused), None)
        if action.id not in found and place is not None:
            found[action.id] = place
            del free[place]
    return found


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    return "" if value is None else str(value)[:300]
