"""Makes a matrix: chooses, drives, judges."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from zdr_audit import __version__
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.asked import Asked, Row, again, alone, whole
from zdr_audit.matrix.cases import Cases
from zdr_audit.matrix.drive import Drive
from zdr_audit.matrix.judge import Result, killers
from zdr_audit.matrix.model import Attempt, Harmless, Matrix, NotRun
from zdr_audit.matrix.spent import Spent


def rows(asked: list[Asked], drive: Drive, resume: bool) -> Iterator[Row]:
    """What each seed came to, as its audits end. `resume`: audits that lie finished in their folders are not made again."""
    owners = {one.folder: item for item in asked for one in item.jobs}
    waiting = {id(item): len(item.jobs) for item in asked}
    jobs = [one for item in asked for one in item.jobs]
    digest = load_catalogue().digest
    finished = [one for one in jobs if resume and Result(one.folder).is_of(one, digest)]
    for done in itertools.chain(finished, drive.each([one for one in jobs if one not in finished])):
        item = owners[done.folder]
        waiting[id(item)] -= 1
        if not waiting[id(item)]:
            yield item.row()


def build(
    cases: Cases,
    folder: Path,
    drive: Drive,
    *,
    seed: int,
    depth: str,
    resume: bool,
    done: Callable[[Row], None],
    one_by_one: bool = False,
    records: Path | None = None,
) -> Matrix:
    """The whole matrix; `done` is told each row as it comes. `one_by_one`: each control alone. `records`: where the audits lie that are checked again, in
    place of making them. Raises MatrixError where they do not."""
    spent = Spent(folder, resume, before=records)
    attempts: list[Attempt] = []
    variants: list[Harmless] = []
    asked = (alone if one_by_one else whole)(cases, folder, seed, depth)
    asked = asked if records is None else again(asked, folder, records)
    for row in rows(asked, drive, resume):
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
        alone=one_by_one,
        seed=seed,
        depth=depth,
        version=__version__,
        seconds=round(spent.seconds),
    )
