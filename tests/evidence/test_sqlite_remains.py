"""What is left in the pages of a SQLite database, byte for byte: the pages are written by hand."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_pages_by_hand import SIZE, database, leaf, log, overflow

from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.model import Reading
from zdr_audit.evidence.sqlite_remains import Copies, search_remains
from zdr_audit.evidence.sqlite_rows import Rows

FILLED = b"\xff"  # no text, and no number of a page
LITERAL = 10
TAIL = 12

Read = Callable[..., Reading]


@pytest.fixture
def read(lab, tmp_path: Path) -> Read:
    """Searches a database, its log and its journal, of which the rows are known."""

    def search(
        content: bytes, wal: bytes | None = None, journal: bytes | None = None, rows: Rows | None = None, told=None, seeker=None
    ) -> Reading:
        collector = Collector("db", "sqlite", seeker or lab.seeker)
        paths = {name: tmp_path / name for name in ("app.db", "app.db-wal", "app.db-journal")}
        for path, data in zip(paths.values(), (content, wal, journal), strict=True):
            path.unlink(missing_ok=True)
            if data is not None:
                path.write_bytes(data)
        present = [path if path.exists() else None for path in paths.values()]
        search_remains(collector, Copies(paths["app.db"], *present[1:]), rows or Rows(), told)
        return collector.reading()

    return search


def found(reading: Reading) -> list[tuple[str, str | None]]:
    """Where what was seen, all of it residue in the database file."""
    assert all(hit.residue and hit.object == "app.db" for hit in reading.hits)
    return [(hit.location, hit.canary) for hit in reading.hits]


def at(page: int, start: int, length: int, size: int = SIZE) -> str:
    first = (page - 1) * size + start
    return f"page {page}, bytes {first}-{first + length}"


@pytest.mark.parametrize("size", [512, 1024, 65536])
@pytest.mark.parametrize("start", [0, 1, 480, 500, 511])
def test_what_is_found_is_named_by_the_page_in_which_it_begins_and_its_bytes_in_the_file(lab, read, size, start):
    canary = lab.canary("one").encode()
    content = bytearray(database({3: leaf({}, size=size), 4: leaf({}, size=size)}, free=[3, 4], size=size))
    begin = 2 * size + start
    content[begin : begin + 32] = canary
    assert found(read(bytes(content))) == [(at(3, start, 32, size), "one")]


def test_a_canary_of_a_live_row_is_residue_on_a_free_page_alone(lab, read):
    canary = lab.canary("live").encode()
    content = database({3: leaf({300: canary}), 4: overflow(0, canary), 5: leaf({200: canary})}, free=[5])
    assert found(read(content, rows=Rows({"live"}))) == [(at(5, 200, 32), "live")]
    assert found(read(content)) == [(at(3, 300, 32), "live"), (at(4, 4, 32), "live"), (at(5, 200, 32), "live")]


@pytest.mark.parametrize(("start", "dead"), [(390, True), (391, False), (400, False), (421, False), (422, True)])
def test_a_literal_alone_is_residue_unless_a_byte_of_it_lies_in_a_live_cell(lab, read, start, dead):
    cell = b"\x14\x01" + FILLED * 20  # 20 bytes in row 1: bytes 400 to 422
    content = database({3: leaf({400: cell, start: lab.registry.literal.encode()}, cells=[400])})
    assert found(read(content)) == ([(at(3, start, LITERAL), None)] if dead else [])


@pytest.mark.parametrize(
    ("start", "changed", "same"),
    [(100, 84, False), (100, 83, True), (100, 125, False), (100, 126, True), (100, 40, True), (8, 0, False), (8, 33, False), (8, 34, True)],
)
def test_an_outdated_page_holds_what_is_live_where_16_bytes_around_it_are_those_of_the_present_page(lab, read, start, changed, same):
    page = bytearray(overflow(7, FILLED * 508))
    page[start : start + LITERAL] = lab.registry.literal.encode()
    current = bytearray(page)
    current[changed] ^= 1
    stored, logged = database({3: bytes(page)}), log([(3, bytes(current))])
    where = at(3, start, LITERAL)
    assert [(hit.object, hit.location, hit.canary) for hit in read(stored, logged).hits] == ([] if same else [("app.db", where, None)])
    older = read(database({3: bytes(current)}), log([(3, bytes(page)), (3, bytes(current))])).hits
    place = 32 + 24 + start
    assert [(hit.object, hit.location, hit.canary) for hit in older] == (
        [] if same else [("app.db-wal", f"frame 1, page 3, bytes {place}-{place + LITERAL}", None)]
    )


@pytest.mark.parametrize("size", [512, 2048])
def test_what_lies_in_a_log_is_named_by_its_frame_and_what_lies_between_frames_by_bytes_alone(lab, read, size):
    canary, literal = lab.canary("one").encode(), lab.registry.literal.encode()
    frame = 24 + size
    for begins, named in (
        (32 + frame + 23, False),
        (32 + frame + 24, True),
        (32 + 2 * frame - 32, True),
        (32 + 2 * frame, False),
        (32 + 3 * frame, False),
    ):
        for text, name in ((canary, "one"), (literal, None)):
            wal = bytearray(log([(3, leaf({}, size=size)), (4, leaf({}, size=size)), (4, overflow(0, FILLED, size))], size) + bytes(50))
            wal[begins : begins + len(text)] = text
            (hit,) = read(database({4: overflow(0, b"", size)}, size=size), bytes(wal)).hits
            end = begins + len(text)
            assert (hit.object, hit.canary, hit.residue) == ("app.db-wal", name, True)
            assert hit.location == ("frame 2, page 4, " if named else "") + f"bytes {begins}-{end}"


def test_what_lies_in_the_header_of_a_log_is_told(lab, read):
    wal = bytearray(log([(3, leaf({}))]))
    wal[18:28] = lab.registry.literal.encode()
    (hit,) = read(database({3: leaf({})}), bytes(wal)).hits
    assert (hit.object, hit.location, hit.canary, hit.residue) == ("app.db-wal", "bytes 18-28", None, True)


def cut(page_of_link: bool, before: bytes, gap: int, following: int, reserved: int = 0) -> tuple[bytes, int]:
    """A page of which the content ends so many bytes behind what is written, with the place of that."""
    usable = SIZE - reserved
    if page_of_link:
        start = usable - gap - len(before)
        return following.to_bytes(4) + FILLED * (start - 4) + before + FILLED * (gap + reserved), start
    return leaf({200: before + FILLED * gap + following.to_bytes(4) + FILLED * 8}), 200


@pytest.mark.parametrize("page_of_link", [True, False], ids=["overflow page", "cell"])
@pytest.mark.parametrize("reserved", [0, 12])
@pytest.mark.parametrize(("gap", "start", "told"), [(0, 4, False), (8, 4, False), (9, 4, True), (0, 51, False), (0, 52, True)])
def test_the_end_of_a_canary_that_a_border_cut_is_not_told_again_without_its_name(lab, read, page_of_link, reserved, gap, start, told):
    canary = lab.canary("one").encode()
    page, place = cut(page_of_link, canary[: LITERAL + TAIL], gap, 4, reserved)
    content = database(
        {3: page, 4: bytes(4) + FILLED * (start - 4) + canary[-LITERAL:]}, free=[3, 4] if page_of_link else [4], reserved=reserved
    )
    assert found(read(content)) == [(at(3, place, LITERAL + TAIL), "one"), *([(at(4, start, LITERAL), None)] if told else [])]


@pytest.mark.parametrize("page_of_link", [True, False], ids=["overflow page", "cell"])
@pytest.mark.parametrize("reserved", [0, 12])
@pytest.mark.parametrize(("length", "joined"), [(3, True), (61, True), (62, True), (63, False)])
def test_a_canary_that_a_border_cut_is_read_on_where_the_border_is_64_bytes_behind_it_at_most(
    lab, read, page_of_link, reserved, length, joined
):
    """The markup of highlighted text can be long."""
    canary = lab.canary("one")
    begin, rest = f"{canary[:3]}<b>{canary[3:LITERAL]}", canary[LITERAL:]
    page, place = cut(page_of_link, f"{begin}<{'a' * (length - 2)}>{rest[:2]}".encode(), 0, 4, reserved)
    content = database({3: page, 4: overflow(0, rest[2:TAIL].encode())}, free=[3, 4] if page_of_link else [4], reserved=reserved)
    assert found(read(content)) == [(at(3, place, len(begin)), "one" if joined else None)]


@pytest.mark.parametrize("place", [0, 1, 7, 8, 9, 100, 496])
@pytest.mark.parametrize("last", [4, 5, 9])
def test_a_canary_that_a_border_cut_is_read_on_wherever_it_stands_in_its_page(lab, read, place, last):
    canary = lab.canary("one").encode()
    begun, rest = canary[: LITERAL + 2], canary[LITERAL + 2 :]
    page = bytearray(FILLED * SIZE)
    page[place : place + 16] = begun + last.to_bytes(4)
    content = database({3: bytes(page), last: overflow(0, rest[: TAIL - 2])}, free=[3, last])
    assert found(read(content)) == [(at(3, place, LITERAL), "one")]


@pytest.mark.parametrize("link", [b"\x00\x00\x00\x02", b"\x00\x00\x00\x06", b"\x00\x00\x03\xff", b"\x00\x00\x00\x00", b"\x00\x00\x05"])
def test_a_canary_is_not_read_on_from_a_page_that_is_not_named_behind_it(lab, read, link):
    """The last of these ends the page: a number is four bytes long."""
    canary = lab.canary("one").encode()
    start = SIZE - LITERAL - 2 - len(link)
    content = database({3: leaf({start: canary[: LITERAL + 2] + link}), 5: overflow(0, canary[LITERAL + 2 : LITERAL + TAIL])}, free=[5])
    assert found(read(content)) == [(at(3, start, LITERAL), None)]


def test_a_literal_does_not_take_the_name_of_another_canary_on_the_page_that_follows(lab, read):
    literal, other = lab.registry.literal.encode(), lab.canary("other").encode()
    content = database({3: leaf({200: literal + b"\xff\x00\x00\x00\x04"}), 4: overflow(0, b"...." + other)}, free=[4])
    assert found(read(content)) == [(at(4, 8, 32), "other"), (at(3, 200, LITERAL), None)]


HPACK = bytes.fromhex(
    "f7dbcb4f0ba3e167dfbf7efdfbf7efdfbf7efdf6f2d3c2e8f859"
)  # of the canary below, in the code of HTTP/2 headers: 5 to 7 bits a letter
PACKED = "zqx482j913zzzzzzzzzzzzzqx482j913"


@pytest.mark.parametrize("border", [8, 10, 12])
def test_both_ends_of_a_canary_in_a_code_of_bits_are_one_and_what_follows_is_told(read, border):
    registry = Registry(PACKED[:LITERAL], b"key")
    registry.add("packed", PACKED)
    rest = HPACK[border:]
    page, place = cut(False, HPACK[:border], 0, 4)
    content = database({3: page, 4: overflow(0, rest + PACKED[:LITERAL].encode())}, free=[4])
    seeker = Seeker(PACKED[:LITERAL], registry.identify)
    assert found(read(content, seeker=seeker)) == [(at(3, place, 8), "packed"), (at(4, 4 + len(rest), LITERAL), None)]


def mended(page: int, start: int, length: int, following: int) -> str:
    return f"{at(page, start, length)}, and overflow from page {following}"


@pytest.mark.parametrize("pages", [1, 2, 5])
@pytest.mark.parametrize("reserved", [0, 12])
def test_compressed_text_is_decompressed_over_a_chain_of_free_pages(lab, read, pages, reserved):
    room = SIZE - reserved - 4
    packed = gzip.compress((bytes(range(200)) * 20)[: room * pages - 300] + lab.canary("one").encode(), 0)
    head, rest = packed[:180], packed[180:]
    pieces = [rest[first : first + room] for first in range(0, len(rest), room)]
    assert len(pieces) == pages
    chain = {
        4 + number: overflow(4 + (number + 1) % len(pieces) if number + 1 < len(pieces) else 0, piece)
        for number, piece in enumerate(pieces)
    }
    content = database({3: leaf({100: head + (4).to_bytes(4) + FILLED}), **chain}, free=list(chain), reserved=reserved)
    hits = [hit for hit in read(content).hits if hit.forms == ("gzip", "plain")]
    assert [(hit.location, hit.canary, hit.residue) for hit in hits] == [(mended(3, 100, 180, 4), "one", True)]


@pytest.mark.parametrize(("decoys", "seen"), [(0, True), (7, True), (8, False)])
def test_eight_pages_are_tried_as_those_on_which_compressed_text_goes_on(lab, read, decoys, seen):
    """Whatever looks like the number of a free page may be one."""
    deflated = zlib.compress(lab.canary("one").encode() * 4 + bytes(range(200)))
    head = zlib.compress(FILLED * 30 + (5).to_bytes(4) * decoys, 0)[:-4]
    head = head[:2] + b"\x00" + head[3:]  # not the last block: what follows is packed
    content = database(
        {3: leaf({100: head + (4).to_bytes(4)}), 4: overflow(0, deflated[2:-4] + bytes(4)), 5: overflow(0, FILLED * 9)}, free=[4, 5]
    )
    forms = [(hit.location, hit.forms) for hit in read(content).hits if "overflow" in hit.location]
    assert forms == ([(mended(3, 100, len(head), 4), ("zlib", "plain"))] if seen else [])


def broken(lab, links: bytes = b"\x00\x00\x00\x04") -> tuple[bytes, dict[int, bytes]]:
    """The beginning of compressed text that breaks off at a border, and the free page with its rest."""
    packed = zlib.compress(bytes(range(64)) + lab.canary("one").encode() + bytes(range(64)), 0)
    return packed[:40] + links, {4: overflow(0, packed[40:])}


def test_compressed_text_that_is_live_or_goes_on_in_pages_in_use_is_not_mended(lab, read):
    head, rest = broken(lab)
    (name,) = [mended(3, 100, 40, 4)]
    rows = Rows({"other"})

    def places(content: bytes) -> list[str]:
        return [hit.location for hit in read(content, rows=rows).hits if "overflow" in hit.location]

    assert places(database({3: leaf({100: head}), **rest}, free=[4])) == [name]
    assert places(database({3: leaf({100: head}), **rest})) == []
    live = leaf({97: b"\x50\x01" + FILLED + head}, cells=[97])
    assert places(database({3: live, **rest}, free=[4])) == []
    assert places(database({3: leaf({100: head}), **rest, 5: FILLED}, free=[5])) == []


def test_compressed_text_is_looked_for_from_its_first_byte_and_what_stands_behind_it_is_not_part_of_it(lab, read):
    head, rest = broken(lab)
    behind = lab.canary("behind").encode()
    rest[4] = rest[4].rstrip(b"\x00") + b"...." + behind
    hits = read(database({3: leaf({100: head}), **rest}, free=[4])).hits
    assert [hit.canary for hit in hits if "overflow" in hit.location] == ["one"]
    assert [hit.location for hit in hits if hit.canary == "behind"] == [at(4, rest[4].index(behind), 32)]


def test_compressed_text_in_a_log_is_mended_but_not_what_lies_between_two_frames(lab, read):
    head, rest = broken(lab)
    stored_pages = database({3: leaf({}), **rest}, free=[4])
    wal = log([(3, leaf({100: head})), (3, leaf({}))])
    (hit,) = [hit for hit in read(stored_pages, wal).hits if "overflow" in hit.location]
    assert (hit.object, hit.location) == ("app.db-wal", "frame 1, page 3, bytes 156-196, and overflow from page 4")
    assert not [hit for hit in read(stored_pages, log([(3, leaf({}))]) + head).hits if "overflow" in hit.location]


@pytest.mark.parametrize(("others", "seen"), [(999, True), (1000, False)])
def test_the_last_thousand_beginnings_of_compressed_text_are_followed(lab, read, others, seen):
    head, rest = broken(lab)
    beginning = zlib.compress(b"a" * 52, 0)[:9] + FILLED * 4
    pages = {5 + number: beginning * min(25, others - 25 * number) for number in range(40)}
    content = database({3: leaf({100: head}), **rest, **pages}, free=[4, *list(pages)[:100]])
    assert [hit.canary for hit in read(content).hits if "overflow" in hit.location] == (["one"] if seen else [])


def test_where_not_all_rows_could_be_read_everything_is_told_and_nothing_called_residue(lab, read):
    canary, literal = lab.canary("one").encode(), lab.registry.literal.encode()
    head, rest = broken(lab)
    cell = b"\x14\x01" + literal + FILLED * 10
    content = database({3: leaf({100: head, 200: canary, 300: cell}, cells=[300]), **rest}, free=[4])
    reading = read(content, log([(3, leaf({50: literal}))]), canary, rows=Rows({"one"}, complete=False))
    assert {(hit.object, hit.location, hit.canary, hit.residue) for hit in reading.hits if hit.forms == ("plain",)} == {
        ("app.db", at(3, 200, 32), "one", False),
        ("app.db", at(3, 302, LITERAL), None, False),
        ("app.db", at(4, 35, 32), "one", False),
        ("app.db-wal", f"frame 1, page 3, bytes 106-{106 + LITERAL}", None, False),
        ("app.db-journal", "bytes 0-32", "one", True),
    }
    assert not [hit for hit in reading.hits if "overflow" in hit.location]


@pytest.mark.parametrize("with_log", [True, False])
def test_what_is_no_database_is_searched_as_it_is_with_what_lies_beside_it(lab, read, with_log):
    canaries = {name: lab.canary(name).encode() for name in ("database", "log", "journal")}
    told: list[int] = []
    reading = read(
        b"no database" + canaries["database"], b"-" + canaries["log"] if with_log else None, canaries["journal"], told=told.append
    )
    assert [(hit.object, hit.location, hit.canary, hit.residue) for hit in reading.hits] == [
        ("app.db", "bytes 11-43", "database", False),
        *([("app.db-wal", "bytes 1-33", "log", False)] if with_log else []),
        ("app.db-journal", "bytes 0-32", "journal", True),
    ]
    assert [(note.object, note.reason) for note in reading.not_examined] == [("app.db", "not a SQLite database, or an encrypted one")]
    assert told == [43, *([33] if with_log else []), 32]


def test_progress_is_told_the_bytes_of_each_file(read):
    told: list[int] = []
    content, wal = database({3: leaf({})}), log([(3, leaf({}))])
    read(content, wal, b"journal", told=told.append)
    assert told == [len(content), len(wal), 7]
