"""A mutant put into functions that are there already changes what they do, wherever they are held; what no function can take is refused."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import lru_cache

import pytest

from bench.mutation import swap
from bench.mutation.selection import Selection

TEXT = """
def doubled(value):
    return [one * 2 for one in range(value)]


class Scale:
    def __init__(self, factor):
        self.factor = factor

    @property
    def half(self):
        return self.factor / 2


def outer(step):
    def inner(value):
        return value + step
    return inner
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    path = tmp_path / "mutation_example.py"
    path.write_text(TEXT)
    monkeypatch.setattr(swap, "ROOT", tmp_path)
    spec = importlib.util.spec_from_file_location("mutation_example", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def exchanged(module, before: str, after: str) -> bool:
    functions = swap.live_functions(["mutation_example.py"])["mutation_example.py"]
    return swap.exchange(functions, module.__file__, TEXT, TEXT.replace(before, after))


def test_a_function_held_elsewhere_changes(module):
    held = {"here": module.doubled, "cached": lru_cache(module.doubled)}
    assert exchanged(module, "one * 2", "one * 3")
    assert held["here"](3) == held["cached"](3) == [0, 3, 6]


def test_a_property_changes_for_objects_that_exist(module):
    scale = module.Scale(8)
    assert exchanged(module, "self.factor / 2", "self.factor / 4")
    assert scale.half == 2


def test_a_closure_that_exists_changes_and_so_do_new_ones(module):
    add = module.outer(5)
    assert exchanged(module, "value + step", "value - step")
    assert (add(7), module.outer(1)(7)) == (2, 6)


def test_what_changes_no_function_is_refused(module):
    assert not exchanged(module, "class Scale", "class Stair")


def test_a_fresh_import_has_the_change(tmp_path, monkeypatch):
    (tmp_path / "mutation_fresh.py").write_text("LIMIT = 3\n")
    monkeypatch.setattr(swap, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [swap.Changed("mutation_fresh.py", "LIMIT = 4\n"), *sys.meta_path])
    import mutation_fresh

    monkeypatch.delitem(sys.modules, "mutation_fresh")
    assert mutation_fresh.LIMIT == 4


class Place:
    """What selection reads of a mutant."""

    def __init__(self, line: int, in_function: bool = True) -> None:
        self.file, self.line, self.in_function, self.statement = "a.py", line, in_function, (line, line)


@pytest.fixture
def selection(tmp_path):
    record = {
        "tests": ["slow", "quick", "middle", "other", "left out"],
        "seconds": [5.0, 0.1, 1.0, 0.2, 0.1],
        "failed": ["left out"],
        "lines": {"a.py": {"1": [-1], "5": [0, 1, 2, 4], "6": [2], "9": []}},
    }
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record))
    return Selection(path, 5.5)


def test_a_mutant_meets_the_tests_that_run_its_line_quickest_first_within_the_budget(selection):
    assert selection.tests(Place(5)) == ["quick", "middle"]
    assert selection.tests(Place(6)) == ["middle"]
    assert selection.tests(Place(9)) == []


def test_what_kills_comes_sooner(selection):
    for _ in range(20):
        selection.killed("middle")
    assert selection.tests(Place(5)) == ["middle", "quick"]


def test_what_runs_on_import_meets_every_test_those_of_its_module_first(selection):
    assert selection.tests(Place(1)) == selection.tests(Place(5, in_function=False)) == ["quick", "middle", "other"]
