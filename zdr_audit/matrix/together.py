"""Several seeds in one audit, chosen so that what each came to can still be told: a matrix with a tenth of the audits.

Group testing: where an audit of several comes out as all of them together must make it come out, every one of them did its part. One that was not found
may have been hidden by another: it is audited once more among others, and then by itself. Where something failed that has to do with none of them, they are
audited by halves.
"""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.asked import Asked, Outcome, job, whole
from zdr_audit.matrix.cases import Cases
from zdr_audit.matrix.judge import GREEN, Result
from zdr_audit.matrix.model import Attempt, Harmless
from zdr_audit.matrix.work import Job
from zdr_audit.matrix.write import JSON, read
from zdr_audit.violations import Seed, Variant, Violation

SIZE, VARIANTS = 12, 24
"""Violations, and harmless variants, in an audit at most: with more of them one is more often in another's way, and audited again."""
S = TypeVar("S", bound=Seed)
Seen = Mapping[str, frozenset[str]]


def related(violation: Violation, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the controls that may fail with the violation, without those that must."""
    return tuple(n for n in names if n not in violation.controls and any(fnmatch.fnmatchcase(n, glob) for glob in violation.related))


def seen(folder: Path) -> Seen:
    """What each violation left failed or undecided where it was audited by itself, by all matrices below `folder` that are of that kind. Raises
    MatrixError."""
    matrices = [read(place.parent) for place in sorted(folder.rglob(JSON))]
    found: dict[str, frozenset[str]] = {}
    for row in (row for matrix in matrices if not (matrix.alone or matrix.together) for row in matrix.violations if row.killed):
        found[row.id] = found.get(row.id, frozenset()) | {*row.controls, *row.related, *row.inconclusive}
    return found


def groups(violations: Sequence[Violation], before: Seen, seed: int, size: int = SIZE) -> list[tuple[Violation, ...]]:
    """The violations in groups of `size` at most, in none of which one touches a control that another must be found by. What it touches is what it did
    touch by itself; where that is not known, all that it may. Which are together is drawn by the seed.

    A colouring of the graph of those that must be apart: next comes whoever has the fewest groups left (Brélaz, 1979, "DSATUR").
    """
    names = [control.id for control in load_catalogue().controls]
    reach = {v.id: before.get(v.id, frozenset(related(v, names))) | {*v.controls} for v in violations}
    drawn = sorted(violations, key=lambda v: v.id)
    random.Random(seed).shuffle(drawn)  # noqa: S311 - which are together is no secret
    apart = {
        one.id: {two.id for two in drawn if two is not one and (reach[two.id] & {*one.controls} or reach[one.id] & {*two.controls})}
        for one in drawn
    }
    made: list[list[Violation]] = []
    closed: dict[str, set[int]] = {v.id: set() for v in drawn}
    while drawn:
        one = max(drawn, key=lambda v: (len(closed[v.id]), len(apart[v.id])))
        drawn.remove(one)
        place = next((n for n, group in enumerate(made) if len(group) < size and n not in closed[one.id]), len(made))
        made += [[]] if place == len(made) else []
        made[place].append(one)
        for other in apart[one.id]:
            closed[other].add(place)
    return [tuple(sorted(group, key=lambda v: v.id)) for group in made]


def batches(variants: Iterable[Variant], seed: int, size: int = VARIANTS) -> list[tuple[Variant, ...]]:
    """The variants in batches of about the same size, drawn by the seed."""
    drawn = sorted(variants, key=lambda v: v.id)
    random.Random(seed).shuffle(drawn)  # noqa: S311
    count = -(-len(drawn) // size)
    return [tuple(sorted(drawn[start::count], key=lambda v: v.id)) for start in range(count)]


def beside(one: Seed, group: Iterable[Seed]) -> tuple[str, ...]:
    return tuple(sorted(other.id for other in group if other.id != one.id))


@dataclass(frozen=True)
class Round:
    """Sets up audits of several seeds at a time. `left`: where violations that are not found are put, for another round; None: they are audited by
    themselves."""

    folder: Path
    seed: int
    depth: str
    left: list[Violation] | None

    def audit(self, name: str, group: Sequence[Seed]) -> Job:
        return job(tuple(group), self.folder / name, self.seed, self.depth)

    def single(self, one: Violation | Variant) -> Asked:
        (asked,) = whole(Cases((one,), (), False), self.folder, self.seed, self.depth)
        return asked

    def violations(self, name: str, group: Sequence[Violation]) -> Asked:
        """An audit of them all."""
        if len(group) == 1:
            return self.single(group[0])
        audit = self.audit(name, group)

        def outcome() -> Outcome:
            result = Result(audit.folder)
            failed = result.having("fail")
            may = {c for one in group for c in (*one.controls, *related(one, failed))}
            if result.problem or not may.issuperset(failed):
                return Outcome(more=tuple(self.violations(f"{name}-{n}", half) for n, half in enumerate(halves(group), 1)))
            found = [one for one in group if all(result.kills(control) for control in one.controls)]
            rows = tuple(_killed(one, group, failed) for one in found)
            hidden = [one for one in group if one not in found]
            if self.left is None:
                return Outcome(rows, tuple(self.single(one) for one in hidden))
            self.left.extend(hidden)
            return Outcome(rows)

        return Asked((audit,), outcome)

    def variants(self, name: str, group: Sequence[Variant]) -> Asked:
        """An audit of them all, which must be green; where it is not, by halves."""
        if len(group) == 1:
            return self.single(group[0])
        audit = self.audit(name, group)

        def outcome() -> Outcome:
            result = Result(audit.folder)
            if result.problem or not result.having("pass") or any(c["verdict"] not in GREEN for c in result.controls.values()):
                return Outcome(more=tuple(self.variants(f"{name}-{n}", half) for n, half in enumerate(halves(group), 1)))
            return Outcome(
                tuple(Harmless(id=one.id, title=one.title, mechanism=one.mechanism, green=True, beside=beside(one, group)) for one in group)
            )

        return Asked((audit,), outcome)


def halves(group: Sequence[S]) -> tuple[Sequence[S], Sequence[S]]:
    return group[: len(group) // 2], group[len(group) // 2 :]


def _killed(one: Violation, group: Collection[Violation], failed: Iterable[str]) -> Attempt:
    """A violation of which all controls failed, in an audit in which nothing else can have failed them."""
    return Attempt(
        id=one.id,
        title=one.title,
        mechanism=one.mechanism,
        controls=one.controls,
        killed=True,
        related=related(one, failed),
        beside=beside(one, group),
    )


def together(cases: Cases, folder: Path, seed: int, depth: str, before: Seen) -> Iterator[list[Asked]]:
    """The audits of all seeds, as many in one as can be told apart; those that need servers or nodes by themselves. What comes second, once the first have
    ended, are the violations that were not found."""
    left: list[Violation] = []
    first = Round(folder, seed, depth, left)
    plain = [item for item in cases.run if not item.needs]
    broken = groups([item for item in plain if isinstance(item, Violation)], before, seed)
    other = batches([item for item in plain if isinstance(item, Variant)], seed)
    alone = whole(replace(cases, run=tuple(item for item in cases.run if item.needs)), folder, seed, depth)
    yield [
        *(first.violations(f"violations-{number:02}", group) for number, group in enumerate(broken, 1)),
        *(first.variants(f"variants-{number:02}", batch) for number, batch in enumerate(other, 1)),
        *alone,
    ]
    second = Round(folder, seed, depth, None)
    yield [second.violations(f"again-{number:02}", group) for number, group in enumerate(groups(left, before, seed), 1)]
