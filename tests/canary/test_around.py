"""Reading the canary around a literal that stands as it is: which of both literals it is, what is damaged, and how its letters are written."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("lead", [0, 1, 5, 21, 22, 23, 40])
@pytest.mark.parametrize("after", [b"", b"x", b"-", b"." * 40])
def test_the_range_is_that_of_the_canary_wherever_it_stands(lab, lead, after):
    canary = lab.canary("one")
    for write, form in ((str, "plain"), (str.upper, "upper-case"), (str.title, "mixed-case")):
        data = b"." * lead + write(canary).encode() + after
        (seen,) = lab.search(data)
        assert (seen.start, seen.end, seen.forms, seen.canary) == (lead, lead + 32, (form,), "one")
        assert seen.excerpt == write(canary)[:16]


@pytest.mark.parametrize("lead", [0, 1, 30])
def test_a_part_with_one_literal_is_read_with_the_letters_of_the_tail_beside_it(lab, lead):
    canary = lab.canary("one")
    for first, last in ((0, 22), (0, 19), (0, 16), (10, 32), (13, 32), (16, 32)):
        for left, right in ((b"", b""), (b".", b".")):
            data = b"." * lead + left + canary[first:last].encode() + right
            start = lead + len(left)
            (seen,) = lab.search(data)
            assert (seen.start, seen.end, seen.canary) == (start, start + last - first, "one"), (first, last)


def test_what_the_letters_beside_a_literal_say_comes_before_what_is_further(lab):
    canary, other = lab.canary("one"), lab.canary("other")
    data = f"{canary[:22]} {other}"
    assert [(seen.start, seen.end, seen.canary) for seen in lab.search(data.encode())] == [(0, 22, "one"), (23, 55, "other")]
    joined = f"{canary[:22]}{other[10:]}"
    assert [(seen.start, seen.end, seen.canary) for seen in lab.search(joined.encode())] in (
        [(0, 22, "one"), (34 - 12, 44, "other")],
        [(0, 22, "one"), (22, 44, "other")],
    )


@pytest.mark.parametrize("code", [0x00, 0x1F, 0x7F, 0x80, 0xFF])
def test_an_excerpt_shows_no_byte_that_is_none_of_ascii(lab, code):
    canary = lab.canary("one").encode()
    data = canary[:12] + bytes([code]) + canary[13:]
    (seen,) = lab.search(data)
    assert seen.excerpt == (canary[:12] + b"." + canary[13:16]).decode()
    for kept in (0x20, 0x7E):
        (seen,) = lab.search(canary[:12] + bytes([kept]) + canary[13:])
        assert seen.excerpt[12] == chr(kept)


def test_what_is_encoded_too_deep_is_said(labs):
    lab = labs(max_depth=1)
    canary = lab.canary("one").encode()
    (seen,) = lab.search(canary.hex().encode())
    assert (seen.forms, seen.canary) == (("hex", "plain"), "one")
    assert lab.notes == []
    assert [seen for seen in lab.search(canary.hex().encode().hex().encode()) if seen.canary] == []


def test_a_pattern_that_is_long_enough_tells_by_itself(lab):
    encoded = lab.literal.encode().hex().encode()
    for size, told in ((20, 20), (18, 10), (10, 10), (8, 0)):  # half of the literal is a pattern
        places = [(seen.start, seen.end, seen.canary) for seen in lab.search(b"<" + encoded[:size] + b">")]
        assert places == ([(1, 1 + told, None)] if told else [])
