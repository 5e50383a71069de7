"""Walks over ordered pairs of changes (`plan`), played against the same model as what Hypothesis draws: after each change things are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.histories import plan
from zdr_audit.suite.histories.model import Unknown
from zdr_audit.suite.histories.plan import Walk
from zdr_audit.suite.histories.play import Departed, Play, ways_on
from zdr_audit.suite.limits import SILENT, Telling
from zdr_audit.suite.party import NotOffered, Party

NEEDS: Mapping[str, tuple[str, ...]] = {
    plan.MIGRATE: ("organization.create_api_zdr", "zdr.migrate"),
    plan.CLOSED: ("organization.delete",),
    plan.LEAVES: ("key.revoke",),
    plan.FLAG: ("session.flag",),
    plan.HOLD: ("hold.place", "hold.release"),
    plan.RELEASE: ("hold.place", "hold.release"),
    plan.RESTART: ("service.restart",),
}
"""What kinds of change need, besides what every history needs."""
BY_THE_PROVIDER: Mapping[str, str] = {plan.MIGRATE: "zdr.migrate", plan.CLOSED: "organization.delete"}


@dataclass(frozen=True)
class Tour:
    """How many changes each walk has, by what its organization is born as (`api`: with ZDR), and what finding a shorter one may take. `sparing`: after a
    change that is no heavy one, things are looked at in turns."""

    lengths: tuple[tuple[bool, int], ...]
    attempts: int
    seconds: float
    sparing: bool = False


QUICK = Tour(((False, 15), (True, 4)), 20, 4, sparing=True)
STANDARD = Tour(((False, 30), *2 * ((True, 6),)), 60, 10, sparing=True)
THOROUGH = Tour(((False, 130), *18 * ((True, 12),)), 120, 40)
# Through time: with restarts, and therefore fewer of the others.
QUICK_THROUGH_TIME = Tour(((True, 6),), 10, 4, sparing=True)
STANDARD_THROUGH_TIME = Tour(((False, 12), (True, 6)), 30, 10, sparing=True)
THOROUGH_THROUGH_TIME = Tour(((False, 160), *18 * ((True, 12),)), 60, 30)


def kinds_of(assay: Assay, *, through_time: bool) -> tuple[str, ...]:
    """The kinds of change that this target offers. A restart touches whatever else goes on, so it has its place in the late scenarios."""
    left_out = {kind for kind, needed in NEEDS.items() if not all(assay.offers(operation) for operation in needed)}
    left_out |= {kind for kind, operation in BY_THE_PROVIDER.items() if kind not in left_out and not _has_a_doer(assay, operation)}
    if "operator" not in assay.staff_actors:
        left_out |= {plan.FLAG, plan.HOLD, plan.RELEASE}
    if "key_id" not in assay.profile.operations["key.create"].extract:
        left_out.add(plan.LEAVES)
    if not through_time:
        left_out.add(plan.RESTART)
    return tuple(kind for kind in plan.KINDS if kind not in left_out)


def _has_a_doer(assay: Assay, operation: str) -> bool:
    with suppress(NotOffered):
        assay.doer(operation)
        return True
    return False


class Walking(Play):
    """One walk. The first organization is the one that the changes are about; what the machine sees after its changes, this sees in its own way."""

    def __init__(self, assay: Assay, number: str, walk: Walk, told: Telling, *, sparing: bool) -> None:
        born = "organization.create_api_zdr" if walk.api else "organization.create"
        super().__init__(assay, number, changes=True, told=told, born=born)
        self.walk, self.sparing = walk, sparing
        profile = assay.profile
        self.features = list(profile.features)
        self.lasting = next((name for name in self.features if ways_on(profile.features[name])), self.features[0])
        """The feature of which something is begun in each spell, to be gone on with in later ones."""
        self.made = 0

    def go(self) -> None:
        if not self.walk.api:
            self.turn += 1
            self.use_in_turn()
        for kind in self.walk.kinds:
            self.made += 1
            self.turn += 1
            self.change(kind)
            self.see(kind)
        for party in (p for p in self.parties for _ in self.holds.get(p.id, [])[:]):
            self.turn += 1
            self.release(party)
        if self.assay.offers("audit.list") and self.assay.profile.audit_types is not None:
            self.turn += 1
            self.log(self.first)

    @property
    def first(self) -> Party:
        return self.parties[0]

    def change(self, kind: str) -> None:
        first = self.first
        makes: Mapping[str, Callable[[], None]] = {
            plan.ENABLE: lambda: self.lead_to_zdr(first),
            plan.DISABLE: lambda: self.act("disabled", first),
            plan.MIGRATE: lambda: self.act("migrated", first),
            plan.COMES: lambda: self.create("organization.create"),
            plan.ENABLED: lambda: self.lead_to_zdr(next(p for p in self.parties[1:] if not self.model.organizations[p.id].world.zdr)),
            plan.CLOSED: self.close,
            plan.JOINS: lambda: self.come(first),
            plan.LEAVES: lambda: self.leave(first),
            plan.FLAG: lambda: self.flag(first),
            plan.HOLD: lambda: self.hold(first),
            plan.RELEASE: lambda: self.release(first),
            plan.RESTART: self.restart,
        }
        makes[kind]()

    def close(self) -> None:
        """The oldest sibling is closed, with ZDR or without."""
        gone = self.parties.pop(1)
        by, labels = self.assay.doer("organization.delete"), self.labels("operate")
        self.judge(self.assay.attempt("organization.delete", by, step="close", org=gone, labels=labels, organization=gone.id))

    # -- looking ----------------------------------------------------------------------------------------------------------------------

    def see_all(self, changed: Party) -> None:
        """The machine looks right after a switch; here the whole change comes first."""

    def see_everything(self) -> None:
        """As above."""

    def see(self, kind: str) -> None:
        zdr = self.model.organizations[self.first.id].world.zdr
        looks: list[Callable[[], None]] = [lambda: self.look(self.first), lambda: self.limits(self.first), self.use_in_turn]
        if self.sparing and kind not in plan.HEAVY:
            looks = [looks[self.made % len(looks)]]
        else:
            looks += [lambda other=other: self.look(other) for other in self.parties[1:]]  # type: ignore[misc]
        if kind == plan.ENABLE or not self.sparing:
            looks += [self.go_on_with_the_oldest, lambda: self.report(self.first)]
        if zdr or not self.sparing:
            looks.append(lambda: self.ask(self.first, next(iter(reversed(self.newcomers.get(self.first.id, []))), None)))
        for look in looks:
            self.turn += 1
            look()

    def use_in_turn(self) -> None:
        """What lasts is begun once in each spell without ZDR; otherwise all features have their turn."""
        known = self.model.organizations[self.first.id]
        begun = self.begun.get(f"{self.first.id}/{self.lasting}", {})
        name = self.lasting if not known.world.zdr and known.spell not in begun else self.features[self.made % len(self.features)]
        self.use(self.first, name)

    def go_on_with_the_oldest(self) -> None:
        """And with the newest: what was begun long ago may lie elsewhere than what was begun of late."""
        begun = self.begun.get(f"{self.first.id}/{self.lasting}", {})
        for spell in sorted({min(begun), max(begun)} if begun else ()):
            self.turn += 1
            self.go_on(self.first, self.lasting, spell)


def walk_through(assay: Assay, tour: Tour, *, through_time: bool = False, told: Telling = SILENT) -> None:
    """The walks of a tour, until one departs from the model; of that one, shorter ones within the bounds, unless the run is to look for nothing shorter.
    All are in the journal."""
    kinds = kinds_of(assay, through_time=through_time)
    lengths = [(api and plan.MIGRATE in kinds, length) for api, length in tour.lengths]
    made = 0

    def departs(walk: Walk) -> Walk | None:
        """The walk up to the change that was too much; None where it keeps to the model."""
        nonlocal made
        made += 1
        walking = Walking(assay, f"walk-{made}", walk, told, sparing=tour.sparing)
        try:
            walking.go()
        except Departed:
            return Walk(walk.api, walk.kinds[: walking.made])
        except Unknown as exc:
            raise ScenarioBroken(str(exc)) from None
        return None

    for walk in plan.plan(assay.seed, kinds, lengths):
        if (failed := departs(walk)) is not None:
            if assay.shortens:
                _shorten(failed, departs, tour)
            return


def _shorten(failed: Walk, departs: Callable[[Walk], Walk | None], tour: Tour) -> None:
    """Leaves out one change after the other, as long as what is left departs, too."""
    until, left = time.monotonic() + tour.seconds, tour.attempts
    candidates = failed.shorter()
    while left > 0 and time.monotonic() < until and (candidate := next(candidates, None)) is not None:
        left -= 1
        if (shorter := departs(candidate)) is not None:
            candidates = shorter.shorter()
