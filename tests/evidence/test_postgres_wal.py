"""Which relation a place in PostgreSQL's log of writes is about, however the log comes in."""

from __future__ import annotations

import struct

import pytest

from zdr_audit.evidence import postgres_wal
from zdr_audit.evidence.postgres_catalog import Catalog, Relation
from zdr_audit.evidence.postgres_wal import Mentions

FILES = {
    "base/5/16384": Relation("public.notes", False),
    "base/5/1000": Relation("public.first", False),
    "base/5/999": Relation("public.none", False),
    "base/5/pg_filenode.map": Relation("none either", False),
    "pg_tblspc/16600/PG_15_1/5/16385": Relation("public.far", False),
    "global/1262": Relation("pg_catalog.pg_database", False),
}
CATALOG = Catalog(tables=(), files=FILES, database=5, others=(), block=8192, wal_block=8192)


def about(file: int, database: int = 5, tablespace: int = 1663) -> bytes:
    return struct.pack("<III", tablespace, database, file)


def titles(*chunks: bytes) -> list[str]:
    mentions = Mentions(CATALOG)
    for chunk in chunks:
        mentions.learn(chunk)
    return [mentions.title(at) for at in range(sum(map(len, chunks)))]


LOG = b"\x01" * 20 + about(16384) + b"\x01" * 20 + about(1000) + b"\x01" * 20 + about(16384, database=6) + b"\x01" * 20
EXPECTED = [""] * 20 + ["public.notes"] * 32 + ["public.first"] * 32 + [""] * 32


def test_a_place_is_about_the_relation_that_was_named_last():
    assert titles(LOG) == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 5, 7, 11, 12, 13, 31, 50])
def test_it_does_not_matter_in_which_pieces_the_log_comes(size):
    assert titles(*(LOG[at : at + size] for at in range(0, len(LOG), size))) == EXPECTED


@pytest.mark.parametrize(
    "other",
    [about(999), about(16385), about(16384, tablespace=1664), about(16384, database=0), about(1262)],
    ids=["too low a number", "of another tablespace", "in another tablespace", "of no database", "of all databases"],
)
def test_what_only_looks_like_a_mention_changes_nothing(other):
    assert set(titles(about(16384) + other + b"\x01" * 30)) == {"public.notes"}


def test_only_the_last_mentions_are_kept_and_places_among_them_keep_their_titles(monkeypatch):
    monkeypatch.setattr(postgres_wal, "_MOST", 3)
    mentions = Mentions(CATALOG)
    log = b"".join(about(16384 if number % 2 else 1000) + b"\x01" * 8 for number in range(7))
    mentions.learn(log[:120])
    assert mentions.title(0) == "public.first"
    mentions.learn(log[120:])
    assert [mentions.title(20 * number) for number in range(7)] == [*[""] * 4, "public.first", "public.notes", "public.first"]
