"""What begins each kind of file or stream: how many bytes must be there, and which values each of them may have."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Collection

import pytest

from zdr_audit.canary import avro, captures, databases, orc, parquet, rdb, records, sevenzip, streams
from zdr_audit.canary.compression import ZipMember

ANY = range(256)
Allowed = dict[int, Collection[int]]


def just(text: bytes, at: int = 0) -> Allowed:
    """These bytes and no others, from this place on."""
    return {at + step: (code,) for step, code in enumerate(text)}


def kafka(length: int) -> bytes:
    return bytes(8) + struct.pack(">IIBIH", length, 0, 2, 0, 2) + bytes(38)


def zip_header(flags: int, method: int) -> bytes:
    return b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0, 0, 0, 0, 0, 0)


def pcap(order: str, magic: int, link: int) -> bytes:
    return struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 65535, link)


LINKS = (0, 1, 12, 101, 113, 228, 229)
LOW_BIT = [code for code in range(256) if code & 1]
SEEN = (0, 12, 93, 95)
UNSEEN = [code for code in range(100) if code not in SEEN]
POWERS = [1 << bit for bit in range(8)]
LZ4_FLAGS = [code for code in range(256) if code >> 6 == 1 and not code & 2]

BEGINNINGS: dict[str, tuple[Callable[[bytes], bool], bytes, int, Allowed]] = {
    "gzip": (
        streams.is_gzip,
        b"\x1f\x8b\x08\x00tttt\x00\x03",
        10,
        just(b"\x1f\x8b\x08") | {3: range(32), 8: (0, 2, 4), 9: (*range(20), 255)},
    ),
    "zstd": (streams._is_zstd, b"\x28\xb5\x2f\xfd\x20\x00", 6, {4: [code for code in range(256) if not code & 8]}),
    "lz4": (streams._is_lz4, b"\x04\x22\x4d\x18\x64\x40\xa7", 7, {4: LZ4_FLAGS, 5: (0x40, 0x50, 0x60, 0x70)}),
    "bz2": (streams._is_bz2, b"BZh91AY&SYsum_\x00", 15, {14: range(7)}),
    "lzma": (
        streams._is_lzma,
        b"\x5d\x00\x00\x80\x00" + b"\xff" * 8 + b"\x00",
        14,
        just(b"\x00\x00", 1) | {3: POWERS, 4: (0,)} | just(b"\xff" * 8, 5) | {13: (0,)},
    ),
    "lzma of a known size": (
        streams._is_lzma,
        b"\x5d\x00\x00\x80\x00" + (5000).to_bytes(8, "little") + b"\x00",
        14,
        just(b"\x00\x00", 1) | {3: POWERS, 4: (0,)} | just(b"\x00" * 3, 10) | {13: (0,)},
    ),
    "lzma of a small dictionary": (streams._is_lzma, b"\x5d\x00\x10\x00\x00" + b"\xff" * 8 + b"\x00", 14, just(b"\x00", 1)
        | {2: [code for code in POWERS if code >= 16], 3: (0,), 4: (0,)} | just(b"\xff" * 8, 5) | {13: (0,)}),
    "zip": (ZipMember.matches, zip_header(0, 8), 30, just(b"PK\x03\x04") | {4: range(64), 8: UNSEEN, 9: (0,)}),
    "zip, encrypted": (ZipMember.matches, zip_header(1, 0), 30, just(b"PK\x03\x04") | {4: range(64), 6: LOW_BIT, 8: range(100), 9: (0,)}),
    "rdb": (rdb.is_rdb, b"REDIS0011", 9, just(b"REDIS") | dict.fromkeys(range(5, 9), b"0123456789")),
    "avro": (avro.is_avro, b"Obj\x01\x04\x14avro.codec" + b"\x0edeflate" + b".", 25, just(b"Obj\x01") | {4: range(1, 128)} | just(b"avro.", 6)),
    "parquet": (parquet.is_parquet, b"PAR1\x15\x04\x15" + bytes(6), 13, just(b"PAR1\x15") | {5: (0, 4, 6), 6: (0x15,)}),
    "encrypted parquet": (parquet.is_encrypted_parquet, b"PARE\x80", 5, just(b"PARE") | {4: range(128, 256)}),
    "orc": (orc.is_orc, b"ORC\xff" + bytes(12), 16, just(b"ORC") | {3: range(128, 256)}),
    "7z": (sevenzip.is_7z, b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24), 32, just(b"7z\xbc\xaf\x27\x1c\x00") | just(b"\x00\x00", 18)),
    "xerial": (records.is_xerial, b"\x82SNAPPY\x00\x00\x00\x00\x01" + bytes(13), 25, just(b"\x82SNAPPY\x00\x00\x00\x00")),
    "journal": (records.is_journal, b"LPKSHHRH" + bytes(56), 64, just(b"LPKSHHRH")),
    "kafka": (
        records.is_kafka,
        kafka(256),
        61,
        just(b"\x00") | {8: range(64), 10: range(1, 256), 16: (2,), 21: (0,), 22: [code for code in range(128) if code & 7 <= 4]},
    ),
    "kafka of no record": (
        records.is_kafka,
        kafka(49),
        61,
        just(b"\x00") | {8: range(64), 11: range(49, 256), 16: (2,), 21: (0,), 22: [code for code in range(128) if code & 7 <= 4]},
    ),
    "pg_dump": (databases.is_pg_dump, b"PGDMP\x01\x0e\x00\x04\x08\x01\x01", 12, {7: range(64), 8: (4, 8), 9: (4, 8), 10: (1,)}),
    "duckdb": (databases.is_duckdb, bytes(8) + b"DUCK" + b"\x40\x00" + bytes(6), 20, just(b"DUCK", 8) | just(bytes(6), 14)),
    **{
        f"pcap {order}{magic:x}": (
            captures.is_pcap,
            pcap(order, magic, 1),
            24,
            {20 if order == "<" else 23: LINKS, 21 if order == "<" else 22: (0,)},
        )
        for order in "<>"
        for magic in (0xA1B2C3D4, 0xA1B23C4D)
    },
    "pcap of Linux": (captures.is_pcap, pcap("<", 0xA1B2C3D4, 276), 24, {20: (20,), 21: (1,)}),
    **{
        f"pcapng {order}": (
            captures.is_pcapng,
            b"\x0a\x0d\x0d\x0a" + struct.pack(f"{order}II", 28, 0x1A2B3C4D) + bytes(16),
            28,
            just(struct.pack(f"{order}I", 0x1A2B3C4D), 8),
        )
        for order in "<>"
    },
}  # fmt: skip
MAGIC_IS_A_PATTERN = {"pcap": 4}
"""Kinds whose check takes it for granted that so many bytes are the magic."""


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_beginning_is_told_by_so_many_bytes_and_their_values(name):
    check, head, least, allowed = BEGINNINGS[name]
    assert len(head) >= least
    assert [size for size in range(len(head) + 1) if size >= 4 and check(head[:size])] == list(range(max(4, least), len(head) + 1))
    for at in range(MAGIC_IS_A_PATTERN.get(name.partition(" ")[0], 0), len(head)):
        found = [code for code in range(256) if check(head[:at] + bytes([code]) + head[at + 1 :])]
        assert found == sorted(allowed.get(at, ANY)), (at, found)


def test_each_kind_of_capture_has_a_pattern_of_its_version():
    little, big = (struct.pack(f"{order}I", link) for order, link in (("<", 1), (">", 1)))
    assert all(captures.is_pcap(pattern + bytes(12) + (little if pattern[4] == 2 else big)) for pattern in captures.PCAP)
    assert {pattern[4:] for pattern in captures.PCAP} == {b"\x02\x00\x04\x00", b"\x00\x02\x00\x04"}
    assert all(captures.is_pcap(pcap("<", 0xA1B2C3D4, link)) for link in (*LINKS, 276))
    assert all(captures.is_pcap(pcap("<", 0xA1B2C3D4, 0x10000 * 9 + link)) for link in LINKS)  # above it, what checksums there are


def test_deflate_of_any_text_may_begin_with_its_codes():
    rng = random.Random(11)
    for number in range(60):
        data = zlib.compress(bytes(rng.choices(range(32, 33 + number % 90), k=400 + 20 * number)), 9)
        assert streams._may_be_block(data[:26])
        assert streams._is_zlib(data[:24])


@pytest.mark.parametrize("count", range(4, 20))
def test_the_codes_of_a_block_are_read_however_many_there_are(count):
    for size in (1, 0):
        lengths = [1, *[0] * (count - 2), size]
        bits = 4 | count - 4 << 13 | sum(length << 17 + 3 * at for at, length in enumerate(lengths))
        assert streams._may_be_block(b"x\x9c" + bits.to_bytes(24, "little")) is bool(size)
