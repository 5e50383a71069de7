"""Each form by itself: its patterns stand in what programs write, and around them all is read back, byte by byte with its place."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Callable

import pytest

from zdr_audit.canary.form import Decoded
from zdr_audit.canary.forms import CHAINS, FORMS, REACH, needles

PAYLOAD = b"zqx482j913"
BEFORE, AFTER = b"ships of the N+/, ", b" and more~?>"
_TO_Z85 = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
)


def each(form: str) -> Callable[[bytes], bytes]:
    return lambda data: "".join(form.format(code) for code in data).encode()


def between(separator: str, form: str) -> Callable[[bytes], bytes]:
    return lambda data: separator.join(form.format(code) for code in data).encode()


def bits(packed: int, text: int) -> Callable[[int], tuple[int, int]]:
    """Which characters hold a byte, where so many bytes take so many characters bit by bit."""
    return lambda at: (at * text // packed, ((at + 1) * text - 1) // packed + 1)


def group(at: int) -> tuple[int, int]:
    return at // 4 * 5, at // 4 * 5 + 5


def uu(data: bytes) -> bytes:
    return b"".join(binascii.b2a_uu(data[at : at + 45], backtick=True) for at in range(0, len(data), 45))


def yenc(data: bytes) -> bytes:
    return b"".join(bytes([b"="[0], code + 106 & 255]) if code + 42 & 255 in b"\x00\n\r=" else bytes([code + 42 & 255]) for code in data)


# How programs write it, and which of its characters hold a byte.
WRITTEN: dict[str, tuple[str, Callable[[bytes], bytes], Callable[[int], tuple[int, int]]]] = {
    "base64": ("base64", base64.b64encode, bits(3, 4)),
    "base64url": ("base64", base64.urlsafe_b64encode, bits(3, 4)),
    "base32": ("base32", base64.b32encode, bits(5, 8)),
    "base32, small": ("base32", lambda data: base64.b32encode(data).lower(), bits(5, 8)),
    "base32hex": ("base32hex", base64.b32hexencode, bits(5, 8)),
    "base32hex, small": ("base32hex", lambda data: base64.b32hexencode(data).lower(), bits(5, 8)),
    "ascii85": ("ascii85", base64.a85encode, group),
    "base85": ("base85", base64.b85encode, group),
    "z85": ("z85", lambda data: base64.b85encode(data).translate(_TO_Z85), group),
    "hex": ("hex", lambda data: data.hex().encode(), bits(1, 2)),
    "hex, capitals": ("hex", lambda data: data.hex().upper().encode(), bits(1, 2)),
    "binary": ("binary", each("{:08b}"), bits(1, 8)),
    "unicode-escape": ("unicode-escape", each("\\u{:04x}"), bits(1, 6)),
    "unicode-escape of eight": ("unicode-escape", each("\\U{:08x}"), bits(1, 10)),
    "unicode-escape in braces": ("unicode-escape", each("\\u{{{:x}}}"), bits(1, 6)),
    "unicode-escape-twice": ("unicode-escape-twice", each("\\\\u{:04X}"), bits(1, 7)),
    "hex-escape": ("hex-escape", each("\\x{:02x}"), bits(1, 4)),
    "hex-escape in braces": ("hex-escape", each("\\x{{{:02x}}}"), bits(1, 6)),
    "hex-escape of CSS": ("hex-escape", each("\\{:06x}"), bits(1, 7)),
    "hex-escape-twice": ("hex-escape-twice", each("\\\\x{:02X}"), bits(1, 5)),
    "octal-escape": ("octal-escape", each("\\{:03o}"), bits(1, 4)),
    "percent": ("percent", each("%{:02X}"), bits(1, 3)),
    "percent-twice": ("percent-twice", each("%25{:02x}"), bits(1, 5)),
    "quoted-printable": ("quoted-printable", each("={:02X}"), bits(1, 3)),
    "html-decimal": ("html-decimal", each("&#{:03d};"), bits(1, 6)),
    "html-hex": ("html-hex", each("&#x{:X};"), bits(1, 6)),
    "rot13": ("rot13", lambda data: codecs.encode(data.decode(), "rot13").encode(), bits(1, 1)),
    "rot47": ("rot47", lambda data: bytes((code - 33 + 47) % 94 + 33 if 33 <= code < 127 else code for code in data), bits(1, 1)),
    "ebcdic": ("ebcdic", lambda data: data.decode().encode("cp037"), bits(1, 1)),
    "yenc": ("yenc", yenc, bits(1, 1)),
    "utf-16le": ("utf-16", lambda data: data.decode().encode("utf-16le"), bits(1, 2)),
    "utf-16be": ("utf-16", lambda data: data.decode().encode("utf-16be"), bits(1, 2)),
    "utf-32le": ("utf-32", lambda data: data.decode().encode("utf-32le"), bits(1, 4)),
    "utf-32be": ("utf-32", lambda data: data.decode().encode("utf-32be"), bits(1, 4)),
}  # fmt: skip
IN_GROUPS_OR_HALVES = ("ascii85", "base85", "z85", "hex", "hex, capitals", "binary")
SEPARATED = {
    "hex-separated": ("hex-separated", between(" ", "{:02x}")),
    "hex-separated by colons": ("hex-separated", between(":", "{:02X}")),
    "hex-separated by hyphens": ("hex-separated", between("-", "{:02x}")),
    "hex-list": ("hex-list", between(", 0x", "{:02x}")),
    "hex-list, compact": ("hex-list", between(",0x", "{:02X}")),
    "decimal-list": ("decimal-list", between(", ", "{}")),
    "decimal-list, compact": ("decimal-list", between(",", "{}")),
    "decimal-list of blanks": ("decimal-list", between(" ", "{}")),
    "decimal-list of lines": ("decimal-list", between("\n", "{}")),
    "binary, separated": ("binary", between(" ", "{:08b}")),
}


def hits(name: str, data: bytes) -> list[tuple[int, int]]:
    """Where patterns of the payload stand, each with its phase."""
    form = FORMS[name]
    found = [(data.find(pattern), phase) for pattern, phase in form.encode(PAYLOAD)]
    return [(at, at if form.by_place else phase) for at, phase in found if at >= 0]


def told(text: Decoded) -> list[tuple[int, int, int]]:
    """Each byte with its place."""
    assert len(text.data) == len(text.starts) == len(text.ends)
    return list(zip(text.data, text.starts, text.ends, strict=True))


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("lead", range(11))
def test_every_byte_is_read_back_with_its_place(name, lead):
    form, write, holds = WRITTEN[name]
    text = BEFORE[len(BEFORE) - lead :] + PAYLOAD + AFTER
    data = write(text)
    found = hits(form, data)
    assert found
    first = text.index(PAYLOAD)
    low, high = holds(first)[0], holds(first + len(PAYLOAD) - 1)[1]
    for pattern, _ in FORMS[form].encode(PAYLOAD):
        at = data.find(pattern)
        assert len(pattern) >= 5
        assert at < 0 or low <= at < at + len(pattern) <= high
        if at >= 0 and name not in IN_GROUPS_OR_HALVES:
            assert holds(first)[1] > at - (low < at)
            assert at + len(pattern) >= high - 1 - (form == "utf-32") * 2
    for at, phase in found:
        decoded = FORMS[form].decode(data, at, phase)
        assert decoded.name in (name, form)
        bytes_ = told(decoded)
        wanted = [(code, *holds(place)) for place, code in enumerate(text) if first <= place < first + len(PAYLOAD)]
        assert [one for one in bytes_ if one in wanted] == wanted, (at, phase)
        assert PAYLOAD in decoded.data


@pytest.mark.parametrize("name", SEPARATED)
def test_numbers_with_something_between_them_are_read_with_their_digits(name):
    form, write = SEPARATED[name]
    text = b"ship" + PAYLOAD + b"more"
    data = b"<" + write(text) + b">"
    found = hits(form, data)
    assert found
    for at, phase in found:
        decoded = FORMS[form].decode(data, at, phase)
        assert decoded.data in (text, text[:-1])
        for code, start, end in told(decoded):
            digits = data[start:end].split(b",")[0].strip(b" :-\n")
            assert int(digits, {"hex": 16, "dec": 10, "bin": 2}[form[:3]]) == code


@pytest.mark.parametrize("name", [name for name in WRITTEN if not name.startswith("utf")])
def test_what_the_window_cuts_is_left_out_and_the_rest_is_read_the_same(name):
    form, write, _ = WRITTEN[name]
    data = write(BEFORE[-7:] + PAYLOAD + AFTER)
    at, phase = hits(form, data)[0]
    whole = told(FORMS[form].decode(data, at, phase))
    for cut in range(at + 12, len(data)):  # behind the first character, however long
        part = FORMS[form].decode(data[:cut], at, phase)
        there = [one for one in whole if one[2] <= cut]
        assert (told(part)[: len(there)] if part else []) == there, cut
        assert part is None or all(end <= cut for end in part.ends)
    for cut in range(1, at + 1) if name != "binary" else ():
        part = FORMS[form].decode(data[cut:], at - cut, phase)
        behind = [(code, start - cut, end - cut) for code, start, end in whole if start >= at + 8]  # a group may be cut
        assert told(part)[-len(behind) :] == behind, cut


@pytest.mark.parametrize("name", ["base64", "base32", "base32, small", "base32hex", "ascii85", "base85", "z85", "hex"])
@pytest.mark.parametrize("break_", [b"\n", b"\r\n"])
@pytest.mark.parametrize("width", [5, 8])
def test_breaks_between_lines_are_passed_over(name, break_, width):
    form, write, _ = WRITTEN[name]
    text = b"shipsofthe" + PAYLOAD + b"andmore"
    line = write(text)
    at, phase = hits(form, line)[0]
    lines = break_.join(line[place : place + width] for place in range(0, len(line), width))
    start = at + at // width * len(break_)
    decoded = FORMS[form].decode(lines, start, phase)
    whole = FORMS[form].decode(line, at, phase)
    assert decoded.data == whole.data
    assert list(decoded.starts) == [at + at // width * len(break_) for at in whole.starts]
    assert list(decoded.ends) == [end + (end - 1) // width * len(break_) for end in whole.ends]


@pytest.mark.parametrize("lead", range(46))
def test_uuencoded_lines_are_read_across_their_ends(lead):
    text = b"the ships of the harbour are lit, all of them."[:lead] + PAYLOAD + b" and more of them" * 4
    for data in (uu(text), uu(text).replace(b"`", b" "), uu(text).replace(b"\n", b"\r\n")):
        found = hits("uuencode", data)
        if not found:  # a break stands in it
            assert lead % 45 > 45 - len(PAYLOAD)
            continue
        for at, phase in found:
            decoded = FORMS["uuencode"].decode(data, at, phase)
            assert PAYLOAD in decoded.data
            first = decoded.data.index(PAYLOAD)
            assert decoded.data[:first] in text[:lead] or lead < 3
            start, end = decoded.locate(first, first + len(PAYLOAD))
            assert (start, end) == (at - (lead % 3 > 0), end)
            assert end - start == -(-(lead + 10) * 4 // 3) - lead * 4 // 3


def test_a_place_that_is_a_break_begins_nothing():
    for name in ("base64", "base32", "uuencode", "ascii85", "hex"):
        _, write, _ = WRITTEN.get(name, ("", uu, None))
        data = b"AAAA\r\n" + write(PAYLOAD)
        assert FORMS[name].decode(data, 4, 0) is None
        assert FORMS[name].decode(b"\x00\x00\x00", 1, 0) is None


@pytest.mark.parametrize(("name", "width"), [("utf-16", 2), ("utf-32", 4)])
@pytest.mark.parametrize("before", range(9))
def test_the_order_of_wide_characters_is_told_by_the_zeros_around_them(name, width, before):
    for order in ("le", "be"):
        text = f"a text: {PAYLOAD.decode()}!"
        data = b"\x00" * before + text.encode(f"{name}{order}") + (b"\x00" if order == "le" else b"\xff") * 9
        at = data.index(FORMS[name].encode(PAYLOAD)[0][0])
        decoded = FORMS[name].decode(data, at, at)
        if before >= width or before == 0:
            size = len(text)
            assert (decoded.name, decoded.data[:size]) == (f"{name}{order}", text.encode()), order
            assert list(decoded.starts)[:size] == [before + width * place for place in range(size)]
            assert list(decoded.ends)[:size] == [before + width * (place + 1) for place in range(size)]
        assert PAYLOAD in decoded.data


@pytest.mark.parametrize(("name", "width"), [("utf-16", 2), ("utf-32", 4)])
def test_where_the_text_begins_before_the_window_its_place_tells_the_order(name, width):
    text = f"a text: {PAYLOAD.decode()}!"
    for order in ("le", "be"):
        data = text.encode(f"{name}{order}")
        at = data.index(FORMS[name].encode(PAYLOAD)[0][0])
        for cut in range(at + 1):
            decoded = FORMS[name].decode(data[cut:], at - cut, at)
            assert decoded.name == f"{name}{order}", cut
            assert decoded.data.endswith(PAYLOAD + b"!")
            assert list(decoded.starts)[-11:] == [max(0, width * place - cut) for place in range(8, 19)]


def test_text_in_mixed_alphabets_is_named_by_the_sign_that_stands_nearest():
    written = base64.b64encode(b"ab" + PAYLOAD)
    ((at, phase),) = hits("base64", written)
    for before, after, name in (
        (b"", b"", "base64"),
        (b"-", b"/", "base64url"),
        (b"--AAAA", b"//", "base64url"),
        (b"/AAA", b"_", "base64"),
        (b"+AAAAAAA", b"AAAAAAAA_", "base64"),
        (b"_", b"AAAAAAAAAAAAAA+", "base64url"),
        (b"+", b"AAAAAAAAAAAAAA_", "base64"),
        (b"-" + b"AAAA" * 20, b"/", "base64"),
        (b"+" + b"AAAA" * 20, b"_", "base64url"),
        (b"_" + b"AAAA" * 20 + b"/AAA", b"_AAA-", "base64"),
    ):
        assert FORMS["base64"].decode(before + written.rstrip(b"=") + after, at + len(before), phase).name == name, (before, after)


def test_a_reversed_text_is_read_from_its_end():
    decoded = FORMS["reversed"].decode(b"abc", 0, 0)
    assert told(decoded) == [(ord("c"), 2, 3), (ord("b"), 1, 2), (ord("a"), 0, 1)]
    assert FORMS["reversed"].encode(b"abc") == [(b"cba", 0)]


HUFFMAN = {
    b"www.example.com": "f1e3c2e5f23a6ba0ab90f4ff",
    b"no-cache": "a8eb10649cbf",
    b"custom-key": "25a849e95ba97d7f",
    b"custom-value": "25a849e95bb8e8b4bf",
    b"302": "6402",
    b"private": "aec3771a4b",
    b"Mon, 21 Oct 2013 20:13:21 GMT": "d07abe941054d444a8200595040b8166e082a62d1bff",
    b"https://www.example.com": "9d29ad171863c78f0b97c8e9ae82ae43d3",
}
"""The examples of RFC 7541, appendix C."""


@pytest.mark.parametrize("text", HUFFMAN)
def test_text_in_the_code_of_headers_is_read_as_the_standard_has_it(text):
    data = bytes.fromhex(HUFFMAN[text])
    decoded = FORMS["hpack"].decode(data, 0, 0)
    assert (decoded.name, decoded.data) == ("hpack", text)
    assert FORMS["hpack"].encode(text)[0][0] in (data, data[:-1])
    shown = FORMS["hpack"].decode(b"<<" + data + b">>>>", 2, 0)
    assert shown.data.startswith(text)
    assert list(shown.starts)[: len(text)] == [2 + at for at in decoded.starts]
    assert list(shown.ends)[: len(text)] == [2 + at for at in decoded.ends]


@pytest.mark.parametrize("skip", range(8))
def test_text_in_the_code_of_headers_begins_at_any_bit(skip):
    lengths = (6, 6, 5, 7, 5, 5, 5)  # of the letters of "private"
    code = f"{int(HUFFMAN[b'private'], 16):040b}"[: sum(lengths)]
    bits_ = "01" * 8 + "1" * skip + code + "1" * (-(skip + len(code)) % 8)
    data = int(bits_, 2).to_bytes(len(bits_) // 8)
    ends = [16 + skip + sum(lengths[: at + 1]) for at in range(7)]
    found = [(data.find(pattern), phase) for pattern, phase in FORMS["hpack"].encode(b"private") if pattern in data]
    assert (2 if skip == 0 else 3, -skip % 8) in found
    for at, phase in found:
        decoded = FORMS["hpack"].decode(data, at, phase)
        assert decoded.data == b"private"
        assert list(decoded.starts) == [(end - size) // 8 for end, size in zip(ends, lengths, strict=True)]
        assert list(decoded.ends) == [-(-end // 8) for end in ends]
    assert FORMS["hpack"].decode(data, 0, 1) is None


def test_text_in_the_code_of_headers_is_read_for_a_hundred_bytes():
    data = b"\x00" * 200  # eight letters of five bits in five bytes
    assert len(FORMS["hpack"].decode(data, 0, 0).data) == 96 * 8 // 5
    assert len(FORMS["hpack"].decode(data, 10, 4).data) == (97 * 8 - 4) // 5
    assert FORMS["hpack"].decode(b"\xff\xff\xff\xff\xff", 0, 0) is None


def test_a_decimal_number_is_two_or_three_digits_and_a_byte_is_what_is_left_of_it():
    form = FORMS["decimal-list"]
    assert form.decode(b"[104, 101, 255]", 1, 0).data == b"he\xff"
    assert form.decode(b"[104,101,360]", 1, 0).data == b"heh"
    assert form.decode(b"[104, 1010, 104]", 1, 0).data == b"h"
    assert form.decode(b"[104" + b" " * 20 + b"101]", 1, 0).data == b"he"
    assert form.decode(b"[104" + b" " * 21 + b"101]", 1, 0).data == b"h"


def test_every_needle_reaches_as_far_as_the_canary_can_and_no_further():
    found = needles(PAYLOAD.decode())
    assert len({needle.pattern for needle in found}) == len(found)
    plain = [needle for needle in found if needle.form is None]
    assert {needle.pattern for needle in plain} == set(_cases(PAYLOAD))
    assert {needle.reach for needle in plain} == {32}
    for needle in found:
        if needle.form is not None:
            longest = 4 * len(needle.pattern)
            wide = needle.form.by_place
            assert needle.reach == REACH if wide else needle.reach in (min(REACH, max(128, longest)), REACH)
    single = {needle.pattern: needle for needle in found}
    for name, form in FORMS.items():
        for pattern, phase in form.encode(PAYLOAD):
            needle = single[pattern]
            if needle.form is form:
                assert needle.phase == phase
                assert needle.reach == (REACH if form.by_place else min(REACH, max(128, 4 * len(pattern)))), name


def _cases(text: bytes) -> list[bytes]:
    found = [b""]
    for code in text:
        found = [one + letter for one in found for letter in {bytes([code]), bytes([code]).upper()}]
    return found


def test_chains_are_written_from_within():
    patterns = {needle.pattern: needle for needle in needles(PAYLOAD.decode())}
    twice = base64.b64encode(b"x" + base64.b64encode(b"ab" + PAYLOAD + b"c"))
    assert any(pattern in twice and needle.form is FORMS["base64"] for pattern, needle in patterns.items())
    wide = base64.b64encode(PAYLOAD.decode().encode("utf-16le"))
    assert any(pattern in wide and needle.reach == REACH for pattern, needle in patterns.items())
    names = [names for names, _ in CHAINS]
    assert len(names) == len(set(names))
    for name in ("base64", "hex", "percent", "rot13", "utf-16"):
        assert FORMS[name].encode(PAYLOAD.upper())[0][0] in patterns
    assert FORMS["base85"].encode(PAYLOAD.upper())[0][0] not in patterns


@pytest.mark.parametrize(
    ("codec", "form"), [("utf-16-le", "utf-16"), ("utf-16-be", "utf-16"), ("utf-32-le", "utf-32"), ("utf-32-be", "utf-32")]
)
def test_wide_text_is_read_to_its_last_character_wherever_it_stands(codec, form):
    width = int(form[-2:]) // 8
    for lead in range(0, 9 * width, width):
        for size in (3, 4, 5, 9, 17):
            text = "abcdefghijklmnopq"[:size]
            data = (b"\x00" if codec.endswith("be") else b"\xff") * lead + text.encode(codec) + b"\xff" * 2 * width
            start = lead + (width - 1 if codec.endswith("be") else 0)
            decoded = FORMS[form].decode(data, start, start)
            assert decoded.data.startswith(text.encode()), (lead, size)
            assert decoded.name == form + codec[-2:]
            assert list(decoded.starts)[:size] == list(range(lead, lead + size * width, width))


@pytest.mark.parametrize("name", ["rot47", "ebcdic", "rot13"])
def test_every_character_of_text_comes_back_from_its_stand_in(name):
    text = bytes(range(32, 127))
    ((written, _),) = FORMS[name].encode(text)
    assert FORMS[name].decode(written, 0, 0).data == text
    wanted = {
        "rot47": bytes([32, *range(80, 127), *range(33, 80)]),
        "ebcdic": text.decode().encode("cp037"),
        "rot13": codecs.encode(text.decode(), "rot13").encode(),
    }
    assert written == wanted[name]


def test_patterns_of_groups_of_bits_are_all_that_the_payload_alone_decides():
    payload = bytes(range(65, 75))
    for name, group, encode in (
        ("base64", 3, base64.b64encode),
        ("base32", 5, base64.b32encode),
        ("uuencode", 3, lambda data: binascii.b2a_uu(data, backtick=True)[1:]),
    ):
        found = FORMS[name].encode(payload)
        for lead in range(group):
            texts = [encode(bytes([around]) * lead + payload + bytes([around]) * 5) for around in (0, 0x55, 0xAA, 0xFF)]
            same = [len(set(letters)) == 1 for letters in zip(*texts, strict=True)]
            first = same.index(True)
            last = first + same[first:].index(False)
            size = len(encode(bytes(group)).strip(b"\n="))
            assert (texts[0][first:last], first % size) in found, (name, lead)
