"""A target that writes late is waited for: what it writes of a block is measured with that block, on any clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from zdr_audit.suite.patience import MOST_LOOKS, Patience


@dataclass
class Late:
    """A store that takes `delay` pauses to write what it was given, on a clock that only pauses move."""

    delay: int
    size: int = 0
    looks: int = 0
    due: list[tuple[int, int]] = field(default_factory=list)

    def keep(self, *pieces: int) -> None:
        self.due += [(self.looks + self.delay + n, piece) for n, piece in enumerate(pieces)]

    def pause(self, _: float) -> None:
        self.looks += 1
        self.size += sum(piece for at, piece in self.due if at <= self.looks)
        self.due = [(at, piece) for at, piece in self.due if at > self.looks]

    def measure(self) -> dict[str, int]:
        return {"store": self.size, "other": 5}

    def patience(self) -> Patience:
        return Patience(1.0, self.pause, self.measure)


@pytest.mark.parametrize("delay", [1, 2, 5, MOST_LOOKS])
def test_what_the_control_keeps_is_measured_with_its_own_block_however_late_it_comes(delay):
    store = Late(delay)
    patience = store.patience()
    for kept in (1000, 10, 500):
        before = store.measure()
        store.keep(kept)
        assert patience.measured(before, ("store",))["store"] - before["store"] == kept
    assert store.due == []


def test_all_of_several_pieces_is_measured():
    store = Late(3)
    before = store.measure()
    store.keep(100, 200, 300)
    assert store.patience().measured(before, ("store",))["store"] == 600


def test_the_subject_is_given_as_long_as_the_control_took():
    """A subject that leaks just as late is caught in its own block; one that nothing is expected of would be left after one look."""
    store = Late(4)
    patience = store.patience()
    before = store.measure()
    store.keep(1000)
    patience.measured(before, ("store",))
    before = store.measure()
    store.keep(700)
    assert patience.measured(before)["store"] - before["store"] == 700


def test_without_a_lesson_a_quiet_store_costs_one_look():
    store = Late(1)
    assert store.patience().measured(store.measure()) == store.measure()
    assert store.looks == 1


def test_where_nothing_is_ever_seen_the_waiting_is_bounded_and_done_once():
    store = Late(1000)
    patience = store.patience()
    patience.measured(store.measure(), ("store",))
    assert store.looks == MOST_LOOKS
    patience.measured(store.measure(), ("store",))
    assert store.looks == MOST_LOOKS + 1


def test_a_store_that_never_comes_to_rest_is_bounded_too():
    store = Late(0)
    patience = Patience(1.0, lambda _: setattr(store, "size", store.size + 1) or store.pause(0), store.measure)
    patience.measured(store.measure(), ("store",))
    assert store.looks == MOST_LOOKS
