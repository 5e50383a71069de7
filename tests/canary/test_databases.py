"""Files of databases made here page by page and piece by piece: what is decoded, what is passed over, and what cannot be one."""

from __future__ import annotations

import zlib

import lz4.block
import pytest
from fed import fed

from fixtures.corpus_compressed import snappy_block
from zdr_audit.canary import databases
from zdr_audit.canary.walk import MOST_DECODED, MOST_PACKED

TEXT = b"a prompt that is kept in a page of a table; " * 6
HEAD = b"H" * 24


def page(content: bytes, *, kind: int = 7, flags: int = 1, size: int | None = None, packed: int | None = None, unit: int = 512) -> bytes:
    """A page: header, length, content, filled up to a multiple of `unit`."""
    length = len(content) if packed is None else packed
    body = length.to_bytes(8, "little") + content
    whole = -(-(64 + len(body)) // unit) * unit
    told = whole if size is None else size
    return (HEAD + bytes([kind, flags]) + b"hh" + told.to_bytes(4, "little") + b"H" * 32 + body).ljust(whole, b"\x00")


def aligned(*pages: bytes) -> bytes:
    return b"\x01" * 4096 + b"".join(one.ljust(-(-len(one) // 4096) * 4096, b"\x00") for one in pages)


def told(one: bytes, content: bytes = TEXT) -> bytes:
    return one[:64] + content


@pytest.mark.parametrize("size", [1, 700, 1 << 20])
def test_pages_that_are_compressed_with_snappy_are_decoded_behind_their_headers(size):
    first, second = page(snappy_block(TEXT)), page(snappy_block(b"another " * 9), kind=1)
    large = page(snappy_block(TEXT), unit=8192)
    odd = page(snappy_block(TEXT), unit=4608)  # the next begins at a multiple of 4096
    decoder = databases.wired_tiger()
    data = aligned(first, large, odd, second)
    assert fed(decoder, data, size) == told(first) + told(large) + told(odd) + told(second, b"another " * 9)
    assert (decoder.error, decoder.consumed) == (None, len(data))


@pytest.mark.parametrize(
    "other",
    [
        page(snappy_block(TEXT), kind=0),
        page(snappy_block(TEXT), kind=8),
        page(snappy_block(TEXT), flags=2),
        page(snappy_block(TEXT), size=0),
        page(snappy_block(TEXT), size=511),
        page(snappy_block(TEXT), size=520),
        page(snappy_block(TEXT), size=(32 << 20) + 512),
        page(snappy_block(TEXT), packed=0),
        page(snappy_block(TEXT), packed=441),
        page(b"\x28\xb5\x2f\xfd" + bytes(40)),
        page(bytes(40), packed=0x78),
    ],
    ids=[
        "no kind",
        "other kind",
        "not compressed",
        "no size",
        "odd",
        "odd, beyond",
        "too large",
        "empty",
        "beyond its page",
        "zstd",
        "zlib",
    ],
)
def test_other_pages_are_passed_over(other):
    after = page(snappy_block(TEXT))
    decoder = databases.wired_tiger()
    assert fed(decoder, aligned(other, after)) == told(after)
    assert decoder.error is None


def test_what_fills_a_page_to_its_last_byte_is_decoded():
    content = snappy_block(TEXT)
    filled = content + b"\x00" * (440 - len(content))
    one = page(content[:440].ljust(len(content), b"\x00"), packed=len(content))
    assert len(one) == 512 and len(filled) == 440
    decoder = databases.wired_tiger()
    assert fed(decoder, aligned(one)) == told(one)
    broken = databases.wired_tiger()
    assert fed(broken, aligned(page(filled, packed=440), one)) == told(one)  # more than the block
    assert (broken.error or "").startswith("1 page could not be decoded")


def test_flags_tell_of_compression_by_their_lowest_bit():
    for flags in (1, 3, 0x81):
        one = page(snappy_block(TEXT), flags=flags)
        assert fed(databases.wired_tiger(), aligned(one)) == told(one)


def test_a_file_of_pages_that_breaks_off_is_read_as_far_as_it_goes():
    first = page(snappy_block(TEXT))
    data = aligned(first, first)
    held = 64 + 8 + len(snappy_block(TEXT))  # what fills it up may be missing
    for end, pages in (
        (4096, 0),
        (4096 + 63, 0),
        (4096 + 71, 0),
        (4096 + held - 1, 0),
        (4096 + held, 1),
        (8192, 1),
        (8192 + held - 1, 1),
        (8192 + held, 2),
        (3 * 4096, 2),
    ):
        decoder = databases.wired_tiger()
        assert fed(decoder, data[:end]) == told(first) * pages, end
        assert decoder.error is None


def clickhouse(content: bytes, *, codec: int = 0x82, size: int | None = None, packed: int | None = None, head: int = 9) -> bytes:
    block = lz4.block.compress(content, store_size=False)
    told_size = len(content) if size is None else size
    told_packed = len(block) + 9 if packed is None else packed
    return b"S" * 16 + bytes([codec]) + told_packed.to_bytes(4, "little") + told_size.to_bytes(4, "little") + block


@pytest.mark.parametrize("size", [1, 30, 1 << 20])
def test_the_blocks_of_a_column_are_decoded_and_those_of_other_codecs_left_alone(size):
    data = clickhouse(TEXT) + clickhouse(b"x" * 90, codec=0x90) + clickhouse(b"another " * 9)
    decoder = databases.clickhouse()
    assert fed(decoder, data, size) == TEXT + b"another " * 9
    assert (decoder.error, decoder.consumed) == (None, len(data))


def test_blocks_that_are_damaged_are_counted():
    decoder = databases.clickhouse()
    damaged = clickhouse(TEXT, size=len(TEXT) - 1)
    assert fed(decoder, damaged + damaged + clickhouse(b"another " * 9)) == b"another " * 9
    assert (decoder.error or "").startswith("2 blocks could not be decoded (first: ")


@pytest.mark.parametrize(("packed", "size"), [(9, 1), (MOST_PACKED + 1, 1), (30, MOST_DECODED + 1)])
def test_a_block_of_a_size_that_cannot_be_ends_the_reading(packed, size):
    decoder = databases.clickhouse()
    bad = b"S" * 16 + b"\x82" + packed.to_bytes(4, "little") + size.to_bytes(4, "little")
    assert fed(decoder, clickhouse(TEXT) + bad + clickhouse(TEXT)) == TEXT
    assert decoder.ended


def test_a_column_that_breaks_off_is_read_as_far_as_it_goes():
    block = clickhouse(TEXT)
    for end in range(len(block), 2 * len(block), 7):
        decoder = databases.clickhouse()
        assert fed(decoder, (2 * block)[:end]) == TEXT
        assert decoder.error is None


def test_a_column_begins_with_a_block_that_can_be():
    content = bytes(range(100)) * 3
    head = clickhouse(content)[:64]
    assert databases.is_clickhouse(head)
    assert not databases.is_clickhouse(head[:63])
    assert not databases.is_clickhouse(clickhouse(content, codec=0x83)[:64])
    for packed, fits in ((9, False), (10, True), (MOST_PACKED, True), (MOST_PACKED + 1, False)):
        assert databases.is_clickhouse(clickhouse(content, packed=packed)[:64]) is fits
    for size, fits in ((0, False), (300, True), (MOST_DECODED, True), (MOST_DECODED + 1, False), (20, False)):
        assert databases.is_clickhouse(clickhouse(content, size=size)[:64]) is fits, size
    assert not databases.is_clickhouse(head[:25] + b"\x00" * 39)


MARK = b"\x01\x00abcd"


def piece(data: bytes) -> bytes:
    return b"\x00" + len(data).to_bytes(4, "little") + data


END = b"\x00" + bytes(4)


@pytest.mark.parametrize("size", [1, 2, 5, 13, 64, 1 << 20])
def test_the_pieces_of_a_table_in_a_dump_are_joined(size):
    packed = zlib.compress(TEXT)
    data = b"PGDMP\x01 and a table of contents" * 9 + MARK + piece(packed[:10]) + piece(packed[10:11]) + piece(packed[11:]) + END
    decoder = databases.PgDump()
    assert fed(decoder, data + b"more, " * 40 + data, size) == packed * 2
    assert (decoder.consumed, decoder.error, decoder.ended) == (2 * len(data) + 240, None, True)


@pytest.mark.parametrize("magic", [b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"])
def test_a_block_of_a_dump_begins_as_compressed_data_do(magic):
    assert fed(databases.PgDump(), b"...." + MARK + piece(magic + b"content") + END + b"....") == magic + b"content"
    other = bytes([magic[0] ^ 1]) + magic[1:]
    assert fed(databases.PgDump(), b"...." + MARK + piece(other + b"content") + END + b"....") == b""


def test_a_length_that_cannot_be_ends_the_pieces():
    packed = b"x\x9ccontent"
    for length in (b"\x01" + len(packed).to_bytes(4, "little"), b"\x00" + (MOST_PACKED + 1).to_bytes(4, "little"), END):
        data = MARK + piece(packed) + length + packed + b"...." + MARK + piece(packed)
        assert fed(databases.PgDump(), data) == 2 * packed
    assert fed(databases.PgDump(), MARK + piece(packed) + b"\x00" + MOST_PACKED.to_bytes(4, "little") + b"rest") == packed + b"rest"


def test_a_dump_that_breaks_off_is_read_as_far_as_it_goes():
    packed = b"x\x9ccontent"
    data = MARK + piece(packed) + piece(b"more")
    for end in range(len(data) + 1):
        whole = data[:end]
        given = fed(databases.PgDump(), whole)
        first = whole[len(MARK) + 5 :][: len(packed)] if end > len(MARK) + 6 else b""
        assert given == first + whole[len(MARK) + 10 + len(packed) :], end


@pytest.mark.parametrize(
    ("at", "values"),
    [(7, {63: True, 64: False}), (8, {4: True, 8: True, 5: False}), (9, {4: True, 8: True, 7: False}), (10, {1: True, 0: False, 2: False})],
)
def test_a_dump_begins_with_its_version_and_sizes(at, values):
    head = b"PGDMP\x01\x0e\x00\x04\x08\x01\x00"
    assert databases.is_pg_dump(head)
    assert not databases.is_pg_dump(head[:11])
    for value, fits in values.items():
        assert databases.is_pg_dump(head[:at] + bytes([value]) + head[at + 1 :]) is fits


def test_a_file_of_duckdb_shows_its_magic_behind_a_sum():
    head = b"checksumDUCK\x40\x00" + bytes(6)
    assert databases.is_duckdb(head)
    assert not databases.is_duckdb(head[:19])
    for at in (8, 11, 14, 19):
        assert not databases.is_duckdb(head[:at] + b"\x01" + head[at + 1 :])
    assert databases.is_duckdb(head[:13] + b"\x01" + head[14:])
    unread = databases.no_duckdb()
    assert fed(unread, head) == b""
    assert "DuckDB" in (unread.error or "")
