"""The pages are compared with what SQLite itself makes of the same files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from zdr_audit.evidence.sqlite_pages import Pages


def writer(path: Path, page_size: int = 1024) -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=0)
    connection.execute(f"pragma page_size = {page_size}")
    connection.execute("pragma wal_autocheckpoint = 0")
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


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00", b"x" * 4096, b"SQLite format 3\x00\x03\x00" + bytes(100)])
def test_what_is_no_database_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match="not a SQLite database"):
        Pages(tmp_path / "file", None)
