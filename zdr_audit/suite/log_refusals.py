"""Refused actions held against the entries that tell of them: of their own types, or of the one under which a target logs all that it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.audit import AuditTypes
from zdr_audit.suite.log_entries import moment, number_of


@dataclass(frozen=True)
class Action:
    """One thing we did: the entry type it must have, and whether the target refused it."""

    interaction: Interaction
    type: str
    refused: bool


@dataclass(frozen=True)
class Refusals:
    """Refused actions with the entries that tell of them; `certain` are the pairs of which no other would do as well, `lacking` the actions without one."""

    certain: list[tuple[Action, dict[str, Any]]]
    lacking: list[Action]


def denies(entry: dict[str, Any], types: AuditTypes) -> bool:
    """Whether it is one of the common type for what was refused. That type says so itself, where the entry has no outcome."""
    said = entry.get("outcome")
    return types.denied is not None and entry.get("type") == types.denied and (said is None or said in types.refused)


def refusals(actions: Sequence[Action], own: Iterable[dict[str, Any]], common: Iterable[dict[str, Any]], tolerance: timedelta) -> Refusals:
    """Refused actions held against entries of their own types and of the common one. By reference first; then by who acted, when and in which order. Of the
    common type there may be more: other requests than ours to enable are refused, too."""
    certain = [(action, entry) for action in actions for entry in own if _names(entry, action)]
    left = [a for a in actions if not any(a is taken for taken, _ in certain)]
    plain = [e for e in own if not e.get("reference")]
    for entries, kinds in ((plain, {a.type for a in left}), ([*common], {""})):
        for kind in sorted(kinds):
            wanted = [a for a in left if kind in ("", a.type)]
            pairs, lacking = _in_turn(wanted, [e for e in entries if kind in ("", e.get("type"))], tolerance)
            certain += pairs
            left = [a for a in left if a not in wanted or a in lacking]
    return Refusals(certain, left)


def _in_turn(
    actions: Sequence[Action], entries: Iterable[dict[str, Any]], tolerance: timedelta
) -> tuple[list[tuple[Action, dict[str, Any]]], list[Action]]:
    """Pairs of which it is certain that they belong together, and the actions for which no entry is left. Certain are those of an actor of whom there are
    just as many entries as actions."""
    free, certain, lacking = sorted(entries, key=lambda e: number_of(e) or 0), list[tuple[Action, dict[str, Any]]](), list[Action]()
    for who in dict.fromkeys(a.interaction.actor for a in actions):
        mine = [a for a in actions if a.interaction.actor == who]
        fit = [e for e in free if any(_could_be(e, a, tolerance) for a in mine)]
        pairs = list[tuple[Action, dict[str, Any]]]()
        for action in mine:
            entry = next((e for e in fit if not any(e is taken for _, taken in pairs) and _could_be(e, action, tolerance)), None)
            if entry is None:
                lacking.append(action)
            else:
                pairs.append((action, entry))
        free = [e for e in free if not any(e is taken for _, taken in pairs)]
        certain += pairs if len(fit) == len(mine) else []
    return certain, lacking


def _names(entry: dict[str, Any], action: Action) -> bool:
    marker = action.interaction.labels.get("marker")
    return bool(marker) and entry.get("reference") == marker and entry.get("type") == action.type


def _could_be(entry: dict[str, Any], action: Action, tolerance: timedelta) -> bool:
    """Whether an entry without a reference may tell of an action: nothing that it says of who acted, and when, speaks against it. Times are compared as long
    as the run has not moved the target's clock."""
    item = action.interaction
    role, who, email = entry.get("actor_role"), entry.get("actor"), item.labels.get("email")
    at, began, ended = moment(entry.get("at")), moment(item.started_at), moment(item.ended_at)
    in_time = item.epoch != "main" or at is None or began is None or ended is None or began - tolerance <= at <= ended + tolerance
    return in_time and (role is None or role == item.role) and (who is None or not email or who == email)
