"""One level of a search: encodings that join, break off, overlap or lie within one another, and what is said of them."""

from __future__ import annotations

import base64
import bz2
import copy
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib

import brotli
import cramjam
import lz4.frame
import pytest

from zdr_audit.canary import layer
from zdr_audit.canary.compression import _zstd
from zdr_audit.canary.form import Decoded
from zdr_audit.canary.layer import Layer
from zdr_audit.canary.search import Search

FILLING = b"".join(b"%d ships of %d lights; " % (number, number * number % 97) for number in range(60))


def deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(data) + engine.flush()


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("name.txt", data)
    return out.getvalue()


JOINING = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": _zstd.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "lz4": lz4.frame.compress,
}
APART = {"zlib": zlib.compress, "zip": zipped, "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE)}
WITHOUT_A_MAGIC = {"deflate": deflated, "brotli": brotli.compress}


@pytest.mark.parametrize("name", JOINING)
def test_members_that_follow_one_another_are_one_text(lab, name):
    canary = lab.canary("told").encode()
    for cut in (8, 16, 24):
        data = JOINING[name](FILLING + canary[:cut]) + JOINING[name](canary[cut:] + FILLING)
        seen = {(one.canary, one.forms, one.start, one.end) for one in lab.search(b"\x00" * 40 + data + b"\x00" * 9)}
        assert ("told", (name, "plain"), 40, 40 + len(data)) in seen
    apart = JOINING[name](FILLING + canary[:8]) + b"\x00" + JOINING[name](canary[8:] + FILLING)
    assert "told" not in {seen.canary for seen in lab.search(apart) if seen.start == 0}


def test_members_of_other_kinds_are_texts_of_their_own(lab):
    canary = lab.canary("told").encode()
    for pack in APART.values():
        data = pack(FILLING + canary[:8]) + pack(canary[8:] + FILLING)
        assert {seen.start for seen in lab.search(data)} != {0}
    mixed = gzip.compress(FILLING + canary[:8]) + bz2.compress(canary[8:] + FILLING)
    assert {seen.start for seen in lab.search(mixed)} != {0}


@pytest.mark.parametrize("name", [*JOINING, "zip"])
def test_what_has_a_magic_and_breaks_off_is_said_however_short(lab, name):
    pack = {**JOINING, **APART}[name]
    data = pack(FILLING[:200])
    lab.search(b"\x00" * 7 + data[: len(data) // 2 if name != "zip" else 80])
    assert len(lab.notes) == 1
    assert lab.notes[0].startswith(f"{name} data at byte 7 could be decoded only in part: ")


@pytest.mark.parametrize("name", [*WITHOUT_A_MAGIC, "zlib", "lzma"])
def test_what_is_recognised_by_little_and_breaks_off_is_said_where_it_gave_much(lab, name):
    pack = {**WITHOUT_A_MAGIC, **APART}[name]
    for text, said in ((FILLING[:200], False), (b"".join(b"%d;" % (number * number % 9973) for number in range(2000)), name in APART)):
        data = pack(text)
        lab.notes.clear()
        lab.search(data[: len(data) * 3 // 4])
        assert bool(lab.notes) is said


@pytest.mark.parametrize(("size", "said"), [(1023, 0), (1024, 1), (1025, 1)])
def test_a_thousand_bytes_are_no_accident(lab, size, said):
    packer = zlib.compressobj(9)
    data = packer.compress(FILLING[:size]) + packer.flush(zlib.Z_SYNC_FLUSH)
    lab.search(data + b"\x07\xff\xff\xff")
    assert len(lab.notes) == said


def test_where_it_broke_is_told_of_the_top_alone(lab):
    whole = gzip.compress(FILLING)
    inner = zlib.compress(b"...." + whole[: len(whole) // 2] + b"\xff" * 40)
    lab.search(b".." + inner)
    assert len(lab.notes) == 1
    assert lab.notes[0].startswith("gzip data could be decoded only in part: ")


def test_the_place_of_broken_data_is_handed_on(lab):
    broken: list[int] = []
    whole = gzip.compress(FILLING)
    list(lab.seeker.search(b"x" * 100 + whole[: len(whole) // 2], lab.notes.append, broken.append))
    assert broken == [100]
    broken.clear()
    list(lab.seeker.search(b"x" * 100 + whole, lab.notes.append, broken.append))
    list(lab.seeker.search(zlib.compress(b"x" * 100 + whole[: len(whole) // 2]), lab.notes.append, broken.append))
    assert broken == []


@pytest.mark.parametrize("opened", [64, 65])
def test_so_many_encodings_are_open_at_a_time(lab, opened):
    head = gzip.compress(FILLING, mtime=0)[:10]
    stored = b"\x00\xff\xff\x00\x00"  # a block of that many bytes as they are, which hold the next header
    data = (head + stored) * opened
    lab.search(data)
    assert ("more than 64 encodings overlap; not all were opened" in lab.notes) is (opened > 64)


def test_a_sighting_on_the_border_of_two_batches_is_told_once(lab, monkeypatch):
    monkeypatch.setattr(layer, "_BATCH", 3000)
    names = [f"c{number}" for number in range(9)]
    canaries = [lab.canary(name).encode() for name in names]
    for lead in (0, 1, *range(770, 812, 3)):  # where a border falls within each
        data = b"." * lead + b"".join(canary + b"." * 2968 for canary in canaries)
        pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        assert [(seen.canary, seen.start) for seen in lab.search(pieces)] == [(name, lead + 3000 * at) for at, name in enumerate(names)]


@pytest.mark.parametrize("lead", [0, 1, 2990, 3000, 8192, 11_000])
def test_what_is_opened_goes_on_over_the_borders_of_batches(lab, monkeypatch, lead):
    monkeypatch.setattr(layer, "_BATCH", 3000)
    canary = lab.canary("told").encode()
    text = bytes(at * at % 251 for at in range(20_000)) + canary + FILLING
    for data, forms in (
        (gzip.compress(text, 1), ("gzip", "plain")),
        (base64.b64encode(gzip.compress(text, 1)), ("base64", "gzip", "plain")),
    ):
        whole = b"\xff" * lead + data + b"\xff" * 500
        (seen,) = lab.search(whole[at : at + 700] for at in range(0, len(whole), 700))
        assert (seen.canary, seen.forms) == ("told", forms)
        assert (seen.start, seen.end) == (lead, lead + len(data) - (len(data) - len(data.rstrip(b"=")) if forms[0] == "base64" else 0))
    assert lab.notes == []


@pytest.mark.parametrize("size", range(9, 12))
def test_data_too_short_for_a_literal_hold_none_and_open_nothing(lab, size):
    assert bool(lab.search(lab.literal.encode()[:size])) is (size >= 10)
    assert bool(lab.search(lab.literal.encode() + b"." * (size - 9))) is True


def test_two_literals_in_pieces_beside_one_another_are_told_by_what_stands_beside_each(lab):
    first, second = lab.canary("first"), lab.canary("second")
    for text in (first + second, f"{first} {second}"):
        for size in (11, 13, 22):
            events = "\n".join(json.dumps({"text": text[at : at + size]}) for at in range(0, len(text), size)).encode()
            assert {seen.canary for seen in lab.search(events)} - {None} == {"first", "second"}, size


def test_a_piece_that_holds_the_second_literal_whole_is_told_by_what_comes_before_it(lab):
    canary = lab.canary("told")
    for cut in (10, 14, 18, 21, 22):
        data = "\n".join(json.dumps({"text": piece}) for piece in (f"so: {canary[:cut]}", canary[cut:] + " and")).encode()
        seen = lab.search(data)
        assert {one.canary for one in seen} - {None} == {"told"}, cut
        for one in seen:
            if one.forms == ("split", "plain") and one.excerpt:
                assert one.excerpt == data[one.start : one.start + 10].decode()


def test_what_is_seen_in_what_is_decoded_is_told_once_for_the_whole(lab):
    canary = lab.canary("told").encode()
    data = gzip.compress((canary + b" ") * 5 + canary.upper() + FILLING)
    assert {(seen.forms, seen.canary, seen.start, seen.end) for seen in lab.search(data)} == {
        (("gzip", "plain"), "told", 0, len(data)),
        (("gzip", "upper-case"), "told", 0, len(data)),
    }
    assert len(lab.search(data)) == 2


def test_what_is_fed_waits_until_it_is_worth_a_search(lab, monkeypatch):
    monkeypatch.setattr(layer, "_BATCH", 20_000)
    names = [lab.canary(name).encode() for name in ("one", "two", "three")]
    one = Layer(Search(lab.seeker, lab.notes.append, None))
    assert one.feed(names[0] + b"." * 9_967) == []
    assert one.feed(b"." * 10_000) == []
    assert [seen.canary for seen in one.feed(b".")] == ["one"]
    assert one.feed(names[1] + b"." * 19_967) == []
    assert [seen.canary for seen in one.feed(b".")] == ["two"]
    assert one.feed(names[2]) == []
    assert [(seen.canary, seen.start) for seen in one.finish()] == [("three", 40_000)]


@pytest.mark.parametrize("lead", [0, 5_000, 8_192, 20_000])
def test_pieces_are_put_together_wherever_they_stand(lab, lead):
    canary = lab.canary("told")
    for pieces in ((canary[:11], canary[11:20], canary[20:]), (canary[10:15], canary[15:]), (f"so {canary[:14]}", canary[14:17])):
        data = b"." * lead + b"\n" + "\n".join(json.dumps({"text": piece}) for piece in pieces).encode() + b"\n" + b"." * 9_000
        seen = [one for one in lab.search(data) if one.canary]
        assert {one.canary for one in seen} == {"told"}
        assert all(lead < one.start < one.end <= len(data) - 9_000 for one in seen)


@pytest.mark.parametrize("name", WITHOUT_A_MAGIC)
def test_what_has_no_magic_is_recognised_where_an_object_begins_alone(lab, name):
    data = WITHOUT_A_MAGIC[name](FILLING + lab.canary("told").encode())
    (seen,) = lab.search(data)
    assert (seen.forms, seen.canary, seen.start, seen.end) == ((name, "plain"), "told", 0, len(data))
    assert lab.search(b"\xff" + data) == []
    (inner,) = lab.search(gzip.compress(data))
    assert inner.forms == ("gzip", name, "plain")


def tarred(*members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number, content in enumerate(members):
            about = tarfile.TarInfo(f"{number}.bin")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("name", WITHOUT_A_MAGIC)
@pytest.mark.parametrize("lead", [0, 700])
def test_what_has_no_magic_is_recognised_where_a_member_of_an_archive_begins(lab, name, lead):
    first = WITHOUT_A_MAGIC[name](FILLING + lab.canary("told").encode())
    second = WITHOUT_A_MAGIC[name](lab.canary("other").encode() + b" \xff\x00 short")
    data = b"\xff" * lead + tarred(first, b"as it is", second)
    place = lead + 512 + -(-len(first) // 512) * 512 + 1024 + 512
    assert {(seen.forms, seen.canary, seen.start, seen.end) for seen in lab.search(data) if seen.forms != ("plain",)} == {
        ((name, "plain"), "told", lead + 512, lead + 512 + len(first)),
        ((name, "plain"), "other", place, place + len(second)),
    }


def test_what_a_text_begins_before_its_pattern_belongs_to_it(lab):
    for lead in (0, 1, 50):
        data = b"=" * lead + b' "' + base64.b64encode(zlib.compress(FILLING + lab.canary(f"c{lead}").encode())).rstrip(b"=") + b'" more'
        (seen,) = lab.search(data)
        assert (seen.canary, seen.forms, seen.start, seen.end) == (f"c{lead}", ("base64", "zlib", "plain"), lead + 2, len(data) - 6)


def test_what_was_seen_in_a_chunk_anyway_is_not_told_again_for_the_body(lab, monkeypatch):
    monkeypatch.setattr(layer, "_BATCH", 3000)
    packed = gzip.compress(lab.canary("whole").encode() + FILLING)
    cut = lab.canary("cut").encode()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = (b"<" + packed + b">", cut[:16], cut[16:] + b".", *[b"." * 3000] * 9)
    data = head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    seen = list(lab.search(data[at : at + 500] for at in range(0, len(data), 500)))
    assert [one.forms for one in seen if one.canary == "whole"] == [("gzip", "plain")]
    assert "cut" in {one.canary for one in seen}


def test_a_literal_in_what_has_no_magic_waits_until_that_is_decoded(lab):
    canary = lab.canary("told")
    content = f"\x01\x02 {lab.literal}, {lab.literal} and then {canary} of it".encode() + FILLING[:300]
    data = bytes(cramjam.snappy.compress_raw(content))
    assert lab.literal.encode() in data
    assert canary.encode() not in data
    seen = lab.search(data)
    assert {(one.forms, one.canary) for one in seen} == {(("snappy", "plain"), "told"), (("snappy", "plain"), None)}
    assert {(one.start, one.end) for one in seen} == {(0, len(data))}


def test_of_what_was_handled_so_much_is_kept_that_nothing_on_a_border_is_lost(lab, monkeypatch):
    monkeypatch.setattr(layer, "_BATCH", 9000)
    canary = lab.canary("one").encode()
    for at in (0, 800, 808, 840, 5000, 8960, 8999, 9005, 17_000):
        one = Layer(Search(lab.seeker, lab.notes.append, None))
        data = (b"." * at + canary).ljust(27_000, b".")
        found = [seen for start in range(0, len(data), 9000) for seen in one.feed(data[start : start + 9000])] + one.finish()
        assert [(seen.start, seen.canary) for seen in found] == [(at, "one")]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_forms_within_forms_are_decoded_to_the_depth_that_is_wanted(lab, depth):
    shallow = copy.copy(lab.seeker)
    shallow.max_depth = depth
    data = base64.b64encode(base64.b64encode(lab.canary("one").encode() + b"..") + b"..")
    seen = list(shallow.search(b'"' + data + b'"', lab.notes.append))
    assert bool([one for one in seen if one.canary]) is (depth == 2)
    assert bool(lab.notes) is (depth < 2)
    assert all(note == f"base64 content nested more than {depth} deep was not decoded" for note in lab.notes)


def test_what_stands_beside_a_literal_tells_its_canary_from_either_side(lab):
    canary = lab.canary("one").encode()
    one = Layer(Search(lab.seeker, None, None))
    for lead in range(0, 24):
        text = b"." * lead + canary + b"...."
        decoded = Decoded("split", text, range(100, 100 + len(text)), range(101, 101 + len(text)))
        assert one._beside(decoded, 100 + lead) == "one"
        assert one._beside(decoded, 100 + lead + 22) == "one"
        assert one._beside(decoded, 99) is None
        begun = Decoded("split", text[: lead + 22], range(100, 122 + lead), range(101, 123 + lead))
        assert one._beside(begun, 100 + lead) == "one"
        ended = Decoded("split", text[lead + 10 :], range(100, 100 + len(text) - lead - 10), ())
        assert one._beside(ended, 112) == "one"


@pytest.mark.parametrize("cut", [10, 12, 14, 17])
def test_a_value_that_begins_the_data_goes_on_in_the_next(lab, cut):
    canary = lab.canary("told")
    for name in ("t", "text"):
        data = f'"{name}":"{canary[:cut]}","{name}":"{canary[cut:]}"'.encode()
        (seen, *rest) = lab.search(data)
        assert (seen.canary, seen.start, seen.forms[0]) == ("told", len(name) + 4, "plain" if cut > 12 else "split"), cut
        assert {one.canary for one in rest} <= {"told", None}


def test_a_literal_of_nobody_is_told_beside_an_attempt_that_found_nobody_either(lab):
    content = f"\x01\x02 {lab.literal}, and nothing of it more than that".encode() + FILLING[:300]
    data = bytes(cramjam.snappy.compress_raw(content))
    seen = {(one.forms, one.canary) for one in lab.search(data)}
    assert seen == {(("plain",), None), (("snappy", "plain"), None)}
