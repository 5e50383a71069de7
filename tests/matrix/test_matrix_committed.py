"""The kill matrices that are committed, one for each seed of the shapes, tell of these violations and these controls, and nothing in them is left unsaid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zdr_audit import __version__, resources
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.model import Matrix
from zdr_audit.matrix.page import render
from zdr_audit.matrix.write import HTML, JSON
from zdr_audit.violations import load_variants, load_violations

PLACE = resources.templates().parent
PLACES = [PLACE, *sorted(PLACE.glob("seed-*"))]
TOGETHER = [PLACE / "together", *sorted((PLACE / "together").glob("seed-*"))]


@pytest.fixture(scope="module", params=[*PLACES, *TOGETHER], ids=lambda place: place.relative_to(PLACE.parent).as_posix())
def place(request: pytest.FixtureRequest) -> Path:
    """The folder of a matrix."""
    return request.param


@pytest.fixture(scope="module")
def matrix(place: Path) -> Matrix:
    return Matrix.model_validate(json.loads((place / JSON).read_text(encoding="utf-8")))


@pytest.mark.parametrize("places", [PLACES, TOGETHER], ids=["each-by-itself", "together"])
def test_each_is_of_another_seed(places: list[Path]) -> None:
    seeds = [Matrix.model_validate(json.loads((place / JSON).read_text(encoding="utf-8"))).seed for place in places]
    assert [f"seed-{seed}" for seed in seeds[1:]] == [place.name for place in places[1:]] and seeds[0] not in seeds[1:]


def test_it_says_whether_seeds_were_together(matrix: Matrix, place: Path) -> None:
    assert matrix.together is (place in TOGETHER) and not matrix.alone
    rows = {row.id: row.beside for row in (*matrix.violations, *matrix.benign)}
    assert not any(rows.values()) or matrix.together
    assert all(set(beside) <= set(rows) - {name} for name, beside in rows.items())


def test_it_is_of_this_version_and_says_what_was_not_run(matrix: Matrix) -> None:
    assert matrix.version == __version__
    left = {row.id for row in matrix.not_run}
    assert matrix.whole is not bool(left)
    assert left <= {item.id for item in (*load_violations(), *load_variants()) if item.needs}, "only what needs servers may be left out"


def test_every_violation_is_in_it_and_was_killed_by_the_controls_that_should(matrix: Matrix) -> None:
    left = {row.id for row in matrix.not_run}
    assert {row.id: row.controls for row in matrix.violations} == {v.id: v.controls for v in load_violations() if v.id not in left}
    assert not {row.id: row.missed for row in matrix.violations if not row.killed}


def test_no_unrelated_control_failed(matrix: Matrix) -> None:
    assert not {row.id: row.collateral for row in matrix.violations if row.collateral}


def test_every_harmless_variant_is_in_it_and_stayed_green(matrix: Matrix) -> None:
    left = {row.id for row in matrix.not_run}
    assert [row.id for row in matrix.benign] == sorted(item.id for item in load_variants() if item.id not in left)
    assert not {row.id: (row.failed, row.inconclusive, row.problem) for row in matrix.benign if not row.green}


def test_every_control_killed_something(matrix: Matrix) -> None:
    assert [row.id for row in matrix.controls] == [control.id for control in load_catalogue().controls]
    assert not matrix.unproven


def test_the_page_beside_it_is_made_from_it(matrix: Matrix, place: Path) -> None:
    assert (place / HTML).read_text(encoding="utf-8") == render(matrix)


ALONE = [PLACE / "alone", *sorted((PLACE / "alone").glob("seed-*"))]


@pytest.fixture(scope="module", params=ALONE, ids=[place.name for place in ALONE])
def place_alone(request: pytest.FixtureRequest) -> Path:
    """The folder of a matrix of each control alone."""
    return request.param


@pytest.fixture(scope="module")
def alone(place_alone: Path) -> Matrix:
    return Matrix.model_validate(json.loads((place_alone / JSON).read_text(encoding="utf-8")))


def test_each_control_alone_finds_each_of_its_violations_and_passes_where_nothing_is_broken(alone: Matrix, place_alone: Path) -> None:
    assert (alone.alone, alone.version) == (True, __version__)
    assert place_alone.name in ("alone", f"seed-{alone.seed}")
    able = {item.id: item.controls for item in load_violations() if not item.needs}
    assert {row.id: row.controls for row in alone.violations} == able
    assert not {row.id: row.missed for row in alone.violations if not row.killed}
    assert [(row.id, row.green) for row in alone.benign] == [("compliant", True)]
    assert not alone.unproven


def test_the_page_of_controls_alone_is_made_from_their_matrix(alone: Matrix, place_alone: Path) -> None:
    assert (place_alone / HTML).read_text(encoding="utf-8") == render(alone)
