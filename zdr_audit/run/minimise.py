"""After a leak was found: the smallest request that still leaks, by leaving out one thing after the other (delta debugging), with fresh canaries.

A request is an inference request (`Stimulus`), a call of the profile, such as that of a feature (`Call`), or one that was malformed on purpose
(`Malformed`); all are sets of features, and are searched alike.

A round sends all candidates of all searches, then reads each source that is concerned once; so the number of readings does not depend on the number
of leaks. A search begins with the smallest request that could leak, then adds single features to it, then takes features away from the whole. Verdicts
rest on nothing that happens here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest

from zdr_audit.evidence.model import Reading
from zdr_audit.journal.events import Interaction, LeakReduced
from zdr_audit.suite.history import History
from zdr_audit.target.call import Call
from zdr_audit.target.malformed import Malformed
from zdr_audit.target.shape import SIZES, Feature, Features, build, features, ordered, size, within
from zdr_audit.target.stimulus import PLACES, Stimulus
from zdr_audit.verdict.leaks import kind_of
from zdr_audit.verdict.reduced import Shape, data_of

REQUESTS = 40
OF_MALFORMED, AT_ONCE = 20, 5
"""Requests for malformed ones beside these, and how many of them are looked at at once: a body that every error repeats leaks in every operation."""
SECONDS = 60.0
SHORTEST = 1_000
"""Filler below which it is not worth looking for less."""
TRIES = 2
"""As many of the requests that leaked are taken up for one place and kind of content before it is given up."""

ANSWERS = "answers"
"""The source of what came back in the answer to its own request: no store is read for it."""
CONTENT = "content"
"""Stands for the content of a call, which is one canary wherever it is in the call; and of a malformed request likewise."""

Send = Callable[[str, Shape], Interaction]
Read = Callable[[frozenset[str], frozenset[str]], Mapping[str, Reading]]
"""Sources and canaries -> readings that hold the hits of these canaries alone."""


@dataclass(frozen=True)
class Leak:
    """Content of one kind of request found in one kind of place. `keep` is the feature that carried what was found, `whole` the request as sent. Of a
    `call` it is not known which of its contents was found, if there are several: `keep` is empty."""

    source: str
    object: str
    operation: str
    keep: Features
    whole: Features
    canaries: tuple[str, ...]
    settled: bool = False
    call: Call | Malformed | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        return self.source, self.object, self.operation

    @property
    def least(self) -> tuple[Features, ...]:
        """The smallest requests that could leak what was found."""
        return (self.keep,) if self.call is None else self.call.least()

    @property
    def carrier(self) -> str:
        """What the canary that was found is called among those of a candidate."""
        return CONTENT if self.call is not None else next(_carrier(feature) for feature in self.keep)

    def carried_by(self, chosen: Features) -> bool:
        """Whether a request with these features could leak it, and can be had from the request as sent."""
        return within(chosen, self.whole) and any(base <= chosen for base in self.least)

    def request(self, chosen: Features) -> Shape:
        """The request with these features."""
        return build(chosen) if self.call is None else self.call.having(chosen)


@dataclass
class Trial:
    """One candidate that was sent: where its canaries were found (source, kind of object, place in the request), in the sources read since."""

    interaction: Interaction
    found: set[tuple[str, str, str]] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


Calls = Callable[[Interaction], Call | None]


def leaks(history: History, call_of: Calls | None = None) -> list[Leak]:
    """What can be minimised: findings of violated checks that name a canary of an inference request, or of another request that `call_of` knows the shape
    of, whoever sent it."""
    first = {(r.outcome.source, hit.canary) for r in history.reads if r.reading == "first" for hit in r.outcome.hits}
    found: dict[tuple[str, str, str, Features, Features, Call | Malformed | None], dict[str, bool]] = {}
    for seen in (f for check in history.checks if check.outcome == "violated" for f in check.findings):
        minted, sent = history.canaries.get(seen.canary or ""), history.interactions.get(seen.interaction or "")
        if (
            minted is None
            or sent is None
            or not (seen.source in history.run.sources or (seen.source == ANSWERS and minted.id in sent.canaries))
        ):
            continue
        call: Call | Malformed | None = None
        if sent.malformed is not None:
            call = Malformed.model_validate(sent.malformed)
        elif call_of and sent.stimulus is None:
            call = call_of(sent)
        if call is not None:
            keep, whole = frozenset[Feature](), call.features()
        elif sent.stimulus is not None:
            keep = frozenset({Feature("answer", True) if minted.kind == "response" else Feature("place", minted.place)})
            whole = features(Stimulus.model_validate(sent.stimulus))
        else:
            continue
        if keep <= whole:
            key = (seen.source, kind_of(seen.object), call.operation if call else sent.operation, keep, whole, call)
            found.setdefault(key, {})[minted.id] = (seen.source, minted.id) not in first
    made = [
        Leak(source, thing, operation, keep, whole, tuple(sorted(ids)), all(ids.values()), call)
        for (source, thing, operation, keep, whole, call), ids in found.items()
    ]
    return sorted(made, key=lambda leak: (size(leak.whole), leak.place, ordered(leak.keep), ordered(leak.whole)))


def proposals(leak: Leak, hint: Features = frozenset()) -> Generator[list[Features], Callable[[Features], bool], None]:
    """Candidates, round by round; what is sent back says of each whether it leaked. Ends where nothing smaller can be had.

    `hint`: what another leak in the same place turned out to need.
    """
    least = leak.least
    small = len(least[0])
    likely = least[0] | hint if within(hint, leak.whole) else least[0]
    answers = yield list(dict.fromkeys([*least, likely]))
    if any(map(answers, least)) or leak.whole in least or (answers(likely) and len(likely) == small + 1):
        return
    single = [base | {extra} for base in least for extra in ordered(leak.whole - base)]
    answers = yield list(dict.fromkeys([*single, leak.whole]))
    current = next((candidate for candidate in single if answers(candidate)), None)
    if current is None:
        if not answers(leak.whole):
            return
        current = leak.whole
        while len(current) > small + 2:
            smaller = [less for extra in ordered(current) if leak.carried_by(less := current - {extra})]
            answers = yield smaller
            without = [candidate for candidate in smaller if answers(candidate)]
            if not without:
                break
            together = frozenset.intersection(*without)
            if together not in without and leak.carried_by(together):
                answers = yield [together]
            current = together if leak.carried_by(together) and answers(together) else without[0]
    yield from _shorter(current)


def _shorter(current: Features) -> Generator[list[Features], Callable[[Features], bool], None]:
    """The same request with less filler: halved at first, then between what leaked and what did not."""
    for name in SIZES:
        low, high = 0, next((f.value for f in current if f.name == name), 0)
        rest = frozenset(f for f in current if f.name != name)
        halved = [high // 8, high // 4, high // 2]
        for between in (False, True):
            lengths = [low + (high - low) * part // 4 for part in (1, 2, 3)] if between else halved
            if high - low < SHORTEST:
                break
            answers = yield [rest | {Feature(name, length)} for length in lengths]
            leaking = [length for length in lengths if answers(rest | {Feature(name, length)})]
            high = min([high, *leaking])
            low = max([low, *(length for length in lengths if length < high)])
        if high:
            current = rest | {Feature(name, high)}


def _carrier(feature: Feature) -> str:
    return "answer" if feature.name == "answer" else str(feature.value)


def smallest(found: list[Leak], send: Send, read: Read, *, settle: float = 0.0) -> list[LeakReduced]:
    """One event for each leak, in their order: first the requests that anybody could send, then those that were malformed on purpose."""
    others = [leak for leak in found if not isinstance(leak.call, Malformed)]
    events = dict(zip(others, Minimiser(send, read, settle=settle).run(others), strict=True))
    mistakes: dict[str, list[Leak]] = {}
    for leak in found:
        if isinstance(leak.call, Malformed):
            mistakes.setdefault(leak.call.mistake, []).append(leak)
    malformed = [leak for turn in zip_longest(*mistakes.values()) for leak in turn if leak is not None]  # each mistake in its turn
    reduced = Minimiser(send, read, settle=settle, requests=OF_MALFORMED, at_once=AT_ONCE).run(malformed)
    events.update(zip(malformed, reduced, strict=True))
    return [events[leak] for leak in found]


class Minimiser:
    """Drives the searches in rounds, within a number of requests and a time; so many at once (0: all)."""

    def __init__(
        self, send: Send, read: Read, *, settle: float = 0.0, requests: int = REQUESTS, seconds: float = SECONDS, at_once: int = 0
    ) -> None:
        self._send, self._read, self._settle, self._requests, self._seconds = send, read, settle, requests, seconds
        self._at_once = at_once
        self._trials: dict[tuple[str, Features], Trial] = {}
        self._canaries: dict[str, tuple[Trial, str]] = {}
        self._outcomes: dict[Leak, str] = {}

    def run(self, found: Iterable[Leak]) -> list[LeakReduced]:
        """One event for each leak that was given, in their order."""
        found = list(found)
        began = last = time.monotonic()
        active: dict[Leak, Generator[list[Features], Callable[[Features], bool], None]] = {}
        asked: dict[Leak, list[Features]] = {}
        while True:
            for leak in self._next(found, active):
                active[leak] = proposals(leak, self._hint(leak))
                asked[leak] = next(active[leak])
            if not active:
                break
            now = time.monotonic()
            if now - began + (now - last) > self._seconds:
                break
            last = now
            wanted = self._affordable(active, asked)
            self._round(wanted, settled=any(leak.settled for leak in wanted))
            for leak in list(active):
                if leak not in wanted:
                    del active[leak]
                    self._outcomes[leak] = "cut short"
                    continue
                try:
                    asked[leak] = active[leak].send(partial(self._leaked, leak))
                except StopIteration:
                    del active[leak]
                    self._outcomes[leak] = "finished"
        return [self._event(leak) for leak in found]

    def _next(self, found: list[Leak], active: Mapping[Leak, object]) -> list[Leak]:
        """Leaks to begin with: not explained by what is known, one at a time for each place and kind of content. The first in a place goes alone."""
        busy = {(leak.place, leak.keep) for leak in active}
        begun = {leak.place for leak in self._outcomes}
        alone = {leak.place for leak in active if leak.place not in begun}
        chosen: list[Leak] = []
        for leak in found:
            key = (leak.place, leak.keep)
            if leak in active or leak in self._outcomes or key in busy or leak.place in alone or self._explained(leak):
                continue
            if self._at_once and len(active) + len(chosen) >= self._at_once:
                break
            given_up = [o for o in self._outcomes if (o.place, o.keep) == key and self._best(o) is None]
            if len(given_up) < TRIES:
                chosen.append(leak)
                busy.add(key)
                alone |= {leak.place} - begun
        return chosen

    def _hint(self, leak: Leak) -> Features:
        """What the first search that succeeded in the same place found to be needed, beside the content itself."""
        known = ((done, self._best(done)) for done in self._outcomes if done.place == leak.place)
        return next((best - done.keep for done, best in known if best is not None), frozenset())

    def _affordable(self, active: Iterable[Leak], asked: Mapping[Leak, list[Features]]) -> dict[Leak, list[Features]]:
        """Searches whose candidates can still be sent, in order; those asked for before cost nothing."""
        left = self._requests - len(self._trials)
        wanted: dict[Leak, list[Features]] = {}
        new: set[tuple[str, Features]] = set()
        for leak in active:
            more = {(leak.operation, chosen) for chosen in asked[leak]} - self._trials.keys() - new
            if len(new) + len(more) <= left:
                wanted[leak] = asked[leak]
                new |= more
        return wanted

    def _round(self, wanted: Mapping[Leak, list[Features]], *, settled: bool) -> None:
        """Send what is new, wait, read each source that somebody asks about once, for the canaries of all trials."""
        asked = {(leak.operation, chosen) for leak, candidates in wanted.items() for chosen in candidates}
        wholes = {(leak.operation, c): leak for leak, candidates in wanted.items() for c in candidates}
        new = [(key, leak) for key, leak in wholes.items() if key not in self._trials]
        for (operation, chosen), leak in new:
            sent = self._send(operation, leak.request(chosen))
            self._trials[operation, chosen] = trial = Trial(sent)
            places = [*(place for place in PLACES if Feature("place", place) in chosen), "answer"] if leak.call is None else [CONTENT]
            carried = dict(zip(sent.canaries, places, strict=False))
            self._canaries |= {canary: (trial, place) for canary, place in carried.items()}
            trial.read.add(ANSWERS)
            trial.found |= {(ANSWERS, "", carried[canary]) for canary in sent.echoes if canary in carried}
        sources = frozenset(leak.source for leak in wanted if any(leak.source not in self._trials[key].read for key in asked))
        if new and sources:
            time.sleep(self._settle if settled else min(self._settle, 0.5))
        for source, reading in self._read(sources, frozenset(self._canaries)).items() if sources else ():
            for trial in self._trials.values():
                trial.read.add(source)
            for hit in reading.hits:
                if hit.canary in self._canaries:
                    trial, place = self._canaries[hit.canary]
                    trial.found.add((source, kind_of(hit.object), place))

    def _leaked(self, leak: Leak, chosen: Features) -> bool:
        trial = self._trials.get((leak.operation, chosen))
        thing = "" if leak.source == ANSWERS else leak.object  # which changes with the form of the request
        return trial is not None and (leak.source, thing, leak.carrier) in trial.found

    def _best(self, leak: Leak) -> Features | None:
        """The smallest request known to leak in the leak's place that can be had from the leak's request by taking away."""
        found = [
            chosen
            for operation, chosen in self._trials
            if operation == leak.operation and leak.carried_by(chosen) and self._leaked(leak, chosen)
        ]
        return min(found, key=lambda chosen: (size(chosen), ordered(chosen)), default=None)

    def _explained(self, leak: Leak) -> bool:
        """Whether a search that came to its end found a request that can be had from this one, too."""
        best = self._best(leak)
        return best is not None and (
            best in leak.least
            or any(
                o == "finished" and d.place == leak.place and d.keep == leak.keep and self._best(d) == best
                for d, o in self._outcomes.items()
            )
        )

    def _event(self, leak: Leak) -> LeakReduced:
        best = self._best(leak)
        tried = sum(operation == leak.operation and leak.carried_by(chosen) for operation, chosen in self._trials)
        outcome = "reduced" if best is not None else "not_reproduced" if self._outcomes.get(leak) == "finished" else "not_tried"
        shown = leak.request(leak.whole if best is None else best)
        return LeakReduced.model_validate(
            {
                "source": leak.source,
                "object": leak.object,
                "operation": leak.operation,
                "canaries": leak.canaries,
                "outcome": outcome,
                "smallest": best is not None and (self._outcomes.get(leak) == "finished" or self._explained(leak)),
                "tried": tried,
                "stimulus": data_of(shown),
                "interaction": self._trials[leak.operation, best].interaction.id if best is not None else None,
            }
        )
