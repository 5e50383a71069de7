"""Decompression of stored values, where no server of the tests would make them: lz4, and damage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.evidence.postgres_toast import Toast, decompressed, inline_values

# "abcd" as it is, then 20 bytes copied from 4 back, then "xyz".
LZ4 = b"\x4fabcd\x04\x00\x01" + b"\x30xyz"
TEXT = b"abcd" * 6 + b"xyz"


def test_lz4_values_are_decompressed():
    assert decompressed(1 << 30 | len(TEXT), LZ4, whole=True) == (TEXT, "lz4")


def test_a_value_that_ends_early_is_given_as_far_as_it_goes_only_where_its_end_may_be_missing():
    assert decompressed(1 << 30 | len(TEXT) + 9, LZ4, whole=True) is None
    assert decompressed(1 << 30 | len(TEXT) + 9, LZ4, whole=False) == (TEXT, "lz4")


def test_compressed_values_are_found_at_any_place_of_a_page_but_not_across_its_border():
    value = (len(LZ4) + 8 << 2 | 2).to_bytes(4, "little") + (1 << 30 | len(TEXT)).to_bytes(4, "little") + LZ4
    page = b"\xff" * 13 + value + b"\xff" * 50
    assert [(found.start, found.data, found.method) for found in inline_values(page)] == [(13, TEXT, "lz4")]
    assert list(inline_values(page, block=16)) == []


@given(st.binary(max_size=400), st.integers(0, (1 << 32) - 1), st.booleans())
def test_damaged_values_never_raise(data, info, whole):
    found = decompressed(info, data, whole)
    assert found is None or len(found[0]) <= info & 0x3FFFFFFF


@given(st.binary(min_size=0, max_size=2048))
def test_damaged_pages_never_raise(data):
    page = bytearray(data.ljust(8192, b"\x00"))
    page[12:14] = (2000).to_bytes(2, "little")
    toast = Toast(8192)
    pieces = [content for _, _, content, method in (*toast.feed(0, bytes(page)), *toast.finish()) if not method]
    assert all(len(content) > 0 for content in pieces)
