"""Literals cut at both ends, and by the control bytes of PostgreSQL's compression: made here byte by byte."""

from __future__ import annotations

import pytest

from zdr_audit.canary import cuts
from zdr_audit.canary.fast import Fast
from zdr_audit.canary.parts import Fragments

LITERAL = b"zqx482j913"
TAIL = b"4k5m6p7r8s9t"
CANARY = LITERAL + TAIL + LITERAL


@pytest.fixture(scope="module")
def fragments():
    return Fragments(LITERAL, Fast((), LITERAL), 0)


@pytest.fixture
def middle(fragments):
    return cuts.middle(LITERAL, fragments)


@pytest.fixture
def pglz(fragments):
    return cuts.pglz(LITERAL, fragments)


def places(search, data: bytes) -> list[tuple[int, int]]:
    return [(start, end) for start, end, _ in search.find(data)]


@pytest.mark.parametrize("lead", [0, 1, 4, 5, 6, 40])
@pytest.mark.parametrize("after", [0, 1, 5, 40])
def test_a_window_out_of_the_middle_is_found_wherever_it_stands(middle, lead, after):
    for first in range(1, 6):
        data = b"<" * lead + CANARY[first:27] + b">" * after
        assert places(middle, data) == [(lead + 5 - first, lead + 27 - first)], first
    for last in range(27, 32):
        assert places(middle, b"<" * lead + CANARY[5:last] + b">" * after) == [(lead, lead + 22)], last


@pytest.mark.parametrize("lead", [0, 1, 40])
@pytest.mark.parametrize("after", [0, 1, 40])
def test_where_either_literal_is_whole_nothing_is_cut(middle, lead, after):
    for part in (CANARY, CANARY[:27], CANARY[5:], CANARY[:5].upper() + CANARY[5:27], CANARY[5:27] + CANARY[27:].upper()):
        assert places(middle, b"<" * lead + part + b">" * after) == []


def test_the_halves_stand_as_far_apart_as_the_tail_is_long(middle):
    assert places(middle, LITERAL[5:] + TAIL + LITERAL[:5]) == [(0, 22)]
    assert places(middle, LITERAL[5:] + TAIL[1:] + LITERAL[:5]) == []
    assert places(middle, LITERAL[5:] + b"x" + TAIL + LITERAL[:5]) == []
    assert places(middle, LITERAL[5:] + TAIL + LITERAL[5:]) == []
    assert places(middle, (LITERAL[5:] + TAIL + LITERAL[:5]).upper()) == [(0, 22)]
    assert places(middle, LITERAL[5:] + TAIL + LITERAL[:5].upper()) == []


def test_two_windows_beside_one_another_are_two(middle):
    assert places(middle, CANARY[5:27] + b"-" + CANARY[5:27]) == [(0, 22), (23, 45)]


@pytest.mark.parametrize("lead", [0, 3, 50])
def test_the_canary_of_a_window_is_made_whole_from_what_stands_there(middle, lead):
    data = b"<" * lead + CANARY[5:27] + b"<" * lead
    ((start, end, needle),) = middle.find(data)
    low = max(0, start - needle.reach)
    text = needle.form.decode(data[low : end + needle.reach], start - low, needle.phase)
    assert (text.name, text.data, needle.form.encode(b"x")) == ("middle", CANARY, [])
    shown = [lead - low + at for at in (*[0] * 5, *range(22), *[21] * 5)]
    assert list(text.starts) == shown
    assert list(text.ends) == [at + 1 for at in shown]


def controlled(text: bytes, first: int) -> bytes:
    """The text with a control byte after `first` bytes, and after each eight that follow."""
    return text[:first] + b"".join(b"\x00" + text[at : at + 8] for at in range(first, len(text), 8))


@pytest.mark.parametrize("first", range(1, 10))
@pytest.mark.parametrize("lead", [0, 1, 60])
def test_a_literal_is_found_wherever_control_bytes_stand_in_it(pglz, first, lead):
    if first < 9:
        data = b"\xff" * lead + controlled(LITERAL + TAIL, first) + b"\xff" * lead
    else:
        data = b"\xff" * lead + LITERAL[:1] + b"\x00" + LITERAL[1:9] + b"\x00" + LITERAL[9:] + TAIL
        first = 1
    ((start, end, needle),) = pglz.find(data)
    controls = 2 if first + 8 < 10 else 1
    assert (start, end, needle.phase) == (lead, lead + 10 + controls, first)


@pytest.mark.parametrize("control", [*b"\x00aZ09", *b"\x01\xff/:@[`{"])
def test_a_control_byte_of_a_literal_is_zero_or_like_a_letter(pglz, control):
    """Anything else is found as text with something between."""
    data = LITERAL[:4] + bytes([control]) + LITERAL[4:] + TAIL
    assert bool(places(pglz, data)) is (control == 0 or bytes([control]).isalnum())


def test_a_literal_that_is_whole_beside_such_letters_is_none(pglz):
    assert places(pglz, LITERAL) == []
    assert places(pglz, LITERAL + b"3") == []
    assert places(pglz, LITERAL[:1] + LITERAL) == []
    assert places(pglz, LITERAL[:4] + b"\x00" + LITERAL[4:]) == [(0, 11)]
    near = LITERAL[:4] + b"\x00" + LITERAL[4:]
    assert places(pglz, near + LITERAL) == []
    assert places(pglz, LITERAL + near) == []
    assert places(pglz, near + b"-" + LITERAL) == [(0, 11)]
    assert places(pglz, LITERAL + b"-" + near) == [(11, 22)]


def test_two_literals_with_control_bytes_are_two(pglz):
    one = LITERAL[:4] + b"\x00" + LITERAL[4:]
    assert places(pglz, one + one) == [(0, 11), (11, 22)]


def decoded(data: bytes, start: int, first: int) -> tuple[bytes, list[tuple[int, int]]]:
    text = cuts._pglz_decode(data, start, first)
    assert text.name == "pglz"
    assert len(text.data) == len(text.starts) == len(text.ends)
    return text.data, list(zip(text.starts, text.ends, strict=True))


def test_letters_stand_behind_a_control_byte_for_each_eight():
    assert decoded(b"..ab\x00cdefghij\x00kl", 2, 2) == (
        b"abcdefghijkl",
        [(2, 3), (3, 4), *((at, at + 1) for at in range(5, 13)), (14, 15), (15, 16)],
    )
    assert decoded(b"a\x00", 0, 1) == (b"a", [(0, 1)])
    assert decoded(b"a", 0, 1) == (b"a", [(0, 1)])
    assert decoded(b"", 0, 0) == (b"", [])


@pytest.mark.parametrize("item", range(8))
def test_a_bit_of_the_control_byte_says_which_item_is_a_copy(item):
    letters = b"zyxwvuts"[:item]
    data = b"abcd\x00" + b"efghijkl" + bytes([1 << item]) + letters + b"\x02\x07" + b"MNOPQRS"[: 7 - item]
    text, spans = decoded(data, 0, 4)
    before = b"abcdefghijkl" + letters
    assert text == before + before[-7:][:5] + b"MNOPQRS"[: 7 - item]
    assert spans[len(before) : len(before) + 5] == [(14 + item, 16 + item)] * 5
    assert spans[len(before) + 5 :] == [(at, at + 1) for at in range(16 + item, 23)]


def test_a_copy_may_reach_into_itself_and_far_back():
    assert decoded(b"ab\x01\x04\x02", 0, 2)[0] == b"ab" + b"ababababa"[:7]
    assert decoded(b"ab\x01\x00\x01", 0, 2)[0] == b"abbbb"
    far = bytes(range(33, 63)) * 9
    data = far + b"\x01\x10\x04"  # 256 and 4 bytes back
    text = cuts._pglz_decode(data, 0, len(far))
    assert text.data == far  # longer than two canaries: no more is read
    near = far[:63]
    assert cuts._pglz_decode(near + b"\x01\x00\x3f", 0, 63).data == near + near[:3]
    assert cuts._pglz_decode(near + b"\x01\x00\x40", 0, 63).data == near  # further back than anything stands
    assert cuts._pglz_decode(near + b"\x01\x00\x00", 0, 63).data == near
    assert cuts._pglz_decode(near + b"\x01\x10\x3f", 0, 63).data == near


@pytest.mark.parametrize(("more", "length"), [(0, 18), (1, 19), (40, 58), (46, 64), (47, 64), (255, 64)])
def test_a_long_copy_has_a_third_byte(more, length):
    text, spans = decoded(b"ab\x01\x0f\x02" + bytes([more]) + b"end", 0, 2)
    assert text[: 2 + length] == (b"ab" * 40)[: 2 + length]
    assert text[2 + length :] == b"end"
    assert spans[2:-3] == [(3, 6)] * length
    assert spans[-3:] == [(6, 7), (7, 8), (8, 9)]


def test_a_copy_of_seventeen_bytes_has_two():
    text, spans = decoded(b"ab\x01\x0e\x02end", 0, 2)
    assert text == (b"ab" * 10)[:19] + b"end"
    assert spans[2:-3] == [(3, 5)] * 17


def test_text_that_breaks_off_is_read_as_far_as_it_goes():
    data = b"ab\x04cd\x00\x02"  # at last a copy, of three bytes
    assert decoded(data, 0, 2)[0] == b"abcdcdc"
    assert [decoded(data[:end], 0, 2)[0] for end in range(2, len(data))] == [b"ab", b"ab", b"abc", b"abcd", b"abcd"]
    assert decoded(b"ab\x01\x0f\x02", 0, 2)[0] == (b"ab" * 10)[:20]


def test_no_more_than_two_canaries_are_read():
    letters = b"\x00" + b"abcdefgh"
    assert len(cuts._pglz_decode(b"x" + letters * 20, 0, 1).data) == 65
    assert len(cuts._pglz_decode(letters * 20, 0, 0).data) == 64
