"""Compressed data within text of base64 and hex: opened wherever in the text they begin; and what the first bytes of each kind can be."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from fed import fed

from zdr_audit.canary import streams
from zdr_audit.canary.compression import _zstd
from zdr_audit.canary.inflate import BLOCK
from zdr_audit.canary.snappy import FRAME_MAGIC
from zdr_audit.canary.streams import OPENERS, TextDecoder

TEXT = b"text of a log, that is long enough to be compressed, and of a log " * 9


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("name.txt", data)
    return out.getvalue()


def lzma_of(power: int) -> Callable[[bytes], bytes]:
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << power}]
    return lambda data: lzma.compress(data, lzma.FORMAT_ALONE, filters=filters)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=1),
    "gzip with a name": lambda data: b"\x1f\x8b\x08\x08" + gzip.compress(data, mtime=1)[4:10] + b"name\x00" + gzip.compress(data)[10:],
    "zstd": _zstd.compress,
    "zip": zipped,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "lz4": lz4.frame.compress,
    **{f"lzma with a dictionary of 2^{power}": lzma_of(power) for power in (20, 22, 23, 24, 26)},
}
PACKED = {name: pack(TEXT) for name, pack in PACKERS.items()}
WRITERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "base64": ("base64", base64.b64encode),
    "urlsafe base64": ("base64", base64.urlsafe_b64encode),
    "base64 in an address": ("base64", lambda data: base64.b64encode(data).replace(b"+", b"%2B").replace(b"/", b"%2F")),
    "base64 in an address, small": ("base64", lambda data: base64.b64encode(data).replace(b"+", b"%2b").replace(b"/", b"%2f")),
    "base64 in careful JSON": ("base64", lambda data: base64.b64encode(data).replace(b"+", b"\\u002b").replace(b"/", b"\\u002f")),
    "base64 in careful JSON, capitals": ("base64", lambda data: base64.b64encode(data).replace(b"+", b"\\u002B").replace(b"/", b"\\u002F")),
    "hex": ("hex", lambda data: data.hex().encode()),
    "HEX": ("hex", lambda data: data.hex().upper().encode()),
}  # fmt: skip


def opened(name: str, text: bytes) -> list[tuple[int, bytes]]:
    """Where the text is opened by each pattern that takes it, and what is decoded from there."""
    found = []
    for opener in OPENERS:
        for pattern, before in opener.patterns if opener.name == name else ():
            at = text.find(pattern) - before
            if at + before >= 0 and opener.check(text[at : at + opener.looks]):
                found.append((at, fed(opener.decoder(), text[at:])))
    return found


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("lead", [b"", b"x", b"xy", b"\xfb\xff\xbf"])
def test_compressed_data_are_opened_wherever_in_a_text_they_begin(packer, writer, lead):
    name, write = WRITERS[writer]
    data = PACKED[packer]
    text = b'"' + write(lead + data) + b'"'
    if "JSON" in writer and "lzma" in packer:
        return  # its size, all ones, is so many escapes that nothing else is near
    found = opened(name, text)
    assert found
    for at, decoded in found:
        assert at < 32
        assert decoded.endswith(data[8:])
        assert (lead + data).endswith(decoded)


@pytest.mark.parametrize("name", ["base64", "hex"])
def test_text_of_something_else_is_not_opened(name):
    write = dict(WRITERS.values())[name]
    for data in (
        TEXT,
        bytes(200),
        b"\x1f\x8b\x08\x00" + b"\xff" * 60,
        b"\x28\xb5\x2f\xfd\x08\x00" + bytes(40),
        b"\x5d\x00\x00\x80\x00" + b"\x01" * 40,
    ):
        assert opened(name, b'"' + write(data) + b'"') == [], data[:6]


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("quote", [b'"', b"'", b" ", b"=", b"\n", b":", b"."])
def test_zlib_is_opened_where_a_text_of_base64_begins(level, quote):
    data = zlib.compress(TEXT + bytes([level]), level)
    text = b"x" + quote + base64.b64encode(data) + b'"'
    assert (2, data) in opened("base64", text)
    assert opened("base64", text.replace(quote + b"e", b"~e", 1)) == []


@pytest.mark.parametrize("level", [1, 6, 9])
@pytest.mark.parametrize("lead", [b"\\x", b"0x", b"x'", b'"', b"'"])
def test_zlib_is_opened_where_a_literal_of_hex_begins(level, lead):
    data = zlib.compress(TEXT, level)
    for text in (data.hex().encode(), data.hex().upper().encode() if level > 1 else data.hex().encode()):
        assert (1 + len(lead), data) in opened("hex", b"=" + lead + text + b"'")
        assert opened("hex", b"=~" + text + b"'") == []


def test_what_stands_in_text_is_looked_for_there_alone():
    for opener in OPENERS:
        if opener.in_text:
            assert all(pattern.isascii() for pattern, _ in opener.patterns)
    names = {"base64", "hex", "base32", "ascii85", "percent", "decimal-list", "hex-list", "hex-separated", "uuencode"}
    assert {opener.name for opener in OPENERS if opener.in_text} >= names
    of_a_stream = [opener for opener in OPENERS if opener.name in ("base64", "hex") and opener.patterns[0][0][:1] != b"/"]
    assert all(opener.in_text for opener in of_a_stream)


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_long_text_is_decoded_in_pieces_and_counted_whole(size):
    text = (b"QUJD" * (size // 4 + 1))[:size]
    decoder = streams._base64_decoder()
    pieces = [*decoder.feed(text + b'"'), *decoder.close()]
    assert b"".join(pieces) == (b"ABC" * size)[: size * 6 // 8]
    assert max(map(len, pieces)) <= BLOCK
    assert (decoder.ended, decoder.consumed, decoder.error) == (True, size, None)
    assert list(decoder.feed(text)) == []


def test_a_text_that_ended_gives_its_rest_once():
    decoder = streams._base64_decoder()
    assert b"".join(decoder.feed(b"QUJDQUI\x00QUJD")) == b"ABCAB"
    assert decoder.ended
    assert list(decoder.close()) == []
    open_ended = streams._base64_decoder()
    assert b"".join(open_ended.feed(b"QUJDQUI")) == b"ABC"
    assert not open_ended.ended
    assert list(open_ended.close()) == [b"AB"]
    assert list(open_ended.close()) == []
    one_digit = streams._base64_decoder()
    assert fed(one_digit, b"QUJDQ") == b"ABC"
    assert fed(streams._hex_decoder(), b"41424") == b"AB"


@pytest.mark.parametrize("escape", [b"%2B", b"%2f", b"\\u002b", b"\\u002F", b"\\n", b"\\r", b"\\/"])
def test_an_escape_that_what_is_fed_ends_within_is_read_whole(escape):
    sign = b"+" if escape[-1:] in b"Bb" else b"/" if escape[-1:] in b"Ff/" else b""
    text = b"QUJD" + escape + b"QUJDQUJDQUJDQU"
    plain = b"QUJD" + sign + b"QUJDQUJDQUJDQU"
    wanted = base64.b64decode(plain + b"=" * (-len(plain) % 4))[: len(plain) * 6 // 8]
    for cut in range(len(text) + 1):
        decoder = streams._base64_decoder()
        out = b"".join(piece for part in (text[:cut], text[cut:]) for piece in decoder.feed(part)) + b"".join(decoder.close())
        assert (out, decoder.consumed) == (wanted, len(text)), cut


@pytest.mark.parametrize("text", [b"QUJD%2x", b"QUJD%", b"QUJD\\u012b", b"QUJD\\x", b"QUJD=", b"QUJD%2"])
def test_what_is_no_escape_ends_the_text(text):
    decoder = streams._base64_decoder()
    assert fed(decoder, text + b"QUJD") == b"ABC" if not text.endswith((b"%2", b"%")) else fed(decoder, text + b"!QUJD") == b"ABC"
    assert decoder.consumed == 4


def test_each_kind_of_block_of_deflate_is_told_by_its_first_bytes():
    stored, fixed, own = (b"x\x9c" + _block(kind) for kind in (0, 1, 2))
    for data in (stored, fixed, own):
        assert streams._is_zlib(data[:24])
        assert streams._is_zlib(data[:15])
    assert not streams._is_zlib(b"x\x9c")
    assert not streams._is_zlib(b"x\x9c" + bytes([stored[2] | 2]) + stored[3:24])
    for at in range(3, 7):  # the size of a stored block stands there twice, the second time with every bit the other way
        assert not streams._is_zlib(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 : 24]), at
    assert not streams._may_be_block(b"x\x9c\x07" + bytes(20))
    assert not streams._may_be_block(b"x\x9c\x06" + bytes(20))
    assert not streams._may_be_block(b"x\x9c\x07")
    assert streams._may_be_block(b"x\x9c\x02")
    assert streams._may_be_block(b"x\x9c\x04")
    assert streams._may_be_block(b"x\x9c\x01")


def _block(kind: int) -> bytes:
    """Data that begin with a block that is stored, in the codes that all know, or in codes of its own."""
    if kind == 0:
        return zlib.compress(TEXT, 0)[2:]
    if kind == 1:
        packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_FIXED)
        return (packer.compress(TEXT) + packer.flush())[2:]
    packed = zlib.compress(b"".join(b"%d;" % (at * at % 9973) for at in range(3000)))[2:]
    assert packed[0] >> 1 & 3 == 2
    return packed


def test_codes_of_their_own_must_be_complete_and_as_many_as_can_be():
    own = b"x\x9c" + _block(2)
    bits = int.from_bytes(own[2:26], "little")

    def changed(low: int, width: int, value: int) -> bytes:
        other = bits & ~((1 << width) - 1 << low) | value << low
        return own[:2] + other.to_bytes(24, "little")

    assert streams._may_be_block(own[:26])
    assert not streams._may_be_block(changed(3, 5, 30))
    assert streams._may_be_block(changed(3, 5, 29))
    assert not streams._may_be_block(changed(8, 5, 30))
    assert streams._may_be_block(changed(8, 5, 29))
    for lengths in ((1, 1), (2, 2, 2, 2), (3,) * 8, (4,) * 16, (1, 2, 3, 4, 5, 6, 7, 7), (7, 7, 0, 6, 5, 4, 3, 2, 1)):
        whole = changed(17, 57, sum(length << 3 * at for at, length in enumerate(lengths)))
        assert streams._may_be_block(whole[:2] + bytes([whole[2], whole[3] | 0xE0, whole[4] | 1]) + whole[5:])  # of all nineteen codes
    count = (bits >> 13 & 15) + 4
    lengths = [bits >> 17 + 3 * at & 7 for at in range(count)]
    assert sum(128 >> length for length in lengths if length) == 128
    for at, length in enumerate(lengths):
        for other in range(8):
            same = (128 >> other if other else 0) == (128 >> length if length else 0)
            assert streams._may_be_block(changed(17 + 3 * at, 3, other)) is same, (at, other)


@pytest.mark.parametrize(
    ("check", "data", "least", "no"),
    [
        (streams._is_zstd, b"\x28\xb5\x2f\xfd\x20\x00", 6, {4: (0x08, 0x28, 0xFF)}),
        (streams._is_lz4, b"\x04\x22\x4d\x18\x64\x40\xa7", 7, {4: (0x24, 0xA4, 0xE4, 0x66), 5: (0x30, 0x80, 0xC0, 0x41, 0x48)}),
        (streams._is_bz2, b"BZh91AY&SYabcd\x00", 15, {14: (7, 8, 0x5C)}),
        (streams._is_lzma, b"\x5d" + (1 << 16).to_bytes(4, "little") + b"\xff" * 8 + b"\x00", 14, {1: (1,), 13: (1,), 5: (0,), 12: (0,)}),
    ],
)
def test_a_beginning_is_long_enough_and_holds_what_can_be(check, data, least, no):
    assert check(data)
    assert len(data) == least
    assert not check(data[:-1])
    for at, values in no.items():
        for value in values:
            assert not check(data[:at] + bytes([value]) + data[at + 1 :]), (at, value)


def test_the_largest_values_of_a_beginning_can_be():
    assert all(streams._is_lz4(b"\x04\x22\x4d\x18\x64" + bytes([size << 4]) + b"\xa7") is (4 <= size <= 7) for size in range(8))
    assert streams._is_bz2(b"BZh91AY&SYabcd\x06")
    for size, fits in ((2048, False), (4096, True), (4097, False), (6144, False), (1 << 31, True)):
        assert streams._is_lzma(b"\x5d" + size.to_bytes(4, "little") + b"\xff" * 8 + b"\x00") is fits
    for length, fits in (((1 << 40) - 1, True), (1 << 40, False)):
        assert streams._is_lzma(b"\x5d" + (1 << 16).to_bytes(4, "little") + length.to_bytes(8, "little") + b"\x00") is fits


def test_compressed_data_are_told_by_a_magic_and_what_follows_it():
    for data in PACKED.values():
        assert streams._is_compressed(data[:40])
        assert not streams._is_compressed(data[1:41])
    assert streams._is_compressed(zlib.compress(TEXT)[:16])
    assert not streams._is_compressed(zlib.compress(TEXT)[:15])
    assert not streams._is_compressed(b"y" + zlib.compress(TEXT)[1:40])
    assert not streams._is_compressed(b"")
    assert streams._is_compressed(FRAME_MAGIC + bytes(10))


def test_an_odd_digit_of_hex_is_left_out():
    data = PACKED["gzip"].hex().encode()
    for size in range(40, 64):
        assert streams._hex_opens(data[:size] + b"'")
    assert not streams._hex_opens(b"'" + data)
    assert not streams._hex_opens(data[:19])
    assert streams._hex_opens(data[:20])


def test_a_text_in_groups_is_read_with_any_decoder():
    decoder = TextDecoder(re.compile(rb"[0-9]*"), bytes, 3, lambda text: b"<" + text + b">")
    assert b"".join(decoder.feed(b"12345678")) == b"<123456>"
    assert b"".join(decoder.feed(b"9")) == b"<789>"
    assert b"".join(decoder.feed(b"01x2")) == b""
    assert (decoder.ended, decoder.consumed) == (True, 11)


@pytest.mark.parametrize(
    ("name", "data"), [("xz", lzma.compress(b"x")[:13]), ("snappy", FRAME_MAGIC + bytes(5)), ("rar", b"Rar!\x1a\x07\x00\x00")]
)
def test_an_opener_wants_more_than_its_magic(name, data):
    (opener,) = [one for one in OPENERS if one.name == name and any(data.startswith(pattern) for pattern, _ in one.patterns)]
    assert opener.check(data)
    assert not opener.check(data[:-1])


def test_bzip2_is_known_by_each_of_its_nine_sizes():
    (bz,) = [opener for opener in OPENERS if opener.name == "bz2"]
    assert [pattern for pattern, _ in bz.patterns] == [b"BZh%d1AY&SY" % size for size in range(1, 10)]


@pytest.mark.parametrize("size", range(1, 9))
def test_every_rest_of_a_text_of_base64_is_decoded(size):
    text = base64.b64encode(TEXT[:size]).rstrip(b"=")
    assert fed(streams._base64_decoder(), text) == TEXT[:size]
    assert fed(streams._base64_decoder(), text + b'"more') == TEXT[:size]
