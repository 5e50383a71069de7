"""What a parser of a container has no use for is passed over as it streams by, however much it is, and not kept."""

from __future__ import annotations

import gzip
import struct

import pytest
from varints import varint

from zdr_audit.canary import databases, parquet, records, thrift
from zdr_audit.canary.rdb import RdbDecoder
from zdr_audit.canary.walk import Walk

LARGE = 3_000_000


def number(value: int) -> bytes:
    return varint(2 * value)


def page(kind: int, packed: int, more: bytes = b"") -> bytes:
    return b"PAR1\x15" + number(kind) + b"\x15" + number(9) + b"\x15" + number(packed) + more + b"\x00"


def kafka(codec: int, length: int) -> bytes:
    return struct.pack(">QIIBIH", 0, length + 49, 0, 2, 0, codec) + bytes(38)


def journal(size: int) -> bytes:
    return (b"LPKSHHRH" + bytes(80) + size.to_bytes(8, "little")).ljust(104, b"\x00")


def entry(kind: int, flags: int, size: int) -> bytes:
    return bytes([kind, flags]) + bytes(6) + size.to_bytes(8, "little")


GZIPPED = gzip.compress(b"text")[:4]
CASES = {
    "batch in no codec": (records.kafka_decoder, kafka(0, LARGE), LARGE),
    "batch that is too large": (records.kafka_decoder, kafka(2, (32 << 20) + 1), (32 << 20) + 1),
    "rest of a header": (records.journal_decoder, journal(1_000_000), 1_000_000 - 104),
    "object of another kind": (records.journal_decoder, journal(104) + entry(2, 2, LARGE), LARGE - 16),
    "object as it is": (records.journal_decoder, journal(104) + entry(1, 0, LARGE), LARGE - 16),
    "object of a size that is no multiple": (records.journal_decoder, journal(104) + entry(1, 0, LARGE + 1), LARGE - 8),
    "index page": (parquet.decoder, page(1, LARGE), LARGE),
    "page that is not compressed": (parquet.decoder, page(3, LARGE, b"\x5c\x75\x00\x12\x00"), LARGE),
    "page that is too large": (parquet.decoder, page(0, (32 << 20) + 1), (32 << 20) + 1),
    "page in gzip": (parquet.decoder, page(0, LARGE) + GZIPPED, LARGE - 4),
    "Bloom filter": (parquet.decoder, b"PAR1\x15" + number(LARGE) + b"\x1c\x00\x00", LARGE),
    "text of a structure": (lambda: Walk(lambda _emit: thrift.struct()), b"\x18" + varint(LARGE), LARGE),
    "string of Redis": (RdbDecoder, b"REDIS0011\x00\x01k\x80" + LARGE.to_bytes(4), LARGE),
    "compressed string that is too large": (
        RdbDecoder,
        b"REDIS0011\x00\x01k\xc3\x80" + ((16 << 20) + 1).to_bytes(4) + b"\x01",
        (16 << 20) + 1,
    ),
    "first page of WiredTiger": (databases.wired_tiger, b"", 4096),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_wanted_is_passed_over_and_not_kept(name):
    make, begin, size = CASES[name]
    decoder = make()
    list(decoder.feed(begin))
    assert decoder._need == -size
    list(decoder.feed(bytes(2000)))
    assert (decoder._need, len(decoder._buffer), decoder.consumed) == (2000 - size, 0, len(begin) + 2000)
