"""`zdr-audit violations`: the list of what can be seeded, and the kill matrix."""

from __future__ import annotations

import sys
from collections.abc import Collection
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from zdr_audit.run.options import DEPTHS
from zdr_audit.violations import Variant, Violation, ViolationError, load_variants, load_violations

EXIT_USAGE = 2


def _fail(message: str) -> None:
    click.echo(f"zdr-audit: {message}", err=True)
    sys.exit(EXIT_USAGE)


def _must_fit(patterns: Collection[str], known: Collection[str]) -> None:
    """Ends the command where a pattern fits no seed: beside others it would be passed over."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            near = get_close_matches(pattern, known, n=3, cutoff=0.5)
            close = f"; close matches: {', '.join(near)}" if near else "; it is given whole ids or patterns such as 'ret-*'"
            _fail(f"--only selects nothing by '{pattern}'{close}")


def _loaded(only: Collection[str]) -> tuple[tuple[Violation, ...], tuple[Variant, ...]]:
    """All violations and variants; ends the command where they cannot be read, or a pattern of `only` fits none."""
    try:
        broken, harmless = load_violations(), load_variants()
    except ViolationError as exc:
        _fail(str(exc))
        raise
    _must_fit(only, [one.id for one in (*broken, *harmless)])
    return broken, harmless


@click.command(name="violations")
@click.option("--benign", is_flag=True, help="List the harmless variants instead, which must raise nothing.")
@click.option("--matrix", is_flag=True, help="Audit the simulator with each violation and each variant, and write the kill matrix.")
@click.option("--only", multiple=True, metavar="GLOB", help="Only these, e.g. 'ret-*' or 'ben-*'. May be repeated.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="With --matrix: audits at the same time (default: three for two processors, with --together five).",
)
@click.option("--seed", type=int, default=1, show_default=True, help="With --matrix: seed of the generated request shapes.")
@click.option(
    "--depth", type=click.Choice(DEPTHS), default="quick", show_default=True, help="With --matrix: how many stimuli of each kind."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --matrix: folder of kill-matrix.json and kill-matrix.html (default: reports; with --alone reports/alone, with --together reports/together).",
)
@click.option(
    "--alone",
    is_flag=True,
    help="With --matrix: each violation against each control that must find it, with that control alone; minutes in place of an hour. "
    "Says nothing of unrelated controls.",
)
@click.option(
    "--together",
    is_flag=True,
    help="With --matrix: several seeds in one audit, drawn by the seed such that each can be told, by the controls that it touches or the places of its "
    "findings; one that is not found there is audited again. Every control, with less than a tenth of the audits.",
)
@click.option(
    "--seen",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="With --together: folder of matrices made before, from which it is known what each violation touches by itself, and where its findings are "
    "(default: reports, where there is one). Where none has it, all that the violation may touch.",
)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="With --matrix: folder in which each audit's files stay.")
@click.option("--resume", is_flag=True, help="With --matrix and --keep: audits that lie finished there are not made again.")
@click.option(
    "--recheck",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="With --matrix: make no audits; hold the records that an earlier --keep left in this folder against the checks as they are now.",
)
@click.option("--update", is_flag=True, help="With --matrix: rows of the matrix in --out that are not made this time stay as they are.")
@click.option(
    "--with",
    "available",
    multiple=True,
    type=click.Choice(["servers", "nodes"]),
    help="With --matrix: run those that need this too. What is left out is listed as not run.",
)
def violations_command(
    benign: bool,
    matrix: bool,
    only: tuple[str, ...],
    jobs: int | None,
    seed: int,
    depth: str,
    out: Path | None,
    alone: bool,
    together: bool,
    seen: Path | None,
    keep: Path | None,
    resume: bool,
    recheck: Path | None,
    update: bool,
    available: tuple[str, ...],
) -> None:
    """List the seeded violations of the reference simulator and the control that must catch each, or run them all.

    \b
    Examples:
      zdr-audit violations
      zdr-audit violations --matrix
      zdr-audit violations --matrix --alone
      zdr-audit violations --matrix --together
      zdr-audit violations --matrix --only 'blk-*' --out blocked
      zdr-audit violations --matrix --only 'blk-*' --update
      zdr-audit violations --matrix --keep audits --out before && zdr-audit violations --matrix --recheck audits --out now

    The exit status of --matrix is 1 where a violation is missed, an unrelated control fails, or a harmless variant is not green.
    """
    broken, harmless = _loaded(only)
    if matrix:
        from zdr_audit.matrix.asked import COMPLIANT
        from zdr_audit.matrix.build import Kind
        from zdr_audit.matrix.cases import choose
        from zdr_audit.matrix.command import run_matrix
        from zdr_audit.matrix.drive import default_jobs
        from zdr_audit.matrix.model import MatrixError
        from zdr_audit.matrix.told import seen as touched
        from zdr_audit.matrix.write import read, would_go

        if resume and keep is None:
            _fail("--resume needs --keep: the folder in which the audits lie")
        if recheck is not None and keep is not None and keep.resolve() == recheck.resolve():
            _fail("--recheck and --keep need folders of their own: the records stay as they are")
        if alone and together:
            _fail("--alone and --together are two kinds of matrix: choose one")
        if recheck is not None and together:
            _fail("--recheck checks the records of audits of one seed each, and --together makes others")
        if seen is not None and not together:
            _fail("--seen needs --together")
        kind: Kind = "alone" if alone else "together" if together else "each"
        out = out or Path("reports" if kind == "each" else f"reports/{kind}")
        harmless = () if alone else harmless
        cases = choose(broken, harmless, only, available)
        if not cases.run:
            _fail("--only selects nothing that can be run" if only else "there is nothing to run")
        beside = {COMPLIANT} if alone else set()
        if only and not update and (lost := would_go(out, {item.id for item in cases.run} | beside)):
            _fail(
                f"--only would throw away {lost} rows of the matrix in {out}: name another folder (--out) or replace rows in it (--update)"
            )
        known = {item.id for item in (*broken, *harmless)} | beside
        try:
            old = read(out) if update else None
            if old is not None and (old.seed, old.depth) != (seed, depth):
                _fail(f"--update: the matrix in {out} is of seed {old.seed} and depth {old.depth}")
            status = run_matrix(
                cases,
                out,
                jobs or default_jobs(kind),
                seed=seed,
                depth=depth,
                keep=keep,
                resume=resume,
                kind=kind,
                before=touched(seen or Path("reports")) if together else None,
                old=old,
                known=known,
                records=recheck,
            )
        except MatrixError as exc:
            _fail(str(exc))
            raise
        sys.exit(status)
    listed = [one for one in (harmless if benign else broken) if not only or any(fnmatchcase(one.id, pattern) for pattern in only)]
    if not listed:
        _fail("--only selects nothing; it is given whole ids or patterns such as 'ret-*'")
    table = Table(box=None, pad_edge=False)
    table.add_column("Variant" if benign else "Violation", overflow="fold", no_wrap=True)
    if not benign:
        table.add_column("Caught by", overflow="fold")
    table.add_column("What differs" if benign else "What it does", overflow="fold")
    for one in listed:
        table.add_row(one.id, *([" ".join(one.controls)] if isinstance(one, Violation) else []), one.title)
    Console(highlight=False).print(table)
