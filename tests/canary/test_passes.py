"""Base58, which has no alignment, and XOR with any byte: runs that are decoded whole, and what beside them says that they are none."""

from __future__ import annotations

import pytest

from zdr_audit.canary import passes

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
