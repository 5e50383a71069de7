"""What makes the search of large data cheap looks at little: no more than what surrounds the places that matter."""

from __future__ import annotations

import codecs
import itertools
import re

import numpy as np
import pytest

from fixtures.corpus import noise
from zdr_audit.canary import gates, parts
from zdr_audit.canary.anchors import _COMMON, anchors, commonness
from zdr_audit.canary.automaton import Automaton

FAR = 60_000
AROUND = 512
END = 2 * AROUND + 32
"""So much of the end is always looked at."""


def planted(run: bytes, filling: bytes = b"\xf3", lead: int = 0) -> tuple[bytes, int]:
    data = filling * (FAR + lead) + run + filling * FAR
    return data, FAR + lead


@pytest.mark.parametrize("lead", range(0, 17))
@pytest.mark.parametrize("size", [23, 24, 40, 200])
def test_around_a_run_of_text_little_is_looked_at(lead, size):
    data, start = planted(b"a" * size, lead=lead)
    (low, high), last = gates.texts(data)
    assert start - AROUND - 16 <= low <= start - AROUND + 16
    assert start + size + AROUND - 16 <= high <= start + size + AROUND + 32
    assert last == (len(data) - END, len(data))


def test_runs_that_are_near_share_what_is_looked_at_and_those_that_are_far_do_not():
    run = b"a" * 64
    near = gates.texts(b"\xf3" * FAR + run + b"\xf3" * 500 + run + b"\xf3" * FAR)
    far = gates.texts(b"\xf3" * FAR + run + b"\xf3" * 3000 + run + b"\xf3" * FAR)
    assert (len(near), len(far)) == (2, 3)
    at_the_end = gates.texts(b"\xf3" * FAR + run + b"\xf3" * 900)
    assert len(at_the_end) == 1
    assert at_the_end[0][1] == FAR + len(run) + 900
    at_the_start = gates.texts(run + b"\xf3" * FAR)
    assert at_the_start[0][0] == 0
    assert at_the_start[0][1] <= len(run) + AROUND + 32


@pytest.mark.parametrize("size", [7, 8, 15])
def test_a_few_characters_among_other_bytes_are_no_text(size):
    data, _ = planted(b"a" * size)
    assert gates.texts(data) == [(len(data) - END, len(data))]


def test_small_data_and_text_alone_are_looked_at_whole():
    for data in (b"\xf3" * gates.SMALL, b"a" * FAR, b"a" * FAR + b"\xf3" * FAR):
        assert gates.texts(data) == [(0, len(data))]
    large = b"\xf3" * (gates.SMALL + 1)
    assert gates.texts(large) == [(len(large) - END, len(large))]


def test_runs_of_one_half_of_the_codes_are_looked_at_in_either():
    data, _ = planted(b"\xf3" * 64, b"a\xf3")
    start = data.index(b"\xf3" * 64)
    assert gates.texts(data) == [(len(data) - END, len(data))]
    (low, high), last = gates.alike(data)
    assert start - AROUND - 16 <= low <= start
    assert start + 64 <= high <= start + 64 + AROUND + 32
    assert last == (len(data) - END, len(data))


@pytest.mark.parametrize("lead", range(0, 17))
def test_around_a_long_word_little_is_looked_at(lead):
    for size in (43, 44, 60, 130):
        text = b"words of text " * 5000
        data = text + b" " * lead + b"A" * size + b" " + text
        start = len(text) + lead
        (low, high), *_ = gates.tokens(data)
        assert start - 43 - 32 <= low <= start
        assert start + size <= high <= start + size + 43 + 64
        assert sum(high - low for low, high in gates.tokens(data)) < 500
    assert gates.tokens(b"a" * 100) == [(0, 100)]


@pytest.mark.parametrize("size", [1, 2, 100, 4096, 4097, 5000])
def test_changes_are_what_each_byte_differs_in_from_the_next(size):
    data = noise(size, b"changes")
    assert bytes(gates.changes(data)) == bytes(one ^ other for one, other in itertools.pairwise(data))


@pytest.mark.parametrize("size", [50, 4096, 4097, 4103, 4104, 4105, 9000])
@pytest.mark.parametrize("letter", [b"z", b"q"])
def test_letters_are_found_in_either_case_before_what_may_follow(size, letter):
    follows = np.array([chr(code) in "jJ \n" for code in range(256)], np.uint8)
    data = (b"zj Z\nzJqjQ zzj Zjq jz" * 500)[: size - 2] + letter + b"j"
    wanted = [found.start() for found in re.finditer(b"[%b%b](?=[jJ \n])" % (letter, letter.upper()), data)]
    assert sorted(gates.letters(data, letter[0], follows)) == wanted
    assert len(wanted) > 3


def test_how_common_a_piece_is_is_that_of_the_data_in_which_it_is_likeliest():
    assert commonness(b"4711") == pytest.approx(1e-4)
    assert commonness(b"471d") == pytest.approx(16.0**-4)
    assert commonness(b"47FA") == pytest.approx(16.0**-4)
    assert commonness(b"ZQgY") == pytest.approx(64.0**-4)
    assert commonness(b"eeee") == pytest.approx(0.09**4)
    assert commonness(b"\x00\x00") == pytest.approx(0.0625)
    assert commonness(b"\x01\x1f") == pytest.approx(1e-4)
    assert commonness(b"\x80\xff") == pytest.approx(0.004**2)
    assert commonness(b" \n-") == pytest.approx(0.15 * 0.15 * 0.04)
    assert commonness(b"\\(") == pytest.approx(0.02**2)
    assert commonness(b"z\x80q") == pytest.approx(0.003 * 0.004 * 0.003)


def test_every_pattern_holds_an_anchor_and_what_many_hold_comes_first():
    patterns = [b"zqx482j913", b"..zqx482..", b"ZQX482J913", b"=7a=71=78", b"\xf5\xf9\xf1", b"eeeeeeee"]
    found = anchors(patterns)
    assert all(any(piece in pattern for piece in found) for pattern in patterns)
    assert b"eeeeeeee" in found  # nothing of it is rare
    assert len(found) == 5
    assert found[0] in b"zqx482"
    assert anchors([]) == []
    assert all(piece[0] >= 16 for piece in anchors([b"\x00\x01\x02zqxjq\x03"]))


def test_only_what_surrounds_an_anchor_is_searched():
    automaton = Automaton([b"zqx482j913", b"short"])
    assert automaton._windows([(5000, 5004)], 100_000) == [(4990, 5014)]
    assert automaton._windows([(3, 7), (20, 24)], 100_000) == [(0, 34)]
    assert automaton._windows([(3, 7), (27, 31)], 100_000) == [(0, 17), (17, 41)] or automaton._windows([(3, 7), (27, 31)], 100_000) == [
        (0, 41)
    ]
    assert automaton._windows([(3, 7), (28, 32)], 100_000) == [(0, 17), (18, 42)]
    assert automaton._windows([(99_990, 99_994)], 100_000) == [(99_980, 100_000)]
    assert automaton._windows([(7, 11)] * 125, 10_000) == [(0, 21)]
    assert automaton._windows([(7, 11)] * 126, 10_000) == [(0, 10_000)]


@pytest.mark.parametrize("size", [100, 4096, 4097, 50_000])
def test_patterns_of_every_length_are_found_in_data_of_every_size(size):
    patterns = [b"zq", b"zqx482j913", b"ZQX482J913", b"x482", b"\xf5\xf9\xf1\xf2", *(b"%04d-%d" % (number, number) for number in range(70))]
    content = b"..zqx482j913..ZQX482J913..\xf5\xf9\xf1\xf2..0069-69.."
    data = noise(size, b"around")[: size - 60].replace(b"z", b"y") + content
    at = size - 60
    found = Automaton(patterns).find(data)
    assert found == sorted(found)
    assert {(start - at, end - at, patterns[index]) for start, end, index in found} == {
        (2, 4, b"zq"),
        (2, 12, b"zqx482j913"),
        (4, 8, b"x482"),
        (14, 24, b"ZQX482J913"),
        (26, 30, b"\xf5\xf9\xf1\xf2"),
        (32, 39, b"0069-69"),
    }


def test_patterns_of_text_are_looked_for_where_text_stands():
    patterns = [b"zqx482j913", b"QZX555"]
    text = b"a line of text that is long enough, with zqx482j913 and QZX555 in it"
    data = b"\xf3" * FAR + text + b"\xf3" * FAR
    for in_text in ((), (0,), (0, 1)):
        found = Automaton(patterns, in_text).find(data)
        assert [(start - FAR, index) for start, _, index in found] == [(text.index(b"zqx"), 0), (text.index(b"QZX"), 1)]


@pytest.mark.parametrize("lead", range(0, 17))
def test_words_of_thirty_letters_are_not_looked_at(lead):
    text = b"words of text " * 5000
    for size in (24, 30, 31):
        data = text + b" " * lead + b"A" * size + b" " + text
        (last,) = gates.tokens(data)
        assert last[0] > len(data) - 200


def test_long_words_in_text_within_other_bytes_are_looked_at_where_they_stand():
    text = b"words of text " * 3000
    data = b"\xf3" * FAR + text + b"A" * 60 + b" " + text + b"\xf3" * FAR
    start = FAR + len(text)
    near = [(low, high) for low, high in gates.tokens(data) if low <= start and start + 60 <= high]
    assert len(near) == 1
    assert near[0][0] > start - 100
    assert near[0][1] < start + 200
    assert sum(high - low for low, high in gates.tokens(data)) < 4000


def test_only_where_text_is_looked_for_everywhere_data_are_text():
    assert gates.is_text(b"")
    assert gates.is_text(b"a" * FAR)
    assert gates.is_text(b"\xf3" * gates.SMALL)
    assert not gates.is_text(b"\xf3" * (gates.SMALL + 1))
    assert not gates.is_text(b"a" * 100 + b"\xf3" * FAR)
    assert gates.is_text(b"a" * FAR + b"\xf3" * FAR)


def test_the_last_of_several_ranges_may_reach_to_the_end():
    run = b"a" * 64
    data = run + b"\xf3" * FAR + run + b"\xf3" * FAR + run + b"\xf3" * 600
    first, second, last = gates.texts(data)
    assert first[0] == 0
    assert second[0] < len(run) + FAR < second[1]
    assert last[0] < len(data) - 664
    assert last[1] == len(data)


class Known:
    """Says of data what is told beforehand."""

    def __init__(self, found):
        self.found = found

    def patterns(self, _data):
        return self.found


FIRST = 100
"""The number of the first fragment among all patterns."""


@pytest.mark.parametrize(
    ("found", "looked"),
    [
        (None, True),
        ([], False),
        ([(0, 3, FIRST - 1)], False),
        ([(0, 3, FIRST)], True),
        ([(0, 3, FIRST + 5)], True),
        ([(0, 3, FIRST + 6)], False),
        ([(0, 3, 2), (0, 3, FIRST + 3), (0, 3, FIRST + 90)], True),
    ],
)
def test_halves_of_the_literal_are_looked_for_where_one_is_not_known_to_be_missing(found, looked):
    search = parts.Fragments(b"zqx482j913", Known(found), FIRST)
    data = b"..zqx48..2j913..82j91..ZQX48..2J913..82J91..48 2j9"
    assert search.find(data) == ([2, 9, 16, 23, 30, 37] if looked else [])
    assert [len(part) for part in parts.fragments(b"zqx482j913")] == [parts.HALF] * 6


def test_what_was_asked_last_is_remembered_for_the_same_data_alone():
    known = Known(None)
    search = parts.Fragments(b"zqx482j913", known, FIRST)
    data, other = b"..zqx48", b"...zqx48"
    assert search.find(data) == [2]
    known.found = []
    assert search.find(data) == [2]
    assert search.find(other) == []
    assert search.find(data) == []


@pytest.mark.parametrize("size", [100, 5000, 40_000])
def test_patterns_are_found_around_what_is_known_to_stand_there(size):
    patterns = [b"zq", b"zqx482j913", b"x482", *(b"%04d-%d" % (number, number) for number in range(70))]
    content = b"..zqx482j913..0069-69..zq.."
    data = b"\xf3" * size + content + b"\xf3" * size
    known = [(size + at, size + at + len(pattern), number) for number, pattern in enumerate(patterns) if (at := content.find(pattern)) >= 0]
    known = [one for one in known if one[1] - one[0] > 2]  # nothing is said of so short ones
    wanted = [
        (size + 2, size + 4, 0),
        (size + 2, size + 12, 1),
        (size + 4, size + 8, 2),
        (size + 14, size + 21, 72),
        (size + 23, size + 25, 0),
    ]
    assert Automaton(patterns).find(data) == wanted
    assert Automaton(patterns, fast=Known(None)).find(data) == wanted
    assert Automaton(patterns, fast=Known([*known, (5, 9, 73)])).find(data) == wanted
    missing = Automaton(patterns, fast=Known([])).find(data)
    assert missing == (wanted if size < 4096 // 2 else [one for one in wanted if one[2] == 0])


@pytest.mark.parametrize("count", [1, 60, 61, 120, 360, 361, 400])
def test_however_many_patterns_there_are_all_are_found(count):
    patterns = [b"<%04x-%04d>" % (number * 7919 % 65536, number) for number in range(count)]
    data = b" ".join(patterns)
    for filled in (data, data + b"." * 5000):
        assert [(start, index) for start, _, index in Automaton(patterns).find(filled)] == [(12 * at, at) for at in range(count)]


def test_an_anchor_begins_with_what_is_no_control_byte_of_a_low_half():
    assert anchors([b"\x10\x11\x12\x13"]) == [b"\x10\x11\x12"]
    assert anchors([b"\x0f\x11\x12\x13"]) == [b"\x11\x12\x13"]
    assert anchors([b"\x0f\x0e\x0d\x0c"]) == [b"\x0f\x0e\x0d\x0c"]  # nothing may begin one


def test_what_most_patterns_hold_is_taken_first_and_no_more_than_is_needed():
    shared = [b"zqxj" + bytes([code]) for code in b"abcdef"]
    other = [bytes([code]) + b"jqzk7" for code in b"abc"]
    found = anchors([*shared, *other])
    assert len(found) == 2
    assert found[0] in b"zqxj"
    assert found[1] in b"jqzk7"
    both = [b"zqxj..jqzk", b"zqxj--1", b"zqxj--2", b"jqzk--3"]
    assert len(anchors(both)) == 2


@pytest.mark.parametrize("part", [b"bcd", b"cdef", b"fgh", b"bcdefgh", b"efgh"])
def test_a_pattern_that_stands_within_another_or_at_its_end_is_found_too(part):
    for patterns in ([b"abcdefgh", part], [part, b"abcdefgh"]):
        for filling in (b"", b"." * 5000):
            found = Automaton(patterns).find(b"..abcdefgh.." + filling)
            assert {(start, patterns[index]) for start, _, index in found} == {(2, b"abcdefgh"), (2 + b"abcdefgh".index(part), part)}


def test_a_literal_in_a_form_as_short_as_itself_is_found_where_no_text_stands(lab):
    for written in (codecs.encode(lab.literal, "rot13").encode(), lab.literal.encode()):
        data = b"\xf3" * 40_000 + written + b"\xf3" * 40_000
        assert [(seen.start, seen.end, seen.canary) for seen in lab.search(data)] == [(40_000, 40_010, None)]


def test_how_common_each_byte_is_is_that_of_its_kind():
    shares = {
        0.25: b"\x00",
        0.15: b" \n",
        0.09: b"etaoinshr",
        0.06: b"0123456789",
        0.04: b'",:.-_/=',
        0.03: b"dlcumwfgypb",
        0.02: b"\\%&#;(){}[]<>'*+|",
        0.01: b"vkABCDEFGHIJKLMNOPQRSTUVWXYZ" + bytes(code for code in range(1, 32) if code != 10),
        0.003: b"jxqz",
    }
    told = {code: share for share, codes in shares.items() for code in codes}
    assert dict(enumerate(_COMMON)) == {code: told.get(code, 0.004) for code in range(256)}
