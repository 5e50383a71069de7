"""A matrix is brought up to date: rows made again take the place of the old ones, the others stay, and it says which are which."""

from __future__ import annotations

import pytest

from zdr_audit.matrix.model import Attempt
from zdr_audit.matrix.page import render
from zdr_audit.matrix.write import MatrixError, brought_up, read

from .samples import matrix

AGAIN = Attempt(id="ret-x", title="Keeps it", mechanism="Somehow", controls=("ZDR-RET-01",), killed=False, missed=("ZDR-RET-01",))
NEW = Attempt(id="ret-y", title="Keeps it too", mechanism="Somehow", controls=("ZDR-RET-02",), killed=True)
SEEDS = {"ret-x", "ret-y", "ben-x", "ret-server"}


def test_rows_made_again_replace_the_old_ones_and_the_others_stay() -> None:
    made = brought_up(matrix(), matrix(violations=(AGAIN,), benign=(), not_run=()), SEEDS)
    assert [row.id for row in made.violations] == ["ret-x"]
    assert not made.violations[0].killed
    assert [row.id for row in made.benign] == ["ben-x"]
    assert [row.id for row in made.not_run] == ["ret-server"]
    assert (made.whole, made.updated, made.seconds) == (False, ("ret-x",), 2 * matrix().seconds)
    assert "1 row was made at another time than the others" in render(made)


def test_where_most_rows_are_made_again_those_are_told_that_were_not() -> None:
    old = brought_up(matrix(), matrix(violations=(AGAIN,), benign=(), not_run=()), SEEDS)
    made = brought_up(old, matrix(violations=(AGAIN, NEW), benign=(), not_run=()), SEEDS)
    assert [row.id for row in made.violations] == ["ret-x", "ret-y"]
    assert (made.updated, made.seconds) == (("ben-x",), matrix().seconds)


def test_what_there_is_no_more_goes_and_every_control_of_the_catalogue_is_told() -> None:
    made = brought_up(matrix(), matrix(violations=(NEW,), benign=(), not_run=()), {"ret-y"})
    assert ([row.id for row in made.violations], made.benign, made.not_run, made.whole) == (["ret-y"], (), (), True)
    assert {row.id: row.violations for row in made.controls}["ZDR-RET-02"] == ("ret-y",)
    assert "ZDR-RET-01" in made.unproven


@pytest.mark.parametrize("other", [{"seed": 2}, {"depth": "standard"}, {"version": "0.2"}])
def test_matrices_of_two_kinds_are_not_mixed(other: dict[str, object]) -> None:
    with pytest.raises(MatrixError, match="not of"):
        brought_up(matrix(), matrix(**other), SEEDS)


def test_a_matrix_that_is_not_there_is_told_in_a_line(tmp_path) -> None:
    with pytest.raises(MatrixError, match=r"kill-matrix\.json: cannot be read as a kill matrix"):
        read(tmp_path)
