"""Filters of PDF streams, fed in pieces: text in two alphabets, LZW, runs; where a stream begins and ends, and what is said of a damaged one."""

from __future__ import annotations

import base64
import random
import zlib

import pytest

from fixtures.corpus_written import lzw as packed_lzw
from zdr_audit.canary import pdf

CONTENT = zlib.compress(b"text of a page, " * 20)


def fed(decoder, data: bytes, size: int = 1 << 20) -> bytes:
    out = b""
    for at in range(0, len(data), size):
        if not decoder.ended:
            out += b"".join(decoder.feed(data[at : at + size]))
    return out + b"".join(decoder.close())


def stream(text: bytes, name: bytes = b"/ASCII85Decode ", end: bytes = b"") -> bytes:
    return name + b"/FlateDecode] /Length 99>>\nstream\r\n" + text + end + b"\nendstream"


@pytest.mark.parametrize("size", [1, 4, 7, 1 << 20])
@pytest.mark.parametrize("text", [CONTENT, bytes(40) + b"x", b"x" * 41])
def test_ascii85_is_read_up_to_its_mark(size, text):
    written = base64.a85encode(text, wrapcol=60)
    for begin in (b"", b"<~"):
        decoder = pdf.ascii85()
        assert fed(decoder, stream(begin + written, end=b"~>"), size) == text
        assert (decoder.ended, decoder.error) == (True, None)


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_hex_is_read_up_to_its_mark_and_half_a_byte_is_filled_up(size):
    decoder = pdf.ascii_hex()
    assert fed(decoder, stream(CONTENT.hex(" ", 8).encode() + b"7", b"/AHx ", b">"), size) == CONTENT + b"p"
    assert (decoder.ended, decoder.error) == (True, None)


def test_a_stream_that_is_cut_off_or_damaged_is_said_and_read_as_far_as_it_goes():
    cut = pdf.ascii_hex()
    assert fed(cut, stream(b"", b"/AHx ")[: -len(b"\nendstream")] + CONTENT.hex().encode()) == CONTENT
    assert (cut.ended, cut.error) == (True, "the stream is cut off")
    damaged = pdf.ascii_hex()
    assert fed(damaged, stream(b"zz00", b"/AHx ", b">")) == b""
    assert damaged.ended
    assert "Non-hexadecimal" in (damaged.error or "")


@pytest.mark.parametrize("make", [pdf.ascii85, pdf.ascii_hex, pdf.lzw, pdf.run_length])
def test_a_filter_without_a_stream_near_it_is_given_up(make):
    decoder = make()
    assert list(decoder.feed(b"/AHx " + b" " * 4091)) == []
    assert not decoder.ended
    assert list(decoder.feed(b" ")) == []
    assert (decoder.ended, decoder.consumed) == (True, 4097)
    none = make()
    assert fed(none, b"/AHx and no more") == b""
    assert (none.ended, none.error) == (True, None)


NOISE = random.Random(5).randbytes(3500)


@pytest.mark.parametrize("text", [b"a", b"ab" * 3000, NOISE, b"text of a page, " * 900], ids=["one byte", "pair", "noise", "text"])
@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_lzw_is_decoded_whatever_it_holds(text, size):
    decoder = pdf.lzw()
    data = b"/LZWDecode >>\nstream\n" + packed_lzw(text) + b"\nendstream and more"
    if size > 1 or len(data) < 3000:
        assert fed(decoder, data, size) == text
        assert (decoder.ended, decoder.error) == (True, None)


def test_lzw_in_text_is_decoded_twice():
    text = b"text of a page, " * 30
    for name, written in (
        (b"/ASCII85Decode /LZWDecode ", base64.a85encode(packed_lzw(text)) + b"~>"),
        (b"/AHx /LZW ", packed_lzw(text).hex().encode() + b">"),
    ):
        decoder = pdf.ascii85() if b"85" in name else pdf.ascii_hex()
        assert fed(decoder, name + b"]>>\nstream\n" + written, 50) == text
        assert decoder.error is None


def codes(*numbers: int, width: int = 9) -> bytes:
    bits = "".join(f"{number:0{width}b}" for number in numbers)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))


def test_codes_of_lzw_mean_what_was_written_before():
    assert pdf.unlzw(codes(256, 97, 98, 258, 260, 257)) == b"ab" + b"ab" + b"aba"
    assert pdf.unlzw(codes(256, 97, 258, 257, 98)) == b"aaa"
    assert pdf.unlzw(codes(256, 97, 256, 98, 257)) == b"ab"
    assert pdf.unlzw(codes(256, 97, 98)) == b"ab"
    for bad in (codes(256, 258, 257), codes(256, 97, 259, 257), codes(97, 98, 260)):
        with pytest.raises(ValueError, match="not written yet"):
            pdf.unlzw(bad)


def test_runs_are_repeated_and_others_stand_as_they_are():
    assert pdf.unrun(b"\x02abc\xfed\x00e\xffx\x81y\x80rest") == b"abc" + b"d" * 3 + b"e" + b"xx" + b"y" * 128
    assert pdf.unrun(b"\x05abc") == b"abc"
    decoder = pdf.run_length()
    assert fed(decoder, b"/RL >>\nstream\n\x02abc\x80\nendstream", 5) == b"abc"
    cut = pdf.run_length()
    assert fed(cut, b"/RL >>\nstream\n\x02abc") == b"abc"
    assert cut.error == "the stream is cut off"


def test_filters_and_encryption_are_told_by_what_follows_their_names():
    for head, is_one in ((b"/AHx ", True), (b"/AHx]", True), (b"/AHx>>", True), (b"/AHx/", True), (b"/AHx", False), (b"AHx ", False)):
        assert pdf.is_filter(head) is is_one
    for head, is_one in (
        (b"/Encrypt 12 0 R", True),
        (b"/Encrypt 12 0 Rest", False),
        (b"/Encrypt 12 R", False),
        (b"/EncryptMetadata 1 0 R", False),
    ):
        assert pdf.is_encryption(head) is is_one
    begins = b"/LZWDecode >>\nstream\n"
    for head, is_one in (
        (begins + b"\x80\x00", True),
        (begins, True),
        (begins + b"\x81", False),
        (b"/LZWDecode and more", True),
        (b"LZWDecode ", False),
    ):
        assert pdf.is_lzw(head) is is_one


def test_what_is_decoded_twice_is_gathered_to_a_bound(monkeypatch):
    monkeypatch.setattr(pdf, "MOST_PACKED", 10)
    packed = packed_lzw(b"abcdefghijklmnopqrstuvw")
    for pieces, taken in (((5, 5, 5), 10), ((4, 4, 4, 4), 12), ((9, 1, 1), 10), ((11, 1), 11)):
        decoder = pdf.ascii_hex()
        out = b"".join(decoder.feed(b"/AHx /LZW ]>>\nstream\n"))
        at = 0
        for size in pieces:
            out += b"".join(decoder.feed(packed[at : at + size].hex().encode()))
            at += size
        out += b"".join(decoder.feed(b">"))
        assert out == pdf.unlzw(packed[:taken]), pieces
        assert decoder.ended


@pytest.mark.parametrize("over", [0, 1])
def test_a_stream_of_bytes_is_kept_to_a_bound(monkeypatch, over):
    monkeypatch.setattr(pdf, "MOST_PACKED", 100)
    head = b"/RL >>\nstream\n"
    decoder = pdf.run_length()
    assert list(decoder.feed(head.ljust(99 + over + 1, b"\x80"))) == []
    assert (decoder.ended, decoder.error) == (bool(over), "it takes more than 100 bytes" if over else None)
    assert list(decoder.close()) == ([] if over else [b""])


def test_lzw_is_decoded_to_a_bound(monkeypatch):
    packed = packed_lzw(b"abcdefghij" * 3)
    monkeypatch.setattr(pdf, "MOST_DECODED", 30)
    assert pdf.unlzw(packed) == b"abcdefghij" * 3
    monkeypatch.setattr(pdf, "MOST_DECODED", 29)
    with pytest.raises(ValueError, match=r"^it decodes to more than 29 bytes$"):
        pdf.unlzw(packed)


def test_codes_of_lzw_grow_to_twelve_bits_and_no_further():
    text = bytes(at * at * 7 % 253 for at in range(9000))
    packed = packed_lzw(text[:3600])
    assert pdf.unlzw(packed) == text[:3600]
    assert pdf.unlzw(codes(256)) == b""


@pytest.mark.parametrize("end", range(1, 10))
def test_the_mark_that_ends_a_stream_may_come_in_pieces(end):
    data = b"/RL >>\nstream\n\x02abc\x80" + b"\nendstream"
    decoder = pdf.run_length()
    out = b"".join(decoder.feed(data[:-end]))
    assert (out, decoder.ended) == (b"", False)
    assert b"".join(decoder.feed(data[-end:] + b" and more")) == b"abc"
    assert (decoder.ended, decoder.error) == (True, None)
