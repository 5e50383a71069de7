"""Holds what we did against what the audit log says. Entries are matched to actions by type, outcome and order of time, never by position alone."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import AuditTypes
from zdr_audit.suite.expect import Expect, Inconclusive

_NEVER = datetime.min.replace(tzinfo=UTC)
_TOO_LATE = 10**11
"""Seconds since 1970 of a year that nobody means."""


class NothingHere(Inconclusive):
    """What was done in one organization has nothing to judge by; what was done in another may."""


@dataclass(frozen=True)
class Action:
    """One thing we did: the entry type it must have, and whether the target refused it."""

    interaction: Interaction
    type: str
    refused: bool


def _actions(item: Interaction, types: AuditTypes, enabled_entry: str | None) -> list[Action]:
    """What an interaction did, or tried: one thing; of an approval that enables, and has an entry for each, two."""
    refused = item.outcome != "accepted"
    found = [Action(item, getattr(types, item.labels["audit"]), refused)]
    if enabled_entry is not None and not refused and "zdr.enable" in item.labels.get("also", "").split():
        found.append(Action(item, enabled_entry, refused))
    return found


@dataclass(frozen=True)
class Refusals:
    """Refused actions with the entries that tell of them; `certain` are the pairs of which no other would do as well, `lacking` the actions without one."""

    certain: list[tuple[Action, dict[str, Any]]]
    lacking: list[Action]


@dataclass(frozen=True)
class Story:
    """The actions in one organization and the log of that organization, read afterwards."""

    organization: str
    actions: tuple[Action, ...]
    log: Interaction
    entries: tuple[dict[str, Any], ...]
    types: AuditTypes
    logs_refusals: bool = True

    @classmethod
    def all(cls, expect: Expect) -> list[Story]:
        """One story for each organization that was acted on. Raises Inconclusive where the log could not be read."""
        types = expect.audit_types
        if types is None:
            raise Inconclusive("the profile does not say how the audit log names these actions (audit_types)")
        stories = []
        for log in expect.some(step="own log", operation="audit.list"):
            expect.served([log], "an organization's admin must be able to read its audit log")
            pages = [i for i in expect.where(step="own log", operation="audit.list") if i.organization_id == log.organization_id]
            if pages[0].id != log.id:
                continue
            acted = [i for i in expect.interactions if "audit" in i.labels and i.labels["about"] == log.organization_id]
            expect.dealt_with(acted)
            actions = tuple(action for i in acted for action in _actions(i, types, expect.profile.enabled_entry))
            if any("too_large" in (page.data or {}) for page in pages):
                raise Inconclusive("the log was too large to be recorded")
            entries = oldest_first(tuple(e for page in pages for e in (page.data or {}).get("items", [])))
            if not actions:
                raise Inconclusive("no action was journaled for this organization")
            stories.append(cls(log.organization_id, actions, log, entries, types, expect.profile.logs_refusals))
        return stories

    @classmethod
    def each(cls, expect: Expect, judge: Callable[[Story], None]) -> None:
        """Judges every story. Raises Inconclusive where one cannot be judged, or none has anything to judge by: a target that refuses the very request of
        those who are not eligible has nothing successful to tell of them."""
        stories, empty = cls.all(expect), list[NothingHere]()
        for story in stories:
            try:
                judge(story)
            except NothingHere as exc:
                empty.append(exc)
        if empty and len(empty) == len(stories):
            raise empty[0]

    def outcome(self, entry: dict[str, Any]) -> str:
        said = entry.get("outcome")
        return "success" if said in self.types.success else "refused" if said in self.types.refused else "unknown"

    def of(self, action_type: str, *, refused: bool) -> list[dict[str, Any]]:
        return [e for e in self.entries if e.get("type") == action_type and self.outcome(e) == ("refused" if refused else "success")]

    def of_refusals(self, tolerance: timedelta) -> Refusals:
        """The refused actions beside the entries that tell of them, under their own types or the common one."""
        refused = [a for a in self.actions if a.refused]
        own = [e for kind in dict.fromkeys(a.type for a in refused) for e in self.of(kind, refused=True)]
        common = [e for e in self.entries if self.types.denied and denies(e, self.types) and e not in own]
        return refusals(refused, own, common, tolerance)

    def matched(self, tolerance: timedelta) -> list[tuple[Action, dict[str, Any]]]:
        """Actions with their entries where as many entries as actions exist; others are left to the control on exactly one entry. Of refused ones nothing
        where the target need not log them."""
        pairs: list[tuple[Action, dict[str, Any]]] = []
        if self.types.denied:
            pairs = self.of_refusals(tolerance).certain
        for kind in dict.fromkeys((a.type, a.refused) for a in self.actions):
            if kind[1] and (self.types.denied or not self.logs_refusals):
                continue
            actions = [a for a in self.actions if (a.type, a.refused) == kind]
            entries = sorted(self.of(kind[0], refused=kind[1]), key=lambda e: _number(e) or 0)
            if len(actions) == len(entries):
                pairs += zip(actions, entries, strict=True)
        return pairs

    def _some_matched(self, tolerance: timedelta) -> list[tuple[Action, dict[str, Any]]]:
        if not self.logs_refusals and all(a.refused for a in self.actions):
            raise NothingHere(f"every action in {self.organization} was refused, and refused attempts need not be logged")
        if pairs := self.matched(tolerance):
            return pairs
        raise Inconclusive("no action could be matched to an entry")

    def has_one_entry_for_each(self, expect: Expect, *, refused: bool) -> None:
        """As many entries of each type and outcome as actions; and no more of any type that we acted on."""
        chosen = [a for a in self.actions if a.refused == refused]
        if not chosen:
            raise NothingHere(
                f"no action in {self.organization} was {'refused' if refused else 'successful'}, so no entry of one can be missing"
            )
        if refused and self.types.denied:
            self._has_an_entry_for_each_refusal(expect)
            return
        for action_type in dict.fromkeys(a.type for a in chosen):
            done = [a for a in chosen if a.type == action_type]
            logged = self.of(action_type, refused=refused)
            word = "refused" if refused else "successful"
            promise = f"{len(done)} {word} actions '{action_type}' must have {len(done)} entries, the audit log has {len(logged)}"
            expect.that(len(logged) == len(done), promise, done[-1].interaction)
        if not refused:
            # An entry for something that did not happen is as wrong as a missing one.
            for action_type in dict.fromkeys(a.type for a in self.actions):
                done = [a for a in self.actions if a.type == action_type and not a.refused]
                extra = self.of(action_type, refused=False)
                promise = f"the audit log has {len(extra)} successful '{action_type}', but {len(done)} happened"
                expect.that(len(extra) <= len(done), promise, self.log)

    def _has_an_entry_for_each_refusal(self, expect: Expect) -> None:
        """Each has one, of its own type or the common one; no more of its own type than attempts, and of the common type no more than was refused at all."""
        found, common = self.of_refusals(_tolerance(expect)), self.types.denied
        for action in found.lacking:
            promise = f"the refused action '{action.type}' must have an entry, of its own type or '{common}', by whoever tried it"
            expect.that(False, promise, action.interaction)
        for kind in dict.fromkeys(a.type for a in self.actions if a.type != common):
            done = [a for a in self.actions if a.refused and a.type == kind]
            logged = self.of(kind, refused=True)
            promise = f"the audit log has {len(logged)} refused '{kind}', but {len(done)} were refused"
            expect.that(len(logged) <= len(done), promise, self.log)
        sent = [*expect.history.interactions.values(), *expect.earlier]
        about = [i for i in sent if self.organization in (i.organization_id, i.labels.get("about"))]
        tried = [i for i in about if i.outcome != "accepted" and i.started_at <= self.log.ended_at]
        logged = [e for e in self.entries if denies(e, self.types)]
        promise = f"the audit log has {len(logged)} '{common}', but {len(tried)} requests were refused"
        expect.that(len(logged) <= len(tried), promise, self.log)

    def names_actor_and_organization(self, expect: Expect) -> None:
        """Actor (role, and email where known) and organization of each matched entry; every entry has a known outcome."""
        known = {a.type for a in self.actions}
        for entry in self.entries:
            if entry.get("type") in known:
                expect.that(
                    self.outcome(entry) != "unknown",
                    f"entry {entry.get('id')} must name its outcome, not {entry.get('outcome')!r}",
                    self.log,
                )
        pairs = self._some_matched(_tolerance(expect))
        told, unnamed = expect.profile.operations[self.log.operation].fields, list[str]()
        for action, entry in pairs:
            item = action.interaction
            email = item.labels.get("email") if "actor" in told else None
            if not email and "actor_role" not in told:
                unnamed.append(item.actor)
            right = entry.get("actor_role", item.role) == item.role and (not email or entry.get("actor") == email)
            expect.that(
                right,
                f"the entry of '{action.type}' must name {email or item.role}, not {entry.get('actor')} ({entry.get('actor_role')})",
                item,
            )
            expect.that(
                str(entry.get("organization")) == self.organization,
                f"the entry of '{action.type}' must name the organization {self.organization}",
                item,
            )
        strangers = {i.organization_id for i in expect.history.interactions.values()} - {self.organization, ""}
        for action, entry in pairs:
            named = f"the entry of '{action.type}' must not name the organization {entry.get('entity')} as what was acted on"
            expect.that(str(entry.get("entity")) not in strangers, named, action.interaction)
        if unnamed:
            where = "entries name no role ('actor_role' in the fields of audit.list)"
            raise Inconclusive(f"{where} and {unnamed[0]} has no 'email' in the profile, so whom its entries must name is not known")

    def is_in_order(self, expect: Expect) -> None:
        """Sequence numbers and times rise as the actions were done."""
        pairs = sorted(self.matched(_tolerance(expect)), key=lambda p: self.actions.index(p[0]))
        if len(self.actions) < 2:
            raise NothingHere(f"there was one action in {self.organization}, so there is no order to check")
        if len(pairs) < 2:
            raise Inconclusive("fewer than two actions could be matched to entries, so there is no order to check")
        bare = [e for e in self.entries if _number(e) is None or moment(e.get("at")) is None]
        if bare:
            raise Inconclusive(f"entry {bare[0].get('id')} has no sequence number or no time with its zone, so there is no order to check")
        for (before, first), (action, second) in pairwise(pairs):
            if before.interaction is action.interaction:
                continue  # the two entries of one step may stand in either order
            promise = f"'{action.type}' came after '{before.type}', so its entry must stand after"
            rises = (_number(first) or 0) < (_number(second) or 0) and (moment(first["at"]) or _NEVER) <= (moment(second["at"]) or _NEVER)
            expect.that(rises, promise, action.interaction)
        numbers = [_number(e) or 0 for e in self.entries]
        expect.that(
            numbers == sorted(numbers) and len(set(numbers)) == len(numbers), "the log must list entries in order, each once", self.log
        )

    def chain_recomputes(self, expect: Expect) -> None:
        """Each entry's digest is that of its content, and names its predecessor's."""
        wholes = _wholes(self.entries)
        if len(self.entries) < 2:
            raise NothingHere(f"the log of {self.organization} has fewer than two entries, so there is no chain to recompute")
        if len(wholes) < 2 or self.log.echoes:
            raise Inconclusive("the entries could not be recorded whole, so the chain cannot be recomputed")
        _chain_recomputes(expect, wholes, self.log)

    def times_fit(self, expect: Expect) -> None:
        """The time of each matched entry lies within the action, give or take the tolerance."""
        tolerance = _tolerance(expect)
        pairs = self._some_matched(tolerance)
        for action, entry in pairs:
            item = action.interaction
            at, began, ended = moment(entry.get("at")), moment(item.started_at), moment(item.ended_at)
            fits = at is not None and began is not None and ended is not None and began - tolerance <= at <= ended + tolerance
            expect.that(fits, f"the entry's time {entry.get('at')} must be that of the action ({item.started_at})", item)


def _tolerance(expect: Expect) -> timedelta:
    return timedelta(seconds=expect.history.run.clock_tolerance_seconds)


def pages_read(expect: Expect) -> list[tuple[Interaction, tuple[dict[str, Any], ...]]]:
    """Every page of an audit log that was read in the run, by whichever scenario and whenever, with its entries in order. Raises Inconclusive where none
    was."""
    read = [i for i in expect.history.interactions.values() if i.operation == "audit.list" and i.outcome == "accepted"]
    pages = [(i, oldest_first(tuple((i.data or {}).get("items", ())))) for i in read]
    if not any(entries for _, entries in pages):
        raise Inconclusive("no entry of an audit log was read in the whole run")
    return pages


def every_chain_recomputes(expect: Expect) -> None:
    """Each page of a log that was read in the run is a piece of a chain. What carries content is not recorded whole, and is left to the control on that."""
    pieces = [(page, _wholes(entries)) for page, entries in pages_read(expect) if not page.echoes]
    if not any(len(wholes) > 1 for _, wholes in pieces):
        raise Inconclusive("the entries could not be recorded whole, so no chain can be recomputed")
    for page, wholes in pieces:
        _chain_recomputes(expect, wholes, page)


def every_log_is_in_order(expect: Expect) -> None:
    """Each page of a log that was read in the run lists its entries in order, each once. Raises Inconclusive where entries have no number."""
    numbered = [(page, [_number(entry) for entry in entries]) for page, entries in pages_read(expect)]
    if not any(len(numbers) > 1 and None not in numbers for _, numbers in numbered):
        raise Inconclusive("the entries have no sequence number, so there is no order to check")
    for page, numbers in numbered:
        told = [number for number in numbers if number is not None]
        expect.that(told == sorted(set(told)), "a log must list entries in order, each once", page)


def _wholes(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e["_whole"] for e in entries if isinstance(e.get("_whole"), dict)]


def _chain_recomputes(expect: Expect, wholes: Iterable[dict[str, Any]], log: Interaction) -> None:
    chain = expect.profile.audit_chain
    if chain is None:
        raise Inconclusive("the profile does not say how entries are chained (audit_chain)")
    previous = None
    for whole in wholes:
        rest = {k: v for k, v in whole.items() if k != chain.digest}
        digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        expect.that(whole.get(chain.digest) == digest, f"the digest of entry {whole.get('id')} must be that of its content", log)
        if previous is not None:
            expect.that(whole.get(chain.previous) == previous, f"entry {whole.get('id')} must name the digest of the entry before", log)
        previous = digest


def oldest_first(entries: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The entries as they are; those of a log that lists the newest first, from its first page to its last, the other way round."""
    numbers = [_number(e) for e in entries]
    falls = all(a is not None and b is not None and a > b for a, b in pairwise(numbers))
    return entries[::-1] if falls else entries


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
    free, certain, lacking = sorted(entries, key=lambda e: _number(e) or 0), list[tuple[Action, dict[str, Any]]](), list[Action]()
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


def moment(text: object) -> datetime | None:
    """An ISO 8601 time with a zone, or a number: seconds since 1970, or milli-, micro- or nanoseconds where it is as large as that. None for anything
    else: a time without its zone could be any hour of the day."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return _since_1970(text)
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _since_1970(number: float) -> datetime | None:
    try:
        while _TOO_LATE <= abs(number) < math.inf:
            number /= 1000
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _number(entry: dict[str, Any]) -> int | None:
    """The entry's sequence number, also where it is written as text."""
    try:
        return int(str(entry.get("sequence")))
    except ValueError:
        return None
