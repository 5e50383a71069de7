"""Text in pieces, one to a row, is put together from a column's values."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from zdr_audit.canary.seeker import searched_forms
from zdr_audit.evidence import row_split
from zdr_audit.evidence.sqlite import read_sqlite


def store(path, pieces: list[str], before: int = 0) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table deltas (id integer primary key, at text, piece text)")
        rows = [("2026-01-01", f"other text {number} ") for number in range(before)] + [("2026-01-01", piece) for piece in pieces]
        connection.executemany("insert into deltas (at, piece) values (?, ?)", rows)


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 9, 13])
def test_a_canary_in_pieces_over_rows_is_found_with_its_rows(lab, tmp_path, size):
    store(tmp_path / "x.db", cut(f"Please join {lab.canary('c')} and answer", size))
    hits = [hit for hit in read_sqlite("db", tmp_path / "x.db", lab.seeker).hits if hit.forms == ("rows", "plain")]
    assert {hit.canary for hit in hits} == {"c"}
    assert all(hit.object == "deltas" and hit.location.endswith(", column piece") for hit in hits)
    first = 12 // size + 1
    assert hits[0].location.startswith(f"row {first} ")


def test_a_canary_whole_in_its_row_is_not_told_twice(lab, tmp_path):
    store(tmp_path / "x.db", ["hello ", f"prompt {lab.canary('c')}", " more"])
    assert [hit.forms for hit in read_sqlite("db", tmp_path / "x.db", lab.seeker).hits] == [("plain",)]


def test_pieces_are_joined_across_the_bound_of_what_is_held(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(row_split, "_HELD", 500)
    for before in range(20, 40):
        path = tmp_path / f"{before}.db"
        store(path, cut(f"Please join {lab.canary(str(before))} and answer", 4), before)
        found = {hit.canary for hit in read_sqlite("db", path, lab.seeker).hits if hit.forms[0] == "rows"}
        assert found == {str(before)}


def test_rows_without_a_canary_hold_none(lab, tmp_path):
    store(tmp_path / "x.db", cut("Please join the ships and the harbour and answer " * 50, 3))
    assert read_sqlite("db", tmp_path / "x.db", lab.seeker).hits == ()


def test_that_rows_are_joined_is_said():
    assert row_split.FORM in searched_forms()


def rows_of(reading) -> list[tuple[str | None, str]]:
    return [(hit.canary, hit.location) for hit in reading.hits if hit.forms == ("rows", "plain")]


def test_a_hit_names_the_rows_in_which_the_literal_begins_and_ends(lab, tmp_path):
    canary = lab.canary("c")
    store(tmp_path / "x.db", ["ships ", canary[:5], canary[5:8], canary[8:26], canary[26:], " harbour"])
    assert rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker)) == [
        ("c", "row 2 to row 4, column piece"),
        ("c", "row 4 to row 5, column piece"),
    ]


def test_a_literal_that_its_row_holds_whole_is_told_with_the_rows_beside_it(lab, tmp_path):
    canary = lab.canary("c")
    store(tmp_path / "x.db", ["ships ", canary[:11], canary[11:21], canary[21:]])
    assert ("c", "row 2 and those beside it, column piece") in rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker))


@pytest.mark.parametrize(("size", "joined"), [(4096, True), (4097, False)])
def test_a_value_that_is_too_long_for_a_piece_parts_the_text(lab, tmp_path, size, joined):
    canary = lab.canary("c")
    store(tmp_path / "x.db", ["x" * (size - 5) + canary[:5], canary[5:]])
    assert bool(rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker))) is joined


def test_empty_values_between_the_pieces_do_not_part_them(lab, tmp_path):
    canary = lab.canary("c")
    store(tmp_path / "x.db", [canary[:5], "", "", canary[5:]])
    assert rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker)) == [("c", "row 1 to row 4, column piece")]


def test_text_in_capitals_is_joined_and_so_are_bytes(lab, tmp_path):
    canary = lab.canary("c")
    store(tmp_path / "capitals.db", cut(canary.upper(), 5))
    assert {name for name, _ in rows_of(read_sqlite("db", tmp_path / "capitals.db", lab.seeker))} == {"c"}
    store(tmp_path / "blobs.db", cut(canary, 5))
    with closing(sqlite3.connect(tmp_path / "blobs.db")) as connection, connection:
        connection.execute("update deltas set piece = cast(piece as blob)")
    assert {name for name, _ in rows_of(read_sqlite("db", tmp_path / "blobs.db", lab.seeker))} == {"c"}


def deltas(path, rows, keys="message text, number integer"):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table deltas ({keys}, piece text)")
        connection.executemany("insert into deltas values (?, ?, ?)", rows)


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_pieces_of_answers_that_came_at_the_same_time_are_told_apart(lab, tmp_path, size):
    texts = {name: cut(f"and so {lab.canary(name)} it is", size) for name in ("a", "b", "c")}
    rows = [
        (name, number, piece)
        for number, turn in enumerate(zip(*texts.values(), strict=True))
        for name, piece in zip(texts, turn, strict=True)
    ]
    deltas(tmp_path / "x.db", rows)
    found = rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker))
    assert {name for name, _ in found} == {"a", "b", "c"}
    assert any(place.endswith(", column piece, in the order of message") for _, place in found)


@pytest.mark.parametrize("keys", ["message text, number integer", "message text, number text"])
def test_pieces_in_no_order_are_put_in_that_of_their_numbers(lab, tmp_path, keys):
    rows = [
        (name, number, piece) for name in ("a", "b", "c") for number, piece in enumerate(cut(f"and so {lab.canary(name)} it is all", 3))
    ]
    random.Random(3).shuffle(rows)
    deltas(tmp_path / "x.db", rows, keys)
    found = rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker))
    assert {name for name, _ in found} == {"a", "b", "c"}
    assert any(place.endswith("in the order of message and number") for _, place in found)


def test_short_values_in_any_order_are_no_canary(lab, tmp_path):
    lab.canary("never stored")
    drawn = random.Random(4)
    letters = lab.seeker.literal.decode() + "abc 01"
    deltas(tmp_path / "x.db", [(drawn.choice("xyz"), drawn.randrange(9), "".join(drawn.choices(letters, k=4))) for _ in range(3000)])
    assert rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker)) == []


def test_tables_and_columns_are_joined_each_by_itself(lab, tmp_path):
    canary = lab.canary("c")
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection, connection:
        for table in ("a", "b"):
            connection.execute(f"create table {table} (one text, two text)")
        connection.execute("insert into a values (?, 'x')", (canary[:5],))
        connection.execute("insert into b values (?, ?)", (canary[5:], canary[:5]))
        connection.execute("insert into b values ('x', ?)", (canary[5:],))
    assert rows_of(read_sqlite("db", tmp_path / "x.db", lab.seeker)) == [("c", "row 1 to row 2, column two")]


def test_both_literals_are_told_once_wherever_the_bound_of_what_is_held_falls(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(row_split, "_HELD", 500)
    for before in range(28, 38):
        path = tmp_path / f"{before}.db"
        store(path, cut(f"Please join {lab.canary(str(before))} and answer", 3), before)
        first = before + 5  # twelve letters in pieces of three come before it
        found = rows_of(read_sqlite("db", path, lab.seeker))
        assert found[0] == (str(before), f"row {first} to row {first + 3}, column piece")
        assert len(found) == 2
