"""Text in pieces, one to a row, is put together from a column's values."""

from __future__ import annotations

import random
import re
import sqlite3
from contextlib import closing

import pytest

from zdr_audit.canary.seeker import searched_forms
from zdr_audit.evidence import row_split
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.row_split import RowSplit, Value
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


def joined(lab, *rows: dict[str, Value]) -> list[tuple[str | None, str]]:
    """What is found in rows of these values: `row 1`, `row 2` and so on."""
    collector = Collector("db", "sqlite", lab.seeker)
    split = RowSplit(collector)
    for number, values in enumerate(rows, 1):
        split.add("table", f"row {number}", values)
    split.finish("table")
    return [(hit.canary, hit.location) for hit in collector.reading().hits]


def in_bytes(text: str, *sizes: int) -> list[bytes]:
    """A text in pieces of these sizes, the last of which takes the rest."""
    ends = [sum(sizes[: at + 1]) for at in range(len(sizes))]
    return [text[first:last].encode() for first, last in zip([0, *ends], [*ends, len(text)], strict=True)]


@pytest.mark.parametrize(("others", "found"), [(0, True), (1, True), (7, True), (8, False)])
def test_as_many_as_eight_columns_may_tell_in_which_order_pieces_belong(lab, others, found):
    pieces = in_bytes(lab.canary("c"), 4, 4, 4, 4, 4, 4, 4)
    columns = [f"c{at}" for at in range(others)]
    rows = [dict.fromkeys(columns, b"the same") | {"number": number, "piece": pieces[number]} for number in (3, 0, 7, 4, 1, 6, 2, 5)]
    assert {name for name, _ in joined(lab, *rows)} == ({"c"} if found else set())


@pytest.mark.parametrize(("longer", "found"), [(0, True), (1, False)])
def test_values_longer_than_a_canary_on_the_whole_are_not_put_in_other_orders(lab, longer, found):
    first, last = in_bytes(lab.canary("c"), 5)
    texts = [first.rjust(32, b"~"), b"-" * (37 + longer), last]
    rows = [{"number": number, "piece": texts[at]} for at, number in ((0, 1), (1, 3), (2, 2))]
    assert [name for name, _ in joined(lab, *rows) if name] == (["c"] if found else [])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_pieces_of_any_size_are_put_in_the_order_of_their_numbers(lab, size):
    canary = lab.canary("c")
    pieces = [piece.encode() for piece in cut(canary, size)]
    rows = [{"number": number, "piece": piece} for number, piece in enumerate(pieces)]
    found = joined(lab, *reversed(rows))
    assert found
    assert {name for name, _ in found} == {"c"}
    assert all(place.endswith(", column piece, in the order of number") for _, place in found)
    last, first = len(rows), len(rows) - 9 // size
    assert found[0] == ("c", f"row {last} to row {first}, column piece, in the order of number")


def test_numbers_come_in_their_order_however_they_are_written_then_text_then_what_has_none(lab):
    keys = [0, b"1", 2, b"9", b"10", b"0" * 17 + b"11", b"0" * 17 + b"20", 21, b"0" * 19 + b"1", b"10 a", b"a", b"b", None]
    pieces = in_bytes(lab.canary("c"), *[1] * 5, *[2] * 4, 4, 5, 5)
    assert len(pieces) == len(keys)
    rows = [{"key": key, "piece": piece} for key, piece in zip(keys, pieces, strict=True)]
    random.Random(5).shuffle(rows)
    assert [name for name, _ in joined(lab, *rows)] == ["c", "c"]


def test_other_orders_are_told_once_and_only_what_the_rows_own_order_does_not_show(lab):
    one, two = lab.canary("one"), lab.canary("two")
    pieces = [piece.encode() for piece in cut(one, 4)]
    rows = [{"number": number, "again": number, "piece": piece} for number, piece in enumerate(pieces)]
    own = joined(lab, *rows)
    assert own == [("one", "row 1 to row 3, column piece"), ("one", "row 6 to row 8, column piece")]
    found = joined(lab, *rows[::2], *rows[1::2])
    assert {place.rpartition(", ")[2] for _, place in found} == {"in the order of number"}
    far = [{"number": number, "again": -number, "piece": piece.encode()} for number, piece in enumerate(cut(two, 4))]
    both = joined(lab, *rows, *far[::2], *far[1::2])
    assert ("one", "row 1 to row 3, column piece") in both


def test_pieces_whose_neighbours_have_the_literal_by_chance_are_told_by_their_own_order_alone(lab):
    literal, canary = lab.seeker.literal.decode(), lab.canary("c")
    chance = [{"number": 20, "piece": literal[:5].encode()}, {"number": 0, "piece": literal[5:].encode()}]
    assert [name for name, _ in joined(lab, *chance)] == [None]
    pieces = [{"number": at + 1, "piece": piece.encode()} for at, piece in enumerate(cut(canary, 5))]
    found = joined(lab, *chance, *reversed(pieces))
    assert {name for name, _ in found} == {"c"}


@pytest.mark.parametrize("size", [2, 3, 5, 11])
def test_a_text_is_found_once_wherever_the_bound_of_what_is_held_falls_in_it(lab, monkeypatch, size):
    monkeypatch.setattr(row_split, "_HELD", 200)
    pieces = [piece.encode() for piece in cut(lab.canary("c"), size)]
    whole = joined(lab, *({"piece": piece} for piece in pieces))
    numbers = [[int(word) for word in re.findall(r"\d+", place)] for _, place in whole]
    for before in range(0, 210, 3):
        filling = [{"piece": b"."}] * before
        found = joined(lab, *filling, *({"piece": piece} for piece in pieces), *[{"piece": b"."}] * 200)
        assert [[int(word) - before for word in re.findall(r"\d+", place)] for _, place in found] == numbers, before


@pytest.mark.parametrize("size", [3, 11])
def test_a_text_among_many_other_columns_is_found_though_little_of_it_is_held_at_a_time(lab, monkeypatch, size):
    monkeypatch.setattr(row_split, "_HELD", 200)
    pieces = [piece.encode() for piece in cut(lab.canary("c"), size)]
    others = {f"n{number}": None for number in range(60)}
    rows = [{"piece": piece} | others for piece in pieces]
    found = [hit for hit in joined(lab, *rows) if "in the order of" not in hit[1]]
    assert found == joined(lab, *({"piece": piece} for piece in pieces))


def test_rows_that_are_no_longer_held_are_in_no_other_order(lab, monkeypatch):
    monkeypatch.setattr(row_split, "_HELD", 100)
    first, last = in_bytes(lab.canary("c"), 6)
    for between, found in ((20, True), (23, True), (24, False), (60, False)):  # of the 100, the row before takes 28, each of the filling 3
        filling = [{"number": 5, "piece": b"."}] * between
        rows = [{"number": 2, "piece": last}, *filling, {"number": 1, "piece": first}]
        assert bool(joined(lab, *rows)) is found, between


def test_what_is_no_text_orders_and_is_not_searched(lab):
    assert row_split.pieces(["a", "b", "c", "d"], [b"text", 5, 1.5, None]) == {"a": b"text", "b": 5}
    with pytest.raises(ValueError, match="shorter"):
        row_split.pieces(["a", "b"], [b"text"])
