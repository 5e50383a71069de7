"""Pages of a SQLite database written by hand, by what the description of the file format says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlite_pages_by_hand import PAGES, SALTS, SIZE, TRUNK, database, frame, leaf, log, log_header, overflow

from zdr_audit.evidence import sqlite_pages
from zdr_audit.evidence.sqlite_pages import Pages

TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR = 13, 5, 10, 2

Open = Callable[..., Pages]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """The pages of a database with its log, if there is one."""
    made: list[Pages] = []

    def pages(content: bytes, wal: bytes | None = None) -> Pages:
        path, beside = tmp_path / "app.db", tmp_path / "app.db-wal"
        path.write_bytes(content)
        beside.write_bytes(wal or b"")
        made.append(Pages(path, None if wal is None else beside))
        return made[-1]

    yield pages
    for one in made:
        one.close()


@pytest.mark.parametrize("size", [1 << power for power in range(9, 17)])
@pytest.mark.parametrize("reserved", [0, 1, 32])
def test_pages_of_all_sizes_are_read_at_their_places_without_what_is_reserved(opened, size, reserved):
    pages = opened(
        database({3: overflow(4, b"a" * (size - 4), size), 4: overflow(0, b"b" * (size - 4), size)}, size=size, reserved=reserved)
    )
    assert (pages.size, pages.usable) == (size, size - reserved)
    assert [pages.page(number)[4:5] for number in (3, 4, 5)] == [b"a", b"b", b""]
    assert list(pages.chain(3)) == [b"a" * (size - 4 - reserved), b"b" * (size - 4 - reserved)]


def varint(value: int, length: int) -> bytes:
    """A number in so many bytes, more than it needs if need be."""
    last = length == 9
    bytes_ = [value & 0xFF if last else value & 0x7F]
    value >>= 8 if last else 7
    for _ in range(length - 1):
        bytes_.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(reversed(bytes_))


def is_cell(pages: Pages, first: int, end: int) -> bool:
    """Whether page 3 has a cell there, and no byte of it beside."""
    return [pages.is_live(3, at, at + 1) for at in (first - 1, first, end - 1, end)] == [False, True, True, False]


@pytest.mark.parametrize("key", [*range(1, 10)])
@pytest.mark.parametrize("length", [*range(1, 10)])
def test_a_cell_ends_behind_its_payload_however_long_its_numbers_are_written(opened, length, key):
    pages = opened(database({3: leaf({300: varint(5, length) + b"\xff" * (key - 1) + b"\x7f"}, cells=[300])}))
    assert is_cell(pages, 300, 300 + length + key + 5)


def test_a_cell_with_a_payload_of_300_bytes_in_nine(opened):
    pages = opened(database({3: leaf({200: varint(300, 9) + b"\x01"}, cells=[200])}))
    assert is_cell(pages, 200, 200 + 9 + 1 + 300)


# Of 512 usable bytes: a table's payload up to 477 is kept in its page, an index's up to 102; of a longer one at least 39, and what fills its last page.
LOCAL = [
    *((TABLE_LEAF, payload, local) for payload, local in ((0, 0), (127, 127), (476, 476), (477, 477), (478, 39 + 4), (546, 39 + 4))),
    *(
        (TABLE_LEAF, payload, local + 4)
        for payload, local in ((547, 39), (548, 40), (985, 477), (986, 39), (1055, 39), (1056, 40), (1493, 477))
    ),
    *((INDEX_LEAF, payload, local) for payload, local in ((0, 0), (101, 101), (102, 102), (103, 39 + 4), (546, 39 + 4))),
    *((INDEX_LEAF, payload, local + 4) for payload, local in ((547, 39), (548, 40), (610, 102), (611, 39), (1055, 39), (1118, 102))),
]


@pytest.mark.parametrize(("kind", "payload", "local"), [*LOCAL, *((INDEX_INTERIOR, *more) for kind, *more in LOCAL if kind == INDEX_LEAF)])
def test_a_cell_holds_of_its_payload_what_the_format_says(opened, kind, payload, local):
    before = (b"\xee" * 4 if kind == INDEX_INTERIOR else b"") + varint(payload, 2) + (b"\x01" if kind == TABLE_LEAF else b"")
    pages = opened(database({3: leaf({20: before}, cells=[20], kind=kind)}))
    assert is_cell(pages, 20, 20 + len(before) + local)


# The same of 480 bytes, of which 445, 94 and 35 are those numbers.
@pytest.mark.parametrize(
    ("kind", "payload", "local"),
    [
        *((TABLE_LEAF, payload, local) for payload, local in ((445, 445), (446, 39), (511, 39), (921, 449))),
        *((INDEX_LEAF, payload, local) for payload, local in ((94, 94), (95, 39), (511, 39), (570, 98))),
    ],
)
def test_a_cell_holds_less_where_bytes_of_the_page_are_reserved(opened, kind, payload, local):
    before = varint(payload, 2) + (b"\x01" if kind == TABLE_LEAF else b"")
    pages = opened(database({3: leaf({20: before}, cells=[20], kind=kind)}, reserved=32))
    assert is_cell(pages, 20, 20 + len(before) + local)


# Usable bytes where the rounding of an index's two numbers shows, with both.
@pytest.mark.parametrize(
    ("size", "reserved", "most", "least"), [(1024, 0, 230, 103), (1024, 247, 169, 73), (65536, 0, 16422, 8199), (65536, 255, 16358, 8167)]
)
def test_what_an_index_keeps_of_a_payload_is_rounded_down(opened, size, reserved, most, least):
    for payload, local in ((most, most), (most + 1, least + 4)):
        before = varint(payload, 3)
        pages = opened(database({3: leaf({20: before}, cells=[20], kind=INDEX_LEAF, size=size)}, reserved=reserved, size=size))
        assert is_cell(pages, 20, 20 + 3 + local)


@pytest.mark.parametrize("key", range(1, 10))
def test_a_cell_of_an_inner_page_of_a_table_is_a_page_and_a_key(opened, key):
    pages = opened(database({3: leaf({300: b"\xee" * 4 + varint(77, key)}, cells=[300], kind=TABLE_INTERIOR)}))
    assert is_cell(pages, 300, 304 + key)


@pytest.mark.parametrize(("kind", "header"), [(TABLE_LEAF, 8), (INDEX_LEAF, 8), (TABLE_INTERIOR, 12), (INDEX_INTERIOR, 12)])
@pytest.mark.parametrize("cells", [0, 1, 2, 40])
def test_the_header_of_a_page_and_the_places_of_its_cells_are_live(opened, kind, header, cells):
    pages = opened(database({3: leaf({}, cells=[480] * cells, kind=kind)}))
    end = header + 2 * cells
    assert [pages.is_live(3, at, at + 1) for at in (0, 7, end - 1, end)] == [True, True, True, False]


def test_every_cell_counts_and_nothing_between_them(opened):
    cell = varint(10, 1) + b"\x01"
    places = [300, 100, 125, 112, 480, 200, 220, 240, 260, 350, 370, 390]
    pages = opened(database({3: leaf(dict.fromkeys(places, cell), cells=places)}))
    live = [at for at in range(SIZE) if pages.is_live(3, at, at + 1)]
    assert live == [*range(8 + 2 * 12), *sorted(at + byte for at in places for byte in range(12))]
    pages = opened(database({3: leaf(dict.fromkeys(places, cell), cells=places[:4])}))
    assert pages.is_live(3, 20, 101)
    assert pages.is_live(3, 311, 500)
    assert pages.is_live(3, 90, 500)
    assert not pages.is_live(3, 312, 500)


def test_more_cells_than_a_page_can_hold_are_all_of_it(opened):
    pages = opened(database({3: leaf({3: b"\xff\xff"})}))
    assert pages.is_live(3, 511, 512)


def test_a_number_that_a_page_cuts_off_ends_with_it(opened):
    pages = opened(database({3: leaf({510: b"\x80\x80"}, cells=[510])}))
    assert [pages.is_live(3, at, at + 1) for at in (509, 510, 511)] == [False, True, True]


def test_what_is_no_page_of_a_tree_is_live_from_its_first_byte_to_its_last(opened):
    for kind in range(256):
        pages = opened(database({3: leaf({}, kind=kind)}))
        assert pages.is_live(3, 200, 201) == (kind not in (TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR)), kind


def test_the_first_page_has_its_tree_behind_the_header_of_the_file(opened):
    content = bytearray(database({3: leaf({})}))
    content[103:110] = (2).to_bytes(2) + bytes(3) + (400).to_bytes(2)
    content[110:112] = (450).to_bytes(2)
    content[400:402], content[450:452] = b"\x07\x01", b"\x09\x01"
    pages = opened(bytes(content))
    assert [at for at in range(SIZE) if pages.is_live(1, at, at + 1)] == [*range(112), *range(400, 409), *range(450, 461)]


def test_a_page_that_was_torn_off_is_live(opened):
    content = database({3: leaf({}), 4: leaf({})})
    assert not opened(content).is_live(4, 200, 201)
    assert opened(content[:-1]).is_live(4, 200, 201)


@pytest.mark.parametrize("magic", [0x377F0682, 0x377F0683])
def test_logs_with_sums_in_either_order_of_bytes_are_read(opened, magic):
    pages = opened(database({3: leaf({})}), log_header(magic=magic) + frame(3, bytes(SIZE), PAGES))
    assert [(one.number, one.page, one.at, one.current) for one in pages.frames] == [(1, 3, 56, True)]


@pytest.mark.parametrize(("magic", "size"), [(0x377F0681, 512), (0x377F0684, 512), (0, 512), (0x377F0682, 256), (0x377F0682, 1024)])
def test_what_is_no_log_of_this_database_has_no_frames(opened, magic, size):
    pages = opened(database({3: leaf({})}), log_header(size, magic) + frame(3, bytes(1024), PAGES))
    assert (pages.frames, pages.in_log(3)) == ((), False)


def current(pages: Pages) -> list[bool]:
    return [one.current for one in pages.frames]


def test_of_several_images_of_a_page_the_last_that_was_committed_is_current(opened):
    images = [(3, 0), (4, PAGES), (3, 1), (5, 0), (4, 0)]
    pages = opened(database({3: leaf({})}), log_header() + b"".join(frame(page, bytes([page]) * SIZE, commit) for page, commit in images))
    assert current(pages) == [False, True, True, False, False]
    assert [pages.in_log(number) for number in (2, 3, 4, 5)] == [False, True, True, False]
    assert [pages.page(number) for number in (3, 4, 5)] == [b"\x03" * SIZE, b"\x04" * SIZE, b""]
    assert [one.at for one in pages.frames] == [56 + 536 * number for number in range(5)]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_of_a_transaction_that_was_not_committed_nothing_is_current(opened, frames):
    pages = opened(database({3: leaf({})}), log_header() + frame(3, bytes(SIZE)) * frames)
    assert current(pages) == [False] * frames
    assert not pages.in_log(3)


@pytest.mark.parametrize("place", range(8))
def test_a_frame_with_other_salts_ends_the_generation(opened, place):
    """One byte of them is enough; and what follows is of an older generation, whatever its salts."""
    other = bytearray(SALTS)
    other[place] ^= 0x80
    stale = frame(4, bytes(SIZE), PAGES, bytes(other))
    wal = log_header() + frame(3, bytes(SIZE), PAGES) + stale + frame(5, bytes(SIZE), PAGES)
    assert current(opened(database({3: leaf({})}), wal)) == [True, False, False]
    assert current(opened(database({3: leaf({})}), log_header() + stale)) == [False]


def trunk(following: int, leaves: list[int], count: int | None = None) -> bytes:
    return following.to_bytes(4) + (len(leaves) if count is None else count).to_bytes(4) + b"".join(leaf.to_bytes(4) for leaf in leaves)


def test_free_pages_are_the_trunks_and_what_they_list_up_to_their_count(opened):
    pages = opened(database({TRUNK: trunk(4, [7, 8]), 4: trunk(5, []), 5: trunk(0, [9, 0, 10, 11], 3), 11: b""}))
    assert pages.free == {TRUNK, 4, 5, 7, 8, 9, 10}


def test_trunks_that_name_each_other_end(opened):
    assert opened(database({TRUNK: trunk(3, [7]), 3: trunk(4, [8]), 4: trunk(3, [9])})).free == {TRUNK, 3, 4, 7, 8, 9}


@pytest.mark.parametrize(("reserved", "listed"), [(0, 126), (1, 125), (4, 125), (5, 124), (32, 118)])
def test_a_trunk_lists_as_many_pages_as_have_room_in_it(opened, reserved, listed):
    leaves = [1000 + number for number in range(126)]
    pages = opened(database({TRUNK: trunk(0, leaves, 1 << 31)}, reserved=reserved))
    assert pages.free == {TRUNK, *leaves[:listed]}


def test_a_trunk_that_was_torn_off_lists_nothing(opened):
    content = database({TRUNK: trunk(3, [7]), 3: trunk(0, [8] * 100)})
    assert opened(content).free == {TRUNK, 3, 7, 8}
    for kept in (0, 4, 7, 8, 12, SIZE - 1):
        assert opened(content[: 2 * SIZE + kept]).free == {TRUNK, 3, 7}


@pytest.mark.parametrize("links", [1, 2, 3, 9])
def test_a_chain_is_read_to_its_end_a_page_that_was_torn_off_or_one_that_it_had_before(opened, links):
    pages = {3 + number: overflow(4 + number, bytes([number + 1]) * (SIZE - 4)) for number in range(links)}
    whole = [bytes([number + 1]) * (SIZE - 4) for number in range(links)]
    last = 2 + links
    for following, content in (
        (0, database({**pages, last: overflow(0, whole[-1])})),
        (3, database({**pages, last: overflow(3, whole[-1])})),
    ):
        assert list(opened(content).chain(3)) == whole, following
    assert list(opened(database(pages)).chain(3)) == whole
    assert list(opened(database(pages)[:-1]).chain(3)) == whole[:-1]
    assert list(opened(database(pages)).chain(0)) == []


def test_bytes_of_a_log_belong_to_frames_of_any_page_size(opened):
    for size in (512, 4096, 65536):
        pages = opened(database({}, size=size), log([(3, bytes(size)), (4, bytes(size))], size))
        ends = [32, 32 + 24 + size, 32 + 2 * (24 + size)]
        places = [0, 31, ends[0], ends[1] - 1, ends[1], ends[2] - 1, ends[2], ends[2] + size]
        assert [frame and frame.number for frame in map(pages.frame_at, places)] == [None, None, 1, 1, 2, 2, None, None]
        assert pages.frame_at(ends[0] - size - 50) is None


def test_a_chain_is_followed_for_so_many_pages_and_no_more(opened, monkeypatch):
    monkeypatch.setattr(sqlite_pages, "MAX_CHAIN", 3)
    pages = {number: overflow(number + 1, b"%d" % number) for number in range(3, 9)}
    assert [page[:1] for page in opened(database(pages)).chain(3)] == [b"3", b"4", b"5"]
