"""Container files as the usual libraries write them: of every codec each canary is found, and what cannot be decoded is said."""

from __future__ import annotations

import io
import re
import zlib

import fastavro
import py7zr
import pyarrow
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.corpus import LEAKS, noise
from fixtures.corpus_containers import CONTAINERS, lz4_block, parquet, pglz
from fixtures.corpus_written import lzw
from zdr_audit.canary import blocks, pdf, sevenzip, snappy
from zdr_audit.canary.containers import CONTAINERS as OPENERS
from zdr_audit.canary.walk import Walk

ROWS = 40


def texts(lab) -> list[str]:
    """Rows in which compressors find the pieces of the canary before the canary, and most of one row in the one before."""
    canaries = [lab.canary(f"c{number}") for number in range(ROWS)]
    return [f'{c[27:]} {c[3:15]} {c[14:27]}-INFO request {{"prompt": "please join {c} and answer"}}\n' * 3 for c in canaries]


def table(lab) -> pyarrow.Table:
    return pyarrow.table({"id": range(ROWS), "body": texts(lab)})


def found(lab, data: bytes, step: int = 700) -> set[str | None]:
    whole = {seen.canary for seen in lab.search(data)}
    assert {seen.canary for seen in lab.search(data[at : at + step] for at in range(0, len(data), step))} == whole
    return whole


EVERY = {f"c{number}" for number in range(ROWS)}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_every_row_of_a_parquet_file_is_seen(lab, codec, dictionary, version):
    target = io.BytesIO()
    pyarrow.parquet.write_table(
        table(lab),
        target,
        compression=codec,
        use_dictionary=dictionary,
        data_page_version=version,
        row_group_size=17,
        write_page_index=True,
    )
    assert found(lab, target.getvalue()) == EVERY
    assert lab.notes == []


def test_a_parquet_file_that_is_cut_off_is_read_as_far_as_it_goes_and_said(lab):
    target = io.BytesIO()
    pyarrow.parquet.write_table(table(lab), target, compression="snappy", row_group_size=5)
    data = target.getvalue()
    assert len(found(lab, data[: len(data) // 2])) >= 5
    assert lab.notes[0] == "parquet data at byte 0 could be decoded only in part: the file is cut off"


def test_a_page_that_cannot_be_decoded_is_said(lab):
    data = parquet(3, lambda content: noise(len(content) - 5, b"LZO"))(b"text" * 40)
    assert lab.search(data) == []
    assert re.fullmatch(r"parquet data at byte 0 could be decoded only in part: 2 pages could not be decoded \(first: .*\)", lab.notes[0])


def test_a_parquet_file_with_an_encrypted_footer_is_said(lab):
    assert lab.search(b"PARE" + noise(400, b"encrypted") + b"PARE") == []
    assert lab.notes == ["parquet data at byte 0 could be decoded only in part: it is encrypted"]


def test_the_parquet_files_of_the_corpus_are_such_as_others_can_read():
    for leak in CONTAINERS:
        if leak.name.startswith("parquet") and not leak.name.endswith("blob"):
            read = pyarrow.parquet.read_table(io.BytesIO(leak.make("canary"))).column("body").to_pylist()
            assert b"canary" in read[1], leak.name


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard", "bzip2", "xz"])
def test_every_record_of_an_avro_file_is_seen(lab, codec):
    schema = {"type": "record", "name": "request", "fields": [{"name": "body", "type": "string"}]}
    target = io.BytesIO()
    fastavro.writer(target, schema, [{"body": text} for text in texts(lab)], codec=codec, sync_interval=2000)
    assert found(lab, target.getvalue()) == EVERY
    assert lab.notes == []


def test_an_avro_file_that_is_cut_off_is_said(lab):
    (leak,) = [leak for leak in CONTAINERS if leak.name == "avro-snappy"]
    lab.search(leak.make(lab.canary("c"))[:-30])
    assert lab.notes == ["avro data at byte 0 could be decoded only in part: the file is cut off"]


@pytest.mark.parametrize("codec", ["uncompressed", "zlib", "snappy", "lz4", "zstd"])
def test_every_row_of_an_orc_file_is_seen(lab, codec):
    target = io.BytesIO()
    pyarrow.orc.write_table(table(lab), target, compression=codec)
    assert found(lab, target.getvalue()) == EVERY
    assert lab.notes == []


@pytest.mark.parametrize("codec", ["uncompressed", "lz4", "zstd"])
def test_every_row_of_an_arrow_file_is_seen(lab, codec):
    target = io.BytesIO()
    pyarrow.feather.write_feather(table(lab), target, compression=codec)
    assert found(lab, target.getvalue()) == EVERY
    assert lab.notes == []


def archive(content: str, filters: list[dict[str, int]] | None, **options: object) -> bytes:
    target = io.BytesIO()
    with py7zr.SevenZipFile(target, "w", filters=filters, **options) as made:
        made.writestr(content, "body.json")
        made.writestr("nothing of interest", "other.txt")
    return target.getvalue()


FILTERS = {
    name: [{"id": getattr(py7zr, f"FILTER_{name}")} | ({"preset": 6} if "LZMA" in name else {})]
    for name in ("LZMA2", "LZMA", "BZIP2", "ZSTD", "DEFLATE")
}
FILTERS |= {
    "PPMD": [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 24}],
    "BROTLI": [{"id": py7zr.FILTER_BROTLI, "level": 5}],
    "DELTA": [{"id": py7zr.FILTER_DELTA}, {"id": py7zr.FILTER_LZMA2, "preset": 6}],
    "X86": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 6}],
    "COPY": [{"id": py7zr.FILTER_COPY}],
}


@pytest.mark.parametrize("name", FILTERS)
def test_every_line_of_a_7z_archive_is_seen(lab, name):
    assert found(lab, archive("".join(texts(lab)), FILTERS[name])) == EVERY
    assert lab.notes == []


@pytest.mark.parametrize("name", ["LZMA2", "LZMA", "BZIP2", "ZSTD", "DEFLATE"])
def test_every_line_of_a_7z_archive_is_seen_without_the_library_for_them(lab, name, monkeypatch):
    monkeypatch.setattr(sevenzip, "_reader", lambda: None)
    assert found(lab, archive("".join(texts(lab)), FILTERS[name])) == EVERY
    assert lab.notes == []


def test_7z_streams_that_nothing_fits_are_said(lab, monkeypatch):
    locked = archive("".join(texts(lab)), None, password="secret")
    packed = archive("".join(texts(lab.__class__(**vars(lab)))), FILTERS["PPMD"])
    assert lab.search(locked) == []
    monkeypatch.setattr(sevenzip, "_reader", lambda: None)
    assert lab.search(packed) == []
    assert len(lab.notes) == 2
    assert all("encrypted, stored as they are, or packed in a way that is not decoded" in note for note in lab.notes)


def test_a_7z_archive_that_decodes_to_more_than_its_bound_is_not_read_by_the_library(monkeypatch):
    monkeypatch.setattr(sevenzip, "MOST_DECODED", 10_000)
    assert sevenzip._members(archive("a" * 9_000, None)) is not None
    assert sevenzip._members(archive("a" * 12_000, None)) is None


def test_runs_of_bytes_in_a_pdf_are_read(labs):
    lab = labs("zzz477h299")
    canary = lab.canary("planted")
    packed = b"".join(
        bytes([257 - len(run), run[0]]) if len(run) > 1 else b"\x00" + run
        for run in (match[0] for match in re.finditer(rb"(.)\1*", canary.encode(), re.DOTALL))
    )
    data = b"%PDF-1.4\n1 0 obj <</Length 99 /Filter /RunLengthDecode>> stream\n" + packed + b"\x80\nendstream endobj"
    assert ("planted", ("pdf", "plain")) in {(seen.canary, seen.forms) for seen in lab.search(data)}


@given(st.binary(max_size=4000))
def test_lzw_comes_back_whole(data):
    assert not data or pdf.unlzw(lzw(data)) == data


def test_a_stored_member_of_a_rar_archive_is_seen_and_the_archive_listed_as_not_decoded(lab):
    canary = lab.canary("stored")
    data = b"Rar!\x1a\x07\x01\x00" + noise(40, b"head") + f"text {canary} text".encode() + noise(20, b"tail")
    assert [(seen.canary, seen.forms) for seen in lab.search(data)] == [("stored", ("plain",))]
    assert lab.notes == ["rar data at byte 0 could be decoded only in part: rar archives are not decoded"]


def test_damaged_containers_raise_nothing(lab):
    for leak in LEAKS:
        whole = leak.make("0" * 32)
        for share in (3, 5, 9):
            damaged = bytearray(whole)
            damaged[len(damaged) // share :: 37] = noise(len(damaged[len(damaged) // share :: 37]), leak.name.encode())
            assert lab.search(bytes(damaged)) == [], leak.name


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([opener for opener in OPENERS if opener.patterns]), st.integers(1, 50))
def test_false_beginnings_of_containers_raise_nothing(labs, data, opener, step):
    lab = labs("zqx482j913")
    start = opener.patterns[0][0]
    assert lab.search((start + data)[at : at + step] for at in range(0, len(start + data), step)) == []
    decoder = opener.decoder()
    list(decoder.feed(start + data))
    list(decoder.close())
    assert decoder.ended or isinstance(decoder, Walk)


@given(st.binary(max_size=300), st.integers(0, 5))
def test_blocks_come_back_whole(data, times):
    content = data * times + b"end"
    assert blocks.lz4_block(lz4_block(content), len(content)) == content
    assert blocks.unlz4(len(content).to_bytes(4, "little") + lz4_block(content)) == content
    assert pglz(content) or not content


@given(st.binary(max_size=200))
def test_damaged_blocks_raise_nothing_but_a_value_error(data):
    for decode in (blocks.inflate, blocks.lz4_block, blocks.lz4_hadoop, blocks.unbrotli, snappy.decompress):
        try:
            assert len(decode(data, 5000)) <= 5000
        except ValueError:
            continue
    for check in (blocks.is_snappy_block, blocks.is_lz4_block):
        assert check(data) in (True, False)


def test_a_file_of_duckdb_is_said_not_to_be_examined(labs):
    lab = labs()
    head = bytes(8) + b"DUCK" + (64).to_bytes(8, "little") + bytes(4076)
    assert lab.search(head + bytes(range(256)) * 40) == []
    assert lab.notes == ["duckdb data at byte 0 could be decoded only in part: text that a DuckDB file packs (FSST) is not decoded"]


def test_a_record_is_none_where_its_end_is_not_that_of_the_object(labs):
    lab = labs()
    field = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = field.compress(f"some words and {lab.canary('c')} and others".encode()) + field.flush()
    record = b"\x81\xa4body\xc4" + bytes([len(content)]) + content
    assert [(seen.canary, seen.forms) for seen in lab.search(record)] == [("c", ("record", "plain"))]
    assert lab.search(record + b"\xc1") == lab.search(record[:-3]) == []
