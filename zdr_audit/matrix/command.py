"""`zdr-audit violations --matrix`."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

from rich.console import Console
from rich.table import Table

from zdr_audit.matrix.asked import Row
from zdr_audit.matrix.build import Kind, build
from zdr_audit.matrix.cases import Cases
from zdr_audit.matrix.drive import Drive
from zdr_audit.matrix.model import Alarm, Attempt, Matrix
from zdr_audit.matrix.told import Seen
from zdr_audit.matrix.write import brought_up, write
from zdr_audit.run.progress import reporter

EXIT_GOOD, EXIT_BAD = 0, 1


def run_matrix(
    cases: Cases,
    out: Path,
    jobs: int,
    *,
    seed: int,
    depth: str,
    keep: Path | None = None,
    resume: bool = False,
    kind: Kind = "each",
    before: Seen | None = None,
    old: Matrix | None = None,
    known: Collection[str] = (),
    records: Path | None = None,
) -> int:
    """Run the audits, write the matrix, say what is wrong; gives the exit status. `keep`: where each audit's files stay, and with `resume` are found.
    `kind`, `before`: see `build`. `old`: the matrix whose rows are replaced, of which those of the `known` seeds stay. `records`: the audits that lie there
    are checked again, and none is made. Raises MatrixError where the two do not fit, or a record is missing."""
    shown = Console(highlight=False)
    progress = reporter(Console(stderr=True))

    def done(row: Row | Alarm) -> None:
        if said := complaint(row):
            shown.print(said, markup=False, soft_wrap=True)
        if not isinstance(row, Alarm):
            progress.step(row.id)
            progress.done()

    with tempfile.TemporaryDirectory(prefix="zdr-audit-matrix-") as scratch, progress, Drive(jobs, seed) as drive:
        progress.phase("Audits", len(cases.run))
        matrix = build(
            cases, keep or Path(scratch), drive, seed=seed, depth=depth, resume=resume, done=done, kind=kind, before=before, records=records
        )
    matrix = brought_up(old, matrix, known) if old is not None else matrix
    written = write(matrix, out)
    shown.print(summary(matrix))
    for control in matrix.unproven if matrix.whole else ():
        shown.print(f"{control} has no violation that it found", markup=False)
    shown.print(f"Matrix: {written[-1]}", markup=False, soft_wrap=True)
    return EXIT_GOOD if matrix.good else EXIT_BAD


def complaint(row: Row | Alarm) -> str:
    """What is wrong with a row in a line, empty where nothing is; what an alarm is of."""
    if isinstance(row, Alarm):
        when = "together, and none of them by itself" if row.again else "together, once, and not again"
        parts = [f"{word} {', '.join(names)}" for word, names in (("failed", row.failed), ("inconclusive", row.inconclusive)) if names]
        return f"{' + '.join(row.variants)}: {'; '.join([when, *parts, *([row.reason] if row.reason else [])])}"
    if isinstance(row, Attempt):
        parts = [f"missed by {', '.join(row.missed)}"] if row.missed else []
        parts += [f"collateral {', '.join(row.collateral)}"] if row.collateral else []
    else:
        parts = [] if row.green else ["not green"]
        parts += [f"failed {', '.join(row.failed)}"] if row.failed else []
    if not parts:
        return ""
    parts += [f"inconclusive {', '.join(row.inconclusive)}"] if row.inconclusive else []
    return f"{row.id}: {'; '.join([*parts, *([row.problem] if row.problem else [])])}"


def summary(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "Good", "Bad", "Not run", "All"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, rows, left in (
        ("Violations found by their controls", [row.killed for row in matrix.violations], matrix.not_run),
        *(
            [("Compliant with each control alone", [row.green for row in matrix.benign], ())]
            if matrix.alone
            else [
                ("Violations without collateral", [not row.collateral for row in matrix.violations], ()),
                ("Harmless variants that stay green", [row.green for row in matrix.benign], ()),
            ]
        ),
        ("Controls that found a violation", [bool(control.violations) for control in matrix.controls], ()),
    ):
        good = sum(rows)
        table.add_row(name, str(good), str(len(rows) - good), str(len(left)), str(len(rows) + len(left)))
    return table
