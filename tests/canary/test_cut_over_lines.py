"""A text in pieces over the lines of a log is told from words that fit by chance."""

from __future__ import annotations

import json
import random
import string

import pytest

from zdr_audit.canary import cuts

LITERAL = "zjz637i799"
ONE_LETTER = string.ascii_letters + string.digits


def log_of(pieces, others: int):
    """A line for each piece, as servers write them, and so many lines of other requests between two."""
    drawn = random.Random(5)
    for number, piece in enumerate(pieces):
        line = {"time": f"2026-11-26T09:00:{number:02d}Z", "request": f"req_{drawn.getrandbits(64):016x}", "n": number, "delta": piece}
        yield json.dumps(line)
        for _ in range(others):
            yield json.dumps({"time": f"2026-11-26T09:00:{number:02d}Z", "request": f"req_{drawn.getrandbits(64):016x}", "status": 200})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("others", [0, 1, 3])
def test_an_answer_logged_in_pieces_is_found_between_other_lines(labs, size, others):
    lab = labs(LITERAL)
    canary = lab.canary("planted")
    pieces = [canary[at : at + size] for at in range(0, len(canary), size)]
    data = "\n".join(log_of(["The", "answer", "is", *pieces, "and", "so", "on"], others)).encode()
    assert {seen.canary for seen in lab.search(data)} == {"planted"}


def made_up(drawn: random.Random) -> str:
    """A request as generators of test cases make them: a short text, or a word of one letter, in every place."""
    values = ["".join(drawn.choices(ONE_LETTER, k=drawn.choice([1, 1, 1, 2]))) + drawn.choice(["", "", ":", "~|", "."]) for _ in range(900)]
    return json.dumps({"request": json.dumps(dict.fromkeys(values))})


def test_words_of_one_letter_in_every_place_of_a_log_are_no_canary(labs):
    drawn = random.Random(11)
    data = "\n".join(made_up(drawn) for _ in range(120)).encode()
    lab = labs(LITERAL)
    lab.canary("never sent")
    assert list(lab.search(data)) == []


def test_a_text_of_single_letters_is_not_gone_through_from_each_of_them(labs, monkeypatch):
    looks = []
    before = cuts._before
    monkeypatch.setattr(cuts, "_before", lambda data, pieces: looks.append(1) or before(data, pieces))
    drawn = random.Random(3)
    letters = [" ".join(drawn.choices(ONE_LETTER + "-_", k=6_000)) for _ in range(6)]
    data = "\n".join(f"note {text}" for text in letters).encode()
    lab = labs(LITERAL)
    lab.canary("never sent")
    assert list(lab.search(data)) == []
    assert len(looks) < len(data)
