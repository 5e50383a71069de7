"""The record of concurrent administrators as events, entries and sights; and the checks that hold one against the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import get_args

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.audit import AuditTypes
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.linear.order import Event, Order, find_order
from zdr_audit.suite.linear.workflow import DENIED, Deed, Entry, Kind, Outcome, Workflow, World
from zdr_audit.suite.log_entries import moment, number_of
from zdr_audit.suite.log_order import in_order
from zdr_audit.suite.log_refusals import denies
from zdr_audit.suite.outcomes import Inconclusive, Violated, answer_finding, read_to_the_end

_NOT_KNOWN = frozenset({"no_answer", "rate_limited", "server_error", "malformed", "unexpected", "redirected"})


@dataclass(frozen=True)
class Concurrent:
    """What was done to one organization, its log read afterwards, and the interaction that read it."""

    organization: str
    events: tuple[Event[Deed], ...]
    entries: tuple[Entry, ...]
    items: dict[str, Interaction]
    log: Interaction
    rows: tuple[dict[str, object], ...] = ()
    logs_refusals: bool = True

    @classmethod
    def all(cls, expect: Expect) -> list[Concurrent]:
        """One for each organization acted on. Raises Inconclusive where the log could not be read or holds nothing to compare."""
        types = expect.audit_types
        if types is None:
            raise Inconclusive("the profile does not say how the audit log names these actions (audit_types)")
        found = []
        for organization in dict.fromkeys(i.labels["about"] for i in expect.interactions if "audit" in i.labels):
            pages = expect.where(step="own log", operation="audit.list", about=organization)
            expect.served(pages, "an organization's admin must be able to read its audit log")
            if any("too_large" in (page.data or {}) for page in pages):
                raise Inconclusive("the log was too large to be recorded")
            read_to_the_end(pages)
            acts = [i for i in expect.interactions if i.labels.get("about") == organization and event_of(i) is not None]
            apart = expect.profile.further_entry is not None
            events = tuple(part for i in acts if (event := event_of(i)) is not None for part in _parts(event, apart))
            rows = in_order(row for page in pages for row in (page.data or {}).get("items", []))
            logs_refusals = expect.profile.logs_refusals
            entries = tuple(expected_of(rows, types, logs_refusals))
            found.append(cls(organization, events, entries, {i.id: i for i in acts}, pages[0], tuple(rows), logs_refusals))
        if not found:
            raise Inconclusive("no action was journaled")
        return found

    def acted(self) -> tuple[Event[Deed], ...]:
        return tuple(event for event in self.events if event.value.kind != "seen")

    def explain(self, *, rules: bool, sights: bool) -> Order:
        model = Workflow(self.entries, rules, sights, self.logs_refusals)
        return find_order(self.events if sights else self.acted(), World(), model.step, model.done, model.looks)


def event_of(item: Interaction) -> Event[Deed] | None:
    """An action or a sight; None for what is neither, and for a sight that showed nothing."""
    kind = item.labels.get("audit", "")
    if kind in get_args(Kind):
        outcome: Outcome = "success" if item.outcome == "accepted" else "unknown" if item.outcome in _NOT_KNOWN else "refused"
        request = item.labels.get("asked", "")
        if kind == "requested" and isinstance(item.data, dict):
            request = str(item.data.get("request", "")) if outcome == "success" else ""
        deed = Deed(kind, outcome, item.role, item.labels.get("email", ""), item.labels.get("marker", ""), request or item.id)  # type: ignore[arg-type]
        also = item.labels.get("also", "").split()
        deed = replace(deed, enables=kind == "approved" and "zdr.enable" in also, approves=kind == "requested" and "zdr.approve" in also)
        return Event(item.id, item.started_at, item.ended_at if outcome != "unknown" else None, deed)
    zdr = _seen(item)
    return None if zdr is None else Event(item.id, item.started_at, item.ended_at, Deed("seen", "success", zdr=zdr))


ENABLING = "+enabling"
"""Ends the id of the event that is what a step does also (the enabling by an approval, the approval of a request), where that has an entry of its own."""


def _parts(event: Event[Deed], apart: bool) -> tuple[Event[Deed], ...]:
    """An approval that enables, or a request that is approved at once, as the two things that it is where each has its entry (`apart`): nobody promises that
    nothing comes between. One that was refused is one thing."""
    deed = event.value
    if not (apart and (deed.enables or deed.approves)) or deed.outcome == "refused":
        return (event,)
    alone = replace(deed, enables=False, approves=False)
    further = replace(alone, kind="enabled" if deed.enables else "approved")
    return (replace(event, value=alone), replace(event, id=event.id + ENABLING, value=further))


def _seen(item: Interaction) -> bool | None:
    if item.operation == "zdr.status" and item.outcome == "accepted" and isinstance(item.data, dict):
        return item.data.get("status") == "enabled"
    if "feature" in item.labels:
        return {"accepted": False, "refused_by_policy": True}.get(item.outcome)
    return None


def entry_of(row: dict[str, object], types: AuditTypes) -> Entry | None:
    """An entry of the actions that we know; None for any other."""
    # Where a step does another one also, both may have one type: the entry is then that of the step which comes first.
    names = {getattr(types, kind): kind for kind in reversed(get_args(Kind)) if getattr(types, kind, None)}
    said = row.get("outcome")
    kind = names.get(str(row.get("type")))
    if denies(row, types) and kind is None:
        return Entry(DENIED, "refused", _text(row.get("actor_role")), _text(row.get("actor")), _text(row.get("reference")))
    if kind is None:
        return None
    outcome = "success" if said in types.success else "refused" if said in types.refused else "unknown"
    return Entry(kind, outcome, _text(row.get("actor_role")), _text(row.get("actor")), _text(row.get("reference")))


def expected_of(rows: Iterable[dict[str, object]], types: AuditTypes, logs_refusals: bool) -> list[Entry]:
    """The entries of the actions that we know, without those of refusals where the log need not tell of them: then it may, or may not."""
    found = (entry for row in rows if (entry := entry_of(row, types)) is not None)
    return [entry for entry in found if logs_refusals or entry.outcome != "refused"]


def _text(value: object) -> str:
    return "" if value is None else str(value)


def log_agrees(expect: Expect) -> None:
    """Some order of the actions, true to their times, is the log: each action with its one entry, no entry without an action; numbers and times of the
    entries rise."""
    for record in _with_contention(expect):
        said = falling(record.rows)
        expect.that(not said, f"numbers and times of the audit log must rise: {said}", record.log)
        _demand(expect, record, record.explain(rules=False, sights=False), "the audit log must agree with some order of what was done")


def falling(rows: Sequence[dict[str, object]]) -> str:
    """What does not rise in these entries, which are sorted by number: a number that is there twice, a time before that of the entry before. Empty where
    nothing is wrong, or where entries have no numbers."""
    if any(number_of(row) is None for row in rows):
        return ""
    for one, two in pairwise(rows):
        if number_of(one) == number_of(two):
            return f"the entries {one.get('id')} and {two.get('id')} of the audit log have the same number"
        first, second = moment(one.get("at")), moment(two.get("at"))
        if first is not None and second is not None and second < first:
            return f"entry {two.get('id')} of the audit log is stamped earlier ({two.get('at')}) than the one before it ({one.get('at')})"
    return ""


def sights_agree(expect: Expect) -> None:
    """What was read and served meanwhile fits the state that the log's order gives."""
    for record in _with_contention(expect):
        _presuppose(record)
        if not any(event.value.kind == "seen" for event in record.events):
            raise Inconclusive("the ZDR state was not seen while it changed")
        promise = "what was read and served must agree with the order that the audit log gives"
        _demand(expect, record, record.explain(rules=False, sights=True), promise)


def rules_hold(expect: Expect) -> None:
    """The order that the log gives keeps the workflow's rules: no enabling without an approval of its own, no decision after the opposite one."""
    for record in _with_contention(expect):
        _presuppose(record)
        _demand(
            expect,
            record,
            record.explain(rules=True, sights=False),
            "administrators who act at once must not get past the workflow's rules",
        )


def _with_contention(expect: Expect) -> list[Concurrent]:
    records = Concurrent.all(expect)
    if not any(_overlap(record.acted()) for record in records):
        raise Inconclusive("no two actions were under way at the same time")
    if not any(
        (e.value.kind == "enabled" or e.value.enables) and e.value.outcome == "success" for record in records for e in record.events
    ):
        raise Inconclusive("ZDR was never enabled, so there is no change to be seen in any order")
    return records


def _overlap(events: Iterable[Event[Deed]]) -> bool:
    listed = sorted(events, key=lambda e: e.began)
    return any(one.ended is None or two.began <= one.ended for one, two in pairwise(listed))


def _presuppose(record: Concurrent) -> None:
    if record.explain(rules=False, sights=False).result != "found":
        raise Inconclusive("the audit log itself agrees with no order of what was done, so there is none to hold this against")


def _demand(expect: Expect, record: Concurrent, order: Order, promise: str) -> None:
    expect.weigh()
    if order.result == "unknown":
        raise Inconclusive(f"no order was found within the bounds of the search for {record.organization}")
    if order.result == "none":
        message = f"{promise}, but none of {record.organization} does: {_where(record, order)}"
        stuck = [record.items[name] for name in (one.removesuffix(ENABLING) for one in order.stuck) if name in record.items]
        raise Violated(message, [answer_finding(item, promise) for item in stuck or [record.log]])


def _where(record: Concurrent, order: Order) -> str:
    """Where the longest order ends: what was explained last, what the log has next, and what could have come next."""
    deeds = {event.id: event.value for event in record.events}
    told = _told(record, [deeds[name] for name in order.order])
    following = (
        f"entry {told + 1} of {len(record.entries)} is {_entry(record.entries[told])}" if told < len(record.entries) else "no entry is left"
    )
    waiting = ", ".join(f"{name} ({_deed(deeds[name])})" for name in order.stuck[:6]) or "no action"
    return f"after {len(order.order)} of {len(deeds)} events {following}, and what may come next is {waiting}"


def _told(record: Concurrent, order: Iterable[Deed]) -> int:
    """How many entries the longest order explains, or passes over because they may tell of what is not ours."""
    model, worlds = Workflow(record.entries, rules=False, sights=False, refusals=record.logs_refusals), {World()}
    for deed in order:
        worlds = {after for world in worlds for after in model.step(world, deed)}
    return max((world.explained for world in worlds), default=0)


def _entry(entry: Entry) -> str:
    return f"'{entry.kind}' {entry.outcome} by {entry.email or entry.role or 'somebody'}"


def _deed(deed: Deed) -> str:
    if deed.kind == "seen":
        return f"ZDR seen {'on' if deed.zdr else 'off'}"
    return f"'{deed.kind}' {deed.outcome} by {deed.email or deed.role}"
