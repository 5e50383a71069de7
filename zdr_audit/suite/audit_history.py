"""Holds what we did against what the audit log says. Entries are matched to actions by type, outcome and order of time, never by position alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.audit import AuditTypes
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.log_entries import moment, number_of, oldest_first
from zdr_audit.suite.log_readings import a_chain_recomputes, chained_wholes_of
from zdr_audit.suite.log_refusals import Action, Refusals, denies, refusals
from zdr_audit.suite.outcomes import Inconclusive, read_to_the_end

_NEVER = datetime.min.replace(tzinfo=UTC)


class NothingHere(Inconclusive):
    """What was done in one organization has nothing to judge by; what was done in another may."""


def actions_of(item: Interaction, kind: str, types: AuditTypes, further_entry: str | None) -> list[Action]:
    """What an interaction did, or tried: one thing; of an approval that enables, or a request that is approved at once, and has an entry for each, two."""
    refused = item.outcome != "accepted"
    found = [Action(item, getattr(types, kind), refused)]
    if further_entry is not None and not refused and item.labels.get("also"):
        found.append(Action(item, further_entry, refused))
    return found


def _about(log: Interaction) -> str:
    """The organization whose log it is: not always that of the reader."""
    return log.labels.get("about", log.organization_id)


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
            about = _about(log)
            pages = [i for i in expect.where(step="own log", operation="audit.list") if _about(i) == about]
            if pages[0].id != log.id:
                continue
            acted = [i for i in expect.interactions if "audit" in i.labels and i.labels["about"] == about]
            expect.dealt_with(acted)
            # What cannot be read may be called a mistake before anybody asks whose it is; refused, it was an attempt like any other.
            acted = [i for i in acted if "odd" not in i.labels or i.outcome == "denied"]
            actions = tuple(action for i in acted for action in actions_of(i, i.labels["audit"], types, expect.profile.further_entry))
            if any("too_large" in (page.data or {}) for page in pages):
                raise Inconclusive("the log was too large to be recorded")
            read_to_the_end(pages)
            entries = oldest_first(tuple(e for page in pages for e in (page.data or {}).get("items", [])))
            if not actions:
                raise Inconclusive("no action was journaled for this organization")
            stories.append(cls(about, actions, log, entries, types, expect.profile.logs_refusals))
        return stories

    @classmethod
    def each(cls, expect: Expect, judge: Callable[[Story], None], stories: Iterable[Story] | None = None) -> None:
        """Judges every story (None: of all logs that were read right after the actions). Raises Inconclusive where one cannot be judged, or none has
        anything to judge by: a target that refuses the very request of those who are not eligible has nothing successful to tell of them."""
        chosen, empty = cls.all(expect) if stories is None else list(stories), list[NothingHere]()
        for story in chosen:
            try:
                judge(story)
            except NothingHere as exc:
                empty.append(exc)
        if empty and len(empty) == len(chosen):
            raise empty[0]

    def where_it_was_known(self) -> Story:
        """The same without attempts that were answered as if the organization were not there: of these the log of what is there need not tell."""
        return replace(self, actions=tuple(a for a in self.actions if a.interaction.outcome != "not_found"))

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
            entries = sorted(self.of(kind[0], refused=kind[1]), key=lambda e: number_of(e) or 0)
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
        for lacking, bare in (
            ("sequence number", [e for e in self.entries if number_of(e) is None]),
            ("time with its zone", [e for e in self.entries if moment(e.get("at")) is None]),
        ):
            if bare:
                raise Inconclusive(f"entry {bare[0].get('id')} has no {lacking}, so there is no order to check")
        for (before, first), (action, second) in pairwise(pairs):
            if before.interaction is action.interaction:
                continue  # the two entries of one step may stand in either order
            promise = f"'{action.type}' came after '{before.type}', so its entry must stand after"
            rises = (number_of(first) or 0) < (number_of(second) or 0) and (moment(first["at"]) or _NEVER) <= (
                moment(second["at"]) or _NEVER
            )
            expect.that(rises, promise, action.interaction)
        numbers = [number_of(e) or 0 for e in self.entries]
        expect.that(
            numbers == sorted(numbers) and len(set(numbers)) == len(numbers), "the log must list entries in order, each once", self.log
        )

    def chain_recomputes(self, expect: Expect) -> None:
        """Each entry's digest is that of its content, and names its predecessor's."""
        wholes = chained_wholes_of(expect, self.entries)
        if len(self.entries) < 2:
            raise NothingHere(f"the log of {self.organization} has fewer than two entries, so there is no chain to recompute")
        if len(wholes) < 2 or self.log.echoes:
            raise Inconclusive("the entries could not be recorded whole, so the chain cannot be recomputed")
        a_chain_recomputes(expect, wholes, self.log)

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
