"""What SQLite leaves behind in its files when rows are gone, as SQLite itself wrote it."""

from __future__ import annotations

import base64
import gzip
import re
import shutil
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_files import connect, fill, live, residue

from fixtures.corpus import noise
from zdr_audit.canary.mint import Mint
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence.sqlite import read_sqlite


def test_a_database_in_utf_16_is_read_live_and_raw(lab, path):
    with connect(path) as connection:
        connection.execute("pragma encoding = 'UTF-16le'")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (lab.canary("kept"),))
        connection.execute("insert into bodies values (?)", (lab.canary("deleted"),))
        connection.execute("delete from bodies where rowid = 2")
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"kept": "bodies: row 1, column body"}
    assert set(residue(reading)) == {"deleted"}


def test_a_deleted_row_is_residue_with_its_page(lab, path):
    fill(path, lab.canary("kept"), lab.canary("deleted"))
    with connect(path) as connection:
        connection.execute("delete from bodies where id = 2")
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"kept": "bodies: row 1, column body"}
    (location,) = residue(reading).values()
    start, end = map(int, location.removeprefix("page 2, bytes ").split("-"))
    assert path.read_bytes()[start:end].startswith(lab.registry.literal.encode())
    (hit,) = [hit for hit in reading.hits if hit.residue]
    assert (hit.object, hit.canary) == ("app.db", "deleted")


def test_a_row_that_secure_delete_wiped_is_not_found(lab, path):
    fill(path, lab.canary("wiped"))
    with connect(path) as connection:
        connection.execute("pragma secure_delete = on")
        connection.execute("delete from bodies")
    assert read_sqlite("db", path, lab.seeker).hits == ()


def test_pages_freed_by_dropping_a_table_are_residue(lab, path):
    fill(path, *(f"{lab.canary(f'dropped {number}')}{'x' * 500}" for number in range(100)))
    with connect(path) as connection:
        connection.execute("drop table bodies")
    reading = read_sqlite("db", path, lab.seeker)
    assert not live(reading)
    assert len(residue(reading)) > 90  # the page that became the trunk of the free list is overwritten in part


def test_a_live_canary_is_residue_too_where_it_lies_on_a_free_page(lab, path):
    canary = lab.canary("both")
    fill(path, *[f"{canary}{'x' * 3000}"] * 10)
    with connect(path) as connection:
        connection.execute("create table copy (body)")
        connection.execute("insert into copy values (?)", (canary,))
        connection.execute("drop table bodies")
    reading = read_sqlite("db", path, lab.seeker)
    assert live(reading) == {"both": "copy: row 1, column body"}
    assert set(residue(reading)) == {"both"}


def test_canaries_that_page_borders_cut_in_live_rows_are_no_residue(lab, path):
    # 4092 bytes of content an overflow page: 40 starts, one byte apart, put the border at every place of a canary.
    canary = lab.canary("cut")
    fill(path, *("x" * (12_200 + start) + canary + "y" * 9000 for start in range(0, 4092 + 40, 1) if start % 4092 < 40 or start % 100 == 0))
    reading = read_sqlite("db", path, lab.seeker)
    assert set(live(reading)) == {"cut"}
    assert not residue(reading)


@pytest.mark.parametrize("encode", [str.encode, lambda text: base64.b64encode(text.encode()), lambda text: text.encode("utf-16le")])
def test_canaries_that_page_borders_cut_in_deleted_rows_keep_their_name(lab, path, encode):
    # Rows of 9000 bytes keep about 820 in the b-tree page, then fill overflow pages of 4092: a border stands at about 4910.
    starts = range(4910 - 100, 4910 + 10)
    bodies = [b"x" * start + encode(lab.canary(f"cut {start}")) for start in starts]
    fill(path, "z" * 20_000, *(body + b"y" * (9000 - len(body)) for body in bodies))
    with connect(path) as connection:
        connection.execute("delete from bodies")
    found = residue(read_sqlite("db", path, lab.seeker))
    assert set(found) == {f"cut {start}" for start in starts}


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed_values_deleted_from_overflow_pages_are_decompressed_across_them(lab, path, pack):
    text = noise(17_000, b"text").hex()
    bodies = [pack(f"{text}{number}{lab.canary(f'zipped {number}')}".encode()) for number in range(24)]
    # Five overflow pages and 600 bytes in the b-tree page, so that several rows share one and it stays in use.
    fill(path, "z" * 20_000, *(body + noise(21_049 - len(body), b"padding") for body in bodies))
    with connect(path) as connection:
        connection.execute("delete from bodies where id = 1 or id % 3 = 2")
    reading = read_sqlite("db", path, lab.seeker)
    assert set(live(reading)) == {f"zipped {number}" for number in range(24) if number % 3}
    assert set(residue(reading)) == {f"zipped {number}" for number in range(24) if number % 3 == 0}
    stored = path.read_bytes()
    for page, start, end, following in (map(int, re.findall(r"\d+", location)) for location in residue(reading).values()):
        assert f"page {page}, bytes {start}-{end}, and overflow from page {following}" in residue(reading).values()
        assert stored[start:].startswith(pack(b"")[:2])
        assert stored[end : end + 4] == following.to_bytes(4)
        assert (page - 1) * 4096 < start < end <= page * 4096 - 4
    assert {hit.forms[-1] for hit in reading.hits} == {"plain"}
    assert reading.not_examined == ()


def test_a_literal_stored_cut_in_a_live_row_is_a_live_hit_of_nobody_and_no_residue(lab, path):
    fill(path, f"title: {lab.canary('one')[:12]}...")
    reading = read_sqlite("db", path, lab.seeker)
    assert [(hit.object, hit.canary, hit.residue) for hit in reading.hits] == [("bodies", None, False)]


def test_a_row_deleted_again_stays_residue_in_the_write_ahead_log(lab, path):
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (lab.canary("gone"),))
        connection.execute("update bodies set body = ?", ("y" * 3900,))
        reading = read_sqlite("db", path, lab.seeker)
    assert not live(reading)
    (hit,) = [hit for hit in reading.hits if hit.residue]
    assert (hit.object, hit.canary) == ("app.db-wal", "gone")
    assert hit.location.startswith("frame 2, page 2, bytes ") or hit.location.startswith("frame 3, page 2, bytes ")


def test_a_cut_literal_in_an_old_frame_is_residue_where_other_data_now_stand(lab, path):
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (f"{lab.canary('one')[:12]} and what follows it",))
        connection.execute("update bodies set body = ?", ("other data of the same length 4567",))
        reading = read_sqlite("db", path, lab.seeker)
    assert [(hit.object, hit.canary, hit.residue) for hit in reading.hits] == [("app.db-wal", None, True)]


def test_an_uncommitted_row_in_the_log_is_residue(lab, path):
    with connect(path, cached_statements=0) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma cache_size = 1")
        connection.execute("create table bodies (body)")
        connection.execute("begin")
        connection.executemany("insert into bodies values (?)", [(f"{lab.canary(f'c{number}')}{'x' * 3000}",) for number in range(50)])
        reading = read_sqlite("db", path, lab.seeker)
        connection.execute("rollback")
    assert not live(reading)
    assert len(residue(reading)) > 10


def test_canaries_cut_by_page_borders_in_the_log_are_no_residue_while_live(lab, path):
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (body)")
        canary = lab.canary("cut")
        for start in range(0, 45):
            connection.execute("insert into bodies values (?)", ("x" * (12_180 + start) + canary + "y" * 5000,))
        reading = read_sqlite("db", path, lab.seeker)
    assert set(live(reading)) == {"cut"}
    assert not residue(reading)


def test_what_an_old_frame_of_the_log_holds_is_named_by_frame_page_and_bytes(lab, path, tmp_path):
    gone = lab.canary("gone")
    with connect(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("create table bodies (id integer primary key, body)")
        connection.execute("insert into bodies values (1, ?)", (f"{'x' * 300}{gone}",))
        connection.execute("pragma secure_delete = on")
        connection.execute("delete from bodies")
        shutil.copytree(path.parent, tmp_path / "seized")
    wal = tmp_path / "seized" / "app.db-wal"
    log = wal.read_bytes()
    at = log.index(gone.encode())
    wal.write_bytes(log + b"torn " + lab.canary("torn").encode())
    hits = [
        (hit.object, hit.location, hit.canary, hit.residue) for hit in read_sqlite("db", tmp_path / "seized" / "app.db", lab.seeker).hits
    ]
    assert hits == [
        ("app.db-wal", f"frame {(at - 32) // 4120 + 1}, page 2, bytes {at}-{at + 32}", "gone", True),
        ("app.db-wal", f"bytes {len(log) + 5}-{len(log) + 37}", "torn", True),
    ]


def test_a_database_of_other_page_sizes_is_read(lab, tmp_path):
    for size in (512, 1024, 65536):
        path = tmp_path / f"{size}.db"
        with connect(path) as connection:
            connection.execute(f"pragma page_size = {size}")
            connection.execute("create table bodies (id integer primary key, body)")
            for name in ("kept", "gone"):
                connection.execute("insert into bodies (body) values (?)", (f"{'x' * 3000}{lab.canary(f'{name} {size}')}{'y' * 3000}",))
            connection.execute("delete from bodies where id = 2")
        reading = read_sqlite("db", path, lab.seeker)
        assert (set(live(reading)), set(residue(reading))) == ({f"kept {size}"}, {f"gone {size}"}), size


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000)), min_size=1, max_size=12),
    deleted=st.sets(st.integers(1, 12)),
    wal=st.booleans(),
)
def test_live_rows_are_live_and_nothing_that_was_not_written_is_found(sizes, deleted, wal):
    registry = Registry("zqx482j913", b"key")
    mint, seeker = Mint("zqx482j913"), Seeker("zqx482j913", registry.identify)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.db"
        with connect(path) as connection:
            connection.execute(f"pragma journal_mode = {'wal' if wal else 'delete'}")
            connection.execute("create table bodies (id integer primary key, body)")
            for number, (before, after) in enumerate(sizes, 1):
                canary = mint.new()
                registry.add(str(number), canary)
                connection.execute("insert into bodies values (?, ?)", (number, "x" * before + canary + "y" * after))
            connection.executemany("delete from bodies where id = ?", [(number,) for number in deleted])
            reading = read_sqlite("db", path, seeker)
    written = {str(number) for number in range(1, len(sizes) + 1)}
    kept = written - {str(number) for number in deleted}
    assert set(live(reading)) == kept
    assert set(residue(reading)) - {None} <= written  # None: what is left where SQLite moved a row over an old one
    assert reading.not_examined == ()
