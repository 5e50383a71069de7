"""Files of records with compressed values that have no magic: journals of systemd, segments of Kafka's log, Snappy streams of Java.

Values in codecs with a magic of their own (xz, zstd, gzip, LZ4 frames) are opened where they stand.
"""

from __future__ import annotations

from . import snappy
from .blocks import lz4_block
from .walk import MOST_DECODED, MOST_PACKED, Emit, Failures, Parser, Walk

JOURNAL_MAGIC = b"LPKSHHRH"
XERIAL_MAGIC = b"\x82SNAPPY\x00"
_JOURNAL_HEADER = 104
_COMPACT = 1 << 4
_DATA, _LZ4 = 1, 2
_BATCH_HEADER = 61
_SNAPPY = 2


def is_journal(head: bytes) -> bool:
    return head.startswith(JOURNAL_MAGIC) and len(head) >= 64


def journal_decoder() -> Walk:
    return Walk(_journal)


def _journal(emit: Emit) -> Parser:
    """systemd's journal: objects of a kind, flags and a size, each at a multiple of eight bytes."""
    header = yield _JOURNAL_HEADER
    payload = 72 if int.from_bytes(header[12:16], "little") & _COMPACT else 64
    size = int.from_bytes(header[88:96], "little")
    if not _JOURNAL_HEADER <= size < 1 << 20:
        raise ValueError("its header announces a size that cannot be")
    yield _JOURNAL_HEADER - size
    failures = Failures("value")
    while True:
        try:
            head = yield 16
            kind, flags, size = head[0], head[1], int.from_bytes(head[8:16], "little")
            if not size:  # what follows is not in use yet
                break
            if kind > 7 or size < 16:
                raise ValueError("an object is of no kind that is known")
            rest = -(-size // 8) * 8 - 16
            if kind != _DATA or not flags & _LZ4 or not payload < size <= MOST_PACKED:
                yield -rest
                continue
            data = (yield rest)[payload - 16 : size - 16]
        except EOFError:
            break
        wanted = int.from_bytes(data[:8], "little")
        try:
            emit(lz4_block(data[8:], min(wanted, MOST_DECODED)) + b"\n")
        except ValueError as problem:
            failures.add(str(problem))
    failures.raise_any()


def is_kafka(head: bytes) -> bool:
    """Whether bytes begin with a batch of records: its length, its version and its attributes are what can be."""
    if len(head) < _BATCH_HEADER:
        return False
    length, version, attributes = (int.from_bytes(head[a:b]) for a, b in ((8, 12), (16, 17), (21, 23)))
    return version == 2 and _BATCH_HEADER - 12 <= length < 1 << 30 and attributes < 128 and attributes & 7 <= 4 and head[0] == 0


def kafka_decoder() -> Walk:
    return Walk(_kafka)


def _kafka(emit: Emit) -> Parser:
    """A segment: batches of records, each compressed as a whole. Those in Snappy may have no frame at all."""
    failures = Failures("batch")
    while True:
        try:
            head = yield _BATCH_HEADER
            length = int.from_bytes(head[8:12]) - (_BATCH_HEADER - 12)
            if head[16] != 2 or length < 0:
                break  # preallocated room, or another format
            if head[22] & 7 != _SNAPPY or not 0 < length <= MOST_PACKED:
                yield -length
                continue
            data = yield length
        except EOFError:
            break
        if data.startswith(XERIAL_MAGIC):
            continue
        try:
            emit(snappy.decompress(data, MOST_DECODED))
        except ValueError as problem:
            failures.add(str(problem))
    failures.raise_any()


def is_xerial(head: bytes) -> bool:
    return head.startswith(XERIAL_MAGIC) and len(head) > 24 and int.from_bytes(head[8:12]) < 256


def xerial_decoder() -> Walk:
    return Walk(_xerial)


def _xerial(emit: Emit) -> Parser:
    """Snappy as snappy-java streams it: blocks behind their sizes."""
    yield 16
    while True:
        try:
            size = int.from_bytes((yield 4))
        except EOFError:
            return
        if not 0 < size <= MOST_PACKED:
            return  # what follows is no part of it
        emit(snappy.decompress((yield size), MOST_DECODED))
