"""What is known of each violation, and so from what it can be told which of several in one audit was found."""

from __future__ import annotations

import fnmatch
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.judge import Result
from zdr_audit.matrix.model import Places
from zdr_audit.matrix.places import promise
from zdr_audit.matrix.write import JSON, read
from zdr_audit.violations import Violation

SIZE = 20
"""Violations in an audit at most: with more of them one is more often in another's way, and audited again."""

SHY = 2
"""In so many matrices of several together a violation was hidden by others, so that it is no longer tried among them."""


@dataclass(frozen=True)
class Known:
    """What matrices made before say of a violation: which controls it left failed or undecided by itself (None: it was never by itself), where the
    findings were that were its own, and in how many of those of several together it was found only once it was by itself."""

    touched: frozenset[str] | None = None
    places: Mapping[str, frozenset[str]] = field(default_factory=dict)
    hidden: int = 0

    @property
    def shy(self) -> bool:
        return self.hidden >= SHY


Seen = Mapping[str, Known]


def related(violation: Violation, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the controls that may fail with the violation, without those that must."""
    return tuple(n for n in names if n not in violation.controls and any(fnmatch.fnmatchcase(n, glob) for glob in violation.related))


def seen(folder: Path) -> Seen:
    """What all matrices below `folder` say of each violation, but for those of each control alone. Raises MatrixError."""
    touched: dict[str, frozenset[str]] = {}
    where: dict[str, dict[str, frozenset[str]]] = {}
    hidden = Counter[str]()
    for matrix in (read(place.parent) for place in sorted(folder.rglob(JSON))):
        for row in (row for row in matrix.violations if row.killed and not matrix.alone):
            if not matrix.together:
                touched[row.id] = touched.get(row.id, frozenset()) | {*row.controls, *row.related, *row.inconclusive}
            elif not row.beside:
                hidden[row.id] += 1
            known = where.setdefault(row.id, {})
            for control, places in row.places.items():
                known[control] = known.get(control, frozenset()) | {*places}
    return {name: Known(touched.get(name), where.get(name, {}), hidden[name]) for name in touched.keys() | where.keys()}


class Told:
    """Tells the violations of one audit apart: by the controls that each touches, and where several touch one, by where its findings are."""

    def __init__(self, violations: Iterable[Violation], before: Seen) -> None:
        names = [control.id for control in load_catalogue().controls]
        self._known = {v.id: before.get(v.id, Known()) for v in violations}
        self._reach = {
            v.id: frozenset(related(v, names) if (known := self._known[v.id]).touched is None else known.touched) | {*v.controls}
            for v in violations
        }

    def own(self, one: Violation, control: str, group: Iterable[Violation]) -> frozenset[str] | None:
        """At which places findings of the control are the violation's and no other's of the group; None: wherever they are, for no other touches the
        control, and where its own are is not known. Several together may do what none of them does, so what is known counts where no other touches it, too."""
        mine = own = self._known[one.id].places.get(control, frozenset())
        others = self._others(one, control, group)
        if not others:
            return own or None
        for other in others:
            theirs = self._known[other.id].places.get(control, frozenset())
            # A check ends with the first promise that is broken, and tells of all that breaks it: of the next one it tells nothing.
            own = own - theirs if {*map(promise, theirs)} == {*map(promise, mine)} else frozenset()
        return own

    def fits(self, group: Collection[Violation]) -> bool:
        """Whether an audit of the group can tell of each that it was found, by each of its controls."""
        return all(self.own(one, control, group) != frozenset() for one in group for control in one.controls)

    def found(self, one: Violation, group: Iterable[Violation], result: Result) -> bool:
        """Whether the audit of the group says so of this one."""
        return all(result.kills(control, self.own(one, control, group)) for control in one.controls)

    def places(self, one: Violation, group: Iterable[Violation], result: Result) -> Places:
        """Where the findings were that are its own: those that were known before; where none were, all, unless others touch the control, too."""
        made: dict[str, tuple[str, ...]] = {}
        for control, there in result.places.items():
            if control in self._reach[one.id]:
                known = self._known[one.id].places.get(control, frozenset())
                mine = tuple(place for place in there if place in known or not (known or self._others(one, control, group)))
                made |= {control: mine} if mine else {}
        return made

    def _others(self, one: Violation, control: str, group: Iterable[Violation]) -> list[Violation]:
        return [other for other in group if other.id != one.id and control in self._reach[other.id]]


def groups(violations: Sequence[Violation], before: Seen, seed: int, size: int = SIZE) -> list[tuple[Violation, ...]]:
    """The violations in groups of `size` at most, in which each can be told. Of what touches what, they go by what it did touch by itself; where that is not
    known, by all that it may. Which are together is drawn by the seed; those that others hid again and again are by themselves at once.

    A colouring of the graph of those that must be apart: next comes whoever has the fewest groups left (Brélaz, 1979, "DSATUR").
    """
    told = Told(violations, before)
    drawn = sorted(violations, key=lambda v: v.id)
    random.Random(seed).shuffle(drawn)  # noqa: S311 - which are together is no secret
    alone = [one for one in drawn if before.get(one.id, Known()).shy]
    drawn = [one for one in drawn if one not in alone]
    apart: dict[str, list[str]] = {v.id: [] for v in drawn}
    for number, one in enumerate(drawn):
        for two in drawn[:number]:
            if not told.fits((one, two)):
                apart[one.id].append(two.id)
                apart[two.id].append(one.id)
    made: list[list[Violation]] = []
    closed: dict[str, set[int]] = {v.id: set() for v in drawn}
    while drawn:
        one = max(drawn, key=lambda v: (len(closed[v.id]), len(apart[v.id])))
        drawn.remove(one)
        open_to = (n for n, group in enumerate(made) if len(group) < size and n not in closed[one.id])
        place = next((n for n in open_to if told.fits((*made[n], one))), len(made))
        made += [[]] if place == len(made) else []
        made[place].append(one)
        for other in apart[one.id]:
            closed[other].add(place)
    return [tuple(sorted(group, key=lambda v: v.id)) for group in [*made, *([one] for one in alone)]]
