"""Base58, which has no alignment, and XOR with any byte: runs that are decoded whole, and what beside them says that they are none."""

from __future__ import annotations

import pytest

from zdr_audit.canary import markup, passes
from zdr_audit.canary.mint import parts

DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data: bytes) -> bytes:
    number, out = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        out = DIGITS[digit] + out
    return out.encode()


@pytest.mark.parametrize("lead", [b"", b"note: ", b"a text of some length before the "])
@pytest.mark.parametrize("around", [b"words ", b"words " * 9000])
def test_a_run_of_base58_is_read_whole(lab, lead, around):
    canary = lab.canary("one")
    for text in (lead + canary.encode() + b" end", lead + canary.upper().encode()):
        run = base58(text)
        (seen,) = lab.search(around + run + b" " + around)
        assert (seen.start, seen.end, seen.canary, seen.forms[0]) == (len(around), len(around) + len(run), "one", "base58")
        (alone,) = lab.search(run)
        assert (alone.start, alone.end) == (0, len(run))


@pytest.mark.parametrize("code", b"0OIl+/_-")
def test_what_goes_on_with_other_letters_is_none(lab, code):
    run, sign = base58(b"..." + lab.canary("one").encode()), bytes([code])
    assert lab.search(b"x " + sign + run) == []
    assert lab.search(b"x " + run + sign) == []
    assert lab.search(sign + run + b" x") == []
    assert len(lab.search(b"x ." + run + b", x")) == 1


@pytest.mark.parametrize(("size", "told"), [(1500, True), (1501, False)])
def test_a_run_of_base58_is_read_up_to_fifteen_hundred_digits(lab, size, told):
    text = lab.canary("one").encode()
    runs = (base58(bytes([first]) + text.ljust(length)) for length in range(1090, 1105) for first in (1, 20, 60, 250))
    run = next(run for run in runs if len(run) == size)
    assert bool(lab.search(b" " + run + b" ")) is told


@pytest.mark.parametrize("key", [0x01, 0x20, 0x55, 0x7F, 0x80, 0xFF])
@pytest.mark.parametrize("around", [10, 40_000])
def test_every_key_of_xor_is_told_with_the_place(lab, key, around):
    canary = lab.canary("one").encode()
    for text in (canary, canary.upper()):
        data = b"\x00" * around + bytes(code ^ key for code in text) + b"\x00" * around
        seen = [one for one in lab.search(data) if one.canary]
        if key == 0x20:  # letters in the other case, and signs for digits
            assert {one.canary for one in seen} <= {"one"}
        else:
            assert {(one.start, one.end, one.canary, one.forms[0]) for one in seen} == {(around, around + 32, "one", "xor")}


@pytest.mark.parametrize(
    ("text", "gaps"),
    [(b"abc", ()), (b"a-bc", (1,)), (b"ab--c", (2,)), (b"ab-=\n\\nc.d", (2, 3)), (b"a b c d", (1, 2, 3))],
)
def test_gaps_are_told_once_by_the_characters_before_them(text, gaps):
    assert passes._gaps(text) == gaps


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        (b"abc", ()),
        (b"a<b>bc", (1,)),
        (b"ab<i></i> c", (2,)),
        (b"<p>ab\x1b[0mc", (0, 2)),
        (b"a<b>b</b>c", (1, 2)),
        (b"ab\\u003ci\\u003ec", (2,)),
        (b"(ab) -20 (c)", (2,)),
    ],
)
def test_cuts_of_markup_are_told_once_by_the_characters_before_them(text, cuts):
    assert markup._cuts(text) == cuts


def test_what_a_prompt_lists_to_be_joined_is_cut_where_its_pieces_end():
    canary = "0123456789abcdefghijklmnopqrstuv"
    places = [sum(map(len, parts(canary)[:count])) for count in range(1, len(parts(canary)))]
    assert tuple(tuple(place - first for place in places if first < place < first + 10) for first in (0, 22)) == passes.PROMPTED
    assert passes.PROMPTED == ((5,), (3, 8))


@pytest.mark.parametrize("between", [b" ", b", ", b"<i></i>"])
def test_pieces_as_a_prompt_lists_them_are_no_answer_and_others_are(lab, between):
    canary = lab.canary("one").encode()
    listed = between.join(part.encode() for part in parts(canary.decode()))
    assert any(seen.canary for seen in lab.search(listed)) is (b"<" in between)  # no prompt marks its pieces up
    for cut in (1, 2, 4, 6, 7, 9):
        seen = lab.search(canary[:cut] + between + canary[cut:])
        assert {one.canary for one in seen} == {"one"}, cut


def test_capitals_under_a_key_that_changes_the_case_are_told_where_digits_stand_among_them(lab):
    canary = lab.canary("one").encode()
    for text in (canary, canary.upper()):
        events = list(next(one for one in lab.seeker.passes if one.name == "xor").find(bytes(code ^ 0x20 for code in text)))
        assert [(start, end, needle.phase) for start, end, needle in events] == [(0, 10, 0x20), (22, 32, 0x20)]
    letters_alone = passes._xor(b"zqxjabcdef")
    assert list(letters_alone.find(b"..ZQXJABCDEF..zqxjabcdef..")) == []
    changed = bytes(code ^ 1 for code in b"..zqxjabcdef")
    assert [(start, end, needle.phase) for start, end, needle in letters_alone.find(changed)] == [(2, 12, 0x01), (2, 12, 0x21)]
