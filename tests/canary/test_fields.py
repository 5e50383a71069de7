"""Records of MessagePack, CBOR, BSON, protobuf and pickle made here byte by byte: which of their values are fields, and what is no such record."""

from __future__ import annotations

import pickle
import struct
import zlib

import brotli
import pytest
from varints import varint

from zdr_audit.canary import fields
from zdr_audit.canary.fields import decode, is_record

TEXT = b"a prompt, that is kept in a record; " * 4


def deflated(text: bytes = TEXT) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(text) + engine.flush()


PACKED = deflated()


def read(kind: str, data: bytes) -> tuple[list[bytes], int]:
    """The fields of a record, and how much of the data it takes."""
    cursor = fields._Cursor(data)
    fields._READERS[kind](cursor)
    return cursor.found, cursor.at


def holds(kind: str, data: bytes, *found: bytes) -> None:
    """A record that ends with the data, and is cut off wherever less of them is there."""
    assert read(kind, data) == (list(found), len(data))
    assert read(kind, data + b"\x00") in ((list(found), len(data)), (list(found), len(data) + 1))
    for end in range(len(data)):
        with pytest.raises(fields._Short):
            read(kind, data[:end])


MSGPACK = {
    "small number": (b"\x00", []),
    "largest small number": (b"\x7f", []),
    "negative number": (b"\xe0", []),
    "minus one": (b"\xff", []),
    "nothing": (b"\xc0", []),
    "false": (b"\xc2", []),
    "true": (b"\xc3", []),
    "text of no length": (b"\xa0", [b""]),
    "text of one": (b"\xa1t", [b"t"]),
    "text of 31": (b"\xbf" + b"t" * 31, [b"t" * 31]),
    "text with a length of one byte": (b"\xd9\x03abc", [b"abc"]),
    "of two": (b"\xda\x01\x02" + b"t" * 258, [b"t" * 258]),
    "of four": (b"\xdb\x00\x00\x00\x02ab", [b"ab"]),
    "bytes with a length of one byte": (b"\xc4\x03abc", [b"abc"]),
    "bytes, of two": (b"\xc5\x01\x02" + b"t" * 258, [b"t" * 258]),
    "bytes, of four": (b"\xc6\x00\x00\x00\x02ab", [b"ab"]),
    "extension of a length of one byte": (b"\xc7\x03\x99abc", [b"abc"]),
    "extension, of two": (b"\xc8\x00\x03\x99abc", [b"abc"]),
    "extension, of four": (b"\xc9\x00\x00\x00\x03\x99abc", [b"abc"]),
    **{f"number of kind {code:02x}": (bytes([code]) + b"\xc1" * size, []) for code, size in {
        0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
    }.items()},
    **{f"extension of kind {code:02x}": (bytes([code]) + b"\xc1" * size, []) for code, size in {
        0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17,
    }.items()},
    "empty list": (b"\x90", []),
    "list": (b"\x92\xa1a\xa1b", [b"a", b"b"]),
    "list of 15": (b"\x9f" + b"\xa1a" * 15, [b"a"] * 15),
    "list with a length of two bytes": (b"\xdc\x01\x02" + b"\xa0" * 258, [b""] * 258),
    "list, of four": (b"\xdd\x00\x00\x00\x02\xa1a\xa1b", [b"a", b"b"]),
    "empty map": (b"\x80", []),
    "map": (b"\x82\xa1a\x01\xa1b\x91\xa1c", [b"a", b"b", b"c"]),
    "map of 15": (b"\x8f" + b"\xa1a\x07" * 15, [b"a"] * 15),
    "map with a length of two bytes": (b"\xde\x01\x02" + b"\xa0\x07" * 258, [b""] * 258),
    "map, of four": (b"\xdf\x00\x00\x00\x01\xa1a\xa1b", [b"a", b"b"]),
}  # fmt: skip


@pytest.mark.parametrize("name", MSGPACK)
def test_a_value_of_messagepack_is_read_to_its_end(name):
    data, found = MSGPACK[name]
    holds("msgpack", data, *found)
    assert read("msgpack", b"\x93" + data + b"\xa3end" + data) == ([*found, b"end", *found], 5 + 2 * len(data))


CBOR = {
    "number": (b"\x17", []),
    "number of one byte": (b"\x18\xff", []),
    "of two": (b"\x19\xff\xff", []),
    "of four": (b"\x1a\xff\xff\xff\xff", []),
    "of eight": (b"\x1b" + b"\xff" * 8, []),
    "negative number": (b"\x37", []),
    "negative number of two bytes": (b"\x39\xff\xff", []),
    "bytes": (b"\x43abc", [b"abc"]),
    "no bytes": (b"\x40", [b""]),
    "bytes of 23": (b"\x57" + b"t" * 23, [b"t" * 23]),
    "bytes with a length of one byte": (b"\x58\x18" + b"t" * 24, [b"t" * 24]),
    "bytes, of two": (b"\x59\x01\x02" + b"t" * 258, [b"t" * 258]),
    "bytes, of four": (b"\x5a\x00\x00\x00\x02ab", [b"ab"]),
    "bytes, of eight": (b"\x5b\x00\x00\x00\x00\x00\x00\x00\x02ab", [b"ab"]),
    "text": (b"\x63abc", [b"abc"]),
    "list": (b"\x82\x61a\x61b", [b"a", b"b"]),
    "empty list": (b"\x80", []),
    "map": (b"\xa2\x61a\x01\x61b\x81\x61c", [b"a", b"b", b"c"]),
    "empty map": (b"\xa0", []),
    "tag": (b"\xc1\x61a", [b"a"]),
    "tag of two bytes": (b"\xd9\xd9\xf7\x61a", [b"a"]),
    "true": (b"\xf5", []),
    "half a float": (b"\xf9\xff\xff", []),
    "double": (b"\xfb" + b"\xff" * 8, []),
}


@pytest.mark.parametrize("name", CBOR)
def test_a_value_of_cbor_is_read_to_its_end(name):
    data, found = CBOR[name]
    holds("cbor", data, *found)
    assert read("cbor", b"\x83" + data + b"\x63end" + data) == ([*found, b"end", *found], 5 + 2 * len(data))


@pytest.mark.parametrize("code", [0x1C, 0x1F, 0x5F, 0x7F, 0x9F, 0xBF, 0xFF])
def test_what_cbor_writes_without_a_length_is_not_read(code):
    with pytest.raises(ValueError, match="no CBOR"):
        read("cbor", bytes([code]) + bytes(20))


def test_messagepack_has_one_code_without_a_meaning():
    with pytest.raises(ValueError, match="no MessagePack"):
        read("msgpack", b"\xc1")
    with pytest.raises(ValueError, match="no MessagePack"):
        read("msgpack", b"\x92\x01\xc1")


@pytest.mark.parametrize(
    ("kind", "outer", "inner"),
    [
        ("msgpack", b"\x91", b"\xa1a"),
        ("msgpack", b"\x81\x01", b"\xa1a"),
        ("cbor", b"\x81", b"\x61a"),
        ("cbor", b"\xc1", b"\x61a"),
    ],
)
def test_records_are_read_to_a_depth_of_twelve(kind, outer, inner):
    assert read(kind, outer * 12 + inner)[0] == [b"a"]
    with pytest.raises(ValueError, match="this is no"):
        read(kind, outer * 13 + inner)


def bson(*elements: bytes) -> bytes:
    body = b"".join(elements) + b"\x00"
    return struct.pack("<I", 4 + len(body)) + body


def element(code: int, content: bytes, name: bytes = b"name") -> bytes:
    return bytes([code]) + name + b"\x00" + content


BSON = {
    "nothing": (b"", []),
    "double": (element(1, b"\xff" * 8), []),
    "text": (element(2, b"\x04\x00\x00\x00abc\x00"), [b"abc\x00"]),
    "document": (element(3, bson(element(2, b"\x02\x00\x00\x00a\x00"))), [b"a\x00"]),
    "list": (element(4, bson(element(10, b"", b"0"), element(8, b"\x01", b"1"))), []),
    "bytes": (element(5, b"\x03\x00\x00\x00\x80abc"), [b"abc"]),
    "undefined": (element(6, b""), []),
    "object id": (element(7, b"\xff" * 12), []),
    "truth": (element(8, b"\x01"), []),
    "time": (element(9, b"\xff" * 8), []),
    "null": (element(10, b""), []),
    "code": (element(13, b"\x03\x00\x00\x00ab\x00"), [b"ab\x00"]),
    "symbol": (element(14, b"\x03\x00\x00\x00ab\x00"), [b"ab\x00"]),
    "number of four bytes": (element(16, b"\xff" * 4), []),
    "stamp": (element(17, b"\xff" * 8), []),
    "number of eight bytes": (element(18, b"\xff" * 8), []),
    "decimal": (element(19, b"\xff" * 16), []),
    "largest": (element(127, b""), []),
    "smallest": (element(255, b""), []),
    "element without a name": (element(2, b"\x02\x00\x00\x00a\x00", b""), [b"a\x00"]),
}


@pytest.mark.parametrize("name", BSON)
def test_a_document_of_bson_is_read_to_its_end(name):
    content, found = BSON[name]
    data = bson(content, element(2, b"\x04\x00\x00\x00end\x00"))
    holds("bson", data, *found, b"end\x00")
    assert read("bson", data + b"more") == ([*found, b"end\x00"], len(data))


def test_the_smallest_document_holds_nothing():
    holds("bson", b"\x05\x00\x00\x00\x00")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x04\x00\x00\x00\x00", "no BSON"),
        (bson(element(11, b"ab\x00cd\x00")), "no kind that is known"),
        (bson(element(8, b"\x01"))[:4].replace(b"\x0c", b"\x0d") + bson(element(8, b"\x01"))[4:] + b"\x00", "not as long as it says"),
        (b"\x06\x00\x00\x00\x00\x00", "not as long as it says"),
        (bson(element(3, b"\x06\x00\x00\x00\x00")), "not as long as it says"),
    ],
)
def test_what_cannot_be_in_a_document_of_bson_is_refused(data, words):
    with pytest.raises(ValueError, match=words):
        read("bson", data)


def test_documents_are_read_to_a_depth_of_twelve():
    def nested(depth: int) -> bytes:
        return bson(element(3, nested(depth - 1))) if depth else bson(element(2, b"\x02\x00\x00\x00a\x00"))

    assert read("bson", nested(12))[0] == [b"a\x00"]
    with pytest.raises(ValueError, match="no BSON"):
        read("bson", nested(13))


PROTOBUF = {
    "number": (b"\x08\x96\x01", []),
    "number of eight bytes": (b"\x11" + b"\xff" * 8, []),
    "bytes": (b"\x12\x03abc", [b"abc"]),
    "long bytes": (b"\x12\xac\x02" + b"t" * 300, [b"t" * 300]),
    "number of four bytes": (b"\x1d" + b"\xff" * 4, []),
    "last field": (varint((1 << 29) - 1 << 3 | 2) + b"\x01a", [b"a"]),
    "largest number": (b"\x08" + varint((1 << 64) - 1), []),
    "first field": (b"\x0a\x00", [b""]),
}


@pytest.mark.parametrize("name", PROTOBUF)
def test_a_message_of_protobuf_is_read_to_its_end(name):
    data, found = PROTOBUF[name]
    whole = data + b"\x12\x03end"
    assert read("protobuf", whole) == ([*found, b"end"], len(whole))
    for end in {*range(1, len(data)), *range(len(data) + 1, len(whole))}:
        with pytest.raises(fields._Short):
            read("protobuf", whole[:end])


@pytest.mark.parametrize("tag", [*(1 << 3 | kind for kind in (3, 4, 6, 7)), 2, 1 << 32 | 2, 0])
def test_a_tag_of_no_kind_or_of_no_field_is_none_of_protobuf(tag):
    with pytest.raises(ValueError, match="no protobuf"):
        read("protobuf", varint(tag) + bytes(20))


@pytest.mark.parametrize("size", range(1, 13))
def test_a_number_of_protobuf_has_ten_bytes_at_most(size):
    data = b"\x08" + b"\x81" * (size - 1) + b"\x01\x12\x01a"
    if size <= 10:
        assert read("protobuf", data)[0] == [b"a"]
    else:
        with pytest.raises(ValueError, match="does not end"):
            read("protobuf", data)


def test_a_length_of_several_bytes_counts_them_all():
    for size in (0x7F, 0x80, 0x3FFF, 0x4000):
        assert read("protobuf", b"\x0a" + varint(size) + b"t" * size)[0] == [b"t" * size]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_the_bytes_of_a_pickle_are_its_fields(protocol):
    kept = {"short": b"s" * 23, "long": b"l" * 24, "text": "t" * 50, "number": 1 << 300, "list": [b"m" * 300, bytearray(b"n" * 30)]}
    data = pickle.dumps(kept, protocol)
    found, at = read("pickle", data)
    wanted = [b"l" * 24, b"m" * 300, *([b"n" * 30] if protocol == 5 else [])]
    assert at == len(data)
    if protocol > 2:  # before that, bytes are written as text
        assert found[:2] == wanted[:2]
        assert found == wanted or protocol == 4


def test_a_record_has_four_thousand_fields_at_most():
    def listed(count: int) -> bytes:
        return b"\xdd" + count.to_bytes(4) + b"\xa1a" * count

    assert len(read("msgpack", listed(4096))[0]) == 4096
    with pytest.raises(ValueError, match="too many fields"):
        read("msgpack", listed(4097))


WRITTEN = {
    "msgpack": lambda field: b"\x82\xa2id\x07\xa4body\xc5" + len(field).to_bytes(2) + field,
    "cbor": lambda field: b"\xa2\x62id\x07\x64body\x59" + len(field).to_bytes(2) + field,
    "bson": lambda field: bson(element(16, b"\x07\x00\x00\x00", b"id"), element(5, struct.pack("<I", len(field)) + b"\x00" + field)),
    "protobuf": lambda field: b"\x08\x07\x12" + varint(len(field)) + field,
    "pickle": lambda field: pickle.dumps({"id": 7, "body": field}, 4),
}


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("pack", [deflated, brotli.compress])
def test_a_field_that_is_compressed_without_a_magic_is_decoded(kind, pack):
    data = WRITTEN[kind](pack(TEXT))
    assert is_record(data[:64])
    assert kind in list(fields._kinds(data[:64]))
    assert decode(data) == TEXT


@pytest.mark.parametrize("kind", [kind for kind in WRITTEN if kind != "pickle"])
def test_what_does_not_read_as_a_record_to_its_last_byte_is_none(kind):
    data = WRITTEN[kind](PACKED)
    for other in (data[:-1], data + b"\x03"):
        with pytest.raises(ValueError, match="no field holds anything"):
            decode(other)


@pytest.mark.parametrize(
    "field", [TEXT, b"\x01\x02\x03" * 20, PACKED + b"!", PACKED[:-1], b""], ids=["text", "bytes", "more", "less", "none"]
)
def test_a_field_that_is_compressed_data_and_nothing_else_alone_is_decoded(field):
    with pytest.raises(ValueError, match="no field holds anything"):
        decode(WRITTEN["msgpack"](field))


def test_the_fields_that_are_decoded_are_told_one_after_another():
    texts = [b"the first of all the texts, " * 3, b"and then another one, " * 3]
    packed = [deflated(text) for text in texts]
    data = b"\x94" + b"".join(b"\xc4" + bytes([len(one)]) + one for one in (packed[0], b"x" * 40, packed[1], packed[0]))
    assert decode(data) == b"\n".join((*texts, texts[0]))


@pytest.mark.parametrize("size", [22, 23, 24, 25])
def test_a_field_is_worth_a_look_from_24_bytes_on(size):
    text = next(text for length in range(1, 60) if len(deflated(text := bytes(65 + at * 7 % 26 for at in range(length)))) == size)
    data = b"\x92\xa2id\xc4" + bytes([size]) + deflated(text)
    if size < 24:
        with pytest.raises(ValueError, match="no field holds anything"):
            decode(data)
    else:
        assert decode(data) == text


@pytest.mark.parametrize(
    ("head", "kinds"),
    [
        (b"\x80\x01", "cbor"),
        (b"\x80\x02", "pickle"),
        (b"\x80\x05", "pickle"),
        (b"\x80\x06", ""),
        (b"\x81\x04", "msgpack cbor protobuf"),
    ],
)
def test_a_pickle_is_told_by_its_second_byte(head, kinds):
    assert ("pickle" in list(fields._kinds(head + b"\x70" * 30))) is ("pickle" in kinds)


def test_what_an_object_may_be_is_told_by_its_first_byte():
    found = {kind: [] for kind in WRITTEN}
    for first in range(256):
        for kind in fields._kinds(bytes([first]) + b"\x70" * 30):
            found[kind].append(first)
    assert found["msgpack"] == [*range(0x81, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF]
    assert found["cbor"] == [*range(0x81, 0xBA), 0xD8, 0xD9]
    assert found["protobuf"] == [first for first in range(8, 128) if first & 7 in (0, 1, 2, 5)]
    assert found["bson"] == found["pickle"] == []


@pytest.mark.parametrize("high", [0, 1, 2])
def test_a_document_of_bson_is_told_by_its_size_and_its_first_element(high):
    told = [code for code in range(256) if "bson" in list(fields._kinds(b"\x70\x70\x70" + bytes([high, code]) + b"\x70" * 30))]
    assert told == ([*range(1, 11), 13, 14, 16, 17, 18, 19, 127, 255] if high < 2 else [])


def test_a_record_has_a_beginning_of_24_bytes_with_what_no_text_holds():
    data = WRITTEN["msgpack"](PACKED)
    assert is_record(data[:24])
    assert not is_record(data[:23])
    assert not is_record(b"\xa2bid" + b"aabc" * 6)
    assert is_record(b"\xa2bid" + b"aa\x03c" * 6)
    assert not is_record(b"\xdc\x00\x02\xc1" + bytes(40))
    assert is_record(b"\xdc\x00\x02\xc2" + bytes(40))


def test_a_beginning_that_breaks_off_within_the_record_may_go_on():
    assert is_record(b"\x82\xa2id\x07\xa4body\xc5\x10\x00" + PACKED[:20])
    assert not is_record(b"\x08\x07\x13" + bytes(40))  # of a kind that protobuf does not have
    assert is_record(b"\x80\x04anything" + bytes(20))
    assert is_record(b"\x91\xc4\x15" + bytes(21))  # to its last byte


@pytest.mark.parametrize(
    ("head", "kinds"),
    [(b"\x80\x04", {"pickle"}), (b"\x01\x04", set()), (b"\x80\x01", set()), (b"\x80\x06", set()), (b"\x80\x05", {"pickle"})],
)
def test_pickle_is_told_by_its_first_byte_and_its_version(head, kinds):
    assert {kind for kind in fields._kinds(head + b"\xff" * 30) if kind == "pickle"} == kinds
