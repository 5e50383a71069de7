"""Removes from the target what the run made there. What cannot be removed is said, never passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zdr_audit.journal.events import Created, Removed
from zdr_audit.profile.model import STAFF
from zdr_audit.run.progress import Reporter
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.party import Actor, NotOffered, Party
from zdr_audit.target.pace import BudgetSpent
from zdr_audit.target.transport import now

GONE = "not_found"
_NOBODY = "no credential"


def clean_up(left: Sequence[Created], assay: Assay, staff: Mapping[str, Actor], reporter: Reporter) -> None:
    """Remove these: what has a removal of its own first, the latest first; then the organizations that held others of them. What lay in a removed
    organization went with it."""
    holders = {item.organization for item in left} & {item.id for item in left}
    waiting: list[tuple[Created, str]] = []
    removed: set[str] = set()
    latest_first = list(reversed(left))
    for item in sorted(latest_first, key=lambda c: c.id in holders):
        reporter.step(f"{item.kind} {item.id}")
        problem = _remove(item, assay, staff)
        if problem:
            waiting.append((item, problem))
        else:
            removed.add(item.id)
            _journal(assay, item, True, "removed")
        reporter.done()
    for item, problem in waiting:
        gone = item.organization in removed and (item.cleanup is None or problem.startswith(_NOBODY))
        _journal(assay, item, gone, "went with its organization" if gone else problem)


def _journal(assay: Assay, item: Created, ok: bool, detail: str) -> None:
    assay.recorder.journal.append(Removed(kind=item.kind, id=item.id, ok=ok, detail=detail[:300], at=now()))


def _remove(item: Created, assay: Assay, staff: Mapping[str, Actor]) -> str:
    """Why it could not be removed, empty where it was."""
    if item.cleanup is None:
        return f"the profile names no operation that removes what '{item.operation}' makes"
    spec = assay.profile.operations[item.cleanup]
    actor = _actor(spec.by, item, assay, staff)
    if actor is None:
        return f"{_NOBODY} for the role '{spec.by}' that '{item.cleanup}' needs there"
    about = Party("made", item.organization, None, "none", {})
    values: dict[str, Any] = dict(item.values)
    try:
        reply = assay.call(item.cleanup, actor, step="remove what the run made", org=about, **values)
    except (NotOffered, BudgetSpent) as exc:
        return str(exc)
    seen = reply.interaction
    return (
        ""
        if reply.accepted or seen.outcome == GONE
        else f"'{item.cleanup}' gave {seen.outcome} (status {seen.status}) {seen.error}".strip()
    )


def _actor(role: str, item: Created, assay: Assay, staff: Mapping[str, Actor]) -> Actor | None:
    if role in STAFF:
        return staff.get(role)
    parties = (assay.subject, assay.control, *assay.others.values())
    return next((party.actors.get(role) for party in parties if party.id == item.organization), None)
