"""Where something else stands around what is kept than where it was first looked for: a writer within a writer, the beginning of a line, the end of a
file, one batch. What is found in the middle is found there too, once, and named for what it is."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import json
import lzma
import random
import re
import string
import textwrap
import urllib.parse
import zlib

import lz4.frame
import pytest
from fed import fed

from fixtures.corpus_base import noise
from fixtures.corpus_compressed import snappy_block, zstd
from zdr_audit.canary import cuts
from zdr_audit.canary.databases import WIRED_TIGER
from zdr_audit.canary.escapes import WAYS

PACKED = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
}


def python(text: str) -> str:
    return json.dumps(text)


def browser(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def php(text: str) -> str:
    return json.dumps(text).replace("/", "\\/")


def go(text: str) -> str:
    return re.sub("[&<>]", lambda sign: f"\\u{ord(sign[0]):04x}", browser(text))


def logged(write, text: str) -> bytes:
    """A line of a log of JSON that such a writer makes."""
    return f'{{"n": 7, "line": {write(text)}}}\n'.encode()


def body(write, data: bytes) -> str:
    return f'{{"body": {write(data.decode("latin-1"))}, "size": 1}}'


def octal(data: bytes) -> str:
    return "".join(chr(code) if 32 <= code < 127 and code != 92 else f"\\{code:03o}" for code in data)


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_rows(data: bytes, form: str, between: str, rows: str) -> str:
    return rows.join(between.join(form.format(code) for code in data[at : at + 12]) for at in range(0, len(data), 12))


# How one writer has what another wrote.
WRITTEN = {
    "json python in python": lambda data: logged(python, body(python, data)),
    "json browser in python": lambda data: logged(python, body(browser, data)),
    "json browser in browser": lambda data: logged(browser, body(browser, data)),
    "json php in php": lambda data: logged(php, body(php, data)),
    "json python in go": lambda data: logged(go, body(python, data)),
    "json go": lambda data: body(go, data).encode(),
    "json go in go": lambda data: logged(go, body(go, data)),
    "json python in repr": lambda data: repr({"line": body(python, data)}).encode(),
    "repr in json": lambda data: logged(python, f"body={data!r}"),
    "repr in php": lambda data: logged(php, f"body={data!r}"),
    "repr in repr": lambda data: repr(f"body={data!r}").encode(),
    "octal in json": lambda data: logged(python, octal(data)),
    "base64 php": lambda data: logged(php, base64_of(data)),
    "base64 php in php": lambda data: logged(php, f'{{"body": {php(base64_of(data))}}}'),
    "base64 escaped": lambda data: logged(python, base64_of(data)).replace(b"/", b"\\u002f").replace(b"+", b"\\u002b"),
    "base64 escaped in json": lambda data: logged(
        python, logged(python, base64_of(data)).decode().replace("/", "\\u002f").replace("+", "\\u002b")
    ),
    "base64 wrapped in json twice": lambda data: logged(python, json.dumps({"body": base64.encodebytes(data).decode()})),
    "base64 in an address twice": lambda data: (
        b"GET /?b=" + urllib.parse.quote(urllib.parse.quote(base64_of(data), "")).encode() + b"&c HTTP"
    ),
    "hex wrapped": lambda data: b"x'" + textwrap.fill(data.hex(), 60).encode() + b"'\n",
    "hex wrapped in json": lambda data: logged(python, "\\x" + textwrap.fill(data.hex(), 60)),
    "base32 wrapped in json twice": lambda data: logged(python, json.dumps({"body": textwrap.fill(base64.b32encode(data).decode(), 64)})),
    "quoted-printable": lambda data: b"\n" + binascii.b2a_qp(data, istext=False),
    "quoted-printable in json": lambda data: logged(
        python, (b"\r\n" + binascii.b2a_qp(data, istext=False).replace(b"\n", b"\r\n")).decode()
    ),
    "go bytes in json": lambda data: logged(python, "[]byte{\n\t" + in_rows(data, "0x{:02x}", ", ", ",\n\t") + "}"),
    "hex apart in json": lambda data: logged(python, in_rows(data, "{:02x}", " ", "\n")),
}
# Two bytes are too little to show data that have no more of a magic.
TOO_LITTLE = {("zlib", "hex wrapped")}


def text_of(canary: str) -> bytes:
    """Text in which compressors keep the canary nowhere in one piece, and with all letters that some writer escapes."""
    pieces = f"{canary[27:]} {canary[3:15]} {canary[14:27]}-"
    return f"{pieces} please join {canary} {string.printable[:95]} {noise(90, canary.encode()).hex()} {canary}".encode()


@pytest.mark.parametrize("name", WRITTEN)
def test_compressed_data_that_one_writer_has_of_another_are_read_to_their_end(lab, name):
    for kind, pack in PACKED.items():
        for number in range(2):
            data = pack(text_of(lab.canary(f"{kind} {number}")))
            seen = {(one.canary, one.forms[-2:]) for one in lab.search(b"first line\n" + WRITTEN[name](data) + b"last line\n")}
            assert seen == {(f"{kind} {number}", (kind, "plain"))} or (kind, name) in TOO_LITTLE, (kind, seen)
    assert lab.notes == []


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_found_where_other_text_is_written_so(lab, name):
    drawn = random.Random(name)
    for pack in PACKED.values():
        data = pack(text_of("".join(drawn.choices(string.ascii_lowercase + string.digits, k=32))))
        assert lab.search(b"first line\n" + WRITTEN[name](data) + b"last line\n") == []
    assert lab.notes == []


# Pieces over the lines of a log


@pytest.mark.parametrize("cut", range(11, 22))
@pytest.mark.parametrize("before", ["", "2026-11-26 another line\n"])
def test_a_literal_that_begins_a_line_is_read_with_the_lines_that_follow(lab, cut, before):
    canary = lab.canary("told")
    log = f"{before}{canary[:cut]}\n{canary[cut:22]} and so on\n".encode()
    assert {seen.canary for seen in lab.search(log)} - {None} == {"told"}
    lab.notes.clear()
    other = "".join(random.Random(cut).choices(string.ascii_lowercase, k=12))
    assert {seen.canary for seen in lab.search(log.replace(canary[10:cut].encode() + b"\n", other[: cut - 10].encode() + b"\n"))} == {None}


def test_a_literal_behind_the_first_word_of_its_line_is_read_with_what_begins_the_next(lab):
    canary = lab.canary("told")
    for first in ("so", "it is"):
        assert "told" in {seen.canary for seen in lab.search(f"{first} {canary[:10]}\n{canary[10:22]}\n".encode())}


@pytest.mark.parametrize("others", [0, 62, 63, 64, 200])
def test_the_lines_before_a_piece_are_those_near_it(lab, others):
    canary = lab.canary("told")
    log = "".join(f"n={number} at=\n" for number in range(others)) + f"at={canary[10:21]}\nat={canary[21:]}\n"
    assert "told" in {seen.canary for seen in lab.search(log.encode())}


def test_words_that_stand_behind_the_same_sixteen_bytes_are_counted(labs):
    drawn = random.Random(7)
    lab = labs("zqx482j913")
    lab.canary("never sent")
    lines = ["; ".join(f"value of parameter {drawn.choice(string.ascii_lowercase + string.digits)}" for _ in range(24)) for _ in range(60)]
    assert lab.search("\n".join(lines).encode()) == []
    assert lab.search("\n".join(line.replace("value of parameter", "p") for line in lines).encode()) == []


def test_what_stands_before_a_piece_begins_with_a_line_where_that_is_near():
    for size in range(20):
        data = b"one\n" + b"x" * size + b"5"
        assert cuts._before(data, [(len(data) - 1, len(data))]) == (b"\n" if size <= 16 else b"") + b"x" * min(size, 16), size
        first = data[4:]
        assert cuts._before(first, [(len(first) - 1, len(first))]) == (b"\n" if size <= 16 else b"") + b"x" * min(size, 16), size


# The end of a file, and what comes in one batch


def wired_tiger(content: bytes) -> bytes:
    packed = snappy_block(content)
    size = -(-(72 + len(packed)) // 4096) * 4096
    page = bytes(24) + b"\x07\x01\x00\x00" + size.to_bytes(4, "little") + bytes(32) + len(packed).to_bytes(8, "little") + packed
    return WIRED_TIGER.ljust(4096, b"\x00") + page


def test_a_last_page_is_read_though_the_file_ends_before_it_is_filled_up(lab):
    for name in ("whole", "unfilled"):
        data = wired_tiger(text_of(lab.canary(name)))
        seen = lab.search(data.ljust(8192, b"\x00") if name == "whole" else data)
        assert {(one.forms, one.canary) for one in seen} >= {(("wired-tiger", "plain"), name)}
    assert lab.search(wired_tiger(text_of("k" * 32))) == []


def chunked(*chunks: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [64, 1 << 20])
def test_what_is_whole_in_a_chunk_is_told_once_however_it_comes(lab, size):
    packed = gzip.compress(text_of(lab.canary("whole")), mtime=0)
    data = chunked(b"<" + packed + b">", b"more")
    seen = list(lab.search(data[at : at + size] for at in range(0, len(data), size)))
    place = data.index(packed)
    assert [(one.forms, one.canary, one.start, one.end) for one in seen] == [(("gzip", "plain"), "whole", place, place + len(packed))]


def test_what_stands_beside_a_body_in_chunks_says_nothing_about_it(lab):
    packed = gzip.compress(text_of(lab.canary("told")), mtime=0)
    body_of = chunked(packed[:50], packed[50:])
    alone = [(one.forms, one.start) for one in lab.search(body_of + b"\r\n")]
    assert alone == [(("chunked", "gzip", "plain"), alone[0][1])]
    beside = {(one.forms, one.start) for one in lab.search(body_of + b"\r\n" + packed)}
    assert beside == {*alone, (("gzip", "plain"), len(body_of) + 2)}
    # A member of its own in the body, and the same text in chunks behind it.
    both = lab.search(chunked(b"<" + packed + b">") + body_of)
    assert {one.forms for one in both} == {("gzip", "plain"), ("chunked", "gzip", "plain")}


def test_a_percent_sign_of_quoted_printable_stands_for_itself(lab):
    for number in range(40):  # some have one before what looks like hex digits
        data = bytes(code for code in noise(200, bytes([number])) if code not in b"\r\n") + b"%fe%41"
        text = binascii.b2a_qp(b"\x1f\x8b\x08" + data, istext=False)
        (way, decoder) = next((way, way.decoder()) for way in WAYS if way.name == "quoted-printable" and way.fits(text))
        assert fed(decoder, text) == b"\x1f\x8b\x08" + data, way


# Text that shows bytes, or is marked up, in JSON


@pytest.mark.parametrize(
    ("form", "letter", "levels"),
    [
        ("unicode-escape-twice", "\\u{:04x}", 1),
        ("unicode-escape-twice", "\\u{:04x}", 2),
        ("unicode-escape-twice", "\\u{{{:x}}}", 1),
        ("unicode-escape-twice", "\\U{:08x}", 1),
        ("hex-escape-twice", "\\x{:02x}", 1),
        ("hex-escape-twice", "\\x{:02x}", 2),
        ("hex-escape-twice", "\\x{{{:02x}}}", 1),
        ("octal-escape", "\\{:03o}", 1),
    ],
)
def test_letters_that_are_escaped_are_read_in_json_and_in_json_within_it(lab, form, letter, levels):
    canary = lab.canary("told")
    text = "prompt: " + "".join(letter.format(code) for code in canary.encode()) + " end"
    for _ in range(levels):
        text = json.dumps({"line": text})
    assert {(seen.forms, seen.canary) for seen in lab.search(text.encode())} == {((form, "plain"), "told")}


@pytest.mark.parametrize(
    ("form", "write"),
    [
        ("decimal-list", lambda data: "\n".join(map(str, data))),
        ("hex-list", lambda data: "{\n\t" + in_rows(data, "0x{:02x}", ", ", ",\n\t") + "\n}"),
        ("hex-separated", lambda data: in_rows(data, "{:02x}", ":", ":\n    ")),
        ("base64", lambda data: base64.encodebytes(b"x" * 40 + data).decode()),
        ("dump", lambda data: od_characters(b'say "\\" and \n' + data)),
        ("dump", lambda data: "\n".join("\t" + line for line in tcpdump(b'say "' + data))),
        ("markup", lambda data: "".join(f'<b class="k">{data[at : at + 3].decode()}</b>' for at in range(0, 32, 3))),
        ("markup", lambda data: "{\\rtf1 " + "".join(f"{{\\rtlch\\af0 {data[at : at + 3].decode()}}}" for at in range(0, 32, 3)) + "}"),
    ],
)
def test_text_of_several_lines_is_read_in_json(lab, form, write):
    for writer in (python, go):
        canary = lab.canary(writer.__name__)
        text = logged(writer, write(canary.encode()))
        assert (form, writer.__name__) in {(seen.forms[0], seen.canary) for seen in lab.search(text)}, text
        assert lab.search(logged(writer, write(canary[::-1].replace(lab.literal[::-1], "k" * 10).encode()))) == []


def od_characters(data: bytes) -> str:
    names = {10: "\\n", 9: "\\t", 13: "\\r", 0: "\\0"}
    cells = [f"{names.get(code, chr(code) if 32 <= code < 127 else f'{code:03o}'):>4}" for code in data]
    rows = [f"{at:07o}{''.join(cells[at : at + 16])}" for at in range(0, len(cells), 16)]
    return "\n".join([*rows, f"{len(data):07o}"])


def tcpdump(data: bytes) -> list[str]:
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        words = " ".join(row[place : place + 2].hex() for place in range(0, len(row), 2))
        lines.append(f"0x{at:04x}:  {words:<39}  {''.join(chr(code) if 32 <= code < 127 else '.' for code in row)}")
    return lines
