"""The files of a PostgreSQL server, made here byte by byte: which relation, page and byte a remainder is in, and what is no remainder."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from random import Random

import lz4.block
import pytest
from pglz_writer import in_pieces

from zdr_audit.evidence import postgres_files
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.postgres_catalog import Catalog, Relation
from zdr_audit.evidence.postgres_files import DataDirectory
from zdr_audit.evidence.server import Values

BLOCK = 8192
CATALOG = Catalog(
    tables=(),
    files={
        "base/5/16384": Relation("public.notes", False),
        "base/5/16390": Relation("TOAST of public.notes", True),
        "base/5/16400": Relation("public.notes, index by_body", False),
        "base/5/16500": Relation("public.other", False),
        "pg_tblspc/16600/PG_15_1/5/16384": Relation("public.far", False),
    },
    database=5,
    others=("other",),
    block=BLOCK,
    wal_block=BLOCK,
)


class Server:
    """A data directory with nothing in it, and what reading it gave."""

    def __init__(self, folder: Path, lab) -> None:
        self.folder, self.lab = folder, lab
        self.collector = Collector("db", "postgres", lab.seeker)
        self.values = Values(self.collector)
        self.told: list[int] = []
        self.put("PG_VERSION", b"15\n")

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def read(self, *unread: str, live: tuple[str, ...] = ()):
        directory = DataDirectory(self.values, self.folder, CATALOG, self.told.append)
        directory.search()
        self.values.seen.update(live)
        directory.report(set(unread))
        return self.collector.reading()

    def found(self, *unread: str, live: tuple[str, ...] = ()) -> dict[str | None, tuple[str, str, bool]]:
        return {hit.canary: (hit.object, hit.location, hit.residue) for hit in self.read(*unread, live=live).hits}


@pytest.fixture
def server(tmp_path, lab) -> Server:
    return Server(tmp_path / "data", lab)


def pages(canary: str, at: int, count: int = 3) -> bytes:
    content = bytearray(b"\x01" * BLOCK * count)
    content[at : at + len(canary)] = canary.encode()
    return bytes(content)


@pytest.mark.parametrize("suffix", ["", ".1", "_fsm", "_vm", "_init", "_vm.2"])
def test_a_remainder_is_named_by_its_relation_file_page_and_bytes(lab, server, suffix):
    server.put(f"base/5/16384{suffix}", pages(lab.canary("gone"), BLOCK + 100))
    assert server.found() == {"gone": ("public.notes", f"file base/5/16384{suffix}, page 1, bytes 8292-8324", True)}


def test_a_file_of_no_known_relation_is_named_by_itself(lab, server):
    server.put("base/5/999", pages(lab.canary("gone"), 5))
    server.put("global/1262", pages(lab.canary("shared"), 5))
    assert server.found() == {
        "gone": ("base/5/999", "file base/5/999, page 0, bytes 5-37", True),
        "shared": ("global/1262", "file global/1262, page 0, bytes 5-37", True),
    }


def test_what_live_rows_show_is_no_remainder(lab, server):
    server.put("base/5/16384", pages(lab.canary("kept"), 100) + pages(lab.canary("gone"), 100))
    assert set(server.found(live=("kept",))) == {"gone"}


def test_what_lies_beside_the_stores_is_reported_whatever_the_rows_show(lab, server):
    server.put("log/server.log", f"LOG: {lab.canary('logged')}".encode())
    server.put("postmaster.opts", f"{lab.canary('option')}".encode())
    assert server.found(live=("logged", "option")) == {
        "logged": ("log/server.log", "bytes 5-37", False),
        "option": ("postmaster.opts", "bytes 0-32", False),
    }


def test_files_of_the_stores_that_are_no_relations_are_searched_as_they_are(lab, server):
    server.put("base/5/pg_filenode.map", lab.canary("map").encode())
    assert server.found() == {"map": ("base/5/pg_filenode.map", "bytes 0-32", True)}


@pytest.mark.parametrize(
    ("unread", "residue"),
    [
        ((), (True, True, True, True)),
        (("public.notes",), (False, False, False, False)),
        (("public.other",), (True, True, True, False)),
        (("pg_catalog.pg_class",), (True, True, True, True)),
        (("large objects",), (True, True, True, True)),
    ],
)
def test_no_remainder_is_claimed_of_a_table_that_could_not_be_read(lab, server, unread, residue):
    for name, file in (("row", "16384"), ("chunk", "16390"), ("entry", "16400"), ("unknown", "999")):
        server.put(f"base/5/{file}", pages(lab.canary(name), 100))
    found = server.found(*unread)
    assert tuple(found[name][2] for name in ("row", "chunk", "entry", "unknown")) == residue


def test_other_databases_are_left_alone_and_tablespaces_followed(lab, server, tmp_path):
    server.put("base/6/16384", pages(lab.canary("other"), 0))
    server.put("base/pgsql_tmp/pgsql_tmp1.0", lab.canary("sorted").encode())
    (tmp_path / "far" / "PG_15_1" / "5").mkdir(parents=True)
    (tmp_path / "far" / "PG_15_1" / "6").mkdir(parents=True)
    (tmp_path / "far" / "PG_15_1" / "5" / "16384").write_bytes(pages(lab.canary("far"), 0))
    (tmp_path / "far" / "PG_15_1" / "6" / "16384").write_bytes(pages(lab.canary("far other"), 0))
    (server.folder / "pg_tblspc").mkdir()
    (server.folder / "pg_tblspc" / "16600").symlink_to(tmp_path / "far")
    (tmp_path / "elsewhere").write_text(lab.canary("linked"))
    (server.folder / "link").symlink_to(tmp_path / "elsewhere")
    assert server.found() == {
        "sorted": ("base/pgsql_tmp/pgsql_tmp1.0", "bytes 0-32", True),
        "far": ("public.far", "file pg_tblspc/16600/PG_15_1/5/16384, page 0, bytes 0-32", True),
    }


def test_folders_named_by_numbers_are_those_of_databases_only_where_databases_lie(lab, server, tmp_path):
    names = ["base/5/6/note", "base/7", "log/6/note", "pg_wal/6/note", "pg_stat/6/7/8/note", "pg_tblspc/6/7/8/note", "6/note"]
    for name in names:
        server.put(name, lab.canary(name).encode())
    for place in ("PG_15_1/5/6/note", "PG_15_1/pgsql_tmp/note", "6/note"):
        names.append(f"pg_tblspc/16600/{place}")
        (tmp_path / "far" / place).parent.mkdir(parents=True)
        (tmp_path / "far" / place).write_text(lab.canary(names[-1]))
    (server.folder / "pg_tblspc" / "16600").symlink_to(tmp_path / "far")
    assert set(server.found()) == set(names) - {"pg_tblspc/6/7/8/note"}


def test_files_are_searched_once_in_the_order_of_their_names(lab, server):
    names = ["a/b/f", "a/c", "a/d/g", "base/5/x", "base/pgsql_tmp/x", "pg_tblspc/note", "pg_wal/x", "z"]
    for name in reversed(names):
        server.put(name, lab.canary(name).encode())
    reading = server.read()
    assert [hit.canary for hit in reading.hits] == [
        "z",
        "a/c",
        "a/b/f",
        "a/d/g",
        "base/5/x",
        "base/pgsql_tmp/x",
        "pg_tblspc/note",
        "pg_wal/x",
    ]
    assert reading.objects == len(names) + 1


def test_a_write_ahead_log_on_another_disk_is_followed(lab, server, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "000000010000000000000001").write_bytes(pages(lab.canary("logged"), 100))
    (server.folder / "pg_wal").symlink_to(tmp_path / "disk")
    assert server.found() == {"logged": ("pg_wal/000000010000000000000001", "bytes 100-132", True)}


def log(records: bytes) -> bytes:
    """A segment of the write-ahead log: a header of 40 bytes, then of 24 bytes a page, the records between."""
    content, at = b"", 0
    while at < len(records):
        head = b"\xd1" * (24 if content else 40)
        content += head + records[at : at + BLOCK - len(head)]
        at += BLOCK - len(head)
    return content


@pytest.mark.parametrize("at", [0, 60, BLOCK - 40 - 32, BLOCK - 40 - 20, BLOCK - 40, 2 * BLOCK - 40 - 24 - 10, 5 * BLOCK])
@pytest.mark.parametrize("name", ["000000010000000000000001", "0000000100000000000000AF.partial"])
def test_a_record_that_the_headers_of_pages_cut_is_read_and_placed_by_the_stored_bytes(lab, server, at, name):
    canary = lab.canary("logged")
    content = log(b"\x01" * at + canary.encode() + b"\x01" * 100)
    server.put(f"pg_wal/{name}", content)
    ((title, location, residue),) = server.found().values()
    first, last = (int(part) for part in location.removeprefix("bytes ").split("-"))
    assert (title, residue) == (f"pg_wal/{name}", True)
    assert content[first : first + 1] + content[last - 1 : last] == canary[:1].encode() + canary[-1:].encode()
    assert len(content[first:last].replace(b"\xd1", b"")) == 32


def test_a_record_is_placed_by_the_relation_that_it_names_last(lab, server):
    def about(database: int, file: int) -> bytes:
        return struct.pack("<III", 1663, database, file)

    parts = [about(5, 16384), lab.canary("notes"), about(5, 16500), lab.canary("other"), about(6, 16384), lab.canary("another database")]
    records = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    server.put("pg_wal/000000010000000000000001", log(lab.canary("none").encode() + records))
    where = {canary: location.partition("bytes")[0] for canary, (_, location, _) in server.found().items()}
    assert where == {"none": "", "notes": "row of public.notes, ", "other": "row of public.other, ", "another database": ""}


@pytest.mark.parametrize("before", [1, 8190])
def test_a_long_compressed_value_in_the_log_is_found_once_wherever_it_is_cut(lab, server, monkeypatch, before):
    """The log comes in chunks of 64 pages; no value within a row is longer than 8191 bytes."""
    monkeypatch.setattr(postgres_files, "MAX_HITS", 1)
    canary, noise = lab.canary("packed").encode(), Random(7).randbytes(8000)
    values = (in_pieces(canary, before=noise[:size], after=4000) for size in range(7300, 7000, -1))
    content, packed = next(value for value in values if len(value[1]) + 8 <= 8191)
    chunk = 64 * BLOCK - 40 - 63 * 24
    stored = struct.pack("<II", len(packed) + 8 << 2 | 2, len(content)) + packed
    server.put("pg_wal/000000010000000000000001", log(b"\xff" * (chunk - before) + stored + b"\xff" * 40))
    reading = server.read()
    assert [hit.canary for hit in reading.hits] == ["packed"]
    assert reading.not_examined == ()


def test_a_file_of_another_name_in_the_folder_of_the_log_is_read_as_it_is(lab, server):
    server.put("pg_wal/archive_status/note", lab.canary("noted").encode())
    assert server.found() == {"noted": ("pg_wal/archive_status/note", "bytes 0-32", True)}


def inline(canary: str) -> bytes:
    """As it is stored in a row: no piece of the mark can be read from it without decompressing."""
    content, data = in_pieces(canary.encode())
    return struct.pack("<II", len(data) + 8 << 2 | 2, len(content)) + data


def test_a_compressed_value_of_a_row_is_placed_by_its_stored_bytes_and_its_parts_are_not_told(lab, server):
    stored = inline(lab.canary("packed"))
    server.put("base/5/16384", b"\xff" * (BLOCK + 50) + stored + b"\xff" * (BLOCK - 50 - len(stored)))
    place = f"file base/5/16384, page 1, bytes {BLOCK + 50}-{BLOCK + 50 + len(stored)}"
    assert [(hit.canary, hit.object, hit.location, hit.forms) for hit in server.read().hits] == [
        ("packed", "public.notes", place, ("pglz", "plain"))
    ]


def test_a_part_of_a_mark_is_told_of_compressed_data_only_where_it_lies_beside_them(lab, server):
    literal, canary = lab.registry.literal.encode(), lab.canary("packed").encode()
    tail = canary[10:22]
    text = tail + b"~~~" + literal + tail + literal + b"." * 200  # the mark is written as what stood before
    data = lz4.block.compress(text, store_size=False, mode="high_compression")
    assert literal in data
    assert tail + literal not in data
    stored = struct.pack("<II", len(data) + 8 << 2 | 2, 1 << 30 | len(text)) + data
    for number, before, after, places in (
        (1, b"", b"", []),
        (1, literal, b"", [90]),
        (1, b"", literal, [100 + len(stored)]),
        (65, b"", b"", []),  # in the second chunk of the file
    ):
        page = (b"\xff" * (100 - len(before)) + before + stored + after).ljust(BLOCK, b"\xff")
        server.put("base/5/16384", b"\xff" * BLOCK * number + page)
        server.collector = Collector("db", "postgres", lab.seeker)
        server.values = Values(server.collector)
        hits = server.read().hits
        found = [(hit.canary, hit.forms[0], hit.location.rpartition("bytes ")[2]) for hit in hits]
        assert {hit.residue for hit in hits} == {True}
        start = BLOCK * number + 100
        parts = [(None, "plain", f"{BLOCK + at}-{BLOCK + at + 10}") for at in places]
        assert found == [("packed", "lz4", f"{start}-{start + len(stored)}"), *parts]


def test_a_part_of_a_mark_in_a_file_of_no_known_relation_is_told(lab, server):
    server.put("base/5/999", b"\x01" * 100 + lab.registry.literal.encode() + b"~~~~" + b"\x01" * 8000)
    assert server.found() == {None: ("base/5/999", "file base/5/999, page 0, bytes 100-110", True)}


@pytest.mark.parametrize("name", ["7", "7.1", "7_vm", "16384.12"])
def test_every_file_that_is_named_by_a_number_has_pages(lab, server, name):
    server.put(f"base/5/{name}", pages(lab.canary("gone"), BLOCK))
    ((_, location, _),) = server.found().values()
    assert location == f"file base/5/{name}, page 1, bytes {BLOCK}-{BLOCK + 32}"


@pytest.mark.parametrize("before", [0, 100, 40_000, 600_000])
def test_a_compressed_value_in_the_log_is_found_once_wherever_it_lies(lab, server, before):
    stored = inline(lab.canary("packed"))
    content = log(b"\xff" * before + stored + b"\xff" * 30)
    server.put("pg_wal/000000010000000000000001", content)
    (hit,) = server.read().hits
    assert (hit.canary, hit.forms, hit.residue) == ("packed", ("pglz", "plain"), True)
    first, last = (int(part) for part in hit.location.removeprefix("bytes ").split("-"))
    assert content[first : first + 8] == stored[:8]
    assert content[last - 4 : last] == stored[-4:]


def chunk_page(*chunks: tuple[int, int, bytes]) -> bytes:
    pointers, content, at = b"", b"", BLOCK
    for number, sequence, data in chunks:
        text = struct.pack("<II", 700, 800) + bytes(12) + struct.pack("<HBx", 0x0100, 24)
        text += struct.pack("<IiI", number, sequence, len(data) + 4 << 2) + data
        at -= len(text)
        content = text + content
        pointers += struct.pack("<I", at | 1 << 15 | len(text) << 17)
    return (bytes(12) + struct.pack("<H", 24 + len(pointers)) + bytes(10) + pointers).ljust(at, b"\x00") + content


def test_a_long_value_that_was_cut_into_chunks_is_put_together(lab, server):
    canary = lab.canary("long").encode()
    pieces = (b"x" * 100 + canary[:9], canary[9:23], canary[23:] + b"y" * 100)
    server.put("base/5/16390", b"".join(chunk_page((7, at, piece)) for at, piece in enumerate(pieces)))
    assert server.found() == {"long": ("TOAST of public.notes", "file base/5/16390, value 7 that begins in page 0, bytes 100-132", True)}


def test_of_a_long_value_that_was_cut_into_chunks_no_part_is_told_beside_it(lab, server):
    canary = lab.canary("long").encode()
    pieces = (b"x" * 100 + canary[:12], canary[12:20], canary[20:] + b"y" * 100)
    server.put("base/5/16390", bytes(2 * BLOCK) + b"".join(chunk_page((7, at, piece)) for at, piece in enumerate(pieces)))
    place = "file base/5/16390, value 7 that begins in page 2, bytes 100-132"
    assert [(hit.canary, hit.location) for hit in server.read().hits] == [("long", place)]


def test_a_long_value_is_not_told_again_where_a_chunk_holds_its_mark_whole(lab, server):
    server.put("base/5/16390", bytes(BLOCK) + chunk_page((7, 0, lab.canary("whole").encode() + b"x" * 50)))
    (hit,) = server.read().hits
    assert hit.location.startswith("file base/5/16390, page 1, bytes ")


def test_a_deleted_long_value_that_was_compressed_is_put_together_and_decompressed(lab, server):
    content, data = in_pieces(lab.canary("packed").encode(), before=b"begin ")
    stored = struct.pack("<I", len(content)) + data
    server.put("base/5/16390", chunk_page((9, 0, stored[:40])) + chunk_page((9, 1, stored[40:])))
    at = 6 + 4 * 11
    assert [(hit.canary, hit.forms, hit.location) for hit in server.read().hits] == [
        ("packed", ("pglz", "plain"), f"file base/5/16390, value 9 that begins in page 0, bytes {at}-{at + 32}")
    ]


def test_parts_of_marks_in_indexes_and_logs_are_counted(lab, server):
    part = lab.registry.literal.encode() + b"~~~~"
    server.put("base/5/16400", b"\x01" * 100 + part + b"\x01" * 100 + part + b"\x01" * 8000)
    server.put("pg_wal/000000010000000000000001", log(part + b"\x01" * 100))
    reading = server.read()
    assert reading.hits == ()
    assert [(note.object, note.reason) for note in reading.not_examined] == [
        ("data directory", "3 fragments that begin or end like a canary could not be read in full (index or log pages)")
    ]


def test_a_part_of_a_mark_in_a_table_is_told_unless_live_rows_hold_such_a_part(lab, server):
    server.put("base/5/16384", b"\x01" * 100 + lab.registry.literal.encode() + b"~~~~" + b"\x01" * 8000)
    assert server.found() == {None: ("public.notes", "file base/5/16384, page 0, bytes 100-110", True)}


def test_hits_beyond_the_bound_are_counted(lab, server, monkeypatch):
    monkeypatch.setattr(postgres_files, "MAX_HITS", 300)
    server.put("base/5/16384", b"\x01".join(pages(lab.canary("many"), 10, 1) for _ in range(303)))
    server.put("base/5/16400", lab.canary("another").encode() + b"\x01" * 8160)
    reading = server.read()
    assert len(reading.hits) == 301
    assert reading.hits[-1].canary == "another"
    assert [(note.object, note.reason) for note in reading.not_examined] == [
        ("data directory", "3 more hits in files are not listed (bound: 300)")
    ]


def test_nothing_found_is_a_reading_without_notes_that_counts_files_and_bytes(lab, server):
    server.put("base/5/16384", b"\x01" * 700_000)
    server.put("base/5/16400", b"")
    server.put("pg_wal/000000010000000000000001", log(b"\x01" * 20_000))
    reading = server.read()
    size = 700_000 + 20_000 + 40 + 24 * 2 + 3
    assert (reading.hits, reading.not_examined, reading.objects, reading.bytes) == ((), (), 4, size)
    assert sum(server.told) == size


def test_a_file_that_cannot_be_read_is_listed_and_one_that_is_gone_is_not(lab, server, monkeypatch):
    for name in ("16384", "16400", "16500"):
        server.put(f"base/5/{name}", pages(lab.canary(name), 10))
    real = postgres_files.open_evidence

    def refuse(path: Path) -> int:
        if path.name == "16384":
            raise PermissionError(13, "Permission denied")
        if path.name == "16400":
            raise FileNotFoundError(2, "No such file or directory")
        return real(path)

    monkeypatch.setattr(postgres_files, "open_evidence", refuse)
    reading = server.read()
    assert {hit.canary for hit in reading.hits} == {"16500"}
    assert [(note.object, note.reason) for note in reading.not_examined] == [("base/5/16384", "Permission denied")]


def test_a_folder_that_cannot_be_listed_is_named(lab, server, monkeypatch):
    server.put("base/5/16384", pages(lab.canary("gone"), 10))
    real = os.scandir

    def refuse(path):
        if str(path).endswith("base/5"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [(note.object, note.reason) for note in server.read().not_examined] == [("base/5", "Permission denied")]


def test_a_folder_of_something_else_is_refused(lab, server):
    (server.folder / "PG_VERSION").unlink()
    with pytest.raises(OSError, match="is not the data directory of a PostgreSQL server that can be read"):
        server.read()
