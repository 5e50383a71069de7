"""Which changes follow which: walks over the kinds of change, so that in the sum every kind has come after every other. Nothing is sent here."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

ENABLE, DISABLE, MIGRATE = "enable", "disable", "migrate"
COMES, ENABLED, CLOSED = "sibling comes", "sibling enabled", "sibling closed"
JOINS, LEAVES = "member comes", "member leaves"
FLAG, HOLD, RELEASE, RESTART = "flag", "hold", "release", "restart"
KINDS = (ENABLE, DISABLE, MIGRATE, COMES, ENABLED, CLOSED, JOINS, LEAVES, FLAG, HOLD, RELEASE, RESTART)
SWITCHES = frozenset({ENABLE, DISABLE, MIGRATE})
HEAVY = SWITCHES | {RESTART}
"""On these most hangs."""
MOST = 2
"""How many siblings, newcomers and holds there are at a time."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Here:
    """How things stand with one organization. `api`: pay-as-you-go, and so born with ZDR. `siblings`: whether each of them has ZDR, oldest first."""

    zdr: bool = False
    api: bool = False
    siblings: tuple[bool, ...] = ()
    newcomers: int = 0
    holds: int = 0

    def can(self, kind: str) -> bool:
        return kind not in _CAN or _CAN[kind](self)

    def after(self, kind: str) -> Here:
        return _AFTER[kind](self) if kind in _AFTER else self


_CAN: Mapping[str, Callable[[Here], bool]] = {
    ENABLE: lambda here: not here.zdr,
    DISABLE: lambda here: here.zdr,
    MIGRATE: lambda here: here.api and here.zdr,
    COMES: lambda here: len(here.siblings) < MOST,
    ENABLED: lambda here: False in here.siblings,
    CLOSED: lambda here: bool(here.siblings),
    JOINS: lambda here: here.newcomers < MOST,
    LEAVES: lambda here: here.newcomers > 0,
    HOLD: lambda here: here.holds < MOST,
    RELEASE: lambda here: here.holds > 0,
}
_AFTER: Mapping[str, Callable[[Here], Here]] = {
    ENABLE: lambda here: replace(here, zdr=True),
    DISABLE: lambda here: replace(here, zdr=False),
    MIGRATE: lambda here: replace(here, api=False),
    COMES: lambda here: replace(here, siblings=(*here.siblings, False)),
    ENABLED: lambda here: replace(here, siblings=_enabled(here.siblings)),
    CLOSED: lambda here: replace(here, siblings=here.siblings[1:]),
    JOINS: lambda here: replace(here, newcomers=here.newcomers + 1),
    LEAVES: lambda here: replace(here, newcomers=here.newcomers - 1),
    HOLD: lambda here: replace(here, holds=here.holds + 1),
    RELEASE: lambda here: replace(here, holds=here.holds - 1),
}


def _enabled(siblings: tuple[bool, ...]) -> tuple[bool, ...]:
    at = siblings.index(False)
    return (*siblings[:at], True, *siblings[at + 1 :])


@dataclass(frozen=True)
class Walk:
    """The changes of one history in their order; `api`: of an organization that was born with ZDR."""

    api: bool
    kinds: tuple[str, ...]

    def possible(self) -> bool:
        here = born(self.api)
        for kind in self.kinds:
            if not here.can(kind):
                return False
            here = here.after(kind)
        return True

    def shorter(self) -> Iterator[Walk]:
        """The walks with one change less that end with the same change."""
        shorter = (Walk(self.api, self.kinds[:at] + self.kinds[at + 1 :]) for at in range(len(self.kinds) - 1))
        return (walk for walk in shorter if walk.possible())


def born(api: bool) -> Here:
    return Here(zdr=api, api=api)


@dataclass
class Reached:
    """Which pairs a run has had: one kind right after the other (`close`), and one any time after the other in the same history (`loose`)."""

    close: set[Pair] = field(default_factory=set)
    loose: set[Pair] = field(default_factory=set)

    def new(self, before: Iterable[str], kind: str) -> tuple[int, int]:
        """How much is new of each sort. A loose one with one of the heavy kinds weighs half as much again."""
        earlier = list(before)
        loose = ((one, kind) for one in set(earlier) if (one, kind) not in self.loose)
        return sum(3 if {*pair} & HEAVY else 2 for pair in loose), bool(earlier) and (earlier[-1], kind) not in self.close

    def take(self, before: Iterable[str], kind: str) -> None:
        earlier = list(before)
        self.loose |= {(one, kind) for one in earlier}
        self.close |= {(one, kind) for one in earlier[-1:]}


@cache
def ways(here: Here, kinds: tuple[str, ...]) -> Mapping[Pair, tuple[str, ...]]:
    """The shortest way from here to each pair of changes that can follow each other at all; the pair is its end."""
    found: dict[Pair, tuple[str, ...]] = {}
    waiting: deque[tuple[Here, tuple[str, ...]]] = deque([(here, ())])
    seen: set[tuple[Here, str]] = set()
    while waiting:
        at, way = waiting.popleft()
        for kind in (kind for kind in kinds if at.can(kind)):
            there, longer = at.after(kind), (*way, kind)
            if way:
                found.setdefault((way[-1], kind), longer)
            if (there, kind) not in seen:
                seen.add((there, kind))
                waiting.append((there, longer))
    return found


def plan(seed: int, kinds: Collection[str], lengths: Iterable[tuple[bool, int]]) -> list[Walk]:
    """Walks of these lengths (`api`, number of changes) over these kinds, the longest first: it has what it has room for. The last goes straight to a pair
    that the seed counts off, so that over seeds all are reached, those in between to one that was not yet had. Where there are restarts, the pairs with
    one come first."""
    chance, reached = random.Random(seed), Reached()  # noqa: S311 - a plan is no secret
    ordered, found, asked = tuple(kind for kind in KINDS if kind in kinds), list[Walk](), list(lengths)
    for number, (api, length) in enumerate(asked, 1):
        goals = {pair: way for pair, way in ways(born(api), ordered).items() if RESTART in pair or RESTART not in ordered}
        left = [way for pair, way in goals.items() if pair not in reached.close]
        begins: tuple[str, ...] = ()
        if number == len(asked):
            begins = goals[sorted(goals)[seed % len(goals)]]
        elif number > 1 and left:
            begins = chance.choice(left)
        found.append(Walk(api, _walk(chance, ordered, reached, born(api), length, begins)))
    return found


def _walk(
    chance: random.Random, kinds: tuple[str, ...], reached: Reached, here: Here, length: int, begins: tuple[str, ...]
) -> tuple[str, ...]:
    made: list[str] = []
    following = begins
    while len(made) < length:
        for kind in following or _next(chance, kinds, reached, here, made):
            reached.take(made, kind)
            made.append(kind)
            here = here.after(kind)
        following = ()
    return tuple(made[:length])


def _next(chance: random.Random, kinds: tuple[str, ...], reached: Reached, here: Here, made: list[str]) -> tuple[str, ...]:
    """The change that makes most new pairs; where none makes any, the shortest way to one that does."""
    shuffled = chance.sample(kinds, len(kinds))
    best = max((kind for kind in shuffled if here.can(kind)), key=lambda kind: reached.new(made, kind))
    if not made or any(reached.new(made, best)):
        return (best,)
    onwards = ((pair, way) for pair, way in ways(here, kinds).items() if pair not in reached.close)
    return min((way for _, way in onwards), key=len, default=(best,))
