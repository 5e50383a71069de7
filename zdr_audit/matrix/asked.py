"""What is asked about each seed: by one audit with every control, or by one audit for each control that must find it, with that control alone. How
several share an audit: `together.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.cases import Cases, quick_profile
from zdr_audit.matrix.earlier import earlier_suites, missed_for_real, seen_earlier
from zdr_audit.matrix.judge import Result, attempt, attempt_alone, harmless, harmless_alone
from zdr_audit.matrix.model import Alarm, Attempt, Harmless, MatrixError
from zdr_audit.matrix.work import JOURNAL, Job
from zdr_audit.violations import Seed, Variant, Violation

Row = Attempt | Harmless
COMPLIANT = "compliant"


@dataclass(frozen=True)
class Outcome:
    """What audits came to: rows of a matrix, what must still be asked for others, and what only several variants together show."""

    rows: tuple[Row, ...] = ()
    more: tuple[Asked, ...] = ()
    alarms: tuple[Alarm, ...] = ()

    @property
    def quiet(self) -> bool:
        """Nothing is wrong, and nothing open."""
        return not (self.more or self.alarms) and all(row.green if isinstance(row, Harmless) else row.good for row in self.rows)


def all_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Several outcomes as one."""
    made = tuple(outcomes)
    return Outcome(
        tuple(row for one in made for row in one.rows),
        tuple(asked for one in made for asked in one.more),
        tuple(alarm for one in made for alarm in one.alarms),
    )


@dataclass(frozen=True)
class Asked:
    """Audits, and what tells what they came to once all of them have ended."""

    jobs: tuple[Job, ...]
    outcome: Callable[[], Outcome]


def job(seeds: Collection[Seed], place: Path, seed: int, depth: str) -> Job:
    """The audit of these seeds at once (mostly of one) with every control, in the folder `place`."""
    broken = tuple(item.id for item in seeds if isinstance(item, Violation))
    other = tuple(item.id for item in seeds if isinstance(item, Variant))
    return Job(place, quick_profile(place, *seeds), violations=broken, variants=other, seed=seed, depth=depth)


def whole(cases: Cases, folder: Path, seed: int, depth: str) -> list[Asked]:
    """One audit a seed, with every control. Those that wait longest come first."""

    def asked(item: Violation | Variant) -> Asked:
        one = job((item,), folder / item.id, seed, depth)

        def row() -> Row:
            result = Result(one.folder)
            if isinstance(item, Variant):
                return harmless(item, result)
            deep = item.depth and item.id not in missed_for_real()
            return attempt(item, result, seen_earlier(result, earlier_suites()) if deep else ())

        return Asked((one,), lambda: Outcome((row(),)))

    return [asked(item) for item in sorted(cases.run, key=lambda item: -(item.settle_seconds or 0))]


def again(asked: Iterable[Asked], folder: Path, records: Path) -> list[Asked]:
    """The same, by checking the journals again that earlier audits left below `records`, where each lies as it would below `folder`. Raises MatrixError
    where one is missing, or is of another audit."""
    digest = load_catalogue().digest
    found = [
        replace(item, jobs=tuple(replace(one, record=records / one.folder.relative_to(folder)) for one in item.jobs)) for item in asked
    ]
    jobs = [one for item in found for one in item.jobs]
    missing = [
        one for one in jobs if one.record is None or not Result(one.record).is_of(one, digest) or not (one.record / JOURNAL).is_file()
    ]
    if missing:
        raise MatrixError(f"--recheck: no record of {len(missing)} of the {len(jobs)} audits, first: {missing[0].record}")
    return found


def alone(cases: Cases, folder: Path, seed: int, depth: str) -> list[Asked]:
    """For each violation an audit for each control that must find it, with that control alone; and the compliant simulator with each of those controls alone,
    which must hold."""

    def by_control(plain: Job, controls: Iterable[str]) -> dict[str, Job]:
        return {name: replace(plain, folder=plain.folder / name, controls=(name,)) for name in controls}

    def asked(item: Violation) -> Asked:
        jobs = by_control(job((item,), folder / item.id, seed, depth), item.controls)
        return Asked(tuple(jobs.values()), lambda: Outcome((attempt_alone(item, {n: Result(one.folder) for n, one in jobs.items()}),)))

    broken = [item for item in cases.run if isinstance(item, Violation)]
    named = {name for item in broken for name in item.controls}
    place = folder / COMPLIANT
    held = by_control(Job(place, quick_profile(place), seed=seed, depth=depth), [c.id for c in load_catalogue().controls if c.id in named])
    compliant = Asked(tuple(held.values()), lambda: Outcome((harmless_alone({name: Result(one.folder) for name, one in held.items()}),)))
    return [*([compliant] if held else []), *(asked(item) for item in broken)]
