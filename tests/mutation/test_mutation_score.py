"""The mutation score is what was counted, rounded down, with the exact interval; each survivor's reason still fits the code."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError
from scipy.stats import binom

from bench.mutation.explained import explanations
from bench.mutation.page import page
from bench.mutation.publish import explain, publish, published
from bench.mutation.rooms import ROOT, rooms, shares
from bench.mutation.score import THRESHOLD, MutationScore, RoomScore, counted, interval, percent, sentence, share

RATE = {"score": 0.9, "low": 0.9, "high": 0.9}


def module(**changes: object) -> dict[str, object]:
    return {"file": "zdr_audit/verdict/judge.py", "mutants": 10, "killed": 8, "timeout": 1, "survived": 1, "explained": 1} | RATE | changes


SURVIVOR = {"file": "a.py", "line": 1, "operator": "AddNot", "before": "if a:", "after": "if not a:", "covered": True, "why": "no matter"}


def room(**changes: object) -> dict[str, object]:
    counts = {"room": "verdict", "chosen": "all", "population": 10, "version": "1", "seed": 1}
    return module() | counts | {"unchanged_tried": 2, "unchanged_killed": 0, "modules": [module()], "survivors": [SURVIVOR]} | changes


def test_counts_that_add_up_are_taken_and_others_refused():
    whole = {key: value for key, value in room().items() if key != "file"}
    assert RoomScore.model_validate(whole).score == 0.9
    for change in ({"killed": 9}, {"score": 1.0}, {"survivors": []}, {"modules": []}, {"high": 0.95}, {"chosen": "sample"}):
        with pytest.raises(ValidationError):
            RoomScore.model_validate(whole | change)


def test_a_timeout_counts_as_killed_an_uncovered_mutant_and_an_explained_one_as_survivors():
    fates = [("killed", False), ("timeout", False), ("survived", True), ("uncovered", False)]
    found = counted("a.py", fates, sampled=False)
    assert (found.mutants, found.killed, found.timeout, found.survived, found.explained) == (4, 1, 1, 2, 1)


def test_the_page_shows_every_survivor_with_its_reason():
    whole = RoomScore.model_validate({key: value for key, value in room().items() if key != "file"})
    score = MutationScore(tool="t 1", threshold=THRESHOLD, rooms=(whole,))
    assert "| `a.py:1` | `if a:` | `if not a:` | no matter |" in page(score)
    assert sentence(score) in page(score)
    assert sentence(score) == "Mutants killed by the tests: 90.0 % in `verdict` (all 10; 1 of 1 survivors explained)."


def test_what_changes_nothing_is_left_out_of_the_whole_beside_the_strict_figure():
    told = [{**SURVIVOR, "why": why} for why in ("Equivalent: of both", "Only slower: more is read", "no promise", None)]
    counts = {"mutants": 10, "killed": 5, "timeout": 1, "survived": 4, "explained": 3, "score": 0.6, "low": 0.6, "high": 0.6}
    raw = {key: value for key, value in room(**counts, modules=[module(**counts)], survivors=told).items() if key != "file"}
    whole = RoomScore.model_validate(raw)
    assert (whole.score, whole.equivalent, whole.of_the_others) == (0.6, 2, 0.75)
    said = sentence(MutationScore(tool="t 1", threshold=THRESHOLD, rooms=(whole,)))
    assert "60.0 % in `verdict` (all 10; 3 of 4 survivors explained; without the 2 that change nothing 75.0 %)" in said


def test_reasons_found_after_a_run_are_read_again_and_nothing_else_changes(tmp_path):
    entry = explanations()[0]
    after = entry.becomes[0] if entry.becomes else "anything else"
    left = {
        "file": entry.file,
        "line": 3,
        "operator": entry.operators[0],
        "before": entry.line,
        "after": after,
        "covered": True,
        "why": None,
    }
    other = {**left, "before": "something that nobody explains"}
    counts = {"mutants": 10, "killed": 7, "survived": 2, "explained": 0, "score": 0.8, "low": 0.8, "high": 0.8}
    raw = room(**counts, modules=[module(**counts, file=entry.file)], survivors=[left, other])
    before = RoomScore.model_validate({key: value for key, value in raw.items() if key != "file"})
    publish(tmp_path, [before], "t 1")
    explain(tmp_path)
    score = published(tmp_path)
    assert [one.why for one in score.rooms[0].survivors] == [entry.why, None]
    assert (score.tool, score.rooms[0].explained, score.rooms[0].modules[0].explained, score.rooms[0].score) == ("t 1", 1, 1, 0.8)
    assert (tmp_path / "mutation.md").read_text(encoding="utf-8") == page(score)


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
