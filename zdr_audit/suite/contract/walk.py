"""Goes through the documented operations in an order that makes objects, uses them and removes them, as each role; in between, another tenant tries what
was made.

Roles: who is entitled is let through, and who is not is refused, with the same path and the same objects. Chains: what was made is appended to twice, and
what was removed is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.deliver import Delivered, Look, deliver
from zdr_audit.suite.contract.fuzz import harmless
from zdr_audit.suite.contract.interface import Documented
from zdr_audit.suite.contract.known import identifiers
from zdr_audit.suite.contract.labels import ENTITLED, NOT_ENTITLED, SAID
from zdr_audit.suite.contract.requests import NOBODY, Requests
from zdr_audit.suite.contract.tenants import named, reach
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.transport import Answer

CUSTOMERS = ("admin", "member")
AGAIN, BEFORE_REMOVAL, AFTER_REMOVAL = "entitled, again", "before its removal", "after its removal"
OWN_LIST = "another tenant's own list"


@dataclass
class Walk:
    """`org` is walked through; `actors` are all roles at hand, the customer's own of `org`; `other` is another customer's organization. `writes` false:
    only what changes nothing."""

    assay: Assay
    document: Any
    org: Party
    actors: Mapping[str, Actor]
    other: Party | None
    writes: bool = True

    def __post_init__(self) -> None:
        self.requests = Requests(self.assay, self.document, self.org)

    def go(self) -> None:
        """All of it: customers' operations, another tenant, removals, then the provider's operations, which may switch features off."""
        known = self.requests.documented.values()
        chosen = [one for one in known if one.label in self.requests.operations and (self.writes or harmless(one, self.assay))]
        removing = sorted((one for one in chosen if one.method == "DELETE"), key=lambda one: -one.path.count("/"))
        using = sorted((one for one in chosen if one.method != "DELETE" and self._customers_may(one)), key=_making_first)
        others = sorted((one for one in chosen if one.method != "DELETE" and one not in using), key=lambda one: one.collection is not None)
        lacking = {one.label for one in using if NOBODY in self.requests.path(one).values()}
        enabling = [one for one in using if self._enables(one)]
        for one in sorted(using, key=lambda one: one.label in lacking):  # what needs an object comes when all was made that needs none
            if one not in enabling:
                self._as_each_role(one)
        self._what_is_common(using)
        for one in using:
            self._as_another_tenant(one)
        for one in removing:
            if self._customers_may(one):
                self._as_another_tenant(one)
                self._remove(one, chosen)
        for one in [*enabling, *others]:
            self._as_each_role(one)
        for one in removing:
            if not self._customers_may(one):
                self._remove(one, chosen)

    def _may(self, one: Documented, role: str) -> bool | None:
        return one.may(role, self.actors, self.assay.profile)

    def _enables(self, one: Documented) -> bool:
        """Whether it switches features off for certain: an approval that enables, of the request that was made before it."""
        operations = self.assay.profile.operations
        return any("zdr.enable" in operations[name].also for name in one.profiled if name in operations)

    def _customers_may(self, one: Documented) -> bool:
        return any(self._may(one, role) is not False for role in CUSTOMERS)

    def _as_each_role(self, one: Documented) -> Delivered | None:
        """Those who may not, then one of those who may (thorough: each); the served answer of the latter where there is one."""
        case = self.requests.case(one)
        if case is None:
            return None
        said = {role: self._may(one, role) for role in self.actors}
        for role in self._refused(one, said):
            self._send(case, self.actors[role], NOT_ENTITLED, one)
        done: Delivered | None = None
        entitled = [role for role in self.actors if said[role]] or [
            role for role in self.actors if role in CUSTOMERS and said[role] is None
        ]
        for role in self._trying(one, entitled):
            got = self._send(case, self.actors[role], ENTITLED, one, said=str(said[role]).lower())
            if got.served and not one.open:
                self.requests.learn(one, got.body)
            done = got if got.served else done
        if done is not None and one.method == "POST" and one.collection is not None:
            self._send(case, self.actors[entitled[0]], AGAIN, one)
        return done

    def _refused(self, one: Documented, said: Mapping[str, bool | None]) -> list[str]:
        """Who of those not entitled tries it. Quick runs: customers, and of the provider's staff one, another one for each operation. What every customer may
        do is tried as staff in thorough runs alone: they would get their own organization's data."""
        refused = [role for role in self.actors if said[role] is False]
        customers, staff = [role for role in refused if role in CUSTOMERS], [role for role in refused if role not in CUSTOMERS]
        if self.assay.depth == "thorough":
            return refused
        if all(said.get(customer) is not False for customer in CUSTOMERS):
            return customers
        if self.assay.depth == "quick" and staff:
            staff = [staff[(sum(one.label.encode()) + self.assay.seed) % len(staff)]]
        return customers + staff

    def _trying(self, one: Documented, entitled: list[str]) -> list[str]:
        """Who of those entitled does it, one customer and the staff; nobody, where it moves the whole target, makes an organization, or removes the one
        that is walked through."""
        specs = [self.assay.profile.operations[name] for name in one.profiled if name in self.assay.profile.operations]
        path = self.requests.path(one)
        ends_the_walk = one.method == "DELETE" and list(path.values()) == [self.org.id]
        if one.moves_the_target() or ends_the_walk or any(spec.creates == "organization" for spec in specs):
            return []
        staff = [role for role in entitled[1:] if role not in CUSTOMERS]
        return entitled if self.assay.depth == "thorough" else entitled[:1] + staff

    def _what_is_common(self, using: Iterable[Documented]) -> None:
        """The other tenant lists its own: what it finds there is no one's secret, a catalogue of models, say."""
        told = {where.partition(" ")[2].rpartition(" ")[0] for where in self.requests.known.every.values()}
        for one in using:
            role = self._role_of(self.other, one) if one.method == "GET" and one.collection is None and one.path in told else None
            case = self.requests.case(one) if role is not None else None
            if case is not None and self.other is not None and role is not None:
                known = self.requests.known
                look = partial(named, ours={value: known.every[value] for value in known.made})
                known.forget(self._send(case, self.other.actors[role], OWN_LIST, one, look=look).body)

    def _role_of(self, other: Party | None, one: Documented) -> str | None:
        """As what the other tenant may call an operation."""
        found = [role for role in CUSTOMERS if other is not None and role in other.actors and self._may(one, role) is not False]
        return found[0] if found else None

    def _as_another_tenant(self, one: Documented) -> None:
        role = self._role_of(self.other, one)
        if self.other is not None and role is not None and not one.open:
            reach(self.assay, self.requests, one, self.other.actors[role], self.other)

    def _remove(self, one: Documented, chosen: Iterable[Documented]) -> None:
        if self._trying(one, [role for role in self.actors if self._may(one, role) is not False]):
            self._read_it(one, chosen, BEFORE_REMOVAL)  # what is asked for now may be held, and given again later
        if done := self._as_each_role(one):
            gone = unquote(done.interaction.path.partition("?")[0]).rpartition("/")[2]
            self._read_it(one, chosen, AFTER_REMOVAL, partial(_still_there, gone=gone))

    def _read_it(self, one: Documented, chosen: Iterable[Documented], step: str, look: Look | None = None) -> None:
        """Everything by which what is removed is to be read, and the list that it stands in."""
        for other in chosen:
            role = next((role for role in self.actors if self._may(other, role) is not False), None)
            reads = other.method == "GET" and (other.path.startswith(one.path) or other.path == one.collection)
            case = self.requests.case(other) if reads and role is not None else None
            if case is not None and role is not None:
                self._send(case, self.actors[role], step, other, look=look)

    def _send(self, case: Any, actor: Actor, step: str, one: Documented, *, said: str = "", look: Look | None = None) -> Delivered:
        pair = f"{self.assay.scenario}/{one.label}"
        return deliver(self.assay, case, actor, step=step, labels={SAID: said} if said else {}, pair=pair, look=look)


def _still_there(answer: Answer, body: Any, gone: str) -> dict[str, str]:
    """Whether an answer gives what was removed."""
    served = answer.status is not None and 200 <= answer.status < 300
    return {"gone": "served" if served and (body is None or gone in {value for _, value in identifiers(body)}) else "gone"}


def _making_first(one: Documented) -> tuple[bool, int, bool]:
    """Objects are made before they are listed, and listed before they are used."""
    return one.path.endswith("}"), one.path.count("/"), one.method != "POST"
