"""Finding shared wording. The policy itself is not in this repository: the check takes it as a text."""

from __future__ import annotations

import pytest

from zdr_audit.catalogue.wording import shared_runs

TEXT = "one two three four five six seven eight nine ten"


def test_a_run_of_the_length_asked_for_is_found():
    assert shared_runs(TEXT, "zero one two three four five six seven eight zero") == ["one two three four five six seven eight"]


def test_a_shorter_run_is_not_found():
    assert shared_runs(TEXT, "zero one two three four five six seven zero") == []


def test_a_longer_run_is_found_once_and_whole():
    assert shared_runs(TEXT, f"x {TEXT} y") == [TEXT]


def test_two_runs_apart_are_found_both_in_the_order_of_the_other_text():
    assert shared_runs(TEXT, "six seven eight x one two three", words=3) == ["six seven eight", "one two three"]


def test_runs_that_touch_without_overlap_stay_two():
    assert shared_runs("a b c x d e f", "a b c d e f", words=3) == ["a b c", "d e f"]


def test_case_punctuation_markup_and_line_breaks_do_not_hide_a_run():
    assert shared_runs(
        "Kept by the provider's [backend](/x), **after** all.", 'kept by the \\\n  provider\u2019s backend x "after" all', words=8
    ) == ["kept by the provider's backend x after all"]


def test_texts_shorter_than_a_run_share_nothing():
    assert shared_runs("one two", "one two") == []
    assert shared_runs("", "", words=1) == []


def test_a_run_of_no_words_is_refused():
    with pytest.raises(ValueError, match="a run has at least 1 word, not 0"):
        shared_runs(TEXT, TEXT, words=0)
