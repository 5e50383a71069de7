"""Writes `kill-matrix.json`, `kill-matrix.html` and, where there are any, `places.json`, each whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix import places
from zdr_audit.matrix.judge import killers
from zdr_audit.matrix.model import Matrix, MatrixError
from zdr_audit.matrix.page import render

JSON, HTML = "kill-matrix.json", "kill-matrix.html"


def read(folder: Path) -> Matrix:
    """The matrix that lies in `folder`, with its places. Raises MatrixError."""
    known = places.read_places(folder)
    try:
        matrix = Matrix.model_validate_json((folder / JSON).read_text(encoding="utf-8"))
        rows = tuple(row.model_copy(update={"places": known.get(row.id, {})}) for row in matrix.violations)
        return matrix.model_copy(update={"violations": rows})
    except (OSError, ValueError) as exc:
        raise MatrixError(f"{folder / JSON}: cannot be read as a kill matrix: {' '.join(str(exc).split())[:200]}") from None


def would_go(folder: Path, made: Collection[str]) -> int:
    """How many rows of a matrix in `folder` a new one with the rows `made` would not have; 0 where none lies there."""
    try:
        old = read(folder)
    except MatrixError:
        return 0
    return len(({row.id for row in old.violations} | {row.id for row in old.benign}) - set(made))


def brought_up(old: Matrix, new: Matrix, known: Collection[str]) -> Matrix:
    """The old matrix with the new one's rows in place of its own. `known` are the seeds that there are: what is of none goes. Raises MatrixError where the
    two are not of one kind."""
    if old.alone != new.alone:
        raise MatrixError(f"--update: the matrix there is {'' if old.alone else 'not '}of each control alone")
    if old.together != new.together:
        raise MatrixError(f"--update: the matrix there is {'' if old.together else 'not '}of several seeds together")
    if (old.seed, old.depth, old.version) != (new.seed, new.depth, new.version):
        raise MatrixError(
            f"--update: the matrix there is of seed {old.seed}, depth {old.depth}, version {old.version}, not of {new.seed}, {new.depth}, {new.version}"
        )
    made = {row.id for row in new.violations} | {row.id for row in new.benign}
    attempts = sorted((*(row for row in old.violations if row.id in known and row.id not in made), *new.violations), key=lambda row: row.id)
    variants = sorted((*(row for row in old.benign if row.id in known and row.id not in made), *new.benign), key=lambda row: row.id)
    alarms = [one for one in old.alarms if made.isdisjoint(one.variants) and set(known).issuperset(one.variants)]
    there = {row.id for row in attempts} | {row.id for row in variants}
    most = 2 * len(made & there) > len(there)
    left = {row.id: row for row in (*old.not_run, *new.not_run) if row.id in known and row.id not in there}
    return new.model_copy(
        update={
            "violations": tuple(attempts),
            "benign": tuple(variants),
            "alarms": tuple(sorted((*alarms, *new.alarms), key=lambda one: one.variants)),
            "not_run": tuple(left[name] for name in sorted(left)),
            "controls": killers(load_catalogue().controls, attempts),
            "whole": not left and there >= set(known),
            "seconds": new.seconds if most else old.seconds + new.seconds,
            "updated": tuple(sorted(there - made if most else ({*old.updated} | made) & there)),
        }
    )


def to_json(matrix: Matrix) -> str:
    return json.dumps(matrix.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def write(matrix: Matrix, folder: Path) -> list[Path]:
    """All files in `folder`, which is made where it is missing. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {places.FILE: places.to_json(matrix.violations)} if any(row.places for row in matrix.violations) else {}
    files = {JSON: to_json(matrix), **known, HTML: render(matrix)}
    if not known:
        (folder / places.FILE).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
        for name, text in files.items():
            place = Path(scratch) / name
            place.write_text(text, encoding="utf-8")
            os.replace(place, folder / name)  # noqa: PTH105 - both are paths already
    return [folder / name for name in files]
