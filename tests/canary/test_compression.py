"""What is known but cannot be decoded is said, and damaged data are searched as far as they go."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import sqlite3
import zipfile
import zlib
from contextlib import suppress

import brotli
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.corpus import LEAKS, noise
from fixtures.corpus_compressed import snappy_block
from zdr_audit.canary.seeker import searched_forms
from zdr_audit.canary.snappy import decompress
from zdr_audit.evidence.sqlite import read_sqlite


def archive(content: bytes) -> bytearray:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("body.json", content)
    return bytearray(target.getvalue())


def test_an_encrypted_zip_member_is_said_not_to_be_examined(lab):
    data = archive(noise(300, b"secret"))
    data[6] |= 1
    assert lab.search(bytes(data)) == []
    assert lab.notes == ["zip data at byte 0 could be decoded only in part: it is encrypted"]


def test_an_unknown_method_of_a_zip_member_is_said(lab):
    data = archive(noise(300, b"secret"))
    data[8] = 97
    assert lab.search(bytes(data)) == []
    assert lab.notes == ["zip data at byte 0 could be decoded only in part: no decoder for method 97"]


@pytest.mark.parametrize(("name", "magic"), [("rar", b"Rar!\x1a\x07\x01\x00")])
def test_archives_without_a_decoder_are_said_not_to_be_examined(lab, name, magic):
    assert lab.search(noise(100, b"before") + magic + noise(400, b"body")) == []
    assert lab.notes == [f"{name} data at byte 100 could be decoded only in part: {name} archives are not decoded"]


@pytest.mark.parametrize(
    ("name", "compress"), [("xz", lzma.compress), ("bz2", bz2.compress), ("lz4", lz4.frame.compress)], ids=["xz", "bz2", "lz4"]
)
def test_a_compressed_stream_that_is_cut_off_is_said(lab, name, compress):
    lab.search(compress(noise(5000, b"body").hex().encode())[:-900])
    assert [note.startswith(f"{name} data at byte 0 could be decoded only in part") for note in lab.notes] == [True]


def test_false_beginnings_of_every_compression_raise_nothing(lab):
    for leak in LEAKS:
        damaged = bytearray(leak.make(noise(16, b"no canary").hex()))
        damaged[len(damaged) // 2 :] = noise(len(damaged), b"damage")
        assert lab.search(bytes(damaged)) == [], leak.name


@given(st.binary(max_size=400), st.integers(0, 4))
def test_snappy_blocks_come_back_whole(data, times):
    assert decompress(snappy_block(data * times), 10_000) == data * times


@given(st.binary(max_size=100))
def test_damaged_snappy_raises_nothing_but_a_value_error(data):
    with suppress(ValueError):
        decompress(data, 5000)


def test_a_raw_deflate_value_among_plain_rows_is_found(lab, tmp_path):
    canary = lab.canary("cell")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    value = packer.compress(json.dumps({"prompt": f"{canary[27:]} {canary[3:15]} {canary[14:27]}-{canary}" * 3}).encode()) + packer.flush()
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("create table bodies (body)")
        connection.executemany("insert into bodies values (?)", [("plain",), (value,), ("plain",)])
    connection.close()
    hits = read_sqlite("db", tmp_path / "app.db", lab.seeker).hits
    assert [(hit.location, hit.forms, hit.canary) for hit in hits] == [("row 2, column body", ("deflate", "plain"), "cell")]


def test_every_form_that_the_corpus_plants_is_among_the_searched_ones():
    searched = set(searched_forms())
    orders = {"utf-16le", "utf-16be", "utf-32le", "utf-32be", "base64url"}
    assert {form for leak in LEAKS for form in leak.forms} - orders <= searched
    assert "rar" not in searched


def test_a_canary_behind_much_that_brotli_shortens_well_is_seen(lab):
    data = brotli.compress(b"the ships lie in the harbour, and all is quiet\n" * 50_000 + lab.canary("late").encode())
    assert [(seen.canary, seen.forms) for seen in lab.search(data)] == [("late", ("brotli", "plain"))]
