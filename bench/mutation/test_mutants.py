"""The mutants are what they are said to be; needs Cosmic Ray, so it runs with `tox run -e mutation`."""

from __future__ import annotations

import pytest

from bench.mutation import mutants
from bench.mutation.mutants import chosen, mutants_of
from bench.mutation.rooms import Room

TEXT = """from __future__ import annotations

if TYPE_CHECKING:
    from elsewhere import Other

LIMIT = 3


def near(value: int | None, *, reach: int | str = 1) -> bool | None:
    other: int | None = value
    if value is None:
        return None
    return abs(value - LIMIT) < reach
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    (tmp_path / "near.py").write_text(TEXT)
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    return "near.py"


def test_every_operator_and_number_is_changed_and_no_annotation(file):
    found = mutants_of(file)
    assert {(m.line, m.family) for m in found} == {
        (6, "NumberReplacer"),
        (9, "NumberReplacer"),
        (11, "ReplaceComparisonOperator"),
        (11, "AddNot"),
        (13, "ReplaceBinaryOperator"),
        (13, "ReplaceComparisonOperator"),
    }


def test_what_runs_on_import_is_told_from_what_runs_in_a_call(file):
    assert {m.line for m in mutants_of(file) if not m.in_function} == {6, 9}


def test_a_mutant_changes_its_line_alone(file):
    for mutant in mutants_of(file):
        before, after = mutant.change()
        assert before != after
        assert before == TEXT.splitlines()[mutant.line - 1].strip()
        assert len([1 for old, new in zip(TEXT.splitlines(), mutant.source().splitlines(), strict=True) if old != new]) == 1


def test_a_sample_has_one_mutant_a_site_and_is_the_same_for_a_seed(file):
    everything = mutants_of(file)
    room = Room("near", 4, 0.9, (), (), (), 1, 1.0)
    first, again = chosen(room, everything, 7), chosen(room, everything, 7)
    assert first == again
    assert len({m.site for m in first}) == len(first) == 4
    assert any(chosen(room, everything, seed) != first for seed in range(8, 12))


def test_all_means_all_that_compile(file):
    assert chosen(Room("near", 0, 0.9, (), (), (), 1, 1.0), mutants_of(file), 1) == mutants_of(file)


def test_what_cosmic_ray_cannot_change_is_no_mutant(tmp_path, monkeypatch):
    """A name with dots among several exceptions."""
    (tmp_path / "near.py").write_text("import sqlite3\n\ntry:\n    pass\nexcept (sqlite3.Error, OSError):\n    pass\n")
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    room = Room("near", 100, 0.9, (), (), (), 1, 1.0)
    for seed in range(5):
        assert [m.source() for m in chosen(room, mutants_of("near.py"), seed)] == [
            "import sqlite3\n\ntry:\n    pass\nexcept (sqlite3.Error, CosmicRayTestingException):\n    pass\n"
        ]
