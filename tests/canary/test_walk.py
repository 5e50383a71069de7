"""Decoders that are fed as the data come: bytes wanted and passed over, blocks of a bounded size, an end, an error."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib

import brotli
import pytest

from zdr_audit.canary import compression, walk
from zdr_audit.canary.compression import Unsupported, ZipMember, brotli_decoder, bz2_decoder, is_brotli, is_deflate, xz_decoder
from zdr_audit.canary.inflate import BLOCK, GZIP, RAW, ZLIB, Inflater, starts
from zdr_audit.canary.opener import Limited
from zdr_audit.canary.walk import Failures, Gather, Walk

TEXT = b"".join(b"line %d of a text that is long enough\n" % number for number in range(3000))


def fed(decoder, data: bytes, size: int = 1 << 20) -> bytes:
    out = b""
    for at in range(0, len(data), size):
        if not decoder.ended:
            out += b"".join(decoder.feed(data[at : at + size]))
    return out + b"".join(decoder.close())


def parser(emit):
    """Two bytes of size, so many to be passed over, and three to be given."""
    size = int.from_bytes((yield 2))
    if size == 99:
        raise ValueError("no such size")
    yield -size
    emit((yield 3))
    try:
        yield 1
    except EOFError:
        emit(b"end")
        return
    emit(b"more")


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_parser_is_given_what_it_wants_and_nothing_else(size):
    decoder = Walk(parser)
    assert fed(decoder, b"\x00\x04skipabc", size) == b"abcend"
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, 9)
    longer = Walk(parser)
    assert fed(longer, b"\x00\x04skipabcXrest", size) == b"abcmore"
    assert (longer.ended, longer.error, longer.consumed) == (True, None, 10)


def test_a_parser_that_refuses_ends_with_its_reason_and_data_that_end_too_soon_are_said():
    refused = Walk(parser)
    assert fed(refused, b"\x00\x63skip") == b""
    assert (refused.ended, refused.error, refused.consumed) == (True, "no such size", 2)
    cut = Walk(parser)
    assert fed(cut, b"\x00\x04ski") == b""
    assert (cut.ended, cut.error, cut.consumed) == (True, "the file is cut off", 5)


def test_blocks_are_handed_on_in_pieces(monkeypatch):
    monkeypatch.setattr(walk, "BLOCK", 10)

    def one(emit):
        yield 1
        emit(b"0123456789" * 2 + b"rest")

    assert list(Walk(one).feed(b"x")) == [b"0123456789", b"0123456789", b"rest"]
    gathered = Gather(lambda data: data * 3, lambda _head: True)
    assert list(gathered.feed(b"0123456")) == []
    assert list(gathered.close()) == [b"0123456012", b"3456012345", b"6"]


def test_failures_are_counted_and_the_first_is_told():
    Failures("page").raise_any()
    failures = Failures("page")
    failures.add("bad")
    with pytest.raises(ValueError, match=r"^1 page could not be decoded \(first: bad\)$"):
        failures.raise_any()
    failures.add("worse")
    with pytest.raises(ValueError, match=r"^2 pages could not be decoded \(first: bad\)$"):
        failures.raise_any()


def test_what_must_be_had_whole_is_judged_by_its_beginning(monkeypatch):
    asked = []

    def fits(head: bytes) -> bool:
        asked.append(len(head))
        return False

    small = Gather(bytes, fits)
    assert (fed(small, b"x" * 4095), asked, small.error, small.consumed) == (b"x" * 4095, [], None, 4095)
    large = Gather(bytes, fits)
    assert (fed(large, b"x" * 9000, 3000), asked, large.error, large.consumed) == (b"", [4096], "it is none of its kind", 3000)
    monkeypatch.setattr(walk, "MOST_PACKED", 5000)
    full = Gather(bytes, lambda _head: True)
    assert fed(full, b"x" * 5000, 2500) == b"x" * 5000
    over = Gather(bytes, lambda _head: True)
    assert b"".join(over.feed(b"x" * 5001)) == b""
    assert (over.ended, over.error) == (True, "it takes more than 5000 bytes")
    assert list(over.close()) == []


def test_what_cannot_be_decoded_whole_is_said():
    def refuse(_data: bytes) -> bytes:
        raise ValueError("none")

    decoder = Gather(refuse, lambda _head: True)
    assert (fed(decoder, b"x"), decoder.error, decoder.ended) == (b"", "none", True)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_limit_keeps_what_follows_from_the_decoder(size):
    data = brotli.compress(TEXT)
    decoder = Limited(brotli_decoder(), len(data))
    assert fed(decoder, data + data[:3], size) == TEXT
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, len(data))
    cut = Limited(brotli_decoder(), len(data) - 1)
    assert fed(cut, data, size) != TEXT
    assert (cut.ended, cut.error) == (True, "the stream is cut off")


def raw(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


def gzipped(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=31)
    return engine.compress(data) + engine.flush()


STREAMS = {
    "bz2": (bz2.compress, bz2_decoder),
    "xz": (lzma.compress, xz_decoder),
    "brotli": (brotli.compress, brotli_decoder),
    "gzip": (gzipped, lambda: Inflater(GZIP)),
    "zlib": (zlib.compress, lambda: Inflater(ZLIB)),
    "deflate": (raw, lambda: Inflater(RAW)),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [13, 4096, 1 << 20])
def test_a_stream_is_decoded_to_its_end_which_is_told_by_the_byte(name, size):
    pack, make = STREAMS[name]
    data = pack(TEXT)
    decoder = make()
    assert fed(decoder, data + b"after", size) == TEXT
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, len(data))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cut_off_is_said_and_read_as_far_as_it_goes(name):
    pack, make = STREAMS[name]
    data = pack(TEXT)
    decoder = make()
    assert TEXT.startswith(fed(decoder, data[:-1]))
    assert (decoder.ended, decoder.error) == (True, "the stream is cut off")


@pytest.mark.parametrize(("name", "bits"), [("zlib", 15), ("gzip", 31), ("deflate", -15)])
@pytest.mark.parametrize("size", [100, 5000, 1 << 20])
def test_what_stands_before_the_damage_is_decoded_to_the_byte(name, bits, size):
    engine = zlib.compressobj(wbits=bits)
    sound = engine.compress(TEXT) + engine.flush(zlib.Z_FULL_FLUSH)
    decoder = STREAMS[name][1]()
    assert fed(decoder, sound + b"\x07" * 9000, size) == TEXT  # no block is of that kind
    assert (decoder.ended, decoder.consumed) == (True, len(sound))
    assert "invalid block type" in (decoder.error or "")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [5, 1 << 20])
def test_little_data_that_decode_to_much_are_decoded_to_their_end_in_bounded_blocks(name, size):
    pack, make = STREAMS[name]
    data = pack(bytes(3 << 20) + b"the end")
    decoder = make()
    pieces = [piece for at in range(0, len(data), size) for piece in decoder.feed(data[at : at + size])]
    assert (sum(map(len, pieces)), b"".join(pieces)[-7:]) == ((3 << 20) + 7, b"the end")
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, len(data))
    assert max(map(len, pieces)) <= 512 * 1024


def member(content: bytes, method: int, *, name: str = "a.txt", extra: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        about = zipfile.ZipInfo(name)
        about.compress_type, about.extra = method, extra
        archive.writestr(about, content)
    whole = out.getvalue()
    return whole[: whole.index(b"PK\x01\x02")]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("size", [1, 20, 100_000])
def test_a_member_of_a_zip_archive_is_decoded_behind_its_header(method, size):
    data = member(TEXT[:2000], method, extra=b"\x99\x99\x04\x00xxxx")
    assert ZipMember.matches(data)
    decoder = ZipMember()
    assert b"".join(piece for at in range(0, len(data), size) for piece in decoder.feed(data[at : at + size])) == TEXT[:2000]
    if method == zipfile.ZIP_DEFLATED:
        assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, len(data))


def test_members_that_need_no_decoding_or_have_none_are_told_apart():
    packed = member(TEXT, zipfile.ZIP_DEFLATED)
    assert not ZipMember.matches(packed[:29])
    assert not ZipMember.matches(b"PK\x05\x06" + packed[4:])
    for version, matches in ((63, True), (64, False)):
        assert ZipMember.matches(packed[:4] + bytes([version, 3]) + packed[6:]) is matches
    for method, flags, matches in (
        (0, 0, False),
        (0, 1, True),
        (12, 0, False),
        (93, 0, False),
        (95, 0, False),
        (9, 0, True),
        (99, 0, True),
        (100, 0, False),
    ):
        head = packed[:6] + bytes([flags, 0, method, 0]) + packed[10:]
        assert ZipMember.matches(head) is matches, method
    for method, flags, words in ((8, 1, "it is encrypted"), (9, 0, "no decoder for method 9")):
        decoder = ZipMember()
        assert fed(decoder, packed[:6] + bytes([flags, 0, method, 0]) + packed[10:]) == b""
        assert (decoder.error, decoder.ended, decoder.consumed) == (words, True, 30)
    cut = ZipMember()
    assert fed(cut, packed[:20]) == b""
    assert (cut.error, cut.consumed) == ("the stream is cut off", 0)


def test_what_has_no_magic_is_tried_only_where_no_text_could_stand():
    assert is_deflate(raw(TEXT)[:64])
    assert is_brotli(brotli.compress(TEXT)[:64])
    for no in (b"", b"\x01" * 15, TEXT[:64], b"\xff" * 64):
        assert not is_deflate(no)
        assert not is_brotli(no)


def test_what_is_known_but_not_decoded_says_so():
    decoder = Unsupported("not here")
    assert fed(decoder, b"data") == b""
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, "not here", 1)


def test_a_limit_ends_what_must_be_had_whole_where_it_is_reached():
    whole = Gather(lambda data: data[::-1], lambda _head: True)
    decoder = Limited(whole, 5)
    assert (decoder.ended, decoder.error, decoder.consumed) == (False, None, 0)
    assert list(decoder.feed(b"123")) == []
    assert (decoder.ended, decoder.consumed) == (False, 3)
    assert list(decoder.feed(b"45678")) == [b"54321"]
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, 5)


def test_a_member_of_an_archive_without_a_name_is_told_by_its_header_alone():
    for flags, method, words in ((1, 8, "it is encrypted"), (0, 97, "no decoder for method 97")):
        decoder = ZipMember()
        header = b"PK\x03\x04\x14\x00" + bytes([flags, 0, method, 0]) + bytes(20)
        assert list(decoder.feed(header[:29])) == []
        assert (decoder.ended, decoder.consumed) == (False, 0)
        assert list(decoder.feed(header[29:])) == []
        assert (decoder.ended, decoder.error, decoder.consumed) == (True, words, 30)


def test_lzma_in_an_archive_begins_once_its_properties_are_there():
    data = lzma.compress(TEXT, lzma.FORMAT_ALONE)
    stream = b"\x10\x02\x05\x00" + data[:5] + data[13:]
    for first in (1, 8, 9, 10, 500):
        decoder = compression._ZipLzma()
        out = b"".join(decoder.feed(stream[:first]))
        assert decoder.consumed == (first if first >= 9 else 0), first
        assert out + b"".join(decoder.feed(stream[first:])) == TEXT


@pytest.mark.parametrize("bits", [RAW, ZLIB, GZIP])
def test_data_begin_as_compressed_ones_that_give_something_or_go_on(bits):
    engine = zlib.compressobj(9, zlib.DEFLATED, bits)
    whole = engine.compress(TEXT) + engine.flush()
    nothing = zlib.compressobj(9, zlib.DEFLATED, bits).flush()
    assert starts(whole, bits)
    assert all(starts(whole[:size], bits) for size in range(1, 40))
    assert not starts(nothing, bits)
    assert not starts(nothing + bytes(20), bits)
    assert not starts(b"\xff" * 40, bits)


class Scripted:
    """An engine that gives or raises what it is told, one call after another."""

    def __init__(self, *script, unused: bytes | None = None) -> None:
        self.script, self.unused_data, self.eof, self.needs_input = list(script), unused, False, True
        self.calls: list[tuple[int, int]] = []

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self.calls.append((len(data), max_length))
        said, *flags = self.script.pop(0)
        self.needs_input, self.eof = "more" not in flags, "end" in flags
        if isinstance(said, Exception):
            raise said
        return said


@pytest.mark.parametrize(
    "problem", [OSError, EOFError, ValueError, RuntimeError, MemoryError, lzma.LZMAError, brotli.error, compression._zstd.ZstdError]
)
def test_whatever_an_engine_raises_is_said(problem):
    for words in ("why", ""):
        decoder = compression.Unpacker(Scripted((b"one",), (problem(words),)))
        assert list(decoder.feed(b"x" * 4096 + b"y" * 10)) == [b"one"]
        assert (decoder.ended, decoder.error, decoder.consumed) == (True, words or "the data are damaged", 4106)


def test_an_engine_is_fed_four_kilobytes_at_a_time_and_asked_for_the_rest_of_what_they_hold():
    engine = Scripted((b"one", "more"), (b"two", "more"), (b"", "more"), (b"three",), (b"four", "end"), unused=b"12345")
    decoder = compression.Unpacker(engine)
    assert list(decoder.feed(b"x" * 10_000)) == [b"one", b"two", b"three", b"four"]
    assert engine.calls == [(4096, BLOCK), (0, BLOCK), (0, BLOCK), (4096, BLOCK), (1808, BLOCK)]
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, 10_000 - 5)
    assert list(decoder.close()) == []
    assert decoder.error is None
    early = compression.Unpacker(Scripted((b"", "end"), unused=b""))
    assert list(early.feed(b"x" * 9000)) == []
    assert (early.ended, early.consumed) == (True, 4096)
    cut = compression.Unpacker(Scripted((b"one",)))
    assert list(cut.feed(b"x" * 9)) == [b"one"]
    assert (list(cut.close()), cut.ended, cut.error, cut.consumed) == ([], True, "the stream is cut off", 9)
