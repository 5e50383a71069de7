"""Where the content of a container begins, what begins as a dump or encoded text does, and what it decodes to."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import tarfile
import zipfile
import zlib

import brotli
import lz4.frame
import pytest

from zdr_audit.canary import dumps, sevenzip, streams, uu
from zdr_audit.canary.compression import _zstd
from zdr_audit.canary.dumps import Dump, is_dump
from zdr_audit.canary.places import PARTS
from zdr_audit.canary.streams import OPENERS, WHOLE

BYTES = bytes(range(256))


def fed(decoder, data: bytes, size: int = 1 << 20) -> bytes:
    out = b""
    for at in range(0, len(data), size):
        if not decoder.ended:
            out += b"".join(decoder.feed(data[at : at + size]))
    return out + b"".join(decoder.close())


def content_of(data: bytes) -> tuple[int, int | None] | None:
    """The first answer of a part whose pattern stands in its place in the data."""
    for part in PARTS:
        if any(data.startswith(pattern, before) for pattern, before in part.patterns):
            return part.content(data[: part.looks])
    return None


def tar(content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        about = tarfile.TarInfo("member.bin")
        about.size, about.type = len(content), kind
        archive.addfile(about, io.BytesIO(content))
    return out.getvalue()


def test_a_header_of_tar_may_add_up_to_as_much_as_its_bytes_can():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT, encoding="utf-8") as archive:
        about = tarfile.TarInfo("\u07ff" * 50)
        about.linkname, about.size = "\u07ff" * 50, 700
        archive.addfile(about, io.BytesIO(b"x" * 700))
    whole = out.getvalue()
    assert int(whole[148:154], 8) >= 0o100000, "all digits of the sum are needed"
    assert content_of(whole) == (512, 700)


def test_the_content_of_a_member_of_tar_begins_behind_its_header():
    assert content_of(tar(b"x" * 700)) == (512, 700)
    assert content_of(tar(b"x" * 700, tarfile.CONTTYPE)) == (512, 700)
    assert content_of(tar(b"")) is None
    assert content_of(tar(b"", tarfile.DIRTYPE)) is None
    whole = tar(b"x" * 700)
    assert content_of(whole[:511]) is None
    for at in (0, 130, 157, 511):  # the sum of the header's bytes no longer agrees
        assert content_of(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]) is None
    assert content_of(whole[:124] + b"not octal " + whole[134:]) is None


def test_the_content_of_a_stored_member_of_zip_begins_behind_its_header():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("name.bin", b"x" * 300)
    data = out.getvalue()
    assert content_of(data) == (38, 300)
    assert content_of(data[:28] + b"\x04\x00" + data[30:]) == (42, 300)
    assert content_of(data[:29]) is None
    for at, value in ((6, 1), (6, 8), (8, 8)):  # encrypted, its size to come, compressed
        assert content_of(data[:at] + bytes([value]) + data[at + 1 :]) is None
    assert content_of(data[:18] + bytes(4) + data[22:]) is None


def test_bodies_begin_where_they_are_said_to():
    assert content_of(b"7:content;12:hello") == (13, 12)
    assert content_of(b"7:content,3:abc,") == (12, 3)
    assert content_of(b"7:content;0:") is None
    assert content_of(b"7:content]12:") is None
    assert content_of(b"\r\n\r\nbody") == (4, None)


def xxd(data: bytes) -> bytes:
    rows = (data[at : at + 16] for at in range(0, len(data), 16))
    return b"".join(b"%08x: %-39s  text\n" % (16 * n, row.hex(" ", 2).encode()) for n, row in enumerate(rows))


def canonical(data: bytes) -> bytes:
    rows = [data[at : at + 16] for at in range(0, len(data), 16)]
    lines = [b"%08x  %-23s  %-23s  |text|\n" % (16 * n, row[:8].hex(" ").encode(), row[8:].hex(" ").encode()) for n, row in enumerate(rows)]
    return b"".join(lines) + b"%08x\n" % len(data)


def od(data: bytes, base: int) -> bytes:
    rows = (data[at : at + 16] for at in range(0, len(data), 16))
    if base == 8:
        return b"".join(b"%07o %s\n" % (16 * n, b" ".join(b"%03o" % code for code in row)) for n, row in enumerate(rows))
    words = lambda row: (int.from_bytes(row[at : at + 2], "little") for at in range(0, len(row), 2))  # noqa: E731
    if base == 16:
        return b"".join(b"%07x %s\n" % (16 * n, b" ".join(b"%04x" % word for word in words(row))) for n, row in enumerate(rows))
    return b"".join(b"%07o %s\n" % (16 * n, b" ".join(b"%06o" % word for word in words(row))) for n, row in enumerate(rows))


def binary(data: bytes) -> bytes:
    rows = (data[at : at + 6] for at in range(0, len(data), 6))
    return b"".join(b"%08x: %s  text\n" % (6 * n, " ".join(f"{code:08b}" for code in row).encode()) for n, row in enumerate(rows))


_NAMED = {0: b"\\0", 7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r"}


def characters(data: bytes) -> bytes:
    def cell(code: int) -> bytes:
        return b"%4s" % _NAMED.get(code, bytes([code]) if 32 <= code < 127 else b"%03o" % code)

    rows = (data[at : at + 16] for at in range(0, len(data), 16))
    return b"".join(b"%07o%s\n" % (16 * n, b"".join(map(cell, row))) for n, row in enumerate(rows))


def tcpdump(data: bytes) -> bytes:
    rows = (data[at : at + 16] for at in range(0, len(data), 16))
    return b"".join(b"\t0x%04x:  %-39s  text\n" % (16 * n, row.hex(" ", -2).encode()) for n, row in enumerate(rows))


WRITERS = {
    "xxd": xxd,
    "hexdump -C": canonical,
    "od -b": lambda data: od(data, 8),
    "od": lambda data: od(data, 2),
    "od -x": lambda data: od(data, 16),
    "xxd -b": binary,
    "od -c": characters,
    "tcpdump": tcpdump,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_a_dump_is_read_back_to_its_bytes(name, size):
    text = WRITERS[name](BYTES)
    assert is_dump(text.lstrip()[:64])
    decoder = Dump()
    assert fed(decoder, text + b"prompt$ _\nmore", size) == BYTES
    assert decoder.ended
    assert decoder.error is None
    assert decoder.consumed == len(text)


@pytest.mark.parametrize("name", ["xxd", "od -b", "tcpdump"])
def test_a_dump_within_a_text_of_json_is_read_back(name):
    text = WRITERS[name](BYTES[:100]).replace(b"\n", b"\\n")
    decoder = Dump()
    assert fed(decoder, text + b'", "more": 1}') == BYTES[:100]
    assert decoder.consumed == len(text)


@pytest.mark.parametrize("name", ["xxd", "od -b"])
def test_the_last_line_of_a_dump_needs_no_end(name):
    text = WRITERS[name](BYTES[:40])
    decoder = Dump()
    assert fed(decoder, text[:-1]) == BYTES[:40]
    assert decoder.consumed == len(text) - 1


def test_lines_that_a_dump_leaves_out_are_passed_over_and_too_long_ones_end_it():
    lines = xxd(bytes(16)) + b"*\n" + xxd(BYTES).split(b"\n", 1)[1]
    assert fed(Dump(), lines).startswith(bytes(16) + BYTES[16:32])
    long = Dump()
    assert list(long.feed(b"x" * 1024)) == []
    assert not long.ended
    assert list(long.feed(b"x")) == []
    assert long.ended


@pytest.mark.parametrize(
    "text", [b"00000000: not a dump at all, but a line that begins so", b"0000000 words that follow, and more of", b"12345678: 0102 0304"]
)
def test_what_begins_otherwise_is_no_dump(text):
    assert not is_dump(text)
    assert dumps.STARTS


def uuencoded(data: bytes, begin: bytes = b"begin 644 file\n") -> bytes:
    return begin + b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)) + b"`\nend\n"


@pytest.mark.parametrize("size", [1, 61, 1 << 20])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_uuencoded_file_is_read_back(size, end):
    data = uuencoded(BYTES).replace(b"\n", end)
    assert uu.is_uuencoded(data[:64])
    decoder = uu.Uuencoded()
    assert fed(decoder, data, size) == BYTES
    assert (decoder.ended, decoder.consumed) == (True, len(data) - len(b"end" + end))


def test_what_is_no_uuencoded_file_is_not_begun_or_ends():
    for no in (
        b"begin the day\n#abc",
        b"begin 644 \n#abc",
        b"begin 644 file\n",
        b"begin 644 file\nabc",
        b"begin 64 file\n#abc",
        b"begin 644 file\n abc",
    ):
        assert not uu.is_uuencoded(no)
    assert uu.is_uuencoded(b"begin 0644 file\n`\n")
    long = uu.Uuencoded()
    assert list(long.feed(b"begin 644 file\n" + b"M" * 100)) == []
    assert not long.ended
    assert list(long.feed(b"M")) == []
    assert long.ended
    broken = uu.Uuencoded()
    assert fed(broken, uuencoded(BYTES[:45])[:-6] + b"\x01\x02\n" + uuencoded(BYTES)) == BYTES[:45]


def check(name: str, data: bytes, *, whole: bool = False) -> bool:
    """Whether any opener of that name, whose pattern the data begin with, takes them."""
    return any(
        opener.check(data[: opener.looks])
        for opener in (WHOLE if whole else OPENERS)
        if opener.name == name and (whole or any(data.startswith(pattern) for pattern, before in opener.patterns if not before))
    )


TEXT = b"text of a log, that is long enough to be compressed, and of a log " * 9
BEGINNINGS = {
    "gzip": (gzip.compress(TEXT, mtime=1), {3: 32, 8: 1, 9: 21}),
    "zstd": (_zstd.compress(TEXT), {4: 0x2C}),
    "lz4": (lz4.frame.compress(TEXT), {4: 0x20, 5: 0x11}),
    "zlib": (zlib.compress(TEXT), {2: 0x07}),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_compressed_data_begin_with_fields_that_can_be(name):
    data, damage = BEGINNINGS[name]
    assert check(name, data)
    for at, value in damage.items():
        assert not check(name, data[:at] + bytes([value]) + data[at + 1 :]), at


@pytest.mark.parametrize(
    ("data", "is_one"),
    [
        (b"\x1f\x8b\x08\x1f" + bytes(4) + b"\x04\xff", True),
        (b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\x13", True),
        (b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\x14", False),
        (b"\x1f\x8b\x08\x00" + bytes(4) + b"\x03\x03", False),
        (b"\x1f\x8b\x08\x20" + bytes(4) + b"\x00\x03", False),
        (b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00", False),
        (b"\x1f\x8b\x07\x00" + bytes(4) + b"\x00\x03", False),
    ],
)
def test_a_header_of_gzip_has_only_values_that_some_program_writes(data, is_one):
    assert streams.is_gzip(data) is is_one


def lzma_head(size: int, content: bytes = b"\xff" * 8, first: int = 0) -> bytes:
    return b"\x5d" + size.to_bytes(4, "little") + content + bytes([first])


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (lzma_head(1 << 23), True),
        (lzma_head(4096), True),
        (lzma_head(2048), False),
        (lzma_head((1 << 23) + 1), False),
        (lzma_head(1 << 23, (5000).to_bytes(8, "little")), True),
        (lzma_head(1 << 23, (1 << 40).to_bytes(8, "little")), False),
        (lzma_head(1 << 23, first=1), False),
        (lzma_head(1 << 23)[:13], False),
    ],
)
def test_a_header_of_lzma_has_a_dictionary_and_a_size_that_can_be(head, is_one):
    assert streams._is_lzma(head) is is_one


@pytest.mark.parametrize(
    "write",
    [
        base64.b64encode,
        base64.urlsafe_b64encode,
        base64.encodebytes,
        lambda data: base64.b64encode(data).replace(b"+", b"%2B").replace(b"/", b"%2f"),
        lambda data: base64.b64encode(data).replace(b"+", b"\\u002b").replace(b"/", b"\\u002F"),
        lambda data: base64.b64encode(data).replace(b"/", b"\\/"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 5, 1 << 20])
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_base64_is_read_up_to_what_is_none_of_it_however_it_is_written(write, size, cut):
    data = bytes(range(251, 256)) * 9 + BYTES[: 60 - cut]
    text = write(data)
    decoder = streams._base64_decoder()
    assert fed(decoder, text.rstrip(b"=\n") + b'" and more', size) == data
    assert decoder.consumed == len(text.rstrip(b"=\n"))
    open_ended = streams._base64_decoder()
    assert fed(open_ended, text.rstrip(b"=\n"), size) == data


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_hex_is_read_up_to_what_is_none_of_it(size):
    decoder = streams._hex_decoder()
    assert fed(decoder, BYTES.hex().encode() + b"a, and more", size) == BYTES
    assert decoder.consumed == 513


@pytest.mark.parametrize("lead", [b"", b"0x", b"0X", b"\\x", b"x'", b'"'])
def test_long_hex_of_data_without_a_magic_is_opened_however_it_is_led_in(lab, lead):
    text = b"".join(b"line %d of a page, " % number for number in range(30)) + lab.canary("packed").encode()
    data = b"body = " + lead + brotli.compress(text).hex().encode() + b"' and more"
    assert {(seen.forms, seen.canary) for seen in lab.search(data)} == {(("hex", "brotli", "plain"), "packed")}


def test_archives_are_told_by_their_first_header_alone():
    head = sevenzip.MAGIC + b"\x00\x04" + bytes(4) + (1000).to_bytes(8, "little") + bytes(12)
    assert sevenzip.is_7z(head)
    assert not sevenzip.is_7z(head[:31])
    assert not sevenzip.is_7z(b"7y" + head[2:])
    assert not sevenzip.is_7z(head[:6] + b"\x01" + head[7:])
    assert sevenzip.is_7z(head[:12] + ((1 << 48) - 1).to_bytes(8, "little") + head[20:])
    assert not sevenzip.is_7z(head[:12] + (1 << 48).to_bytes(8, "little") + head[20:])
    assert check("rar", b"Rar!\x1a\x07\x00\xcf")
    assert not check("rar", b"Rar!\x1a\x07\x00")


@pytest.mark.parametrize(("size", "ended"), [(1000, False), (1024, False), (1025, True)])
def test_a_line_of_a_dump_has_a_thousand_bytes_at_most(size, ended):
    decoder = dumps.Dump()
    assert list(decoder.feed(b"00000000: 4142".ljust(size))) == []
    assert decoder.ended is ended


def test_a_dump_ends_at_the_first_line_that_is_none_of_it():
    decoder = dumps.Dump()
    assert b"".join(decoder.feed(b"00000000: 4142 4344  ABCD\nthe next line of a log\n00000004: 4546  EF\n")) == b"ABCD"
    assert (decoder.ended, decoder.consumed) == (True, 26)
    assert list(decoder.close()) == []
