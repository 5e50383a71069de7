"""Files of records made here field by field: which values are decoded, which are passed over, and what is said of the damaged ones."""

from __future__ import annotations

import struct

import lz4.block
import pytest
from fed import fed

from fixtures.corpus_compressed import snappy_block
from zdr_audit.canary.records import XERIAL_MAGIC, is_journal, is_kafka, is_xerial, journal_decoder, kafka_decoder, xerial_decoder


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def journal(*objects: bytes, compact: bool = False, header: int = 240) -> bytes:
    head = b"LPKSHHRH" + bytes(4) + struct.pack("<I", 16 if compact else 0) + bytes(72) + struct.pack("<Q", header)
    return head.ljust(header, b"\x00")[: max(header, 104)] + b"".join(map(padded, objects))


def data_object(content: bytes, *, flags: int = 2, compact: bool = False, kind: int = 1, told: int | None = None) -> bytes:
    packed = struct.pack("<Q", len(content) if told is None else told) + lz4.block.compress(content, store_size=False)
    place = 72 if compact else 64
    body = bytes(place - 16) + packed
    return bytes([kind, flags]) + bytes(6) + struct.pack("<Q", 16 + len(body)) + body


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_the_values_of_a_journal_that_are_compressed_with_lz4_are_decoded(compact, size):
    objects = [
        data_object(b"first " * 9, compact=compact),
        data_object(b"as it is", flags=0, compact=compact),
        data_object(b"second " * 9, compact=compact),
    ]
    data = journal(*objects, compact=compact)
    assert is_journal(data)
    decoder = journal_decoder()
    assert fed(decoder, data, size) == b"first " * 9 + b"\n" + b"second " * 9 + b"\n"
    assert decoder.error is None


def test_objects_of_other_kinds_are_passed_over_and_unused_room_ends_a_journal():
    other = data_object(b"x" * 50, kind=3)
    empty = bytes([2, 0]) + bytes(6) + struct.pack("<Q", 16)
    data = journal(other, empty, data_object(b"told " * 9), bytes(16), data_object(b"never " * 9), header=104)
    assert fed(journal_decoder(), data) == b"told " * 9 + b"\n"


@pytest.mark.parametrize(("header", "fine"), [(103, False), (104, True), (1 << 20, False)])
def test_a_journal_whose_header_cannot_be_is_refused(header, fine):
    decoder = journal_decoder()
    out = fed(decoder, journal(data_object(b"told " * 9), header=header)[:200000])
    assert (out != b"", decoder.error) == ((True, None) if fine else (False, "its header announces a size that cannot be"))


def test_damage_in_a_journal_is_said():
    decoder = journal_decoder()
    assert fed(decoder, journal(data_object(b"short " * 9, told=5), data_object(b"told " * 9))) == b"told " * 9 + b"\n"
    assert (decoder.error or "").startswith("1 value could not be decoded (first: ")
    for bad in (bytes([8, 0]) + bytes(6) + struct.pack("<Q", 64), bytes([1, 0]) + bytes(6) + struct.pack("<Q", 15)):
        unknown = journal_decoder()
        assert fed(unknown, journal(bad + bytes(48))) == b""
        assert unknown.error == "an object is of no kind that is known"
    assert (
        fed(journal_decoder(), journal(bytes([7, 0]) + bytes(6) + struct.pack("<Q", 16), data_object(b"told " * 9))) == b"told " * 9 + b"\n"
    )
    cut = journal_decoder()
    assert fed(cut, journal(data_object(b"told " * 9), data_object(b"more " * 9))[:-1]) == b"told " * 9 + b"\n"
    assert cut.error is None


def test_only_enough_of_a_header_begins_a_journal():
    assert is_journal(journal()[:64])
    assert not is_journal(journal()[:63])
    assert not is_journal(b"LPKSHHRX" + bytes(60))


def batch(records: bytes, codec: int = 2, *, version: int = 2) -> bytes:
    return struct.pack(">QIIBIH", 0, len(records) + 49, 0, version, 0, codec) + bytes(38) + records


@pytest.mark.parametrize("size", [1, 60, 1 << 20])
def test_batches_in_raw_snappy_are_decoded_and_others_passed_over(size):
    data = (
        batch(snappy_block(b"one " * 20))
        + batch(b"plain", 0)
        + batch(XERIAL_MAGIC + b"seen anyway")
        + batch(b"")
        + batch(snappy_block(b"two " * 20))
    )
    decoder = kafka_decoder()
    assert fed(decoder, data + batch(b"old", version=1) + batch(snappy_block(b"never"))) == b"one " * 20 + b"two " * 20
    assert decoder.error is None
    assert fed(kafka_decoder(), data, size) == b"one " * 20 + b"two " * 20


def test_a_batch_that_cannot_be_decoded_is_said():
    decoder = kafka_decoder()
    assert fed(decoder, batch(b"\xff\xff") + batch(b"\xff\xff") + batch(snappy_block(b"told"))) == b"told"
    assert decoder.error == "2 batches could not be decoded (first: Snappy data are cut off)" or (decoder.error or "").startswith("2 batch")


@pytest.mark.parametrize(
    ("change", "is_one"),
    [
        ((0, b"\x00"), True),
        ((0, b"\x01"), False),
        ((16, b"\x01"), False),
        ((8, b"\x00\x00\x00\x30"), False),
        ((8, b"\x00\x00\x00\x31"), True),
        ((8, b"\x40\x00\x00\x00"), False),
        ((8, b"\x3f\xff\xff\xff"), True),
        ((21, b"\x00\x04"), True),
        ((21, b"\x00\x05"), False),
        ((21, b"\x00\x7c"), True),
        ((21, b"\x00\x80"), False),
    ],
)
def test_a_batch_of_records_begins_with_what_can_be(change, is_one):
    data = bytearray(batch(b"records"))
    data[change[0] : change[0] + len(change[1])] = change[1]
    assert is_kafka(bytes(data)) is is_one
    assert not is_kafka(bytes(data)[:60])


def xerial(*blocks: bytes) -> bytes:
    return XERIAL_MAGIC + struct.pack(">II", 1, 1) + b"".join(struct.pack(">I", len(block)) + block for block in blocks)


@pytest.mark.parametrize("size", [1, 30, 1 << 20])
def test_the_blocks_of_a_stream_of_java_are_decoded(size):
    data = xerial(snappy_block(b"one " * 20), snappy_block(b"two " * 20))
    assert is_xerial(data)
    decoder = xerial_decoder()
    assert fed(decoder, data + bytes(4) + b"rest", size) == b"one " * 20 + b"two " * 20
    assert (decoder.error, decoder.ended, decoder.consumed) == (None, True, len(data) + 4)
    cut = xerial_decoder()
    assert fed(cut, data[:-1]) == b"one " * 20
    assert cut.error == "the file is cut off"
    assert fed(xerial_decoder(), data) == b"one " * 20 + b"two " * 20


def test_only_a_version_that_can_be_begins_a_stream_of_java():
    data = xerial(snappy_block(b"one " * 20))
    assert not is_xerial(data[:24])
    assert is_xerial(data[:25])
    assert is_xerial(data[:8] + struct.pack(">I", 255) + data[12:])
    assert not is_xerial(data[:8] + struct.pack(">I", 256) + data[12:])


@pytest.mark.parametrize(("length", "ended"), [(48, True), (47, True), (0, True), (49, False)])
def test_a_batch_that_is_shorter_than_its_head_ends_the_reading(length, ended):
    decoder = kafka_decoder()
    head = batch(b"", 0)
    data = head[:8] + length.to_bytes(4) + head[12:] + batch(snappy_block(b"after"))
    assert fed(decoder, data) == (b"" if ended else b"after")
