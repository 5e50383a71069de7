"""The published mutation score: what is written is what was counted, each survivor's reason still fits the code, the README says the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError
from scipy.stats import binom

from bench.mutation.explained import explanations
from bench.mutation.page import page
from bench.mutation.rooms import ROOT, rooms, shares
from bench.mutation.score import THRESHOLD, MutationScore, interval, percent, sentence, share

PUBLISHED = ROOT / "reports" / "mutation.json"


@pytest.fixture(scope="module")
def published() -> MutationScore:
    return MutationScore.model_validate_json(PUBLISHED.read_text(encoding="utf-8"))


def test_the_published_score_is_of_all_rooms_and_no_lower_than_asked(published):
    assert {room.room for room in published.rooms} == set(rooms()) == {"verdict", "evidence", "canary"}
    assert all(room.score >= THRESHOLD for room in published.rooms)


def test_without_a_change_every_test_passed(published):
    assert {(room.unchanged_tried, room.unchanged_killed) for room in published.rooms} == {(2, 0)}


def test_every_module_of_a_room_is_in_its_figures_unless_nothing_in_it_can_be_changed(published):
    for room in published.rooms:
        files = {module.file for module in room.modules}
        assert files <= set(rooms()[room.room].files)
        assert len(files) >= len(rooms()[room.room].files) - 3


def test_the_page_is_made_of_the_file(published):
    assert (ROOT / "reports" / "mutation.md").read_text(encoding="utf-8") == page(published)


def test_the_readme_says_the_published_figures(published):
    assert sentence(published) in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_counts_that_do_not_add_up_are_refused(published):
    for change in ({"killed": 1}, {"score": 1.0}, {"survivors": []}, {"modules": []}):
        said = json.loads(published.model_dump_json())
        assert said["rooms"][0][next(iter(change))] != next(iter(change.values()))
        said["rooms"][0] |= change
        with pytest.raises(ValidationError):
            MutationScore.model_validate(said)


def test_every_explanation_is_of_a_line_that_is_still_there():
    for entry in explanations():
        lines = [line.strip() for line in (ROOT / entry.file).read_text(encoding="utf-8").splitlines()]
        assert entry.line in lines, f"{entry.file}: {entry.line}"
        assert len(entry.why) > 20, entry


def test_no_mutant_is_explained_twice():
    entries = Counter((e.file, e.line, e.operators, e.becomes) for e in explanations())
    assert [entry for entry, times in entries.items() if times > 1] == []


@pytest.mark.parametrize(("killed", "mutants"), [(0, 10), (9, 10), (10, 10), (450, 500)])
def test_the_interval_is_the_exact_one(killed, mutants):
    low, high = interval(killed, mutants)
    assert low <= killed / mutants <= high
    if killed:
        assert binom.sf(killed - 1, mutants, low) == pytest.approx(0.025, abs=1e-3)
    if killed < mutants:
        assert binom.cdf(killed, mutants, high) == pytest.approx(0.025, abs=1e-3)


def test_figures_are_rounded_down():
    assert (share(899_999, 1_000_000), percent(0.8999), percent(0.9), percent(1.0)) == (0.8999, "89.9 %", "90.0 %", "100.0 %")


def test_shares_are_in_proportion_and_never_more_than_there_are():
    assert shares({"a": 10, "b": 30, "c": 60}, 10) == {"a": 1, "b": 3, "c": 6}
    assert shares({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}
    assert shares({"a": 2, "b": 3}, 100) == {"a": 2, "b": 3}


def test_the_tests_of_every_room_are_there():
    for room in rooms().values():
        assert all((ROOT / path).exists() for path in room.tests)
        assert all((ROOT / Path(path.partition("::")[0])).exists() for path in room.without)
