"""Hostile data cost bounded work, and what was not examined for that reason is said."""

from __future__ import annotations

import base64
import gzip
import re
import tracemalloc
import zlib

MIB = 1024 * 1024


def bomb(decoded: int) -> bytes:
    """A gzip member of zeros. One compressed stretch is repeated, so the checksum at its end is wrong, where no search should arrive."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stretch = packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03" + stretch * (decoded // (16 * MIB)) + b"\x03\x00" + bytes(8)


def test_a_bomb_of_1_gib_in_1_mib_is_stopped_and_reported(labs):
    lab = labs(max_inflate_bytes=64 * MIB, max_ratio=50)
    data = bomb(1024 * MIB)
    assert len(data) < 1.1 * MIB
    tracemalloc.start()
    assert lab.search(data) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * MIB
    (note,) = lab.notes
    decoded = int(re.search(r"decoding stopped after (\d+) bytes", note)[1])
    assert 64 * MIB < decoded < 66 * MIB


def test_a_bomb_inside_a_bomb_is_stopped_by_the_same_bound(labs):
    lab = labs(max_inflate_bytes=32 * MIB, max_ratio=50)
    assert lab.search(gzip.compress(bomb(512 * MIB))) == []
    assert "decoding stopped" in lab.notes[0]


def test_what_a_bomb_held_before_the_bound_is_still_found(labs):
    lab = labs(max_inflate_bytes=4 * MIB, max_ratio=2)
    canary = lab.canary("early")
    data = gzip.compress(canary.encode() + bytes(32 * MIB))
    assert [(seen.canary, seen.forms) for seen in lab.search(data)] == [("early", ("gzip", "plain"))]
    assert "decoding stopped" in lab.notes[0]


def test_a_large_honest_stream_is_read_to_its_end(labs):
    lab = labs(max_inflate_bytes=MIB)
    canary = lab.canary("late")
    data = gzip.compress(b"".join(b"line %d\n" % number for number in range(400_000)) + canary.encode(), 1)
    assert [seen.canary for seen in lab.search(data)] == ["late"]
    assert lab.notes == []


def test_plain_data_after_a_bomb_are_still_searched(labs):
    lab = labs(max_inflate_bytes=4 * MIB, max_ratio=2)
    canary = lab.canary("after")
    assert [seen.canary for seen in lab.search(bomb(32 * MIB) + canary.encode())] == ["after"]


def nested(content: bytes, times: int) -> bytes:
    for _ in range(times):
        content = base64.b64encode(gzip.compress(content))
    return content


def test_encodings_are_opened_to_the_stated_depth_and_no_deeper(labs):
    lab = labs(max_depth=6)
    canary = lab.canary("deep")
    (seen,) = lab.search(nested(canary.encode(), 3))
    assert (seen.canary, seen.forms) == ("deep", ("base64", "gzip") * 3 + ("plain",))
    assert lab.notes == []
    assert lab.search(nested(canary.encode(), 4)) == []
    assert lab.notes == ["base64 content nested more than 6 deep was not opened"]


def test_what_is_told_by_its_magic_and_without_one_is_decoded_once(labs):
    lab = labs()
    canary = lab.canary("once")
    for seconds in range(1_795_680_000, 1_795_680_000 + 256 * 64, 64):
        # With some times in its header, gzip begins as raw Brotli may too.
        packed = base64.b64encode(gzip.compress(canary.encode() + b" and what else was said that day", mtime=seconds))
        assert [(seen.canary, seen.forms) for seen in lab.search(packed)] == [("once", ("base64", "gzip", "plain"))], seconds


def test_a_stream_cut_off_is_searched_as_far_as_it_goes_and_reported(lab):
    canary = lab.canary("cut")
    whole = gzip.compress(f"{canary}".encode() + bytes(range(256)) * 400)
    assert [seen.canary for seen in lab.search(whole[:-20])] == ["cut"]
    assert lab.notes == ["gzip data at byte 0 could be decoded only in part: the stream is cut off"]


def test_a_stream_with_damaged_bytes_is_searched_up_to_the_damage(lab):
    canary = lab.canary("before the damage")
    lines = b"".join(b"%d line %s\n" % (number, bytes([97 + number % 26])) for number in range(3000))
    whole = bytearray(gzip.compress(canary.encode() + lines))
    whole[3000:3040] = b"\xff" * 40
    assert [seen.canary for seen in lab.search(bytes(whole))] == ["before the damage"]
    assert len(lab.notes) == 1
    assert lab.notes[0].startswith("gzip data at byte 0 could be decoded only in part: Error -3")


def test_false_beginnings_without_end_are_bounded_and_reported(labs):
    lab = labs(max_inflate_bytes=MIB, max_ratio=1)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    assert lab.search(header * 20_000) == []
    assert len(lab.notes) <= 11
    assert any("only the first reasons" in note for note in lab.notes)


def test_a_flood_of_sightings_is_bounded_and_reported(labs):
    lab = labs(max_sightings=50)
    data = b"\n".join(lab.mint.new().encode() for _ in range(500))
    assert 50 <= len(lab.search(data)) < 60
    assert lab.notes == ["the search stopped at 50 sightings; the rest was not examined"]


def test_two_bytes_that_look_like_zlib_raise_no_note(lab):
    assert lab.search(b"x^2 + y^2 = z^2, x\x9c\xfe, x\xda" * 1000) == []
    assert lab.notes == []


def test_a_large_stream_of_encoded_text_needs_little_memory(labs):
    lab = labs()
    canary = lab.canary("late")
    lines = b"".join(b"entry %d of the log\n" % number for number in range(500_000))
    data = base64.b64encode(gzip.compress(lines + canary.encode(), 1, mtime=0))
    chunks = [data[at : at + 65536] for at in range(0, len(data), 65536)]
    del data, lines
    tracemalloc.start()
    seen = lab.search(chunks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [sighting.canary for sighting in seen] == ["late"]
    assert peak < 12 * MIB
