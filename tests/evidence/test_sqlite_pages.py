"""The pages are compared with what SQLite itself makes of the same files."""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
from collections import Counter
from contextlib import closing
from itertools import count, takewhile
from pathlib import Path

import pytest

from zdr_audit.evidence.sqlite_pages import Pages


def writer(path: Path, page_size: int = 1024) -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=0)
    connection.execute(f"pragma page_size = {page_size}")
    connection.execute("pragma wal_autocheckpoint = 0")
    connection.execute("pragma synchronous = off")  # nothing crashes here
    return closing(connection)


def seize(path: Path, folder: Path) -> tuple[Pages, bytes, int]:
    """The pages of a copy of the files as they are; another copy after a checkpoint by SQLite; and its count of free pages."""
    for name in ("raw", "settled"):
        (folder / name).mkdir()
        for file in (path, path.with_name(f"{path.name}-wal")):
            if file.exists():
                shutil.copy(file, folder / name / file.name)
    with closing(sqlite3.connect(folder / "settled" / path.name)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        free = connection.execute("pragma freelist_count").fetchone()[0]
    wal = folder / "raw" / f"{path.name}-wal"
    return Pages(folder / "raw" / path.name, wal if wal.exists() else None), (folder / "settled" / path.name).read_bytes(), free


def agree(pages: Pages, settled: bytes, free: int) -> None:
    for number in range(1, len(settled) // pages.size + 1):
        assert pages.page(number) == settled[(number - 1) * pages.size : number * pages.size], number
    assert len(pages.free) == free
    pages.close()


def test_pages_in_a_log_of_several_generations_with_an_unfinished_transaction(tmp_path):
    path = tmp_path / "app.db"
    with writer(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (id integer primary key, body)")
        connection.executemany("insert into t (body) values (?)", [(str(number) * 400,) for number in range(300)])
        connection.execute("delete from t where id % 3 = 0")
        connection.execute("pragma wal_checkpoint(restart)")
        connection.execute("update t set body = 'new' where id < 20")  # overwrites the start of the log: old frames follow new ones
        connection.execute("pragma cache_size = 1")
        connection.execute("begin")
        connection.execute("update t set body = 'unfinished ' || body where id < 100")
        pages, settled, free = seize(path, tmp_path)
        connection.execute("rollback")
    generations = {frame.current for frame in pages.frames}
    assert generations == {True, False}
    assert any(pages.in_log(number) for number in range(1, 50))
    agree(pages, settled, free)


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_free_pages_on_several_trunks(tmp_path, page_size):
    path = tmp_path / "app.db"
    with writer(path, page_size) as connection:
        connection.execute("create table t (body)")
        connection.executemany("insert into t values (?)", [("x" * page_size,) for _ in range(400)])
        connection.execute("delete from t")
    pages, settled, free = seize(path, tmp_path)
    assert free > 390
    agree(pages, settled, free)


def test_a_chain_that_runs_in_a_circle_ends(tmp_path):
    path = tmp_path / "app.db"
    with writer(path) as connection:
        connection.execute("create table t (body)")
        connection.execute("insert into t values (?)", ("x" * 5000,))
    with path.open("r+b") as database:
        for page, following in ((3, 4), (4, 3)):
            database.seek((page - 1) * 1024)
            database.write(following.to_bytes(4))
        database.seek(32)
        database.write((3).to_bytes(4))
    pages = Pages(path, None)
    assert len(list(pages.chain(3))) == 2
    assert {3, 4} <= pages.free
    pages.close()


MAGIC = b"SQLite format 3\x00"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "or an encrypted one"),
        (MAGIC, "or an encrypted one"),
        (MAGIC + b"\x04\x00" + bytes(81), "or an encrypted one"),
        (b"x" * 4096, "or an encrypted one"),
        (MAGIC + b"\x03\x00" + bytes(100), "its page size is 768"),
        (MAGIC + b"\x05\x00" + bytes(100), "its page size is 1280"),
        (MAGIC + b"\x01\x00" + bytes(100), "its page size is 256"),
        (MAGIC + bytes(100), "its page size is 0"),
    ],
)
def test_what_is_no_database_is_refused(tmp_path, content, words):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=f"^not a SQLite database.*{words}$"):
        Pages(tmp_path / "file", None)


def unused(page: bytes, base: int) -> list[range]:
    """What SQLite itself calls unused in a b-tree page: the room before the cells' content, and the list of blocks that deletions freed."""
    kind, block, cells, content = struct.unpack_from(">BHHH", page, base)
    found = [range(base + (12 if kind in (2, 5) else 8) + 2 * cells, content or 65536)]
    while block:
        following, size = struct.unpack_from(">HH", page, block)
        found.append(range(block, block + size))
        block = following
    return [room for room in found if room]


def agree_on_what_is_live(pages: Pages) -> Counter[int]:
    """Of every b-tree page without fragments: what SQLite calls unused is not live, and every byte at its edges is. The pages looked at, by kind."""
    kinds: Counter[int] = Counter()
    for number in takewhile(pages.page, count(1)):
        if number in pages.free:
            continue
        page, base = pages.page(number), 100 if number == 1 else 0
        if page[base] not in (2, 5, 10, 13) or page[base + 7]:
            continue
        rooms = unused(page, base)
        edges = {at for room in rooms for at in (room[0] - 1, room[-1] + 1)} | {0, pages.usable - 1}
        for room in rooms:
            assert not pages.is_live(number, room[0], room[-1] + 1), (number, room)
        for at in edges - {pages.usable} - {at for room in rooms for at in room}:
            assert pages.is_live(number, at, at + 1), (number, at)
        kinds[page[base]] += len(rooms) > 1
    return kinds


LENGTHS = [*range(60, 270, 3), *range(955, 1000), *range(1000, 4200, 61)]


@pytest.mark.parametrize(("page_size", "seed"), [(512, 1), (1024, 2), (1024, 3), (4096, 4)])
def test_what_is_live_in_a_page_is_what_sqlite_does_not_call_unused(tmp_path, page_size, seed):
    chance = random.Random(seed)
    path = tmp_path / "app.db"
    edge = [*range(page_size - 60, page_size - 20)] * 2  # where a row begins to need another page
    lengths = [*LENGTHS, *edge, *(chance.randrange(4 * page_size) for _ in range(150))]
    chance.shuffle(lengths)
    with writer(path, page_size) as connection:
        connection.execute("pragma secure_delete = off")
        for name in ("first", "dropped", "last"):
            connection.execute(f"create table {name} (id integer primary key, body blob)")
        for number, length in enumerate(lengths):
            row = (number % 4 - 2) << (number % 60)  # row ids of one to nine bytes
            connection.execute("insert or ignore into last values (?, zeroblob(?))", (row * 2 + 1, chance.randrange(40, 90)))
            connection.execute("insert or ignore into last values (?, zeroblob(?))", (row * 2, length))
        connection.executemany("insert into first values (?, zeroblob(?))", [(2 * n, length) for n, length in enumerate(lengths)])
        connection.executemany("insert into first values (?, zeroblob(30))", [(2 * n + 1,) for n in range(len(lengths))])
        connection.execute("delete from last where id % 2 = 1")
        gone = [n for n in range(2 * len(lengths)) if chance.random() < 0.3]
        connection.executemany("delete from first where id = ?", [(n,) for n in gone])
        connection.execute("drop table dropped")
    pages = Pages(path, None)
    kinds = agree_on_what_is_live(pages)
    assert kinds[13] > 20
    assert len(unused(pages.page(1), 100)) > 1
    pages.close()


@pytest.mark.parametrize("page_size", [512, 1024, 4096])
def test_what_is_live_in_an_index_is_what_sqlite_does_not_call_unused(tmp_path, page_size):
    path = tmp_path / "app.db"
    with writer(path, page_size) as connection:
        connection.execute("pragma secure_delete = off")
        connection.execute("create table t (key blob primary key) without rowid")
        edge = (page_size - 12) * 64 // 255 - 23
        keys = [
            random.Random(length).randbytes(length) for length in (*range(30, 300), *range(edge - 30, edge + 30), *range(300, 4200, 61))
        ]
        connection.executemany("insert or ignore into t values (?)", [(key,) for key in keys])
        connection.executemany("delete from t where key = ?", [(key,) for key in sorted(keys)[::3]])
    pages = Pages(path, None)
    kinds = agree_on_what_is_live(pages)
    assert kinds[10] > 15
    assert kinds[2] > 0 or page_size == 4096
    pages.close()


def test_overflow_pages_are_live_and_free_pages_are_not(tmp_path):
    path = tmp_path / "app.db"
    with writer(path) as connection:
        connection.execute("create table kept (body)")
        connection.execute("insert into kept values (zeroblob(5000))")
        connection.execute("create table gone (body)")
        connection.execute("insert into gone values (zeroblob(5000))")
        connection.execute("drop table gone")
    pages = Pages(path, None)
    links = int.from_bytes(pages.page(2)[-4:])
    assert b"".join(pages.chain(links)).rstrip(b"\x00") == b""
    assert len(list(pages.chain(links))) == 4
    assert pages.is_live(links, 0, 1)
    assert pages.is_live(links, 1020, 1024)
    assert pages.free
    assert not any(pages.is_live(number, 0, 1024) for number in pages.free)
    assert pages.is_live(999, 0, 1)  # what is not there can be told apart from nothing
    pages.close()


def test_bytes_that_a_database_reserves_at_the_end_of_each_page_are_no_content(tmp_path):
    """SQLite has no setting for it: extensions that encrypt or sum up pages ask for it, and the header of an empty database says so."""
    path = tmp_path / "app.db"
    with writer(path) as connection:
        connection.execute("vacuum")
    with path.open("r+b") as database:
        database.seek(20)
        database.write(b"\x20")
        database.seek(105)
        database.write((1024 - 32).to_bytes(2))
    body = bytes(range(256)) * 20
    with writer(path) as connection:
        connection.execute("pragma secure_delete = off")
        connection.execute("create table t (body)")
        connection.executemany("insert into t values (zeroblob(?))", [(length,) for length in LENGTHS])
        connection.execute("delete from t where rowid % 2 = 1")
        connection.execute("create table long (body)")
        connection.execute("insert into long values (?)", (body,))
        root = connection.execute("select rootpage from sqlite_master where name = 'long'").fetchone()[0]
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
    pages = Pages(path, None)
    assert (pages.size, pages.usable) == (1024, 992)
    assert agree_on_what_is_live(pages)[13] > 20
    page = pages.page(root)[: pages.usable]
    overflow = b"".join(pages.chain(int.from_bytes(page[-4:])))
    (at,) = struct.unpack_from(">H", page, 8)
    assert body in page[at:-4] + overflow
    pages.close()


def logged(tmp_path: Path) -> Path:
    """A database that grew in its log alone."""
    path = tmp_path / "app.db"
    with writer(path) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (body)")
        connection.executemany("insert into t values (?)", [("x" * 900,) for _ in range(6)])
        (tmp_path / "seized").mkdir()
        for file in (path, path.with_name("app.db-wal")):
            shutil.copy(file, tmp_path / "seized" / file.name)
    return tmp_path / "seized" / "app.db"


def test_every_byte_of_a_log_belongs_to_its_frame_and_none_before_or_after(tmp_path):
    path = logged(tmp_path)
    wal = path.with_name("app.db-wal")
    pages = Pages(path, wal)
    assert [frame.number for frame in pages.frames] == list(range(1, len(pages.frames) + 1))
    assert [frame.at for frame in pages.frames] == list(range(56, wal.stat().st_size, 1048))
    for frame in pages.frames:
        assert {pages.frame_at(frame.at + offset) for offset in (-24, -1, 0, 1023)} == {frame}
        assert pages.image(frame) == wal.read_bytes()[frame.at : frame.at + 1024]
    assert {pages.frame_at(offset) for offset in (0, 31, wal.stat().st_size)} == {None}
    pages.close()


def test_pages_that_are_in_the_log_alone_are_there(tmp_path):
    path = logged(tmp_path)
    with_log, without = Pages(path, path.with_name("app.db-wal")), Pages(path, None)
    assert [len(with_log.page(number)) for number in range(10)] == [0, *[1024] * 8, 0]
    assert [len(without.page(number)) for number in range(3)] == [0, 1024, 0]
    assert [with_log.in_log(number) for number in range(1, 10)] == [True] * 8 + [False]
    assert (without.frames, without.in_log(1)) == ((), False)
    assert with_log.page(-1) == b""
    with_log.close()
    without.close()


@pytest.mark.parametrize(
    "damage",
    [lambda log: log[:31], lambda log: b"\x37\x7f\x06\x84" + log[4:], lambda log: log[:8] + (2048).to_bytes(4) + log[12:]],
    ids=["cut off", "other magic number", "other page size"],
)
def test_a_log_with_a_damaged_header_has_no_frames(tmp_path, damage):
    path = logged(tmp_path)
    wal = path.with_name("app.db-wal")
    wal.write_bytes(damage(wal.read_bytes()))
    pages = Pages(path, wal)
    assert (pages.frames, pages.frame_at(100)) == ((), None)
    pages.close()


def test_a_frame_that_was_torn_off_is_no_page(tmp_path):
    path = logged(tmp_path)
    wal = path.with_name("app.db-wal")
    log = wal.read_bytes()
    frames = (len(log) - 32) // 1048
    whole = Pages(path, wal)
    assert (len(whole.frames), whole.frames[-1].current) == (frames, True)
    whole.close()
    wal.write_bytes(log[:-1])
    torn = Pages(path, wal)
    assert len(torn.frames) == frames - 1
    assert torn.frame_at(len(log) - 2) is None
    torn.close()
    wal.write_bytes(log[: 32 + 1048])
    begun = Pages(path, wal)
    assert [frame.current for frame in begun.frames] == [False]  # of a transaction that was not finished
    begun.close()


def test_a_free_list_that_is_damaged_is_read_as_far_as_it_makes_sense(tmp_path):
    path = tmp_path / "app.db"
    with writer(path) as connection:
        connection.execute("create table t (body)")
        connection.execute("insert into t values (zeroblob(20000))")
        connection.execute("drop table t")
        trunk = connection.execute("pragma freelist_count").fetchone()[0]
    assert trunk > 15
    content = path.read_bytes()
    at = (int.from_bytes(content[32:36]) - 1) * 1024
    leaves = struct.unpack_from(f">{trunk - 1}I", content, at + 8)
    path.write_bytes(
        content[:at] + (999).to_bytes(4) + b"\xff" * 4 + content[at + 8 :]
    )  # the next trunk is not there, the count is too high
    pages = Pages(path, None)
    assert pages.free >= {at // 1024 + 1, 999, *leaves}
    assert 0 not in pages.free
    pages.close()
