"""Makes a matrix: chooses, drives, judges."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from zdr_audit import __version__
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.cases import Cases, quick_profile
from zdr_audit.matrix.drive import Drive
from zdr_audit.matrix.earlier import earlier_suites, missed_for_real, seen_earlier
from zdr_audit.matrix.judge import Result, attempt, harmless, killers
from zdr_audit.matrix.model import Attempt, Harmless, Matrix, NotRun
from zdr_audit.matrix.spent import Spent
from zdr_audit.matrix.work import Job
from zdr_audit.violations import Variant, Violation

Row = Attempt | Harmless


def job(item: Violation | Variant, folder: Path, seed: int, depth: str) -> Job:
    """The audit of one seed, in a folder of its own below `folder`."""
    place = folder / item.id
    target = quick_profile(place, item)
    if isinstance(item, Violation):
        return Job(place, target, violation=item.id, seed=seed, depth=depth)
    return Job(place, target, variant=item.id, seed=seed, depth=depth)


def rows(cases: Cases, folder: Path, drive: Drive, seed: int, depth: str, resume: bool) -> Iterator[Row]:
    """What each seed came to, as the audits end. Those that wait longest are begun first. `resume`: audits that lie finished in `folder` are not made
    again."""
    ordered = sorted(cases.run, key=lambda item: -(item.settle_seconds or 0))
    seeds = {item.id: item for item in ordered}
    jobs = [job(item, folder, seed, depth) for item in ordered]
    digest = load_catalogue().digest
    finished = [one for one in jobs if resume and Result(one.folder).is_of(one, digest)]
    for done in itertools.chain(finished, drive.each([one for one in jobs if one not in finished])):
        item, result = seeds[done.folder.name], Result(done.folder)
        if isinstance(item, Violation):
            asked = item.depth and item.id not in missed_for_real()
            yield attempt(item, result, seen_earlier(result, earlier_suites()) if asked else ())
        else:
            yield harmless(item, result)


def build(cases: Cases, folder: Path, drive: Drive, *, seed: int, depth: str, resume: bool, done: Callable[[Row], None]) -> Matrix:
    """The whole matrix; `done` is told each row as it comes."""
    spent = Spent(folder, resume)
    attempts: list[Attempt] = []
    variants: list[Harmless] = []
    for row in rows(cases, folder, drive, seed, depth, resume):
        attempts += [row] if isinstance(row, Attempt) else []
        variants += [row] if isinstance(row, Harmless) else []
        spent.keep()
        done(row)
    attempts.sort(key=lambda row: row.id)
    return Matrix(
        violations=tuple(attempts),
        benign=tuple(sorted(variants, key=lambda row: row.id)),
        not_run=tuple(NotRun(id=item.id, needs=item.needs) for item in cases.not_run),
        controls=killers(load_catalogue().controls, attempts),
        whole=cases.whole,
        seed=seed,
        depth=depth,
        version=__version__,
        seconds=round(spent.seconds),
    )
