"""Credentials and canaries reach the journal at no depth and in no key."""

from __future__ import annotations

import json
import sqlite3
import threading

import pytest
from engine_events import interaction
from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.journal.redact import CANARY, CREDENTIAL, SHORTEST, Redactor
from zdr_audit.journal.store import Journal

SECRET = "sk-very-secret-0123456789"
LITERAL = new_literal()
MINTED = Mint(LITERAL).new()


def redactor() -> Redactor:
    found = Redactor()
    found.add_secret(SECRET)
    found.set_literal(LITERAL)
    return found


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from([SECRET, MINTED])
words = st.builds("{}{}{}".format, st.text(max_size=5), st.sampled_from([SECRET, MINTED, MINTED.upper(), MINTED[:25]]), st.text(max_size=5))
values = st.recursive(
    leaves | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | words, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_no_secret_and_no_canary_is_left_at_any_depth(value):
    cleaned = json.dumps(redactor().clean(value), ensure_ascii=False)
    assert SECRET not in cleaned
    assert LITERAL not in cleaned.lower()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda i: st.lists(i) | st.dictionaries(st.text(), i),
    )
)
def test_what_holds_neither_stays_as_it_is(value):
    assert Redactor().clean(value) == value


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Bearer {SECRET}.", f"Bearer {CREDENTIAL}."),
        (f"note {MINTED}, please", f"note {CANARY}, please"),
        (f'{{"content": "{MINTED.upper()}"}}', f'{{"content": "{CANARY}"}}'),
        (f"prefix{MINTED}suffix", CANARY),
        (f"cut {MINTED[5:]} or {MINTED[:25]} off", f"cut {CANARY} or {CANARY} off"),
        (f"/v1/x?key={SECRET}&q={MINTED}", f"/v1/x?key={CREDENTIAL}&q={CANARY}"),
        ("\ud800 alone", "\\ud800 alone"),
    ],
    ids=["header", "sentence", "json", "glued", "cut", "address", "half a pair"],
)
def test_a_text_keeps_what_stands_around(text, left):
    assert redactor().text(text) == left


def test_of_two_secrets_the_longer_is_blotted_out_whole():
    found = redactor()
    found.add_secret(SECRET + "-extended")
    assert found.text(f"x {SECRET}-extended y {SECRET}") == f"x {CREDENTIAL} y {CREDENTIAL}"


def test_a_secret_with_signs_of_a_pattern_is_taken_literally():
    found = Redactor()
    found.add_secret("a.b*c(d)[e]")
    assert found.text("a.b*c(d)[e] axbbc(d)e") == f"{CREDENTIAL} axbbc(d)e"


@given(st.text(max_size=30), st.integers(0, len(SECRET)))
def test_a_text_that_was_cut_holds_less_than_half_of_a_secret(before, kept):
    found = redactor()
    found.add_secret(f"other {SECRET[:10]}-which-is-longer-than-the-first")
    cleaned = found.text(before + SECRET[:kept])
    assert SECRET[: len(SECRET) // 2] not in cleaned
    if kept < len(SECRET) // 2:
        assert cleaned.endswith(SECRET[:kept])


def test_words_that_begin_like_a_secret_stay_where_more_follows():
    assert redactor().text(f"{SECRET[:20]}-hint") == f"{SECRET[:20]}-hint"


def test_of_several_secrets_that_a_cut_text_may_have_ended_with_all_of_it_goes():
    found = Redactor()
    found.add_secret("first-half-first-half-other")
    found.add_secret("half-first-half-and-more")
    assert found.text("it said first-half-first-half") == f"it said {CREDENTIAL}"


def test_a_string_too_short_for_a_secret_blots_out_nothing():
    found = Redactor()
    found.add_secret("member"[: SHORTEST - 1])
    assert found.text("the member asks") == "the member asks"


def test_nothing_of_them_lies_in_the_journal_file(tmp_path):
    path = tmp_path / "journal.sqlite"
    with Journal(path, redactor()) as journal:
        journal.append(
            interaction(
                1,
                path=f"/v1/sessions/{MINTED}",
                error=f"failed for {SECRET}",
                labels={"note": MINTED, SECRET: "x"},
                data={"deep": [{"er": {MINTED: [SECRET, {"prompt": MINTED.upper()}]}}]},
            )
        )
        (event,) = journal.events()
    raw = path.read_bytes()
    assert SECRET.encode() not in raw
    assert LITERAL.encode() not in raw.lower()
    assert event.data == {"deep": [{"er": {CANARY: [CREDENTIAL, {"prompt": CANARY}]}}]}
    assert event.path == f"/v1/sessions/{CANARY}"


def test_a_secret_learned_late_is_blotted_out_from_then_on(tmp_path):
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.redactor.add_secret(SECRET)
        journal.append(interaction(1, error=SECRET))
        assert [e.error for e in journal.events()] == [CREDENTIAL]


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\x00", "\x1b[31mred\x1b[0m", "\u2028", "😀"])
def test_whatever_text_a_target_sends_can_be_journaled_and_read_back(tmp_path, text):
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.append(interaction(1, error=text, data={text: [text]}))
        (event,) = journal.events()
        assert event.data == {event.error: [event.error]}
        assert journal.problems() == []


def test_many_threads_append_one_chain(tmp_path):
    with Journal(tmp_path / "journal.sqlite") as journal:

        def work(start: int) -> None:
            for number in range(start, start + 50):
                journal.append(interaction(number))

        threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert journal.problems() == []
        assert len({e.id for e in journal.events()}) == 400


def test_the_database_is_strict_about_its_columns(tmp_path):
    with (
        Journal(tmp_path / "j.sqlite") as journal,
        sqlite3.connect(journal.path) as db,
        pytest.raises(sqlite3.IntegrityError, match="NOT NULL"),
    ):
        db.execute("INSERT INTO events VALUES (1, NULL, '{}', '', '')")
