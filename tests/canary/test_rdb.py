"""Redis snapshots, walked byte by byte; that real ones are read is shown on a real server in tests/evidence_servers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.canary.lzf import decompress
from zdr_audit.canary.rdb import RdbDecoder


def compressed(text: bytes) -> tuple[bytes, int]:
    """LZF without a single back-reference but one: runs of at most 32 bytes, and a run of equal bytes as a reference to itself."""
    runs = b"".join(bytes([len(text[at : at + 32]) - 1]) + text[at : at + 32] for at in range(0, len(text), 32))
    return runs + b"\xe0\x1b\x00", len(text) + 36  # 7 + 27 + 2 times the last byte


def length(value: int) -> bytes:
    return bytes([value]) if value < 64 else bytes([0x40 | value >> 8, value & 0xFF]) if value < 1 << 14 else b"\x80" + value.to_bytes(4)


def plain(text: bytes) -> bytes:
    return length(len(text)) + text


def squeezed(text: bytes) -> bytes:
    data, size = compressed(text)
    return b"\xc3" + length(len(data)) + length(size) + data


def value(kind: int, body: bytes, key: bytes = b"key") -> bytes:
    return bytes([kind]) + plain(key) + body


def snapshot(*parts: bytes, version: bytes = b"0011") -> bytes:
    return b"REDIS" + version + b"".join(parts) + b"\xff" + bytes(8)


def decode(data: bytes, step: int | None = None, **options) -> tuple[bytes, RdbDecoder]:
    decoder = RdbDecoder(**options)
    step = step or len(data)
    found = b"".join(b"".join(decoder.feed(data[at : at + step])) for at in range(0, len(data), step))
    return found + b"".join(decoder.close()), decoder


STREAM_20 = (
    length(1) + plain(bytes(16)) + squeezed(b"listpack") + length(5) * 8
    + length(1) + plain(b"group") + length(1) * 3
    + length(1) + bytes(24) + length(2)
    + length(1) + plain(b"consumer") + bytes(16) + length(1) + bytes(16)
)  # fmt: skip


def stream(kind: int) -> bytes:
    """A stream of one entry, with a group, a consumer and what they owe, as each edition of the format has it."""
    node = length(1) + plain(bytes(16)) + squeezed(b"listpack")
    about = length(3) * (3 if kind == 15 else 8)
    group = length(1) + plain(b"group") + length(1) * (2 if kind == 15 else 3)
    consumer = length(1) + plain(b"consumer") + bytes(16 if kind == 21 else 8) + length(1) + bytes(16)
    return node + about + group + length(1) + bytes(24) + length(2) + consumer


LAYOUTS = {
    "auxiliary field": b"\xfa" + plain(b"redis-ver") + squeezed(b"aux"),
    "database, sizes and expiry": b"\xfe\x00\xfb\x01\x00\xfc"
    + bytes(8)
    + b"\xfd"
    + bytes(4)
    + b"\xf8\x05\xf9\x01"
    + value(0, squeezed(b"string")),
    "key": b"\x00" + squeezed(b"key") + b"\xc0\x05",
    "numbers": value(1, length(4) + b"\xc0\x01\xc1\x01\x02\xc2\x01\x02\x03\x04" + squeezed(b"after")),
    "list": value(1, length(2) + plain(b"a") + squeezed(b"list")),
    "quick list": value(18, length(2) + b"\x01" + plain(b"a") + b"\x02" + squeezed(b"quick")),
    "sorted set with text scores": value(3, length(2) + plain(b"a") + b"\xfe" + squeezed(b"zset") + b"\x031.5"),
    "sorted set with binary scores": value(5, length(1) + squeezed(b"zset") + bytes(8)),
    "hash": value(4, length(1) + squeezed(b"field") + squeezed(b"hash")),
    "hash with expiring fields": value(24, bytes(8) + length(1) + b"\x07" + squeezed(b"field") + squeezed(b"hash")),
    "compact hash with expiring fields": value(25, bytes(8) + squeezed(b"listpack")),
    "stream": value(21, STREAM_20),
    "stream of the first edition": value(15, stream(15)),
    "stream of the second edition": value(19, stream(19)),
    "stream of the third edition": value(21, stream(21)),
    "module": value(
        7, b"\x81" + bytes(8) + b"\x01\x05\x02\x05\x03" + bytes(4) + b"\x04" + bytes(8) + b"\x05" + squeezed(b"module") + b"\x00"
    ),
    "module beside the keys": b"\xf7\x81" + bytes(8) + b"\x02\x01\x05" + squeezed(b"aux") + b"\x00",
    "function": b"\xf5" + squeezed(b"code"),
    "slot": b"\xf4\x01\x02\x03" + value(0, squeezed(b"in slot")),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("step", [None, 1, 7])
def test_every_layout_is_walked_to_the_string_after_it(layout, step):
    found, decoder = decode(snapshot(layout, value(0, squeezed(b"the last"))) + b"what follows", step)
    assert decoder.error is None
    assert b"the last" in found
    assert decoder.consumed == len(snapshot(layout, value(0, squeezed(b"the last"))))


def test_strings_that_are_stored_as_they_are_are_left_to_the_search_of_the_file():
    found, decoder = decode(snapshot(value(0, plain(b"x" * 20_000))))
    assert (found, decoder.error) == (b"", None)


def test_the_payload_of_dump_is_a_value_alone():
    found, decoder = decode(b"\x00" + squeezed(b"dumped") + b"\x09\x00" + bytes(8), dump=True)
    assert (found, decoder.error) == (b"dumped" + b"d" * 36 + b"\n", None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (snapshot(value(99, b"")), "values of type 99 are not known"),
        (snapshot(value(7, b"\x01\x09")), "unknown kind 9"),
        (snapshot(value(0, b"\xc3\x02\x05\x05a")), "cut off"),
        (snapshot(value(0, b"\xc3\x03\x05\x20\x00\x00")), "before their beginning"),
        (snapshot(value(0, b"\xc3\x02\x05\x00a")), "less than the 5 bytes"),
        (snapshot(value(0, b"\xc3\x04\x01\x02abc")), "more than the 1 bytes"),
        (snapshot(value(1, b"\xc0")), "a length is expected"),
        (snapshot(value(0, b"\xc5")), "no string has the encoding 5"),
        (snapshot(value(0, b"\x85")), "no length begins with byte 0x85"),
        (snapshot(value(0, plain(b"x" * 100)))[:50], "the snapshot is cut off"),
        (snapshot(value(0, b"\xc3\x04\x81" + (1 << 40).to_bytes(8) + b"\x02abc")), "1 compressed strings are larger"),
    ],
)
def test_what_cannot_be_walked_says_why(data, reason):
    assert reason in (decode(data)[1].error or "")


def test_an_unknown_value_keeps_what_was_found_before_it():
    found, decoder = decode(snapshot(value(0, squeezed(b"early")), value(99, b"")))
    assert found.startswith(b"early")
    assert decoder.error


@given(st.binary(max_size=300), st.integers(1, 40))
def test_damaged_snapshots_never_raise(data, step):
    assert decode(b"REDIS0009" + data, step)[1].ended


@given(st.binary(max_size=100), st.integers(0, 300))
def test_damaged_lzf_raises_nothing_but_a_value_error(data, size):
    with suppress(ValueError):
        assert len(decompress(data, size)) == size


def long_length(value: int) -> bytes:
    return b"\x81" + value.to_bytes(8)


@pytest.mark.parametrize("size", [1, 63, 64, 65, 255, 256, 300, 16_383, 16_384, 70_000])
def test_strings_of_every_length_are_passed_over_to_their_end(size):
    for written in {length(size), b"\x80" + size.to_bytes(4), long_length(size)}:
        found, decoder = decode(snapshot(value(0, written + b"\xff" * size), value(0, squeezed(b"after"))), 5000)
        assert (found[:5], decoder.error) == (b"after", None)


@pytest.mark.parametrize("kind", [0, 9, 10, 11, 12, 13, 16, 17, 20])
def test_values_of_one_string_hold_nothing_else(kind):
    found, decoder = decode(snapshot(value(kind, squeezed(b"value")), value(0, squeezed(b"after"))))
    assert (found[:5], found.split(b"\n")[1][:5], decoder.error) == (b"value", b"after", None)


@pytest.mark.parametrize(("kind", "item"), [(1, b""), (2, b""), (3, b"\x031.5"), (5, bytes(8)), (14, b""), (4, plain(b"value"))])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_values_of_many_items_hold_so_many(kind, item, count):
    data = snapshot(value(kind, length(count) + (plain(b"item") + item) * count), value(0, squeezed(b"after")))
    found, decoder = decode(data)
    assert (found[:5], decoder.error) == (b"after", None)


@pytest.mark.parametrize("size", [0, 1, 17, 252, 253, 254, 255])
def test_a_score_has_as_many_bytes_as_it_says_or_is_none(size):
    score = bytes([size]) + (b"1" * size if size < 253 else b"")
    found, decoder = decode(snapshot(value(3, b"\x01" + plain(b"member") + score), value(0, squeezed(b"after"))))
    assert (found[:5], decoder.error) == (b"after", None)


@pytest.mark.parametrize(("version", "checksum"), [(b"0001", 0), (b"0004", 0), (b"0005", 8), (b"0012", 8)])
def test_a_snapshot_ends_with_a_checksum_from_its_fifth_version_on(version, checksum):
    data = b"REDIS" + version + value(0, squeezed(b"last")) + b"\xff"
    found, decoder = decode(data + bytes(20))
    assert found.startswith(b"last")
    assert (decoder.ended, decoder.consumed) == (True, len(data) + checksum)


@pytest.mark.parametrize(
    ("compressed_", "size", "passed"),
    [(16 << 20, 1, False), ((16 << 20) + 1, 1, True), (3, 64 << 20, False), (3, (64 << 20) + 1, True)],
)
def test_a_string_that_is_too_large_is_passed_over_and_said(compressed_, size, passed):
    decoder = RdbDecoder()
    list(decoder.feed(b"REDIS0011" + value(0, b"\xc3" + long_length(compressed_) + long_length(size)) + b"\x01ab"))
    list(decoder.close())
    assert (decoder._passed_over == 1) is passed


@pytest.mark.parametrize("over", [0, 1])
def test_a_string_that_is_longer_than_any_ends_the_walk(over):
    decoder = RdbDecoder()
    list(decoder.feed(b"REDIS0011" + value(0, long_length(8 * (512 << 20) + over) + b"rest")))
    assert decoder.ended is bool(over)
    assert bool(decoder.error) is bool(over)


@pytest.mark.parametrize(("code", "size"), [(0xC0, 1), (0xC1, 2), (0xC2, 4)])
def test_numbers_take_as_many_bytes_as_they_have(code, size):
    data = snapshot(value(0, bytes([code]) + b"\xff" * size), value(0, squeezed(b"after")))
    found, decoder = decode(data)
    assert (found[:5], decoder.error, decoder.consumed) == (b"after", None, len(data))
    assert "no string has the encoding 4" in (decode(snapshot(value(0, b"\xc4")))[1].error or "")


@pytest.mark.parametrize(("code", "part"), [(1, b"\x07"), (2, b"\x40\xff"), (3, bytes(4)), (4, bytes(8)), (5, plain(b"text"))])
def test_each_part_of_a_modules_value_takes_its_own_bytes(code, part):
    body = b"\x81" + bytes(8) + bytes([code]) + part + bytes([code]) + part + b"\x00"
    found, decoder = decode(snapshot(value(7, body), value(0, squeezed(b"after"))))
    assert (found[:5], decoder.error) == (b"after", None)


@pytest.mark.parametrize("code", [6, 7, 63])
def test_a_part_of_no_kind_ends_the_walk(code):
    decoder = decode(snapshot(value(7, b"\x05" + bytes([code]) + bytes(20))))[1]
    assert decoder.error == f"a module's value holds a part of unknown kind {code}"
