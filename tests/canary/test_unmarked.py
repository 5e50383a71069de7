"""Long words that encode compressed data without a magic: where they begin, and what their letters must be."""

from __future__ import annotations

import base64
import zlib

import brotli
import pytest
from fed import fed

from zdr_audit.canary.streams import UNMARKED

TEXT = b"".join(b"%d ships of %d lights; " % (number, number * number % 97) for number in range(60))


def deflated(data: bytes = TEXT) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(data) + engine.flush()


def found(data: bytes) -> list[tuple[int, str]]:
    return [(at, opener.name) for at, opener in UNMARKED.find(data)]


WRITERS = {
    "base64": ("base64", base64.b64encode),
    "urlsafe base64": ("base64", base64.urlsafe_b64encode),
    "base64 in an address": ("base64", lambda data: base64.b64encode(data).replace(b"+", b"%2B").replace(b"/", b"%2f")),
    "base64 in JSON": ("base64", lambda data: base64.b64encode(data).replace(b"/", b"\\/")),
    "base32": ("base32", base64.b32encode),
    "base32, small": ("base32", lambda data: base64.b32encode(data).lower()),
    "hex": ("hex", lambda data: data.hex().encode()),
    "HEX": ("hex", lambda data: data.hex().upper().encode()),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("pack", [deflated, brotli.compress])
@pytest.mark.parametrize("before", [b"", b" ", b'"', b": ", b"=", b".", b"\\n", b"\\r\\n", b"\\\\n", b"%0A", b"%22", b"\n"])
def test_a_word_begins_behind_whatever_is_none_of_its_letters(writer, pack, before):
    name, write = WRITERS[writer]
    data = pack(TEXT)
    text = b"words" * bool(before) + b" " * bool(before) + before + write(data) + b'" and more'
    at = text.index(write(data))
    assert found(text) == [(at, name)]
    (opener,) = [opener for _, opener in UNMARKED.find(text)]
    assert fed(opener.decoder(), text[at:]).startswith(data[:-4])
    assert (opener.strict, opener.quiet, opener.looks, opener.patterns) == (False, True, 192, ())


@pytest.mark.parametrize("lead", [b"0x", b"0X", b"\\x"])
def test_what_leads_in_hex_does_not_belong_to_it(lead):
    text = b"body " + lead + deflated().hex().encode() + b" more"
    assert found(text) == [(7, "hex")]


@pytest.mark.parametrize("writer", ["base64", "hex", "base32"])
def test_a_word_is_longer_than_a_digest(writer):
    name, write = WRITERS[writer]
    text = write(deflated())
    least = {"base64": 60, "hex": 132, "base32": 64}[name]
    assert found(b" " + text[:least] + b" ") == [(1, name)]
    assert found(b" " + text[: least - 1] + b" ") == []


@pytest.mark.parametrize("letter", [b"a", b"Z", b"9", b"+", b"/", b"_", b"-"])
def test_a_word_that_began_before_is_not_begun_within(letter):
    assert found(b" " + letter + base64.b64encode(deflated()) + b" ") == []


def test_letters_of_one_case_and_text_that_is_something_else_are_none():
    assert found(b" " + b"abc" * 50 + b" " + b"ABC" * 50 + b" " + b"aBc" * 50 + b" " + b"ff" * 90) == []
    assert found(b" " + base64.b64encode(TEXT) + b" " + TEXT.hex().encode() + b" " + base64.b32encode(TEXT)) == []


def test_zlib_in_base32_is_told_by_its_header():
    packed = zlib.compress(TEXT)
    assert found(b" " + base64.b32encode(packed)) == [(1, "base32")]
    assert found(b" " + base64.b32encode(b"y" + packed[1:])) == []
    assert found(b" " + base64.b32encode(b"x\x9c\x07" + packed[3:])) == []


@pytest.mark.parametrize("escapes", [1, 30, 80])
def test_a_word_may_begin_before_the_range_in_which_letters_stand_in_a_row(escapes):
    """What is much is looked at where long rows of letters are: escapes stand between those that begin the word."""
    packed = deflated()
    text = base64.b64encode(packed)
    filler = b"short words of text and " * 3000
    for row in (b"\\/", b"%2F", b"%2b"):
        sign = b"+" if row == b"%2b" else b"/"
        plain = text[:40] + sign * escapes + text[40:]
        data = filler + text[:40] + row * escapes + text[40:] + b" " + filler
        assert found(filler + plain + b" " + filler) == [(len(filler), "base64")]
        assert set(found(data)) == {(len(filler), "base64")}
