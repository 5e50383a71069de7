"""A small linearizability checker after Wing and Gong, with the memory of Lowe: pure, bounded, and honest about not knowing.

Two events are free in their order unless one was answered before the other began. An event without an answer may have happened at any time after
it began, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

State = TypeVar("State", bound=Hashable)
Value = TypeVar("Value")
BUDGET = 200_000


@dataclass(frozen=True)
class Event(Generic[Value]):
    """One thing done: from when to when (`ended` None: no answer), and what a model makes of it. Times are compared as they are."""

    id: str
    began: str
    ended: str | None
    value: Value


@dataclass(frozen=True)
class Order:
    """`found`: an order of event ids explains everything. `none`: there is none; `order` is the longest that holds, `stuck` what could have come
    next and does not fit. `unknown`: the search was given up."""

    result: Literal["found", "none", "unknown"]
    order: tuple[str, ...]
    stuck: tuple[str, ...] = ()


def find_order(
    events: Iterable[Event[Value]],
    initial: State,
    step: Callable[[State, Value], Iterable[State]],
    final: Callable[[State], bool] = lambda _state: True,
    looks: Callable[[Value], bool] = lambda _value: False,
    budget: int = BUDGET,
) -> Order:
    """Search for an order. `step` gives the states that an event can lead to, none where it cannot happen; `final` says whether one may end so.
    `looks` says what changes no state whatever: a mere look."""
    listed = sorted(events, key=lambda e: (e.began, e.id))
    answered = [number for number, event in enumerate(listed) if event.ended is not None]
    goal = sum(1 << number for number in answered)
    tried: set[tuple[int, State]] = set()
    longest: tuple[int, ...] = ()
    # One frame a position: the state reached, what was done, and what is still to be tried from there.
    path: list[int] = []
    frames: list[tuple[int, list[tuple[int, State]]]] = [(0, _moves(listed, answered, 0, initial, step, looks))]
    if goal == 0 and final(initial):
        return Order("found", ())
    steps = 0
    while frames:
        done, moves = frames[-1]
        if not moves:
            frames.pop()
            if path:
                path.pop()
            continue
        number, state = moves.pop()
        now = done | 1 << number
        if (now, state) in tried:
            continue
        tried.add((now, state))
        steps += 1
        if steps > budget:
            return Order("unknown", tuple(listed[n].id for n in longest))
        path.append(number)
        if len(path) > len(longest):
            longest = tuple(path)
        if now & goal == goal and final(state):
            return Order("found", tuple(listed[n].id for n in path))
        frames.append((now, _moves(listed, answered, now, state, step, looks)))
    held = sum(1 << n for n in longest)
    return Order("none", tuple(listed[n].id for n in longest), tuple(listed[n].id for n in _ready(listed, answered, held)))


def _ready(listed: list[Event[Value]], answered: list[int], done: int) -> list[int]:
    """What may come next: not done, and begun before anything else that is not done was answered."""
    first = min((listed[n].ended or "" for n in answered if not done >> n & 1), default=None)
    return [n for n, event in enumerate(listed) if not done >> n & 1 and (first is None or event.began <= first)]


def _moves(
    listed: list[Event[Value]],
    answered: list[int],
    done: int,
    state: State,
    step: Callable[[State, Value], Iterable[State]],
    looks: Callable[[Value], bool],
) -> list[tuple[int, State]]:
    """All next moves, the one to try first at the end: what was answered before what was not, earlier answers before later ones. An answered look
    that may come now can as well come now: any order that has it later can be turned into one that has it here. Not so what changes nothing
    here, but might elsewhere."""
    ready = sorted(_ready(listed, answered, done), key=lambda n: (listed[n].ended is None, listed[n].ended or "", n), reverse=True)
    moves = []
    for n in ready:
        for after in step(state, listed[n].value):
            if listed[n].ended is not None and looks(listed[n].value):
                return [(n, after)]
            moves.append((n, after))
    return moves
