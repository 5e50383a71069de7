"""The published mutation score: of every room, no lower than its least, the same on the page and in the README."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from bench.mutation.page import page
from bench.mutation.rooms import ROOT, rooms
from bench.mutation.score import THRESHOLD, MutationScore, sentence

PUBLISHED = ROOT / "reports" / "mutation.json"


@pytest.fixture(scope="module")
def published() -> MutationScore:
    return MutationScore.model_validate_json(PUBLISHED.read_text(encoding="utf-8"))


def test_no_published_score_has_fallen_and_the_page_says_where_more_is_wanted(published):
    assert "verdict" in {room.room for room in published.rooms} <= set(rooms())
    assert all(room.score >= rooms()[room.room].least for room in published.rooms)
    assert published.threshold == THRESHOLD == 0.9
    wanting = [room.room for room in published.rooms if room.score < THRESHOLD]
    assert (", and reached." in page(published)) == (wanting == [])
    assert all(f"`{name}`" in page(published).partition("not reached in ")[2].partition("\n")[0] for name in wanting)


def test_without_a_change_every_test_passed(published):
    assert {(room.unchanged_tried, room.unchanged_killed) for room in published.rooms} == {(3, 0)}


def test_every_module_of_a_room_is_in_its_figures_unless_nothing_in_it_can_be_changed(published):
    for room in published.rooms:
        files = {module.file for module in room.modules}
        assert files <= set(rooms()[room.room].files)
        left_out = 3 if room.chosen == "all" else len(rooms()[room.room].files) // 4  # the smallest have no place in a sample
        assert len(files) >= len(rooms()[room.room].files) - left_out


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
