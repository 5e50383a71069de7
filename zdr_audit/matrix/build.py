"""Makes a matrix: chooses, drives, judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zdr_audit import __version__
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.asked import Asked, Row, again, alone, whole
from zdr_audit.matrix.cases import Cases
from zdr_audit.matrix.drive import Drive
from zdr_audit.matrix.judge import Result, killers
from zdr_audit.matrix.model import Alarm, Attempt, Harmless, Matrix, NotRun
from zdr_audit.matrix.spent import Spent
from zdr_audit.matrix.together import together
from zdr_audit.matrix.told import Seen
from zdr_audit.matrix.work import Job

Kind = Literal["each", "alone", "together"]


@dataclass
class _Open:
    """What was asked, and how many of its audits have not ended."""

    asked: Asked
    left: int


def rows(asked: Iterable[Asked], drive: Drive, resume: bool) -> Iterator[Row | Alarm]:
    """What each seed came to, as its audits end. `resume`: audits that lie finished in their folders are not made again."""
    digest = load_catalogue().digest
    running: dict[Future[Job], _Open] = {}

    def begin(item: Asked) -> None:
        one = _Open(item, len(item.jobs))
        for job in item.jobs:
            running[_ended(job) if resume and Result(job.folder).is_of(job, digest) else drive.start(job)] = one

    for item in asked:
        begin(item)
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            future.result()
            one = running.pop(future)
            one.left -= 1
            if not one.left:
                outcome = one.asked.outcome()
                for more in outcome.more:
                    begin(more)
                yield from outcome.rows
                yield from outcome.alarms


def _ended(job: Job) -> Future[Job]:
    future: Future[Job] = Future()
    future.set_result(job)
    return future


def _asked(cases: Cases, folder: Path, seed: int, depth: str, kind: Kind, before: Seen) -> Iterable[list[Asked]]:
    """Round by round: what is asked next is known when the round before has ended."""
    if kind == "together":
        return together(cases, folder, seed, depth, before)
    return [(alone if kind == "alone" else whole)(cases, folder, seed, depth)]


def build(
    cases: Cases,
    folder: Path,
    drive: Drive,
    *,
    seed: int,
    depth: str,
    resume: bool,
    done: Callable[[Row | Alarm], None],
    kind: Kind = "each",
    before: Seen | None = None,
    records: Path | None = None,
) -> Matrix:
    """The whole matrix; `done` is told each row and alarm as it comes. `kind`: each seed by itself with every control, with each control alone, or several
    seeds together; for which `before` is what they did by themselves. `records`: where the audits lie that are checked again, in place of making them. Raises
    MatrixError where they do not."""
    spent = Spent(folder, resume, before=records)
    attempts: list[Attempt] = []
    variants: list[Harmless] = []
    alarms: list[Alarm] = []
    for asked in _asked(cases, folder, seed, depth, kind, before or {}):
        for row in rows(asked if records is None else again(asked, folder, records), drive, resume):
            attempts += [row] if isinstance(row, Attempt) else []
            variants += [row] if isinstance(row, Harmless) else []
            alarms += [row] if isinstance(row, Alarm) else []
            spent.keep()
            done(row)
    attempts.sort(key=lambda row: row.id)
    return Matrix(
        violations=tuple(attempts),
        benign=tuple(sorted(variants, key=lambda row: row.id)),
        alarms=tuple(sorted(alarms, key=lambda one: one.variants)),
        not_run=tuple(NotRun(id=item.id, needs=item.needs) for item in cases.not_run),
        controls=killers(load_catalogue().controls, attempts),
        whole=cases.whole,
        alone=kind == "alone",
        together=kind == "together",
        seed=seed,
        depth=depth,
        version=__version__,
        seconds=round(spent.seconds),
    )
