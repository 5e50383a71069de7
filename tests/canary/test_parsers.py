"""Small parsers of containers, byte by byte: numbers, structures, the headers of Avro and ORC files, text in UTF-16, the bounds of a search."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import pytest
from fed import fed
from varints import varint

from fixtures.corpus_compressed import snappy_block
from zdr_audit.canary import avro, orc, thrift, wide
from zdr_audit.canary.search import Search
from zdr_audit.canary.walk import Walk


def zigzag(value: int) -> bytes:
    return varint((value << 1 ^ value >> 63) & (1 << 64) - 1)


def read(data: bytes) -> dict[int, object]:
    """A structure of Thrift's compact protocol, and nothing behind it."""
    found: list[dict[int, object]] = []

    def parser(_emit):
        found.append((yield from thrift.struct()))

    decoder = Walk(parser)
    assert fed(decoder, data + b"rest") == b""
    if decoder.error:
        raise ValueError(decoder.error)
    assert decoder.consumed == len(data)
    return found[0]


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"\x00", {}),
        (b"\x11\x12\x00", {1: True, 2: False}),
        (b"\x15" + zigzag(300) + b"\x15" + zigzag(-1) + b"\x00", {1: 300, 2: -1}),
        (b"\x34" + zigzag(7) + b"\x56" + zigzag(1 << 40) + b"\x00", {3: 7, 8: 1 << 40}),
        (b"\x05" + zigzag(500) + zigzag(9) + b"\x15" + zigzag(8) + b"\x00", {500: 9, 501: 8}),
        (b"\x13\x2a\x00", {1: 42}),
        (b"\x17" + bytes(8) + b"\x15" + zigzag(5) + b"\x00", {1: None, 2: 5}),
        (b"\x18\x03abc\x18\x00\x15" + zigzag(5) + b"\x00", {1: None, 2: None, 3: 5}),
        (b"\x19\x25" + zigzag(1) + zigzag(2) + b"\x15" + zigzag(5) + b"\x00", {1: [], 2: 5}),
        (b"\x1a\x2c\x15" + zigzag(1) + b"\x00\x15" + zigzag(2) + b"\x00\x00", {1: [{1: 1}, {1: 2}]}),
        (b"\x19\xf3" + varint(20) + bytes(20) + b"\x15" + zigzag(5) + b"\x00", {1: [], 2: 5}),
        (b"\x19\x32\x01\x02\x01\x15" + zigzag(5) + b"\x00", {1: [], 2: 5}),
        (b"\x19\xe3" + bytes(14) + b"\x15" + zigzag(5) + b"\x00", {1: [], 2: 5}),
        (b"\x19\xf3" + varint(14) + bytes(14) + b"\x15" + zigzag(5) + b"\x00", {1: [], 2: 5}),
        (b"\x19\x03\x15" + zigzag(5) + b"\x00", {1: [], 2: 5}),
        (b"\x19\x21\x01\x02\x15" + zigzag(5) + b"\x00", {1: [], 2: 5}),
        (b"\x1c\x15" + zigzag(3) + b"\x00\x15" + zigzag(5) + b"\x00", {1: {1: 3}, 2: 5}),
        (b"\x1c" * 8 + b"\x00" * 9, {1: {1: {1: {1: {1: {1: {1: {1: {}}}}}}}}}),
    ],
)
def test_structures_are_read_as_numbers_by_field(data, fields):
    assert read(data) == fields


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x1c" * 9 + b"\x00" * 10, "nested deeper"),
        (b"\x1e\x00", "no value is of kind 14"),
        (b"\x1b\x00", "no value is of kind 11"),
        (b"\x15" + b"\x80" * 10 + b"\x01\x00", "longer than 64 bits"),
        (b"\x18" + varint(64 * 1024 * 1024 + 1), "a string is longer"),
        (b"\x19\xf3" + varint(10_000_001), "more items"),
    ],
)
def test_what_is_no_structure_is_refused(data, words):
    with pytest.raises(ValueError, match=words):
        read(data)


def avro_file(codec: bytes, *blocks: tuple[int, bytes], header: bytes | None = None, marker: bytes = b"m" * 16) -> bytes:
    entries = b"".join(zigzag(len(part)) + part for part in (b"avro.codec", codec, b"avro.schema", b'"string"'))
    head = zigzag(2) + entries + b"\x00" if header is None else header
    return b"Obj\x01" + head + marker + b"".join(zigzag(count) + zigzag(len(data)) + data + marker for count, data in blocks)


def deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


def snapped(data: bytes) -> bytes:
    return snappy_block(data) + b"sum_"


@pytest.mark.parametrize(("codec", "pack"), [(b"deflate", deflated), (b"snappy", snapped)])
@pytest.mark.parametrize("size", [1, 20, 1 << 20])
def test_the_blocks_of_an_avro_file_are_decoded(codec, pack, size):
    data = avro_file(codec, (1, pack(b"one " * 30)), (70, pack(b"two " * 30)))
    assert avro.is_avro(data)
    decoder = avro.decoder()
    assert fed(decoder, data, size) == b"one " * 30 + b"two " * 30
    assert decoder.error is None


def test_a_block_of_nothing_is_passed_over():
    decoder = avro.decoder()
    assert fed(decoder, avro_file(b"deflate", (0, b""), (1, deflated(b"after")))).endswith(b"after")


def test_a_header_of_avro_in_blocks_of_a_told_size_is_read():
    entries = [zigzag(len(name)) + name + zigzag(len(value)) + value for name, value in ((b"avro.codec", b"deflate"), (b"empty", b""))]
    header = zigzag(-1) + zigzag(len(entries[0])) + entries[0] + zigzag(1) + entries[1] + b"\x00"
    assert fed(avro.decoder(), avro_file(b"", (1, deflated(b"told" * 9)), header=header)) == b"told" * 9


@pytest.mark.parametrize("codec", [b"null", b"zstandard", b"bzip2", b"xz"])
def test_a_codec_with_a_magic_of_its_own_is_left_to_it(codec):
    decoder = avro.decoder()
    assert fed(decoder, avro_file(codec, (1, b"anything"))) == b""
    assert (decoder.ended, decoder.error) == (True, None)


@pytest.mark.parametrize(
    ("data", "out", "words"),
    [
        (avro_file(b"lzo", (1, b"x")), b"", "its codec 'lzo' is not known"),
        (avro_file(b"deflate", (1, b"\xff\xff")), b"", r"1 block could not be decoded"),
        (avro_file(b"deflate", (-1, deflated(b"x"))), b"", "a block announces a size that cannot be"),
        (avro_file(b"deflate") + zigzag(1) + zigzag(-1), b"", "a block announces a size that cannot be"),
        (avro_file(b"deflate") + zigzag(1) + zigzag(32 * 1024 * 1024 + 1), b"", "a block announces a size that cannot be"),
        (avro_file(b"deflate", (1, deflated(b"x")))[:-1] + b"?", b"x", "a block does not end in the file's marker"),
        (avro_file(b"", header=zigzag(1001)), b"", "more entries"),
        (avro_file(b"", header=zigzag(1) + zigzag(-1)), b"", "a text that is longer"),
        (avro_file(b"deflate", (1, deflated(b"x" * 99)))[:-20], b"", "the file is cut off"),
    ],
)
def test_what_cannot_be_in_an_avro_file_is_said(data, out, words):
    decoder = avro.decoder()
    assert fed(decoder, data) == out
    assert words in (decoder.error or "")


def test_an_avro_file_begins_with_a_few_entries_of_its_own():
    data = avro_file(b"deflate", (1, deflated(b"x" * 99)))
    assert not avro.is_avro(data[:24])
    assert avro.is_avro(data[:25])
    assert not avro.is_avro(data[:4] + b"\x00" + data[5:])
    assert not avro.is_avro(data[:4] + b"\x80" + data[5:])
    assert not avro.is_avro(data.replace(b"avro.", b"arvo."))


def orc_chunk(data: bytes, original: bool = False) -> bytes:
    return (len(data) << 1 | original).to_bytes(3, "little") + data


@pytest.mark.parametrize("pack", [deflated, snappy_block])
@pytest.mark.parametrize("size", [1, 20, 1 << 20])
def test_the_chunks_of_an_orc_file_are_decoded_in_whatever_codec_fits(pack, size):
    chunks = [orc_chunk(pack(b"one " * 30)), orc_chunk(b"as it is", original=True), orc_chunk(b""), orc_chunk(pack(b"two " * 30))]
    decoder = orc.decoder()
    assert fed(decoder, b"ORC" + b"".join(chunks), size) == b"one " * 30 + b"two " * 30
    assert decoder.error is None
    postscript = orc.decoder()
    assert fed(postscript, b"ORC" + b"".join(chunks) + b"\x08\x01\x02ORC") == b"one " * 30 + b"two " * 30


def test_a_chunk_of_orc_that_nothing_fits_is_said_and_a_file_of_none_is_left_alone():
    decoder = orc.decoder()
    bad = orc_chunk(b"\xff" * 40)
    assert fed(decoder, b"ORC" + orc_chunk(deflated(b"one " * 30)) + bad + bad) == b"one " * 30
    assert decoder.error == "2 chunks could not be decoded (first: in a compression that is not known)"
    none = orc.decoder()
    assert fed(none, b"ORC" + bad + orc_chunk(deflated(b"one " * 30))) == b""
    assert (none.ended, none.error, none.consumed) == (True, None, 3 + len(bad))


def test_an_orc_file_begins_with_its_magic_and_no_text():
    assert orc.is_orc(b"ORC\xff" + bytes(12))
    assert not orc.is_orc(b"ORC\xff" + bytes(11))
    assert not orc.is_orc(b"ORC, as text that goes on")
    assert not orc.is_orc(b"ORD\xff" + bytes(12))


@pytest.mark.parametrize(
    ("head", "little", "big"),
    [
        ("sixteen letters!".encode("utf-16le"), True, False),
        ("sixteen letters!".encode("utf-16be"), False, True),
        (b"\xff\xfe" + "sixteen letters!".encode("utf-16le"), True, False),
        (b"\xfe\xff" + "sixteen letters!".encode("utf-16be"), False, True),
        ("fifteen letters".encode("utf-16le"), False, False),
        ("tabs\tand\r\nlines!".encode("utf-16le"), True, False),
        ("none\x0bsuch letters".encode("utf-16le"), False, False),
        ("mostly latin, 漢字".encode("utf-16le"), True, False),
        ("less latin, 漢字漢字".encode("utf-16le"), False, False),
        (b"plain text of sixteen letters or more", False, False),
    ],
)
def test_text_in_utf_16_is_told_by_its_zeros(head, little, big):
    assert (wide.is_little(head), wide.is_big(head)) == (little, big)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_text_in_utf_16_is_read_whatever_pieces_it_comes_in(size):
    decoder = wide.Wide("utf-16")
    data = "text, 漢字 and more".encode("utf-16")
    assert fed(decoder, data + b"x", size).decode() == "text, 漢字 and more"
    assert (decoder.ended, decoder.consumed, decoder.error) == (True, len(data) + 1, None)


def search(**bounds) -> tuple[Search, list[str]]:
    notes: list[str] = []
    options = SimpleNamespace(**({"max_inflate_bytes": 1000, "max_ratio": 10, "max_sightings": 3} | bounds))
    return Search(options, notes.append, None), notes


def test_ten_reasons_are_told_each_once_and_that_there_were_more():
    one, notes = search()
    for number in (*range(10), 3, 3):
        one.note(f"reason {number}")
    assert notes == [f"reason {number}" for number in range(10)]
    one.note("reason 10")
    one.note("reason 11")
    assert notes[10:] == ["more could not be examined; only the first reasons are listed"]


def test_decoding_stops_beyond_the_bound_and_what_was_taken_raises_it():
    one, notes = search()
    assert one.decoded(1000)
    assert not one.decoded(1)
    assert not one.decoded(0)
    assert notes == ["decoding stopped after 1001 bytes from the first 0 (a decompression bomb, or very repetitive data)"]
    more, none = search()
    more.took(150)
    more.took(50)
    assert more.decoded(2000)
    assert none == []
    assert not more.decoded(1)


def test_sightings_stop_the_search_at_their_bound():
    one, notes = search()
    for stopped in (False, False, True, True):
        one.sighted()
        assert one.stopped is stopped
    assert notes == ["the search stopped at 3 sightings; the rest was not examined"]


def test_that_the_search_stopped_is_told_however_many_notes_there_were():
    one, notes = search(max_sightings=1)
    for number in range(20):
        one.note(f"reason {number}")
    one.sighted()
    assert notes[-1] == "the search stopped at 1 sightings; the rest was not examined"


def test_pieces_are_looked_for_five_hundred_times_and_no_more():
    one, _ = search()
    assert [one.may_join() for _ in range(502)] == [*[True] * 500, False, False]
    silent = Search(SimpleNamespace(), None, None)
    silent.note("to nobody")


def test_numbers_of_avro_are_read_as_written():
    for value in (0, -1, 1, 63, -64, 300, -(1 << 40)):
        found = []

        def parser(_emit, found=found):
            found.append((yield from avro._number()))

        fed(Walk(parser), zigzag(value))
        assert found == [value]
