"""Runs of digits are those that a regular expression finds: at every offset, of every length, up to the last byte."""

from __future__ import annotations

import re

import pytest

from zdr_audit.canary.runs import find_runs

MOST = 130


def spans(runs) -> list[tuple[int, int]]:
    return list(zip(runs.starts.tolist(), runs.ends.tolist(), strict=True))


def expected(data: bytes, alphabet: bytes, least: int) -> list[tuple[int, int]]:
    found = (run.span() for run in re.finditer(b"[%b]+" % alphabet, data))
    return [(start, end) for start, end in found if least <= end - start <= MOST]


def check(data: bytes) -> None:
    hexadecimal, base64 = find_runs(data, MOST)
    assert spans(hexadecimal) == expected(data, b"0-9a-fA-F", 16), data
    assert spans(base64) == expected(data, b"0-9A-Za-z+/_-", 22), data


@pytest.mark.parametrize("lead", range(8))
@pytest.mark.parametrize("letter", [b"0", b"f", b"z", b"_"])
def test_a_run_is_found_with_its_ends(lead, letter):
    for size in (*range(1, 45), *range(125, 135)):
        for tail in (b"", b"\xff" * 3, b"words of it."):
            check(b"." * lead + letter * size + tail)


@pytest.mark.parametrize("between", [b".", b"\x80", b" \n", b"g.", b"." * 8, b"." * 13])
def test_each_of_many_runs_is_found_with_its_own_ends(between):
    for size in range(10, 40):
        check(between.join((b"0" * size, b"e" * 16, b"Zz" * 11, b"9" * (size + 1), b"b" * 23)))
        check(between.join([b"1" * size] * 5) + between)


@pytest.mark.parametrize("code", range(256))
def test_every_byte_is_one_of_them_or_is_not(code):
    one = bytes([code])
    check(b"a" * 20 + one + b"a" * 30)
    check(b"Z" * 25 + one + b"Z" * 8)
    check(one * 40)


def test_in_data_without_a_word_nothing_is_found():
    for size in range(8):
        check(b"a" * size)
    check(b"")
