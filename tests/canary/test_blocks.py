"""Compressed blocks without a frame: what each codec gives back, what it refuses, and what may begin one."""

from __future__ import annotations

import random
import struct
import zlib

import brotli
import cramjam
import lz4.block
import pytest

from fixtures.corpus_compressed import snappy_block
from zdr_audit.canary import blocks, lzf, snappy
from zdr_audit.canary.blocks import (
    inflate,
    is_lz4_block,
    is_snappy_block,
    lz4_block,
    lz4_hadoop,
    sized_lz4,
    unbrotli,
    unlz4,
    unsnappy,
)

TEXT = b"".join(b"line %d of a text that repeats itself, and so on; " % (number % 9) for number in range(90))
NOISE = random.Random(7).randbytes(5000)


def deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


def packed(data: bytes) -> bytes:
    return lz4.block.compress(data, store_size=False)


def hadoop(*pieces: bytes) -> bytes:
    return b"".join(struct.pack(">II", len(piece), len(packed(piece))) + packed(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("pack", "unpack"),
    [(deflated, inflate), (packed, lz4_block), (hadoop, lz4_hadoop), (brotli.compress, unbrotli), (snappy_block, snappy.decompress)],
)
def test_a_block_is_decoded_up_to_the_bound_and_no_further(pack, unpack):
    data = pack(TEXT)
    assert unpack(data, len(TEXT)) == TEXT
    assert unpack(data, len(TEXT) + 1000) == TEXT
    for bad in (len(TEXT) - 1, 10):
        with pytest.raises(ValueError, match=r"."):
            unpack(data, bad)
    with pytest.raises(ValueError, match=r"."):
        unpack(data[: len(data) // 2], len(TEXT))
    with pytest.raises(ValueError, match=r"."):
        unpack(b"\xff" * 40, len(TEXT))


def test_brotli_that_decodes_to_much_is_decoded_to_its_end():
    data = brotli.compress(bytes(3 << 20) + b"the end")
    assert unbrotli(data, 4 << 20)[-7:] == b"the end"
    assert len(unbrotli(data, (3 << 20) + 7)) == (3 << 20) + 7
    with pytest.raises(ValueError, match=r"^brotli data do not end within 3145734 bytes$"):
        unbrotli(data, (3 << 20) + 6)


@pytest.mark.parametrize(
    ("code", "binary"), [(8, True), (9, False), (10, False), (13, False), (14, True), (31, True), (32, False), (127, False), (128, True)]
)
def test_bytes_that_no_text_holds_tell_blocks_from_text(code, binary):
    literals = b"A" * 9 + bytes([code]) + b"A" * 8
    assert is_lz4_block(b"\xf0\x03" + literals + b"\x12\x00")
    head = b"A" * 15 + bytes([code])
    assert blocks._is_binary(head) is binary


def test_blocks_of_hadoop_follow_one_another_and_must_fill_the_data():
    assert lz4_hadoop(hadoop(TEXT, NOISE, b"end"), 20_000) == TEXT + NOISE + b"end"
    for bad in (b"", hadoop(TEXT) + b"x", hadoop(TEXT)[:-1], struct.pack(">II", 9, len(packed(b"12345678"))) + packed(b"12345678")):
        with pytest.raises(ValueError, match="no LZ4 blocks of Hadoop"):
            lz4_hadoop(bad, 20_000)
    with pytest.raises(ValueError, match="no LZ4 blocks of Hadoop"):
        lz4_hadoop(hadoop(TEXT, TEXT), 2 * len(TEXT) - 1)


@pytest.mark.parametrize("size", [struct.pack("<I", len(TEXT)), struct.pack(">I", len(TEXT)), struct.pack("<Q", len(TEXT)), b""])
def test_a_block_of_lz4_is_decoded_with_its_size_before_it_and_without(size):
    assert unlz4(size + packed(TEXT)) == TEXT
    if size:
        assert sized_lz4(size + packed(TEXT)) == TEXT
        with pytest.raises(ValueError, match="no LZ4 block with its size"):
            sized_lz4(size + packed(TEXT[:-1]))
    else:
        with pytest.raises(ValueError, match="no LZ4 block with its size"):
            sized_lz4(packed(TEXT))


def test_a_block_of_snappy_is_decoded_alone():
    assert unsnappy(snappy_block(TEXT)) == TEXT


BINARY = (b"\x00\x01" + TEXT, b"\x00" * 40 + NOISE, NOISE + NOISE, b"\x01" + b"a" * 4000, bytes(33), b"\x02" + TEXT[:100] * 60)


@pytest.mark.parametrize("content", BINARY)
@pytest.mark.parametrize("looks", [16, 40, 64, 4096, 100_000])
def test_what_is_a_block_may_begin_one_however_much_is_looked_at(content, looks):
    assert is_snappy_block(bytes(cramjam.snappy.compress_raw(content))[:looks])
    for sized in (b"", struct.pack("<I", len(content)), struct.pack(">I", len(content)), struct.pack("<Q", len(content))):
        head = (sized + packed(content))[:looks]
        assert is_lz4_block(head) or len(head) < 16


def element(kind: int, length: int, offset: int = 0, data: bytes = b"") -> bytes:
    """One element of Snappy: a literal, or a copy with an offset of 1, 2 or 4 bytes."""
    if kind == 0:
        if length <= 60:
            return bytes([length - 1 << 2]) + data
        width = 1 if length <= 256 else 2
        return bytes([59 + width << 2]) + (length - 1).to_bytes(width, "little") + data
    if kind == 1:
        return bytes([offset >> 8 << 5 | length - 4 << 2 | 1, offset & 255])
    return bytes([length - 1 << 2 | kind]) + offset.to_bytes(2 if kind == 2 else 4, "little")


FIRST = element(0, 20, data=NOISE[:20])


@pytest.mark.parametrize(
    ("elements", "size", "may"),
    [
        (FIRST + element(1, 11, 20), 32, True),
        (FIRST + element(1, 11, 20), 31, False),  # of less than 32 bytes nothing is told
        (FIRST + element(1, 11, 20) + element(1, 11, 31), 42, True),
        (FIRST + element(1, 11, 20) + element(1, 11, 31), 41, False),
        (FIRST + element(1, 11, 20) + element(1, 11, 32), 42, False),
        (FIRST + element(1, 11, 21), 40, False),
        (FIRST + element(1, 11, 0), 40, False),
        (FIRST + element(2, 64, 20), 84, True),
        (FIRST + element(2, 64, 20), 83, False),
        (FIRST + element(2, 64, 21), 84, False),
        (FIRST + element(3, 40, 20), 60, True),
        (FIRST + element(3, 40, 20), 59, False),
        (FIRST + element(3, 40, 21), 60, False),
        (element(0, 100, data=NOISE[:100]), 100, True),
        (element(0, 100, data=NOISE[:100]), 99, False),
        (element(0, 300, data=NOISE[:300]), 300, True),
        (element(0, 300, data=NOISE[:300]) + element(1, 4, 300), 304, True),
        (element(0, 300, data=NOISE[:300]) + element(1, 4, 301), 304, False),
        (element(1, 11, 1) + FIRST, 40, False),  # nothing yet to copy
        (FIRST + element(1, 11, 20)[:1], 40, True),  # cut off, as where no more is looked at
        (b"", 40, False),
        (b"\x01\x01" + FIRST, 40, False),
        (b"\x02\x01\x00" + FIRST, 40, False),
    ],
)
def test_only_elements_that_refer_to_what_is_there_may_begin_a_block_of_snappy(elements, size, may):
    assert is_snappy_block(bytes([size & 0x7F | 0x80, size >> 7]) + elements) is may


def sequence(literals: bytes, offset: int, length: int) -> bytes:
    """One sequence of LZ4."""

    def more(rest: int) -> bytes:
        return b"" if rest < 15 else b"\xff" * ((rest - 15) // 255) + bytes([(rest - 15) % 255])

    token = min(len(literals), 15) << 4 | min(length - 4, 15)
    return bytes([token]) + more(len(literals)) + literals + offset.to_bytes(2, "little") + more(length - 4)


START = sequence(NOISE[:18], 18, 8)


@pytest.mark.parametrize(
    ("sequences", "may"),
    [
        (START, True),
        (sequence(NOISE[:18], 19, 8), False),
        (sequence(NOISE[:18], 0, 8), False),
        (START + sequence(b"", 26, 300), True),
        (START + sequence(b"", 27, 300), False),
        (START + sequence(b"", 26, 300) + sequence(b"abc", 329, 4), True),
        (START + sequence(b"", 26, 300) + sequence(b"abc", 330, 4), False),
        (sequence(b"", 1, 8) + START, False),
        (sequence(NOISE[:300], 300, 19) + sequence(b"", 319, 4), True),
        (sequence(NOISE[:300], 300, 19) + sequence(b"", 320, 4), False),
        (sequence(NOISE[:300], 300, 19)[:-3], True),  # cut off before its offset
    ],
)
def test_only_matches_that_refer_to_what_is_there_may_begin_a_block_of_lz4(sequences, may):
    assert is_lz4_block(sequences) is may


def test_a_size_before_a_block_of_lz4_bounds_it_and_text_is_never_one():
    assert not is_lz4_block(START[:15])
    assert is_lz4_block(struct.pack("<I", 33) + sequence(NOISE[:18], 18, 8))
    assert not is_lz4_block(struct.pack("<I", 32) + sequence(NOISE[:18], 18, 8))
    assert not is_lz4_block(b"text of letters alone, which is none, whatever it may look like")
    assert not is_snappy_block(b"text of letters alone, which is none, whatever it may look like")


def test_what_a_block_of_snappy_announces_is_read_from_its_first_bytes():
    assert snappy.announced(b"\x05rest") == (5, 1)
    assert snappy.announced(b"\xac\x02") == (300, 2)
    assert snappy.announced(b"\xff\xff\xff\xff\x0f") == (0xFFFFFFFF, 5)
    for bad, words in ((b"", "cut off"), (b"\x80\x80", "cut off"), (b"\x80" * 5 + b"\x01", "begin with no size")):
        with pytest.raises(ValueError, match=words):
            snappy.announced(bad)
    with pytest.raises(ValueError, match="announce 300 bytes, more than the 299"):
        snappy.decompress(snappy_block(b"a" * 300), 299)


def chunk(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3, "little") + content


@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_frames_of_snappy_are_joined_and_what_is_no_part_of_them_ends_them(size):
    data = (
        snappy.FRAME_MAGIC + chunk(0, b"sum_" + snappy_block(TEXT)) + chunk(0xFE, b"padding") + chunk(1, b"sum_as it is") + chunk(0x80, b"")
    )
    decoder = snappy.SnappyFrames()
    whole = data + chunk(2, b"reserved") + data
    out = b"".join(piece for at in range(0, len(whole), size) for piece in decoder.feed(whole[at : at + size]))
    assert (out, decoder.consumed, decoder.ended, decoder.error) == (TEXT + b"as it is", len(data), True, None)
    joined = snappy.SnappyFrames()
    assert b"".join(joined.feed(data * 2)) == (TEXT + b"as it is") * 2
    assert list(joined.close()) == []
    assert (joined.ended, joined.error) == (True, None)


@pytest.mark.parametrize(
    "rest", [b"\xff\x06\x00\x00sNaPpX", bytes([0]) + (2 * 65536 + 1).to_bytes(3, "little"), b"\x03\x01\x00\x00x", b"\x7f\x01\x00\x00x"]
)
def test_a_frame_of_snappy_that_cannot_be_ends_the_stream(rest):
    decoder = snappy.SnappyFrames()
    assert b"".join(decoder.feed(snappy.FRAME_MAGIC + chunk(1, b"sum_abc") + rest + bytes(10))) == b"abc"
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, 10 + 11)


def test_a_frame_of_snappy_that_is_damaged_or_cut_off_is_said():
    decoder = snappy.SnappyFrames()
    assert list(decoder.feed(snappy.FRAME_MAGIC + chunk(0, b"sum_\xff\xff"))) == []
    assert decoder.error == "Snappy data are cut off"
    cut = snappy.SnappyFrames()
    assert list(cut.feed(snappy.FRAME_MAGIC + chunk(1, b"sum_abc")[:-1])) == []
    assert list(cut.close()) == []
    assert cut.error == "the stream is cut off"


def lzf_copy(back: int, length: int) -> bytes:
    short = min(length - 2, 7)
    return bytes([short << 5 | back - 1 >> 8]) + (bytes([length - 2 - 7]) if short == 7 else b"") + bytes([back - 1 & 255])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x02abc", b"abc"),
        (b"\x1f" + b"x" * 32, b"x" * 32),
        (b"\x02abc" + lzf_copy(3, 3), b"abcabc"),
        (b"\x02abc" + lzf_copy(1, 8), b"abc" + b"c" * 8),
        (b"\x02abc" + lzf_copy(3, 9), b"abc" * 4),
        (b"\x02abc" + lzf_copy(2, 264), b"abc" + b"bc" * 132),
        (b"".join(b"\x1f" + NOISE[at : at + 32] for at in range(0, 320, 32)) + lzf_copy(300, 40), NOISE[:320] + NOISE[20:60]),
    ],
)
def test_lzf_is_decompressed_to_the_size_that_is_announced(data, text):
    assert lzf.decompress(data, len(text)) == text
    with pytest.raises(ValueError, match="hold more than"):
        lzf.decompress(data, len(text) - 1)
    with pytest.raises(ValueError, match="hold less than"):
        lzf.decompress(data, len(text) + 1)
    with pytest.raises(ValueError, match="LZF data"):
        lzf.decompress(data[:-1], len(text))


def test_lzf_that_refers_to_what_is_before_it_is_refused():
    assert lzf.decompress(b"\x02abc" + lzf_copy(3, 3), 6) == b"abcabc"
    with pytest.raises(ValueError, match="before their beginning"):
        lzf.decompress(b"\x02abc" + lzf_copy(4, 3), 6)


def test_what_begins_with_no_size_is_no_snappy():
    assert not blocks.is_snappy_block(b"\xff" * 40)
    assert not blocks.is_snappy_block(b"\x80\x80")
    assert not blocks.is_snappy_block(b"")


def test_a_chunk_of_snappy_holds_a_hundred_thousand_bytes_at_most_whatever_its_kind():
    for kind in (0, 1):
        for size, ended in ((2 * 65536, False), (2 * 65536 + 1, True)):
            decoder = snappy.SnappyFrames()
            list(decoder.feed(snappy.FRAME_MAGIC + bytes([kind]) + size.to_bytes(3, "little")))
            assert decoder.ended is ended, (kind, size)
    for kind in (0x80, 0xFE):
        decoder = snappy.SnappyFrames()
        list(decoder.feed(snappy.FRAME_MAGIC + bytes([kind]) + b"\xff\xff\xff"))
        assert not decoder.ended


def test_a_block_of_hadoop_has_a_whole_head():
    whole = hadoop(b"text of it")
    for size in range(1, len(whole)):
        with pytest.raises(ValueError, match="no LZ4 blocks of Hadoop"):
            lz4_hadoop(whole + whole[:size], 20_000)
    assert lz4_hadoop(whole + whole, 20) == b"text of it" * 2


@pytest.mark.parametrize("content", [*BINARY, b"\x00" + NOISE[:17] + b"ab" * 40 + NOISE[:200] + b"\x00" * 700])
def test_every_beginning_of_a_block_may_begin_one(content):
    squeezed, short = bytes(cramjam.snappy.compress_raw(content)), packed(content)
    made = snappy_block(content)
    for size in range(16, 160):
        assert is_lz4_block(short[:size]) or len(short) < 16, size
        for one in (squeezed, made):
            assert is_snappy_block(one[:size]) or not blocks._is_binary(one[:size]), size


def test_elements_of_snappy_that_are_cut_off_anywhere_may_go_on():
    for kind, width in ((1, 1), (2, 2), (3, 4)):
        for lead in range(1, 12):
            first = element(0, 20 + lead, data=NOISE[: 20 + lead])
            whole = first + element(kind, 11, 20 + lead)
            wrong = first + element(kind, 11, 21 + lead)
            for size in range(len(first), len(whole) + 1):
                assert is_snappy_block(b"\xff\x01" + whole[:size])
                assert is_snappy_block(b"\xff\x01" + wrong[:size]) is (size < len(wrong)), (kind, lead, width, size)


def test_a_length_of_lz4_goes_on_from_fifteen_on_until_a_byte_is_not_the_largest():
    more = b"??\xff\xff\x07rest"
    assert [blocks._lz4_length(more, 2, short) for short in range(16)] == [*((short, 2) for short in range(15)), (15 + 255 + 255 + 7, 5)]
    assert blocks._lz4_length(b"\x00", 0, 15) == (15, 1)
    assert blocks._lz4_length(b"\xfe\x01", 0, 15) == (15 + 254, 1)
    assert blocks._lz4_length(b"\xff\xff", 0, 15) == (15 + 510, 2)
    assert blocks._lz4_length(b"", 0, 15) == (15, 0)


def test_sizes_before_a_block_of_lz4_are_what_it_can_hold():
    for packed_size, most in ((0, 0), (1, 255), (100, 25_500), (263_172, 67_108_860), (263_173, 64 << 20), (1 << 30, 64 << 20)):
        assert blocks._bound(packed_size) == most
    block = packed(bytes(4000))
    for width, order in ((4, "little"), (4, "big"), (8, "little")):
        assert sized_lz4((4000).to_bytes(width, order) + block) == bytes(4000)
        for wrong in (3999, 4001, 0):
            with pytest.raises(ValueError, match="no LZ4 block with its size"):
                sized_lz4(wrong.to_bytes(width, order) + block)


def test_lzf_that_goes_on_behind_the_size_it_announces_is_refused():
    for rest in (b"\x00d", lzf_copy(1, 3), lzf_copy(3, 264)):
        with pytest.raises(ValueError, match="hold more than the 3 bytes"):
            lzf.decompress(b"\x02abc" + rest, 3)
    for cut in (b"\x02ab", b"\x02abc\x20", b"\x02abc\xe0", b"\x02abc\xe0\x01", b"\x02abc\x01d"):
        with pytest.raises(ValueError, match="cut off"):
            lzf.decompress(cut, 300)
