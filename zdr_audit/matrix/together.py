"""Several seeds in one audit, chosen so that what each came to can still be told (`told.py`): a matrix with a tenth of the audits.

Group testing: where an audit of several comes out as all of them together must make it come out, every one of them did its part. One that was not found
may have been hidden by another: it is audited once more among others, and then by itself. Where something failed that has to do with none of them, that
control alone is asked of the group by halves, until it is known with whom it fails. Of harmless variants several break nothing either: what only several
together show is a false alarm, and kept (`fewest.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from zdr_audit.matrix.asked import Asked, Outcome, all_of, job, whole
from zdr_audit.matrix.cases import Cases
from zdr_audit.matrix.fewest import Fewest, alarm, shows
from zdr_audit.matrix.judge import GREEN, Result
from zdr_audit.matrix.model import Attempt, Harmless, Places
from zdr_audit.matrix.told import Seen, Told, groups, related
from zdr_audit.matrix.work import Job
from zdr_audit.violations import Seed, Variant, Violation

VARIANTS = 24
"""Harmless variants in an audit at most."""
BROKEN, NOT_GREEN = ("fail",), ("fail", "inconclusive")
"""Verdicts that must not be, of controls that nothing in the audit has to do with."""
S = TypeVar("S", Violation, Variant)


def batches(variants: Iterable[Variant], seed: int, size: int = VARIANTS) -> list[tuple[Variant, ...]]:
    """The variants in batches of about the same size, drawn by the seed."""
    drawn = sorted(variants, key=lambda v: v.id)
    random.Random(seed).shuffle(drawn)  # noqa: S311 - which are together is no secret
    count = -(-len(drawn) // size)
    return [tuple(sorted(drawn[start::count], key=lambda v: v.id)) for start in range(count)]


def beside(one: Seed, group: Iterable[Seed]) -> tuple[str, ...]:
    return tuple(sorted(other.id for other in group if other.id != one.id))


@dataclass(frozen=True)
class Said(Generic[S]):
    """What an audit of a group says: the controls that came out as they must not with any of it, and what, but for these, is told `of` some of it."""

    beyond: Collection[str]
    of: Callable[[Sequence[S]], Outcome]


@dataclass(frozen=True)
class Reading(Generic[S]):
    """How audits of several are read: what one says, and which verdicts must not be of controls that nothing in it has to do with. `alarm`: what it is that
    an audit of some shows and of fewer does not, and whether that was shown again; of violations, which may get in each other's way, nothing."""

    says: Callable[[Sequence[S], Result], Said[S]]
    wrong: Collection[str]
    alarm: Callable[[Sequence[S], Job, bool], Outcome]


@dataclass(frozen=True)
class Round:
    """Sets up audits of several seeds at a time. `left`: where violations that are not found are put, for another round; None: they are audited by
    themselves."""

    folder: Path
    seed: int
    depth: str
    told: Told
    left: list[Violation] | None

    def audit(self, name: str, group: Sequence[Seed], controls: Collection[str] = ()) -> Job:
        return replace(job(tuple(group), self.folder / name, self.seed, self.depth), controls=tuple(sorted(controls)))

    def single(self, one: Violation | Variant) -> Asked:
        (asked,) = whole(Cases((one,), (), False), self.folder, self.seed, self.depth)
        return asked

    def violations(self, name: str, group: Sequence[Violation]) -> Asked:
        """An audit of them all."""

        def says(some: Sequence[Violation], result: Result) -> Said[Violation]:
            failed = result.having("fail")
            may = {c for one in some for c in (*one.controls, *related(one, failed))}
            return Said({*failed} - may, lambda others: self._told_of(others, some, result))

        return self._several(name, group, Reading(says, BROKEN, lambda *_: Outcome()))

    def variants(self, name: str, group: Sequence[Variant]) -> Asked:
        """An audit of them all, which must be green."""

        def says(some: Sequence[Variant], result: Result) -> Said[Variant]:
            beyond = {name for name, control in result.controls.items() if control["verdict"] not in GREEN}
            return Said(beyond, lambda others: Outcome(tuple(_green(one, some) for one in others)))

        return self._several(
            name, group, Reading(says, NOT_GREEN, lambda some, audit, again: Outcome(alarms=(alarm(some, audit, again=again),)))
        )

    def _told_of(self, some: Sequence[Violation], group: Sequence[Violation], result: Result) -> Outcome:
        """What the audit of the group says of some in it, that have to do with all that failed there."""
        failed = result.having("fail")
        found = [one for one in some if self.told.found(one, group, result)]
        rows = tuple(_killed(one, group, failed, self.told.places(one, group, result)) for one in found)
        hidden = [one for one in some if one not in found]
        if self.left is None:
            return Outcome(rows, tuple(self.single(one) for one in hidden))
        self.left.extend(hidden)
        return Outcome(rows)

    def _several(self, name: str, group: Sequence[S], reading: Reading[S]) -> Asked:
        """An audit of the group."""
        if len(group) == 1:
            return self.single(group[0])
        audit = self.audit(name, group)
        return Asked((audit,), lambda: self._read(audit, group, reading))

    def _read(self, audit: Job, group: Sequence[S], reading: Reading[S]) -> Outcome:
        """Where controls came out as they must not, those alone are asked again, of the group and of its halves, for the one with which they do; where
        nothing was told, all controls of each half."""
        result = Result(audit.folder)
        if result.problem or not result.controls:
            return self._by_halves(audit, group, reading)
        said = reading.says(group, result)
        if not said.beyond:
            return said.of(group)
        again = self.audit(f"{audit.folder.name}-beyond", group, said.beyond)

        def confirmed() -> Outcome:
            if shows(again, reading.wrong):
                return Outcome(more=(self._traced(again, group, said, reading),))
            return self._by_halves(audit, group, reading)

        return Outcome(more=(Asked((again,), confirmed),))

    def _by_halves(self, audit: Job, group: Sequence[S], reading: Reading[S]) -> Outcome:
        parts = [self._several(f"{audit.folder.name}-{number}", half, reading) for number, half in enumerate(halves(group), 1)]

        def outcome() -> Outcome:
            told = all_of(part.outcome() for part in parts)
            return all_of([told, reading.alarm(group, audit, False)]) if told.quiet else told

        return Outcome(more=(Asked(tuple(one for part in parts for one in part.jobs), outcome),))

    def _traced(self, audit: Job, group: Sequence[S], said: Said[S], reading: Reading[S]) -> Asked:
        """Whoever of the group shows by itself what the audit of its controls showed is audited by itself. The others have nothing to do with it; where only
        several together show it, the fewest that do are looked for."""
        if len(group) == 1:
            return self.single(group[0])
        parts: list[tuple[Job, Sequence[S]]] = [
            (self.audit(f"{audit.folder.name}-{n}", half, said.beyond), half) for n, half in enumerate(halves(group), 1)
        ]

        def outcome() -> Outcome:
            seen: list[bool] = [shows(part, reading.wrong) for part, _ in parts]
            made: list[Outcome] = [
                Outcome(more=(self._traced(part, half, said, reading),)) if again else said.of(half)
                for again, (part, half) in zip(seen, parts, strict=True)
            ]
            return all_of(made if any(seen) else [*made, self._fewest(said, reading).of(group, audit, len(parts))])

        return Asked(tuple(part for part, _ in parts), outcome)

    def _fewest(self, said: Said[S], reading: Reading[S]) -> Fewest[S]:
        return Fewest(
            lambda name, some: self.audit(name, some, said.beyond),
            lambda audit: shows(audit, reading.wrong),
            lambda some, audit: reading.alarm(some, audit, True),
        )


def halves(group: Sequence[S]) -> tuple[Sequence[S], Sequence[S]]:
    return group[: len(group) // 2], group[len(group) // 2 :]


def _green(one: Variant, group: Collection[Variant]) -> Harmless:
    """A variant that was in an audit in which nothing raised an alarm, or nothing that has to do with it."""
    return Harmless(id=one.id, title=one.title, mechanism=one.mechanism, green=True, beside=beside(one, group))


def _killed(one: Violation, group: Collection[Violation], failed: Iterable[str], places: Places) -> Attempt:
    """A violation of which all controls failed, in an audit in which nothing else can have failed them there."""
    return Attempt(
        id=one.id,
        title=one.title,
        mechanism=one.mechanism,
        controls=one.controls,
        killed=True,
        related=related(one, failed),
        beside=beside(one, group),
        places=places,
    )


def together(cases: Cases, folder: Path, seed: int, depth: str, before: Seen) -> Iterator[list[Asked]]:
    """The audits of all seeds, as many in one as can be told apart; those that need servers or nodes are among themselves. What comes second, once the first
    have ended, are the violations that were not found. Those that wait longest come first."""
    broken = [item for item in cases.run if isinstance(item, Violation)]
    other = [item for item in cases.run if isinstance(item, Variant)]
    told, left = Told(broken, before), list[Violation]()
    first, second = Round(folder, seed, depth, told, left), Round(folder, seed, depth, told, None)
    yield [
        *(first.variants(name, batch) for name, batch in _named("variants", other, lambda some: batches(some, seed))),
        *(first.violations(name, group) for name, group in _named("violations", broken, lambda some: groups(some, before, seed))),
    ]
    yield [second.violations(name, group) for name, group in _named("again", left, lambda some: groups(some, before, seed))]


def _named(kind: str, seeds: Iterable[S], divide: Callable[[list[S]], list[tuple[S, ...]]]) -> Iterator[tuple[str, tuple[S, ...]]]:
    """The audits of the seeds with their names: of those that need more than the simulator first, which take longer."""
    number = 0
    for needy in (True, False):
        made = divide([item for item in seeds if bool(item.needs) is needy])
        for group in sorted(made, key=lambda group: -max(item.settle_seconds or 0 for item in group)):
            number += 1
            yield f"{kind}-{number:02}", group
