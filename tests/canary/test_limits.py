"""Sizes at which parsers stop: the largest that is read, and the next one, which is not."""

from __future__ import annotations

import lzma
import random
import struct
import zlib

import brotli
import pytest
from fed import fed
from varints import varint

from zdr_audit.canary import avro, blocks, captures, compression, databases, lzf, orc, rdb, records, thrift
from zdr_audit.canary.walk import Walk


def zigzag(value: int) -> bytes:
    return varint(2 * value)


def avro_error(data: bytes) -> str:
    decoder = avro.decoder()
    fed(decoder, b"Obj\x01" + data)
    return decoder.error or ""


def thrift_error(data: bytes) -> str:
    decoder = Walk(lambda _emit: thrift.struct())
    fed(decoder, data)
    return decoder.error or ""


MIB = 1 << 20


def journal() -> bytes:
    return (b"LPKSHHRH" + bytes(80) + (104).to_bytes(8, "little")).ljust(104, b"\x00")


@pytest.mark.parametrize(
    ("error", "begin", "most", "words"),
    [
        (avro_error, zigzag, 1000, "more entries"),
        (avro_error, lambda size: zigzag(1) + zigzag(size), 16 * MIB, "a text that is longer"),
        (avro_error, lambda size: zigzag(1) + zigzag(1) + b"n" + zigzag(size), 16 * MIB, "a text that is longer"),
        (thrift_error, lambda size: b"\x18" + varint(size), 64 * MIB, "a string is longer"),
        (thrift_error, lambda size: b"\x19\xf3" + varint(size), 10_000_000, "more items"),
        (thrift_error, lambda size: b"\x1c" * size + b"\x00", 8, "nested deeper"),
    ],
)
def test_the_largest_is_read_and_the_next_one_is_not(error, begin, most, words):
    assert words in error(begin(most + 1))
    assert error(begin(most)) == "the file is cut off"


def test_a_packet_of_a_capture_has_a_million_bytes_at_most():
    inner = struct.pack(">HHIIBBHHH", 1, 2, 7, 0, 5 << 4, 0, 0, 0, 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 0, 0, 0, 64, 6, 0) + bytes(8)
    for size, read in ((MIB, True), (MIB + 1, False)):
        content = b"x" * (size - len(head + inner))
        data = struct.pack("<IHHIIIIIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101, 0, 0, size, size) + head + inner + content
        assert (fed(captures.pcap_decoder(), data) == content + b"\n") is read


def test_a_block_of_the_newer_captures_has_sixteen_million_bytes_at_most():
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    for size, ended in ((16 * MIB, False), (16 * MIB + 4, True), (12, False), (8, True), (13, True), (14, True), (16, False)):
        decoder = captures.pcapng_decoder()
        list(decoder.feed(section + struct.pack("<II", 5, size)))
        assert decoder.ended is ended, size


def test_a_dictionary_of_lzma_takes_no_more_than_a_hundred_and_some_megabytes():
    for make, kind in ((compression.lzma_decoder, lzma.FORMAT_ALONE), (compression.xz_decoder, lzma.FORMAT_XZ)):
        for power, fits in ((27, True), (28, False)):
            filters = [{"id": lzma.FILTER_LZMA1 if kind == lzma.FORMAT_ALONE else lzma.FILTER_LZMA2, "dict_size": 1 << 12}]
            data = bytearray(lzma.compress(b"text", kind, lzma.CHECK_NONE if kind == lzma.FORMAT_XZ else -1, filters=filters))
            if kind == lzma.FORMAT_ALONE:
                data[1:5] = (1 << power).to_bytes(4, "little")
            else:
                data[16] = 2 * (power - 12)
                data[20:24] = zlib.crc32(data[12:20]).to_bytes(4, "little")
            decoder = make()
            out = b"".join(decoder.feed(bytes(data)))
            assert (out, decoder.error is None) == ((b"text", True) if fits else (b"", False)), (kind, power)


NOISE = random.Random(5).randbytes(1 << 19)


@pytest.mark.parametrize(("size", "told"), [(100, True), (5000, True), ((1 << 18) + 4000, True), ((1 << 18) + 4200, False)])
def test_the_end_of_brotli_before_something_else_is_found_in_a_quarter_of_a_megabyte(size, told):
    data = brotli.compress(b"the beginning" + NOISE[:size], quality=1)
    decoder = compression.brotli_decoder()
    out = b"".join(decoder.feed(data + b"\xff" * 100))
    assert decoder.ended
    assert (decoder.error is None) is told
    if told:
        assert (out, decoder.consumed) == (b"the beginning" + NOISE[:size], len(data))


def test_nothing_at_all_is_no_brotli():
    empty = brotli.compress(b"")
    assert compression.is_brotli(brotli.compress(b"text \x00 of some words and then of some more"))
    assert not compression.is_brotli(empty + bytes(20))


def test_brotli_is_given_up_a_byte_beyond_the_limit():
    for text in (b"x" * 5000, NOISE[:5000]):
        data = brotli.compress(text)
        assert blocks.unbrotli(data, 5000) == text
        with pytest.raises(ValueError, match=r"^brotli data do not end within 4999 bytes$"):
            blocks.unbrotli(data, 4999)
        with pytest.raises(ValueError, match=r"^brotli data do not end within 5000 bytes$"):
            blocks.unbrotli(data[:-1], 5000)


def test_what_lzf_copies_may_reach_into_what_it_writes():
    for back in range(1, 12):
        out = bytearray(b"0123456789a")
        wanted = bytearray(out)
        for _ in range(30):
            wanted.append(wanted[-back])
        lzf.copy_back(out, len(out) - back, 30)
        assert out == wanted


def test_an_orc_file_is_given_up_at_a_chunk_that_nothing_fits_unless_it_is_tiny():
    def chunk(data: bytes) -> bytes:
        return (len(data) << 1).to_bytes(3, "little") + data

    for size, ended in ((1, False), (2, False), (3, False), (4, True), (40, True)):
        decoder = orc.decoder()
        list(decoder.feed(b"ORC" + chunk(b"\xff" * size)))
        assert decoder.ended is ended, size


@pytest.mark.parametrize("name", [b"a", b"x" * 20, b"x" * 19 + b"yz", b"z" * 4000])
def test_a_codec_that_is_not_known_is_named_by_twenty_letters(name):
    header = zigzag(1) + zigzag(10) + b"avro.codec" + zigzag(len(name)) + name + b"\x00"
    assert avro_error(header) == f"its codec '{name[:20].decode()}' is not known"


def tiger(size: int, packed: int) -> bytes:
    """A file of WiredTiger up to the length of its first page's content."""
    return bytes(4096 + 24) + b"\x01\x01\x00\x00" + struct.pack("<I", size) + bytes(32) + struct.pack("<Q", packed)


ALL = 0x01020304
"""A size each byte of which counts."""


@pytest.mark.parametrize(
    ("make", "begin", "need"),
    [
        (records.kafka_decoder, bytes(8) + struct.pack(">IIBIH", ALL + 49, 0, 2, 0, 0) + bytes(38), -ALL),
        (records.kafka_decoder, bytes(8) + struct.pack(">IIBIH", ALL + 49, 0, 2, 0, 2) + bytes(38), ALL),
        (records.xerial_decoder, b"\x82SNAPPY\x00" + bytes(8) + struct.pack(">I", ALL), ALL),
        (records.journal_decoder, b"LPKSHHRH" + bytes(80) + struct.pack("<Q", 0x0F0304).ljust(16, b"\x00"), 104 - 0x0F0304),
        (records.journal_decoder, journal() + b"\x02\x00" + bytes(6) + struct.pack("<Q", 0x0102030405060708), 16 - 0x0102030405060708),
        (records.journal_decoder, journal() + b"\x01\x02" + bytes(6) + struct.pack("<Q", ALL), ALL + 4 - 16),
        (databases.wired_tiger, tiger(0x01020400, 0x01020304), 0x01020304),
        (databases.wired_tiger, tiger(0x01020400, 0), 72 - 0x01021000),
        (databases.clickhouse, bytes(16) + b"\x82" + struct.pack("<II", ALL, 5), ALL - 9),
        (databases.clickhouse, bytes(16) + b"\x82" + struct.pack("<II", 99, 0x03020304), 90),
        (captures.pcap_decoder, struct.pack("<IHHIIIIIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1, 0, 0, 0x0D0304, 0), 0x0D0304),
        (captures.pcap_decoder, struct.pack(">IHHIIIIIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1, 0, 0, 0x0D0304, 0), 0x0D0304),
        (
            captures.pcapng_decoder,
            b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a" + bytes(16) + struct.pack("<II", 9, 0xD0304),
            0xD02FC,
        ),
        (
            captures.pcapng_decoder,
            b"\x0a\x0d\x0d\x0a\x00\x00\x00\x1c\x1a\x2b\x3c\x4d" + bytes(16) + struct.pack(">II", 9, 0xD0304),
            0xD02FC,
        ),
        (rdb.RdbDecoder, b"REDIS0011\x00\x01k\x80" + struct.pack(">I", ALL), -ALL),
        (rdb.RdbDecoder, b"REDIS0011\x00\x01k\x81" + struct.pack(">Q", 0xF1020304), -0xF1020304),
        (rdb.RdbDecoder, b"REDIS0011\x00\x01k\x53\x14", -0x1314),
        (orc.decoder, b"ORC" + b"\x04\x03\x02", 0x020304 >> 1),
    ],
)
def test_every_byte_of_a_size_counts(make, begin, need):
    decoder = make()
    list(decoder.feed(begin))
    assert decoder._need == need
    assert not decoder.ended


def test_a_header_of_a_journal_that_is_larger_than_any_is_refused():
    for at in range(8):
        for code in (0x01, 0x80):
            size = (104 + (code << 8 * at)) & (1 << 64) - 1
            decoder = records.journal_decoder()
            list(decoder.feed(b"LPKSHHRH" + bytes(80) + size.to_bytes(8, "little") + bytes(8)))
            assert decoder.ended is (size >= 1 << 20), (at, code)
