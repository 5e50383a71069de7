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

from fixtures.corpus_base import noise
from fixtures.corpus_compressed import snappy_block, zstd
from fixtures.corpus_containers import _xxd
from zdr_audit.canary import cuts
from zdr_audit.canary.databases import WIRED_TIGER

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
