"""Text from a target cannot act on whatever shows it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.report.sanitize import visible

from . import hostile

ANY_TEXT = st.text(st.characters(codec=None), max_size=200)  # surrogates and unassigned code points included


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, with (signs)", "plain text, with (signs)"),
        ("Grüße, Ελλάδα, 漢字, עברית", "Grüße, Ελλάδα, 漢字, עברית"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x7f\x00", r"\x7f\x00"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\uffff", r"\uffff"),
        ("\u3164", r"\u3164"),
        ("C:\\logs\\x1b", "C:\\logs\\x1b"),
    ],
)
def test_what_would_be_invisible_or_act_is_written_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_line_feeds_stay_where_lines_are_wanted_and_nothing_else_does() -> None:
    assert visible("a\nb\r\x1bc", lines=True) == "a\nb\\r\\x1bc"


def test_accents_stay_but_a_tower_of_marks_is_cut_down() -> None:
    assert visible("e\u0301") == "e\u0301"
    assert visible("e" + "\u0301" * 9) == "e" + "\u0301" * 4 + r"\u0301" * 5


def test_a_long_text_is_cut_and_says_how_much_is_missing() -> None:
    assert visible("x" * 30, 10) == "x" * 10 + "... [20 more characters]"
    assert visible("x" * 11, 10) == "x" * 10 + "... [1 more character]"
    assert visible("x" * 10, 10) == "x" * 10
    assert visible("x" * 10_000_000, 5) == "xxxxx... [9,999,995 more characters]"


def test_an_escape_is_never_cut_in_two() -> None:
    assert visible("abc\x1bdef", 5) == "abc... [4 more characters]"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_an_error(limit: int) -> None:
    with pytest.raises(ValueError, match="limit must be at least 1"):
        visible("x", limit)


@given(ANY_TEXT)
def test_no_output_holds_a_character_that_is_hidden(text: str) -> None:
    kinds = {unicodedata.category(char) for char in visible(text)}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(ANY_TEXT, st.integers(1, 50))
def test_the_output_keeps_to_its_limit(text: str, limit: int) -> None:
    assert len(re.sub(r"\.\.\. \[[\d,]+ more characters?\]$", "", visible(text, limit))) <= limit


@given(ANY_TEXT)
def test_making_visible_twice_changes_nothing(text: str) -> None:
    assert visible(visible(text, 10_000), 10_000) == visible(text, 10_000)


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_every_hostile_text_can_be_encoded_and_printed(text: str) -> None:
    shown = visible(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert shown == "" or shown.isprintable()
