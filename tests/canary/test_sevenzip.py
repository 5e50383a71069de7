"""Archives of 7z made here byte by byte, read without the library for them: stream after stream, by what packed each."""

from __future__ import annotations

import bz2
import lzma
import random
import zlib
from collections.abc import Callable

import pytest
from fed import fed

from zdr_audit.canary import sevenzip
from zdr_audit.canary.compression import _zstd
from zdr_audit.canary.sevenzip import SevenZip

TEXTS = [b"".join(b"%d ships of %d lights; " % (number, number * at) for number in range(300)) for at in (7, 11)]


def raw(kind: int) -> Callable[[bytes], bytes]:
    return lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": kind, "dict_size": 1 << 16}])


def deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


WAYS = {"lzma2": raw(lzma.FILTER_LZMA2), "lzma": raw(lzma.FILTER_LZMA1), "deflate": deflated}
SEEN_ANYWAY = {"bz2": bz2.compress, "zstd": _zstd.compress}
LAST = b"the last header"


def archive(*streams: bytes) -> bytes:
    packed = b"".join(streams)
    return sevenzip.MAGIC + b"\x00\x04sum_" + len(packed).to_bytes(8, "little") + len(LAST).to_bytes(8, "little") + b"sum_" + packed + LAST


@pytest.fixture(autouse=True)
def without_a_reader(monkeypatch):
    monkeypatch.setattr(sevenzip, "_reader", lambda: None)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("size", [1, 31, 5000, 1 << 20])
def test_a_stream_is_unpacked_and_the_header_behind_it_left(name, size):
    packed = WAYS[name](TEXTS[0])
    decoder = SevenZip()
    assert fed(decoder, archive(packed) + b"and more", size) == TEXTS[0]
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, 32 + len(packed))


@pytest.mark.parametrize("first", ["lzma2", "deflate", *SEEN_ANYWAY])
@pytest.mark.parametrize("second", [*WAYS, *SEEN_ANYWAY])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_streams_follow_one_another_and_those_that_are_opened_where_they_stand_are_passed_over(first, second, size):
    streams = [(WAYS | SEEN_ANYWAY)[name](text) for name, text in zip((first, second), TEXTS, strict=True)]
    decoder = SevenZip()
    wanted = b"".join(text for name, text in zip((first, second), TEXTS, strict=True) if name in WAYS)
    assert fed(decoder, archive(*streams), size) == wanted
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, 32 + sum(map(len, streams)))


def test_an_archive_of_nothing_ends_with_its_header():
    decoder = SevenZip()
    assert list(decoder.feed(archive()[:31])) == []
    assert (decoder.ended, decoder.consumed) == (False, 0)
    assert list(decoder.feed(archive()[31:])) == []
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, 32)


@pytest.mark.parametrize("cut", [10, 2000])
def test_an_archive_that_breaks_off_is_said_and_read_as_far_as_it_goes(cut):
    packed = WAYS["lzma2"](TEXTS[0])
    decoder = SevenZip()
    out = fed(decoder, archive(packed)[: -len(LAST) - cut])
    assert TEXTS[0].startswith(out)
    assert (decoder.ended, decoder.error) == (True, "the archive is cut off")
    short = SevenZip()
    assert (fed(short, archive(packed)[:20]), short.error) == (b"", "the archive is cut off")


@pytest.mark.parametrize("packed", [b"\x06" * 50, b"\xff" * 50, b"\x03\x07" * 3000])
def test_what_nothing_fits_is_said(packed):
    decoder = SevenZip()
    assert fed(decoder, archive(packed)) == b""
    assert decoder.error == "its streams are encrypted, stored as they are, or packed in a way that is not decoded"


def test_a_stream_that_breaks_within_is_said_where_others_are_to_come():
    text = random.Random(3).randbytes(8000).hex().encode()
    engine = zlib.compressobj(wbits=-15)
    broken = engine.compress(text) + engine.flush(zlib.Z_FULL_FLUSH) + b"\x07" * 9  # a block of no kind
    decoder = SevenZip()
    assert fed(decoder, archive(broken, WAYS["deflate"](text))) == text
    assert (decoder.ended, decoder.error) == (True, "the streams behind the first one could not be followed")


def test_a_stream_begins_as_what_packed_it_does():
    def first(head: bytes) -> int | None:
        return next((at for at, (begins, _, _) in enumerate(sevenzip._WAYS) if begins(head)), None)

    found = {code: first(bytes([code]) + b"\xb5\x2f\xfd....") for code in range(256)}
    assert found == {
        code: 1 if code == 0x28 else 2 if code in (1, 2) or code >= 0xE0 else 3 if code == 0 else 4 if code & 6 != 6 else None
        for code in range(256)
    }
    assert first(b"BZh9") == 0


def test_an_archive_that_can_be_had_whole_is_kept_for_the_library(monkeypatch):
    seen: list[bytes] = []

    def members(data: bytes) -> list[bytes] | None:
        seen.append(data)
        return [b"one", b"two" * 100_000] if len(seen) == 1 else None

    monkeypatch.setattr(sevenzip, "_reader", object)
    monkeypatch.setattr(sevenzip, "_members", members)
    data = archive(WAYS["lzma2"](TEXTS[0]))
    decoder = SevenZip()
    pieces = [piece for at in range(0, len(data), 700) for piece in decoder.feed((data + b"more")[at : at + 700])]
    assert b"".join(pieces) == b"one" + b"two" * 100_000
    assert max(map(len, pieces)) == sevenzip.BLOCK
    assert (seen, decoder.ended, decoder.error, decoder.consumed) == ([data], True, None, len(data))
    refused = SevenZip()
    assert fed(refused, data, 700) == TEXTS[0]
    assert len(seen) == 2
    cut = SevenZip()
    assert fed(cut, data[:-1], 700) == TEXTS[0]
    assert len(seen) == 2  # of one that is cut off the library is not asked
    for most, asked in ((len(data), 3), (len(data) - 1, 3)):
        monkeypatch.setattr(sevenzip, "MOST_PACKED", most)
        assert fed(SevenZip(), data, 700) == TEXTS[0]
        assert len(seen) == asked


def test_what_members_hold_is_taken_to_a_bound(monkeypatch):
    monkeypatch.setattr(sevenzip, "MOST_DECODED", 10)
    members = sevenzip._Members()
    one, two = members.create("one"), members.create("two")
    assert [one.write(b"1234"), two.write(b"56"), one.write(b"789")] == [4, 2, 3]
    assert (one.size(), two.size(), members.parts) == (7, 2, [b"1234", b"56", b"789"])
    assert two.write(b"0") == 1
    with pytest.raises(ValueError, match=r"^it decodes to more than 10 bytes$"):
        two.write(b"x")


@pytest.mark.parametrize("name", [*WAYS])
def test_a_stream_whose_end_is_missing_is_unpacked_at_the_end_of_the_data(name):
    packed = WAYS[name](TEXTS[0])
    assert len(packed) < 4000  # less than is waited for
    decoder = SevenZip()
    out = fed(decoder, archive(packed)[: -len(LAST) - 40], 50)
    assert len(out) > 2000
    assert TEXTS[0].startswith(out)
    assert decoder.error == "the archive is cut off"


def test_without_the_library_there_is_no_reader(monkeypatch):
    def missing(name: str):
        raise ModuleNotFoundError(name)

    monkeypatch.undo()
    reader = sevenzip._reader.__wrapped__
    assert reader().__name__ == "py7zr"
    monkeypatch.setattr(sevenzip.importlib, "import_module", missing)
    assert reader() is None
