"""Files of Parquet made here page by page: which pages are decoded, which are left, and what is missed."""

from __future__ import annotations

import gzip

import brotli
import lz4.block
import pytest
from fed import fed
from varints import varint

from fixtures.corpus_compressed import snappy_block
from zdr_audit.canary import parquet
from zdr_audit.canary.compression import _zstd

TEXT = b"text of a page, and of another page, " * 9


def number(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else -2 * value - 1)


def page(data: bytes, size: int, kind: int = 0, more: bytes = b"", packed: int | None = None) -> bytes:
    return (
        b"\x15" + number(kind) + b"\x15" + number(size) + b"\x15" + number(len(data) if packed is None else packed) + more + b"\x00" + data
    )


def second(data: bytes, size: int, levels: tuple[int, int] = (0, 0), compressed: bytes = b"") -> bytes:
    return page(data, size, 3, b"\x5c\x55" + number(levels[0]) + b"\x15" + number(levels[1]) + compressed + b"\x00")


def footer(walked: int) -> bytes:
    column = b"\x3c\x76" + number(walked) + b"\x00\x00"
    return b"\x15\x04\x19\x0c\x16\x04\x19\x1c\x19\x1c" + column + b"\x00\x00" + b"size" + b"PAR1"


def read(*pages: bytes, size: int = 1 << 20, wanted: int | None = None) -> tuple[bytes, str | None]:
    body = b"".join(pages)
    data = b"PAR1" + body + footer(len(body) if wanted is None else wanted)
    decoder = parquet.decoder()
    out = fed(decoder, data + b"rest", size)
    if decoder.error is None:
        assert (decoder.ended, decoder.consumed) == (True, len(data))
    return out, decoder.error


def hadoop(data: bytes) -> bytes:
    block = lz4.block.compress(data, store_size=False)
    return len(data).to_bytes(4) + len(block).to_bytes(4) + block


PACKS = {
    "snappy": snappy_block,
    "lz4": lambda data: lz4.block.compress(data, store_size=False),
    "lz4 of hadoop": hadoop,
    "brotli": brotli.compress,
}


@pytest.mark.parametrize("name", PACKS)
@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_pages_are_decoded_in_whatever_codec_gives_the_size_they_announce(name, size):
    data = PACKS[name](TEXT)
    assert read(page(data, len(TEXT)), page(data, len(TEXT), kind=2), size=size) == (TEXT * 2, None)
    assert read(page(data, len(TEXT)), page(data, len(TEXT) + 1), size=size)[1] == (
        "1 page could not be decoded (first: encrypted, or in a compression that is not known)"
    )


def test_pages_in_another_codec_follow_one_another():
    assert read(*(page(pack(TEXT), len(TEXT)) for pack in (*PACKS.values(), *PACKS.values()))) == (TEXT * 8, None)


@pytest.mark.parametrize("pack", [lambda data: gzip.compress(data, mtime=0), _zstd.compress])
def test_pages_with_a_magic_of_their_own_are_left_to_it(pack):
    data = pack(TEXT)
    assert read(page(data, len(TEXT)), page(snappy_block(TEXT), len(TEXT))) == (TEXT, None)
    assert read(second(b"lv" + data, len(TEXT) + 2, (1, 1)), page(snappy_block(TEXT), len(TEXT))) == (TEXT, None)
    assert read(page(data[:3], 3), page(data[:4], 4)) == (b"", None)


def test_pages_that_hold_no_compressed_values_are_passed_over():
    after = page(snappy_block(TEXT), len(TEXT))
    for other in (
        page(b"as it is", 8),
        page(b"", 0),
        page(b"", 9),
        page(b"an index", 99, kind=1),
        second(b"as it is", 99, compressed=b"\x12"),
        second(b"levels", 6, (4, 2)),
        second(b"levels", 6, (9, 2)),
    ):
        assert read(other, after) == (TEXT, None), other


def test_the_levels_of_the_second_version_stand_before_what_is_compressed():
    data = snappy_block(TEXT)
    for levels in ((0, 0), (2, 0), (0, 3), (2, 3)):
        lead = b"\xff" * sum(levels)
        assert read(second(lead + data, len(TEXT) + len(lead), levels)) == (TEXT, None)
        assert read(second(lead + data, len(TEXT) + len(lead), levels, b"\x11")) == (TEXT, None)
        assert read(second(lead + data, len(TEXT) + len(lead) + 1, levels))[1] is not None


@pytest.mark.parametrize(("packed", "size"), [(32 << 20, 1), ((32 << 20) + 1, 1), (99, 64 << 20), (99, (64 << 20) + 1)])
def test_pages_that_are_too_large_are_passed_over_and_counted(packed, size):
    decoder = parquet.decoder()
    list(decoder.feed(b"PAR1" + page(b"", size, packed=packed)))
    assert decoder._need == (4 if packed <= 32 << 20 and size <= 64 << 20 else -packed)


def test_a_page_of_a_negative_size_is_refused():
    for data in (page(b"", -1), page(b"", 1, packed=-1)):
        assert read(data)[1] == "a page announces a negative size"


def test_what_was_not_met_is_said():
    data = page(snappy_block(TEXT), len(TEXT))
    assert read(data, wanted=len(data) + 7) == (TEXT, f"7 of {len(data) + 7} bytes of its pages were not met")
    assert read(data, wanted=len(data) - 1) == (TEXT, None)


def test_filters_indexes_and_padding_stand_between():
    data = page(snappy_block(TEXT), len(TEXT))
    bloom = b"\x15" + number(20) + b"\x1c\x00\x1c\x00\x1c\x00\x00" + b"\xff" * 20
    none = b"\x15" + number(0) + b"\x1c\x00\x1c\x00\x1c\x00\x00"
    index = b"\x19\x1c\x16\x08\x00\x00"
    assert read(data, bloom, data, none, index, b"\x00\x00", data, wanted=3 * len(data)) == (TEXT * 3, None)


@pytest.mark.parametrize("other", [b"\x15\x02\x00", b"\x25\x02\x00", b"\x15\x08\x15\x02\x15\x02\x00", b"\x18\x01a\x00"])
def test_what_is_none_of_these_is_refused(other):
    data = page(snappy_block(TEXT), len(TEXT))
    assert read(data, other) == (TEXT, "what follows a page is neither another one nor an index nor the footer")


def test_a_column_without_a_size_counts_for_none():
    data = page(snappy_block(TEXT), len(TEXT))
    for column in (b"\x3c\x00\x00", b"\x00", b"\x35\x02\x00"):
        end = b"\x15\x04\x19\x0c\x16\x04\x19\x1c\x19\x2c" + b"\x3c\x76" + number(len(data)) + b"\x00\x00" + column + b"\x00\x00"
        decoder = parquet.decoder()
        assert fed(decoder, b"PAR1" + data + end + b"sizePAR1") == TEXT
        assert (decoder.error, decoder.consumed) == (None, 4 + len(data) + len(end) + 8)
