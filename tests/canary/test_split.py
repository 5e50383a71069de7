"""Text that a stream cut into the values of one JSON field: how far is looked before and after the cut, and what parts the values."""

from __future__ import annotations

import json

import pytest

from zdr_audit.canary import split
from zdr_audit.canary.fast import Fast
from zdr_audit.canary.parts import Beginnings
from zdr_audit.canary.split import SplitSearch, continued

LITERAL = "zqx482j913"


@pytest.fixture(scope="module")
def beginnings():
    return Beginnings(LITERAL.encode(), Fast((), LITERAL.encode()))


@pytest.fixture
def cuts(beginnings):
    """Finds the places where the literal is first cut. Made anew for each test."""
    search = SplitSearch(LITERAL.encode(), beginnings)
    return lambda data: [(start, end) for start, end, _ in search.find(data)]


def events(*values: str, before: str = "") -> bytes:
    return (before + "\n".join(json.dumps({"text": value}) for value in values)).encode()


@pytest.mark.parametrize("size", range(1, 10))
@pytest.mark.parametrize("change", [str, str.upper])
def test_every_cut_of_the_literal_is_found_from_its_first_letter_to_the_cut(cuts, size, change):
    text = change(LITERAL)
    data = events("and " + text[:size], text[size:] + " more", before="..")
    start = data.index(b"and ") + 4
    assert cuts(data) == [(start, start + size)]


def test_a_literal_that_is_whole_or_in_letters_of_either_case_is_not_cut(cuts):
    assert cuts(events(LITERAL, LITERAL[1:])) == []
    assert cuts(events(LITERAL[:4], LITERAL[4:].upper())) == []
    assert cuts(events(LITERAL[:4] + LITERAL[5:7], LITERAL[7:])) == []


def test_values_of_a_letter_each_are_followed_to_the_end_of_the_literal_and_no_further(cuts):
    assert cuts(events(*LITERAL)) == [(10, 11)]
    assert cuts(events(*LITERAL[:-1])) == []
    assert cuts(events(*LITERAL, "other")) == [(10, 11)]
    assert cuts(events(*LITERAL[:-1], "x" + LITERAL[-1])) == []


def test_what_stands_before_the_field_does_not_belong_to_it(cuts):
    """The values that come before are those of other texts: the rest follows the cut."""
    assert cuts(events(LITERAL[4:], LITERAL[:4])) == []
    assert cuts(events("x", LITERAL[4:], LITERAL[:4], LITERAL[4:])) != []


@pytest.mark.parametrize(("lead", "found"), [(0, True), (1999, True), (2000, False)])
def test_a_value_is_read_back_for_two_thousand_bytes(cuts, lead, found):
    assert bool(cuts(events("-" * lead + LITERAL[:4], LITERAL[4:]))) is found


@pytest.mark.parametrize(
    ("name", "found"), [("t", True), ("t" * 60, True), ("t" * 61, False), ("a.b-c_$", True), ("a b", False), ("", False)]
)
def test_a_field_has_a_name_of_sixty_letters_at_most(cuts, name, found):
    data = "".join(json.dumps({name: value}) for value in (LITERAL[:4], LITERAL[4:])).encode()
    assert bool(cuts(data)) is found


@pytest.mark.parametrize(("blanks", "found"), [(0, True), (37, True), (38, False)])
def test_a_name_stands_in_the_hundred_bytes_before_its_value(cuts, blanks, found):
    field = '{"%s":%s"%s"}'
    data = (field % ("t" * 60, " " * blanks, LITERAL[:4]) + field % ("t" * 60, "", LITERAL[4:])).encode()
    assert bool(cuts(data)) is found


@pytest.mark.parametrize("slashes", range(4))
def test_json_within_json_has_its_own_quotes(cuts, slashes):
    quote = "\\" * slashes + '"'
    inside = [f"{{{quote}text{quote} : {quote}{value}{quote}}}" for value in (LITERAL[:4], LITERAL[4:])]
    assert cuts(" ".join(inside).encode()) == [(11 + 3 * slashes, 15 + 3 * slashes)]
    other = inside[1].replace(quote, "\\" + quote)
    assert cuts((inside[0] + other).encode()) == []


def test_a_value_without_a_field_of_a_name_is_followed_nowhere(cuts):
    assert cuts(json.dumps([LITERAL[:4], LITERAL[4:]]).encode()) == []
    assert cuts(f'{LITERAL[:4]}" "text": "{LITERAL[4:]}"'.encode()) == []


def test_another_field_is_passed_over_however_its_name_begins_or_ends(cuts):
    first, last = f'{{"text": "{LITERAL[:4]}"}}', f'{{"text": "{LITERAL[4:]}"}}'
    for name in ("tex", "texts", "a text", "context", "t.xt"):
        between = f'{{"{name}": "other"}}'
        assert cuts((first + between + last).encode()) == [(10, 14)], name
        assert cuts((first + last.replace("text", name)).encode()) == [], name


def test_empty_values_are_counted_from_each_that_is_not(cuts):
    empty = [""] * 8
    assert cuts(events(LITERAL[:2], *empty, LITERAL[2:5], *empty, LITERAL[5:]))
    assert not cuts(events(LITERAL[:2], LITERAL[2:5], *empty, "", LITERAL[5:]))


@pytest.mark.parametrize(("over", "found"), [(0, True), (1, False)])
def test_the_rest_is_looked_for_in_the_bytes_after_the_cut(cuts, over, found):
    data = events(LITERAL[:4], LITERAL[4:])
    start, end = data.index(LITERAL[:4].encode()), data.rindex(b'"') + 1
    room = split.LOOK - (end - start) + over
    middle = data.index(b"\n")
    assert bool(cuts(data[:middle] + b" " * room + data[middle:])) is found


def test_the_window_of_a_cut_reaches_as_far_as_the_rest_was_looked_for(beginnings):
    ((_, _, needle),) = SplitSearch(LITERAL.encode(), beginnings).find(events(LITERAL[:4], LITERAL[4:]))
    assert (needle.reach, needle.form.name, needle.form.encode(b"x")) == (split.LOOK, "split", [])


def test_the_values_of_the_field_are_joined_with_their_places():
    data = events("one ", 'a \\"quoted\\" word, which is passed over'.replace("\\", ""), "two ", "three")
    text = continued(data, data.index(b"two") + 1, 0)
    assert (text.name, text.data) == ("split", b"one two three")
    assert bytes(data[at] for at in text.starts) == text.data
    assert text.ends == [at + 1 for at in text.starts]
    assert continued(b"no field at all", 5, 0) is None
    assert continued(json.dumps(["two"]).encode(), 3, 0) is None


def test_a_backslash_in_a_value_belongs_to_it_where_no_quote_follows():
    data = events("one\n", "two")
    assert continued(data, data.index(b"two"), 0).data == b"one\\ntwo"
