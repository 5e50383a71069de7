"""What makes the search of large data cheap must not make it blind: everything is found there that is found in small data."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.corpus import LEAKS, noise
from zdr_audit.canary import gates
from zdr_audit.canary.anchors import anchors
from zdr_audit.canary.automaton import Automaton

LOG = 1000 * b'{"at": "2026-11-23T09:00:00Z", "level": "info", "message": "a request was served", "tokens": 4711}\n'
BINARY = noise(100_000, b"binary")
SURROUNDINGS = {"binary": BINARY, "text": LOG, "zeros": bytes(100_000)}


def summary(sightings, offset: int) -> set[tuple[tuple[str, ...], str | None, int]]:
    """Forms, canary and place. Not the byte order of wide characters, which foreign bytes before them can hide, nor where such text begins."""
    found = set()
    for seen in sightings:
        forms = tuple(form[:6] if form.startswith("utf-") else form for form in seen.forms)
        found.add((forms, seen.canary, 0 if forms != seen.forms else seen.start - offset))
    return found


@pytest.mark.parametrize("kind", ["binary", "text"])
@pytest.mark.parametrize("leak", [leak for leak in LEAKS if not leak.whole], ids=lambda leak: leak.name)
def test_a_form_within_large_data_is_found_as_it_is_in_small(lab, leak, kind):
    canary = lab.canary("planted")
    content = b"\n" + leak.make(canary[leak.keep] if leak.keep else canary) + b"\n"
    around = SURROUNDINGS[kind]
    small = summary(lab.search(around[:200] + content + around[:200]), 200)
    assert "planted" in {name for _, name, _ in small}
    before = around[: len(around) - len(content) % 8]  # the gates look at eight bytes at a time
    large = summary(lab.search(before + content + around), len(before))
    # The literal stands twice in a canary: of one that is in pieces over lines, either copy may be the one that is told.
    assert large <= small and {seen[:2] for seen in large} == {seen[:2] for seen in small}


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.tuples(st.integers(0, 400), st.integers(23, 90)), max_size=4), lead=st.integers(0, 40), tail=st.integers(0, 40))
def test_no_run_of_ascii_is_overlooked(pieces, lead, tail):
    data = bytearray(b"\xf3" * lead)
    runs = []
    for gap, length in pieces:
        data += b"\xf3" * (gap + 9000)
        runs.append((len(data), len(data) + length))
        data += b"a" * length
    data += b"\xf3" * (gates.SMALL + tail)
    ranges = gates.texts(bytes(data))
    for start, end in runs:
        assert any(low <= start and end <= high for low, high in ranges)


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 120)), max_size=30))
def test_no_long_run_of_letters_and_digits_is_overlooked(pieces):
    data = b"some words and " * 3000 + b"".join(b" " * gap + b"7" * length for gap, length in pieces) + b" end"
    ranges = gates.tokens(data)
    for run in re.finditer(rb"[0-9A-Za-z]{%d,}" % gates.TOKEN_RUN, data):
        assert any(low <= run.start() and run.end() <= high for low, high in ranges)


@pytest.mark.parametrize("size", [40_000, 40_007])
def test_letters_stand_where_one_by_one_they_are_found(size):
    data = bytearray(noise(size, b"letters"))
    data[-2:] = b"zq"
    follows = gates.np.array([code % 3 == 0 or code == ord("q") for code in range(256)], gates.np.uint8)
    expected = [at for at in range(size - 1) if data[at] | 0x20 == ord("z") and follows[data[at + 1]]]
    assert sorted(gates.letters(bytes(data), ord("z"), follows)) == expected
    assert expected[-1] == size - 2


@settings(max_examples=80, deadline=None)
@given(patterns=st.sets(st.binary(min_size=3, max_size=12), min_size=1, max_size=40))
def test_every_pattern_holds_an_anchor(patterns):
    chosen = anchors(patterns)
    assert all(any(piece in pattern for piece in chosen) for pattern in patterns)


@settings(max_examples=80, deadline=None)
@given(
    patterns=st.lists(st.binary(min_size=2, max_size=9), min_size=1, max_size=20, unique=True),
    order=st.lists(st.integers(0, 19), max_size=30),
    gap=st.binary(max_size=6),
)
def test_patterns_are_found_behind_their_anchors_as_without(patterns, order, gap):
    middle = gap.join(patterns[at % len(patterns)] for at in order)
    data = bytes(5000) + middle + bytes(5000)
    automaton = Automaton(patterns)
    covered = {at for start, end, _ in automaton.find(data) for at in range(start, end)}
    for pattern in patterns:
        for at in range(len(data) - len(pattern) + 1):
            if data.startswith(pattern, at) and any(pattern):
                assert covered & set(range(at, at + len(pattern)))


def test_matches_in_large_data_are_those_in_small(lab):
    forms = b"".join(leak.make(lab.mint.new()) for leak in LEAKS)
    large = LOG + forms + LOG
    found = {(start - len(LOG), end - len(LOG), index) for start, end, index in lab.seeker.find(large)}
    for at in range(0, len(forms) - 300, 2500):  # in pieces that are searched without anchors
        piece = forms[at : at + 3000]
        here = {(at + start, at + end, index) for start, end, index in lab.seeker.find(piece) if start > 200 and end < len(piece) - 200}
        assert here <= found


def test_large_data_without_a_canary_hold_none(lab):
    for first, second in itertools.pairwise([*SURROUNDINGS.values(), LOG]):
        assert lab.search(first + second) == []
    assert lab.notes == []


@given(
    data=st.text("ab-", max_size=40).map(str.encode),
    cut=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    least=st.integers(1, 5),
)
def test_stretches_are_the_longest_runs_of_a_class_within_a_range(data, cut, least):
    low, high = sorted(min(place, len(data)) for place in cut)
    expected = [found.span() for found in re.compile(rb"[ab]{%d,}" % least).finditer(data[:high], low)]
    assert list(gates.stretches(data, low, high, bytes(code in b"ab" for code in range(256)), least)) == expected
