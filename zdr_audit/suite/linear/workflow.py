"""What an order must explain: the workflow's own rules, the entries of the audit log, and what was read and served meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["requested", "approved", "rejected", "enabled", "disabled", "migrated", "seen"]
Outcome = Literal["success", "refused", "unknown"]
DENIED = "denied"
"""The kind of an entry of the common type for what was refused, whichever action it was."""
Status = Literal["requested", "approved", "rejected", "enabled", "used"]


@dataclass(frozen=True)
class Deed:
    """An action, or a look at the state (`seen`: `zdr` is what it showed). `request` is the request that it is about. `enables` marks an approval that
    enables, `approves` a request that is approved at once."""

    kind: Kind
    outcome: Outcome
    role: str = ""
    email: str = ""
    reference: str = ""
    request: str = ""
    zdr: bool | None = None
    enables: bool = False
    approves: bool = False


@dataclass(frozen=True)
class Entry:
    """One entry of the log, as far as it can be held against a deed. What it does not tell is empty and fits anything."""

    kind: str
    outcome: str
    role: str = ""
    email: str = ""
    reference: str = ""

    def tells_of(self, deed: Deed, outcome: str) -> bool:
        same = self.outcome == outcome and (self.kind == deed.kind or (self.kind == DENIED and outcome == "refused"))
        who = (not self.role or not deed.role or self.role == deed.role) and (not self.email or not deed.email or self.email == deed.email)
        return same and who and (not self.reference or not deed.reference or self.reference == deed.reference)


@dataclass(frozen=True)
class World:
    """One organization: whether it has ZDR, where its requests stand, and how much of the log is explained."""

    zdr: bool = False
    requests: tuple[tuple[str, Status], ...] = ()
    explained: int = 0

    def status(self, request: str) -> Status | None:
        return dict(self.requests).get(request)

    def put(self, request: str, status: Status, zdr: bool | None = None) -> World:
        known = dict(self.requests) | {request: status}
        return replace(self, requests=tuple(sorted(known.items())), zdr=self.zdr if zdr is None else zdr)


@dataclass(frozen=True)
class Workflow:
    """The model. `log` None leaves the log out; `rules` and `sights` say whether the workflow's rules and what was seen must hold too. `refusals` says
    whether the log is to tell of what was refused."""

    log: tuple[Entry, ...] | None
    rules: bool = True
    sights: bool = True
    refusals: bool = True

    def step(self, world: World, deed: Deed) -> Iterator[World]:
        if deed.kind == "seen":
            if not self.sights or deed.zdr is None or deed.zdr == world.zdr:
                yield world
            return
        if deed.outcome in ("success", "unknown"):
            after = self._effect(world, deed)
            if after is not None:
                yield from self._logged(after, deed, "success")
        if deed.outcome in ("refused", "unknown"):
            yield from self._logged(world, deed, "refused")

    def looks(self, deed: Deed) -> bool:
        """Whether it changes nothing, wherever in an order it stands."""
        return deed.kind == "seen" or (not self._tells_of(deed.outcome) and deed.outcome == "refused")

    def done(self, world: World) -> bool:
        """Everything in the log is explained by something that was done."""
        return self.log is None or all(entry.kind == DENIED for entry in self.log[world.explained :])

    def _tells_of(self, outcome: str) -> bool:
        return self.log is not None and (self.refusals or outcome != "refused")

    def _logged(self, world: World, deed: Deed, outcome: str) -> Iterator[World]:
        """The nearest entry last, which is tried first. Entries of the common type may tell of other refusals than these, and be left out."""
        if self.log is None or not self._tells_of(outcome):
            yield world
            return
        places = range(world.explained, len(self.log))
        end = next((n for n in places if self.log[n].kind != DENIED), len(self.log) - 1)
        for number in reversed(range(world.explained, end + 1)):
            if self.log[number].tells_of(deed, outcome):
                yield replace(world, explained=number + 1)

    def _effect(self, world: World, deed: Deed) -> World | None:
        """The world after a success; None where the rules do not allow it. Doing again what is done already is allowed: it changes nothing."""
        status = world.status(deed.request)
        match deed.kind:
            case "requested":
                return world.put(deed.request, "approved" if deed.approves else "requested")
            case "approved" if deed.enables:
                return self._if(status in ("requested", "enabled"), world.put(deed.request, "enabled", zdr=True))
            case "approved":
                return self._if(status in ("requested", "approved"), world.put(deed.request, "approved"))
            case "rejected":
                return self._if(status in ("requested", "rejected"), world.put(deed.request, "rejected"))
            case "enabled":
                return self._if(status in ("approved", "enabled"), world.put(deed.request, "enabled", zdr=True))
            case "disabled":
                used = {request: ("used" if where == "enabled" else where) for request, where in world.requests}
                return replace(world, zdr=False, requests=tuple(sorted(used.items())))
            case _:
                return world

    def _if(self, allowed: bool, after: World) -> World | None:
        return after if allowed or not self.rules else None
