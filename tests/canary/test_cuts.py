"""Canaries that were cut: out of their middle, by the control bytes of a compressor, over the lines of a log; each with its place."""

from __future__ import annotations

import json

import pytest

from zdr_audit.canary.sighting import Sighting


def told(seen: list[Sighting]) -> set[tuple[str, str | None, int, int]]:
    return {(one.forms[0], one.canary, one.start, one.end) for one in seen}


@pytest.mark.parametrize("change", [str, str.upper])
@pytest.mark.parametrize(("first", "last"), [(5, 27), (4, 27), (1, 31), (3, 29), (5, 31)])
def test_a_window_out_of_the_middle_names_its_canary(lab, change, first, last):
    canary = change(lab.canary("cut"))
    data = b"<" * 40 + canary[first:last].encode() + b">" * 40
    ((form, name, start, end),) = told(lab.search(data))
    assert (form, name) == ("middle", "cut")
    assert (start, end) == (40 + 5 - first, 40 + 27 - first)  # the halves of the literals beside the tail


@pytest.mark.parametrize(("first", "last"), [(6, 27), (5, 26), (8, 24)])
def test_a_window_with_less_than_half_of_a_literal_at_either_end_names_nobody(lab, first, last):
    assert lab.search(b"<" * 40 + lab.canary("cut")[first:last].encode() + b">" * 40) == []


def test_the_middle_of_a_whole_canary_is_not_told_again(lab):
    assert [one.forms for one in lab.search(f"<{lab.canary('whole')}>".encode())] == [("plain",)]


def pglz(text: bytes, first: int) -> bytes:
    """The text as PostgreSQL's compression leaves what it has not seen before: a control byte, then eight bytes; `first` before the first control."""
    out = text[:first]
    for at in range(first, len(text), 8):
        out += b"\x00" + text[at : at + 8]
    return out


@pytest.mark.parametrize("first", range(1, 9))
def test_control_bytes_within_a_canary_hide_it_from_nobody(lab, first):
    canary = lab.canary("stored").encode()
    data = b"\xff" * 50 + pglz(canary + b" and more", first) + b"\xff" * 50
    seen = [one for one in lab.search(data) if one.canary]
    assert {(one.forms[0], one.canary) for one in seen} == {("pglz", "stored")}
    assert min(one.start for one in seen) == 50
    assert max(one.end for one in seen) == 50 + len(pglz(canary, first))


def test_a_copy_within_a_canary_that_was_compressed_is_read(lab):
    canary = lab.canary("stored").encode()
    # The second literal as a copy of the first, 22 bytes back.
    data = canary[:4] + b"\x00" + canary[4:12] + b"\x00" + canary[12:20] + b"\x04" + canary[20:22] + bytes([0x07, 22]) + b" and so on"
    (seen,) = lab.search(b"\xff" * 50 + data + b"\xff" * 50)
    assert (seen.forms[0], seen.canary, seen.start) == ("pglz", "stored", 50)


STAMP = "2026-11-26T10:00:{:02d}Z INFO delta="


def log(text: str, size: int, *, before: int = 2, other: tuple[int, str] = (0, "")) -> tuple[bytes, list[int]]:
    """The text in pieces, one to a line, and the places of its characters."""
    lines = "".join(STAMP.format(number) + "ships\n" for number in range(before))
    places: list[int] = []
    for number, at in enumerate(range(0, len(text), size)):
        if other[0] and number and number % other[0] == 0:
            lines += other[1]
        lines += STAMP.format(before + number)
        places += range(len(lines), len(lines) + len(text[at : at + size]))
        lines += text[at : at + size] + "\n"
    return lines.encode(), places


@pytest.mark.parametrize("size", [3, 4, 5, 7, 8, 9])
@pytest.mark.parametrize("change", [str, str.upper])
def test_a_canary_in_pieces_over_lines_is_told_with_its_place(lab, size, change):
    data, places = log(change(lab.canary("told")), size)
    seen = [one for one in lab.search(data) if one.canary == "told"]
    assert {one.forms[0] for one in seen} == {"lines"}
    assert min(one.start for one in seen) == places[0]
    assert max(one.end for one in seen) == places[-1] + 1


@pytest.mark.parametrize(("lines", "found"), [(1, True), (8, True), (9, False)])
def test_a_few_other_lines_between_the_pieces_do_not_part_them(lab, lines, found):
    data, _ = log(lab.canary("told"), 8, other=(1, "a line of another kind\n" * lines))
    assert ("told" in {one.canary for one in lab.search(data)}) is found


def test_pieces_of_other_text_between_are_no_canary(lab):
    canary = lab.canary("told")
    data, _ = log(canary[:5] + "zzz" + canary[5:], 4)
    assert {one.canary for one in lab.search(data)} <= {None}


def test_a_list_of_pieces_in_one_line_is_an_instruction_and_no_answer(lab):
    canary = lab.canary("asked")
    pieces = " then ".join(f'"{canary[at : at + 5]}"' for at in range(0, 32, 5))
    assert lab.search(f"join these: {pieces}\n".encode()) == []


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 11, 15])
def test_the_values_of_one_field_of_json_are_joined(lab, size):
    text = f"ships {lab.canary('told')} harbour"
    events = [json.dumps({"type": "delta", "text": text[at : at + size]}) for at in range(0, len(text), size)]
    data = ("\n".join(events)).encode()
    seen = [one for one in lab.search(data) if one.canary == "told"]
    assert {one.forms for one in seen} == {("split", "plain")}
    where = [
        at
        for event, start in zip(events, _starts(events), strict=True)
        for at in range(start + event.index('"text": "') + 9, start + len(event) - 2)
    ]
    first = where[6]
    last = where[37]
    assert min(one.start for one in seen) in (first, *where[6:16])
    assert max(one.end for one in seen) == last + 1


def test_a_canary_is_told_wherever_the_values_cut_both_of_its_literals(labs):
    lab = labs()
    for size in range(1, 10):
        text = lab.canary(f"cut at {size}")
        pieces = (text[:size], text[size : 22 + size], text[22 + size :])
        data = "\n".join(json.dumps({"text": piece}) for piece in pieces).encode()
        assert {(one.canary, one.forms) for one in lab.search(data)} == {(f"cut at {size}", ("split", "plain"))}


def _starts(events: list[str]) -> list[int]:
    found, at = [], 0
    for event in events:
        found.append(at)
        at += len(event) + 1
    return found


@pytest.mark.parametrize(("empty", "found"), [(1, True), (8, True), (9, False)])
def test_empty_values_between_do_not_part_them_if_they_are_few(lab, empty, found):
    canary = lab.canary("told")
    values = [canary[:5], *[""] * empty, canary[5:]]
    data = "\n".join(json.dumps({"text": value}) for value in values).encode()
    assert ("told" in {one.canary for one in lab.search(data) if one.forms[0] == "split"}) is found


def test_values_of_another_field_between_are_passed_over_and_another_text_parts_them(lab):
    canary = lab.canary("told")
    mixed = "\n".join(json.dumps(event) for event in ({"text": canary[:5]}, {"name": "x"}, {"text": canary[5:]})).encode()
    assert {one.canary for one in lab.search(mixed)} == {"told"}
    parted = "\n".join(json.dumps({"text": value}) for value in (canary[:5], "other", canary[5:])).encode()
    assert "told" not in {one.canary for one in lab.search(parted) if one.forms[0] == "split"}


@pytest.mark.parametrize("literal", ["jxx717z168", "qzj202k417", "zzx500q200"])
def test_a_word_of_the_log_that_would_do_for_the_next_piece_does_not_hide_it(labs, literal):
    lab = labs(literal)
    canary = lab.canary("kept")
    log = b"".join(
        b'[%d] chunk: "%s" (request %s, status 200)\n' % (number, piece.encode(), literal[4:6].encode())
        for number, piece in enumerate((f"join {canary[:4]}", *(canary[at : at + 9] for at in range(4, len(canary), 9))))
    )
    assert {seen.canary for seen in lab.search(log)} == {"kept"}
