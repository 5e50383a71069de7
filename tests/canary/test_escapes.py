"""Compressed data written as text: what shows their beginning in each way of writing, and what is read up to where the text goes on."""

from __future__ import annotations

import base64
import binascii
import gzip
import itertools
import json
import re
import urllib.parse
import zlib
from collections.abc import Callable

import pytest
from fed import fed

from zdr_audit.canary import escapes
from zdr_audit.canary.escapes import WAYS, openers

EVERY = bytes(range(256))
_OF_MYSQL = {0: b"\\0", 39: b"\\'", 34: b'\\"', 10: b"\\n", 13: b"\\r", 26: b"\\Z", 92: b"\\\\"}


def latin(data: bytes) -> str:
    return data.decode("latin-1")


def every(form: str, data: bytes) -> bytes:
    return "".join(form.format(code) for code in data).encode()


def hidden(form: str, data: bytes) -> bytes:
    """What is no printable ASCII, or a quote or backslash, in that form."""
    return "".join(chr(code) if 32 <= code < 127 and code not in b'"\\' else form.format(code) for code in data).encode()


def twice(write: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: write(data).replace(b"\\", b"\\\\")


def octal(data: bytes) -> bytes:
    return "".join(chr(code) if 32 <= code < 127 and code != 92 else f"\\{code:03o}" for code in data).encode()


def repr_of(data: bytes) -> bytes:
    return repr(data + b"'\"")[2:-1].encode().removesuffix(b"\\'\"")


def z85(data: bytes) -> bytes:
    return base64.b85encode(data).translate(escapes._Z85)


# How programs write bytes in each way; numbered where they write them differently.
WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "unicode-escape": lambda data: json.dumps(latin(data))[1:-1].encode(),
    "unicode-escape 2": lambda data: json.dumps(latin(data), ensure_ascii=False)[1:-1].encode(),
    "unicode-escape 3": lambda data: hidden("\\u{:04X}", data),
    "unicode-escape 4": lambda data: hidden("\\u{:04x}", data),
    "unicode-escape-twice": lambda data: json.dumps(json.dumps(latin(data))[1:-1])[1:-1].encode(),
    "unicode-escape-twice 2": twice(lambda data: hidden("\\u{:04x}", data)),
    "hex-escape": repr_of,
    "hex-escape 2": lambda data: every("\\x{:02x}", data),
    "hex-escape 3": lambda data: every("\\x{:02X}", data),
    "hex-escape-twice": lambda data: json.dumps(repr_of(data).decode())[1:-1].encode(),
    "hex-escape-twice 3": lambda data: repr(repr_of(data).decode() + "'\"")[1:-1].encode().removesuffix(b"\\'\""),
    "hex-escape-twice 2": twice(lambda data: every("\\x{:02x}", data)),
    "octal-escape": octal,
    "octal-escape 2": lambda data: every("\\{:03o}", data),
    "octal-escape 3": twice(octal),
    "sql-escape": lambda data: b"'" + b"".join(_OF_MYSQL.get(code, bytes([code])) for code in data),
    "percent": lambda data: urllib.parse.quote(data, safe="").encode(),
    "percent 2": lambda data: urllib.parse.quote(data).encode(),
    "percent 3": lambda data: urllib.parse.quote_plus(data).encode(),
    "percent 4": lambda data: every("%{:02X}", data),
    "percent 5": lambda data: every("%{:02x}", data),
    "quoted-printable": lambda data: binascii.b2a_qp(data, quotetabs=True, istext=False),
    "quoted-printable 2": lambda data: every("={:02X}", data),
    "decimal-list": lambda data: b", ".join(str(code).encode() for code in data),
    "decimal-list 2": lambda data: b",".join(str(code).encode() for code in data),
    "decimal-list 3": lambda data: b"\n".join(str(code).encode() for code in data),
    "decimal-list 4": lambda data: b" ".join(str(code).encode() for code in data),
    "decimal-list 5": lambda data: b", ".join(str(code - 256 if code > 127 else code).encode() for code in data),
    "hex-list": lambda data: b", ".join(b"0x%02x" % code for code in data),
    "hex-list 2": lambda data: b",".join(b"0x%02X" % code for code in data),
    "hex-separated": lambda data: data.hex(" ").encode(),
    "hex-separated 2": lambda data: data.hex(":").upper().encode(),
    "hex-separated 3": lambda data: data.hex("-").encode(),
    "base32": base64.b32encode,
    "base32 2": lambda data: base64.b32encode(data).lower(),
    "ascii85": base64.a85encode,
    "base85": base64.b85encode,
    "z85": z85,
}  # fmt: skip
ENDS = {
    "unicode-escape": b'"',
    "unicode-escape-twice": b'"',
    "hex-escape": b"\n",
    "hex-escape-twice": b"\n",
    "octal-escape": b"\n",
    "decimal-list": b"]",
    "hex-list": b"}",
    "hex-separated": b"\n",
    "sql-escape": b"')",
    "quoted-printable": b"\x80",
}
ENDS_OTHERWISE = ("decimal-list", "hex-list", "hex-separated", "quoted-printable")
WRITTEN = {
    "\x1f\x8b\x08\x00": gzip.compress(b"some text of a prompt" * 3, mtime=0),
    "zlib": zlib.compress(b"some text of a prompt" * 3),
}


def way_of(name: str) -> str:
    return name.partition(" ")[0]


def ways(name: str) -> list[escapes.Way]:
    return [way for way in WAYS if way.name == way_of(name)]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("after", [b"", b"\x00\x00\x00\x00", b"\xff\xfe\xfd\xfc", b"abcd", b"''+ "])
def test_whatever_follows_a_magic_it_is_shown_by_one_of_the_ways_it_may_look(name, after):
    in_groups = way_of(name) in escapes._IN_GROUPS
    for magic in escapes.GROUPED if in_groups else (*escapes.MAGICS, *escapes.ZLIB, b"BZh91AY&SY"):
        written = WRITERS[name](magic + after)
        shown = [one for way in ways(name) for one in way.write(magic)]
        as_it_is = not in_groups and written.startswith(magic)  # nothing of it is written otherwise
        assert as_it_is or not after or any(written.startswith(one) for one in shown), (magic, written)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_what_shows_a_magic_is_all_of_it_and_nothing_more(way):
    for magic in escapes.GROUPED if way.name in escapes._IN_GROUPS else (*escapes.MAGICS, *escapes.ZLIB, b"BZh91AY&SY"):
        shown = way.write(magic)
        assert magic not in shown
        for one in shown:
            if way.name in escapes._IN_GROUPS:
                whole = fed(way.decoder(), one + (b"A" * 8)[: -len(one) % 8] if way.name == "base32" else one)
                assert whole[:4].startswith(magic[: len(one) * 5 // 8 if way.name == "base32" else 4])
                assert len(re.sub(rb"\\u00..", b"&", one)) == (len(magic) * 8 // 5 if way.name == "base32" else 5)
            else:
                text = fed(way.decoder(), one + (b"\\n'" if way.lead else ENDS.get(way.name, b"\x01")))
                assert text == magic + (b"\n" if way.lead else b""), one


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 1 << 20])
def test_every_byte_is_read_back_whatever_pieces_the_text_comes_in(name, size):
    for data in (EVERY, EVERY[::-1], EVERY + b"\xc2\x80" * 7, *WRITTEN.values()):
        text = WRITERS[name](data)
        end = 20 * ENDS.get(way_of(name), b"\x01")
        decoders = [decoder for way in ways(name) if fed(decoder := way.decoder(), text + end, size) == data]
        assert decoders, name
        assert all(decoder.ended and decoder.error is None for decoder in decoders)


@pytest.mark.parametrize("name", [name for name in WRITERS if way_of(name) not in (*ENDS_OTHERWISE, "sql-escape")])
def test_text_is_read_up_to_what_cannot_belong_to_it(name):
    data = WRITTEN["zlib"]
    text = WRITERS[name](data)
    text = text.rstrip(b"=") if name.startswith("base32") else text
    read = 0
    for way in ways(name):
        decoder, held = way.decoder(), way.decoder()
        if b"".join((*decoder.feed(text + b"\x80" * 17 + text), *decoder.close())) == data:
            read += 1
            assert decoder.consumed == len(text)
            list(held.feed(text + b"\x80" * 16))
            assert (held.consumed, held.ended) == (len(text), False)
            list(held.feed(b"\x80"))
            assert (held.consumed, held.ended) == (len(text), True)
    assert read


@pytest.mark.parametrize(("name", "text", "data"), [
    ("unicode-escape", b"\\b\\f\\n\\r\\t\\\"\\\\\\/\\u00e9\xc3\xa9\xc2\xa9z", b"\x08\x0c\n\r\t\"\\/\xe9\xe9\xa9z"),
    ("unicode-escape-twice", b"\\\\b\\\\f\\\\n\\\\r\\\\t\\\\\\\"\\\\\\\\\\\\/\\\\u00e9", b"\x08\x0c\n\r\t\"\\/\xe9"),
    ("hex-escape", b"\\n\\r\\t\\a\\b\\f\\v\\0\\'\\\\\\xE9\\351", b"\n\r\t\x07\x08\x0c\x0b\x00'\\\xe9\xe9"),
    ("octal-escape", b"\\000\\377\\\\z", b"\x00\xff\\z"),
    ("sql-escape", b"'\\n\\r\\t\\b\\0\\Z\\'\\\"\\\\\xe9", b"\n\r\t\x08\x00\x1a'\"\\\xe9"),
    ("percent", b"a+b%2B%e9%E9~", b"a b+\xe9\xe9~"),
    ("quoted-printable", b"a+b=2B=e9=\r\n=E9=\n~", b"a+b+\xe9\xe9~"),
    ("decimal-list", b"0, 1 ,2\n3 -1,\t-128, 127, 255]", b"\x00\x01\x02\x03\xff\x80\x7f\xff"),
    ("hex-list", b"0x00, 0XfF,0x7f 0x80\n0x81}", b"\x00\xff\x7f\x80\x81"),
    ("hex-separated", b"00 Ff:7f-80\r\n  81\n82 ", b"\x00\xff\x7f\x80\x81\x82"),
    ("base32", b"MFRG\\nGZDF\r\nmy======", b"abcdef"),
    ("ascii85", b"z" + base64.a85encode(b"abcdef").replace(b"W", b"W\n") + b"~>", b"\x00\x00\x00\x00abcdef"),
])  # fmt: skip
def test_what_programs_write_is_read(name, text, data):
    assert data in [fed(way.decoder(), text) for way in ways(name)]


@pytest.mark.parametrize("name", ["base32", "ascii85", "base85", "z85"])
def test_a_last_group_may_be_short(name):
    for size in range(1, 20):
        data = EVERY[200 : 200 + size]
        text = WRITERS[name](data)
        text = text.rstrip(b"=") if name == "base32" else text
        decoder = ways(name)[0].decoder()
        assert fed(decoder, text) == data
        assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, len(text))
        marked = ways(name)[0].decoder()
        assert b"".join(marked.feed(text + b"\x7f" * 17)) == data
        assert list(marked.close()) == []


def test_one_digit_more_than_whole_groups_stands_for_nothing():
    assert fed(escapes.base32_decoder(), b"MFRGGZDFM") == b"abcde"
    for digit in (b"@", b"u"):
        decoder = escapes.ascii85_decoder()
        assert (fed(decoder, b"@:E_W" + digit), decoder.error) == (b"abcd", None)


def test_digits_that_stand_for_more_than_their_bytes_hold_end_the_reading_and_are_told():
    decoder = escapes.ascii85_decoder()
    assert fed(decoder, b"@:E_Wuuuuu@:E_W") == b""
    assert decoder.ended
    assert "overflow" in (decoder.error or "").lower()
    later = escapes.ascii85_decoder()
    assert list(later.feed(b"@:E_W")) == [b"abcd"]
    assert list(later.feed(b"uuuuu")) == [b""]
    assert later.error
    assert later.ended


def test_between_quotes_nothing_is_given_before_an_escape():
    def quoted() -> escapes.StreamDecoder:
        (way,) = ways("sql-escape")
        return way.decoder()

    decoder = quoted()
    assert list(decoder.feed(b"'abc")) == []
    assert list(decoder.feed(b"def\\")) == []
    assert list(decoder.feed(b"ngh")) == [b"abcdef\ngh"]
    assert list(decoder.feed(b"ij")) == [b"ij"]
    assert decoder.consumed == 13
    plain = quoted()
    assert fed(plain, b"'abcdef' ") == b""


def test_what_holds_no_escape_is_given_up_in_the_end(monkeypatch):
    monkeypatch.setattr(escapes, "_MOST", 10)
    (way,) = ways("sql-escape")
    decoder = way.decoder()
    assert list(decoder.feed(b"'" + b"a" * 10)) == []
    assert not decoder.ended
    assert list(decoder.feed(b"a")) == []
    assert decoder.ended
    late = way.decoder()
    assert list(late.feed(b"'" + b"a" * 20 + b"\\n")) == [b"a" * 20 + b"\n"]
    assert not late.ended


OPENERS = openers(lambda data: data.startswith((b"\x1f\x8b\x08", b"x\x9c", b"BZh91AY&SY\x9f")))


def begins(name: str, data: bytes) -> bool:
    """Whether any opener of that name, whose pattern the data begin with, takes them."""
    return any(
        opener.check(data[: opener.looks])
        for opener in OPENERS
        if opener.name == name and any(data.startswith(pattern) for pattern, before in opener.patterns if not before)
    )


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", WRITTEN)
def test_compressed_data_are_opened_where_they_show_their_beginning(name, kind):
    if kind == "zlib" and way_of(name) in escapes._IN_GROUPS:
        return  # two bytes are too few there
    assert begins(way_of(name), WRITERS[name](WRITTEN[kind]))


def test_what_begins_so_and_is_none_is_not_opened():
    assert not begins("hex-escape", b"\\x1f\\x8b\\x00 and more")
    assert not begins("percent", b"%1F%8B%08"[:-2] + b"zz")


@pytest.mark.parametrize(
    ("name", "escape", "other"),
    [
        ("hex-escape", b"\\x", b"\\\\x"),
        ("hex-escape-twice", b"\\\\x", b"\\x"),
        ("octal-escape", b"\\237", b"\\437"),
        ("unicode-escape", b"\\u00", b"\\u01"),
        ("unicode-escape-twice", b"\\\\u00", b"\\u00"),
        ("quoted-printable", b"=9F", b"=9f"),
    ],
)
def test_a_magic_that_nothing_hides_is_opened_by_the_first_escape_near_behind_it(name, escape, other):
    named = [one for one in openers(lambda data: data.startswith(b"BZh91AY&SY")) if one.name == name]
    assert all((b"BZh91AY&SY", 0) in opener.patterns for opener in named)

    def opens(head: bytes) -> bool:
        return any(opener.check(head) for opener in named)

    most = 64 - 10 - len(escape)
    for letters, opened in ((0, True), (1, True), (most, True), (most + 1, False)):
        assert opens(b"BZh91AY&SY" + b"a" * letters + escape + b"9f and more") is opened, letters
    assert not opens(b"BZh91AY&SYaa" + other + b"9f and more")


def test_quotes_of_python_are_none_of_sql():
    text = b"'\x1f\x8b\x08\\0" + b"abc" * 5
    assert begins("sql-escape", text)
    assert not begins("sql-escape", text + b" \\x00")
    assert not begins("sql-escape", text + b"a" * (61 - len(text)) + b" \\x00")
    assert begins("sql-escape", text + b"a" * (62 - len(text)) + b" \\x00")


def test_patterns_are_told_apart_by_where_they_stand():
    kinds = {opener.name: opener for opener in OPENERS}
    assert [opener.name for opener in OPENERS] == [way.name for way in WAYS]
    assert kinds["percent"].in_text
    assert kinds["decimal-list"].in_text
    assert not kinds["sql-escape"].in_text
    for opener in OPENERS:
        assert not opener.strict
        assert opener.looks == 256
        assert list(opener.patterns) == sorted(set(opener.patterns))
        assert all(len(pattern) >= 3 and not before for pattern, before in opener.patterns)
        assert opener.in_text is all(pattern.isascii() for pattern, _ in opener.patterns)
    for first, second in itertools.combinations([o for o in OPENERS if o.name in ("decimal-list", "hex-list", "hex-separated")], 2):
        assert not {pattern for pattern, _ in first.patterns} & {pattern for pattern, _ in second.patterns}


@pytest.mark.parametrize(
    ("code", "shown"),
    [(0, b"\\0"), (39, b"\\'"), (34, b'\\"'), (10, b"\\n"), (13, b"\\r"), (26, b"\\Z"), (92, b"\\\\"), (91, b"["), (93, b"]"), (9, b"\t")],
)
def test_a_literal_of_sql_escapes_seven_bytes(code, shown):
    assert escapes._quoted(b"a" + bytes([code]) + b"b") == [b"'a" + shown + b"b"]


def test_each_way_writes_a_byte_as_the_writers_of_its_kind_do():
    for code in range(256):
        one = bytes([code])
        assert (b"'" + _OF_MYSQL.get(code, one)) in escapes._quoted(one)
        assert json.dumps(one.decode("latin-1"))[1:-1].encode() in [*escapes._json(one), one]
        assert repr(one)[2:-1].encode() in [*escapes._python(one), one]
        assert urllib.parse.quote(one, safe="").encode() in [*escapes._percent(one), one]
        assert urllib.parse.quote(one, safe="/").encode() in [*escapes._percent(one), one] or one in b"-._~"
        assert f"={code:02X}".encode() in escapes._soft(one)
        if one in b"\t =\r\n" or code > 126 or code < 32:
            assert escapes._soft(one) == [f"={code:02X}".encode()]
        else:
            assert set(escapes._soft(one)) == {f"={code:02X}".encode()}
        assert f"\\{code:03o}".encode() in escapes._octal(one)
        numbers = escapes._numbers(one)
        assert {number.replace(b"\\n", b"").strip(b", \n") for number in numbers} == {
            b"%d" % code,
            b"%d" % int.from_bytes(one, signed=True),
        }
    shown = b"a~!<>9"
    assert shown + b"=3D" in escapes._soft(shown + b"=")
    assert shown + b"\\200\\134" in escapes._octal(shown + b"\x80\\")
    assert escapes._numbers(b"\x7f\x80\xff") == [
        one + between
        for between in (b", ", b",", b"\n", b" ", b"\\n")
        for one in (between.join((b"127", b"128", b"255")), between.join((b"127", b"-128", b"-1")))
    ]


def test_letters_of_z85_are_those_of_the_standard():
    data = bytes.fromhex("864fd26fb559f75b")
    (text,) = {way.write(data[:4])[0] for way in escapes.WAYS if way.name == "z85"}
    assert text == b"Hello"
    assert fed(escapes._z85(), b"HelloWorld") == data
    for group in range(0, 256, 4):
        four = EVERY[group : group + 4]
        assert fed(escapes._z85(), base64.b85encode(four).translate(escapes._Z85)) == four
