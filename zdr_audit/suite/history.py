"""The journal as the checks read it: interactions by scenario, canaries, hits by epoch and reading. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from zdr_audit.evidence.model import Frozen, Hit
from zdr_audit.journal.events import (
    CanaryMinted,
    Checked,
    Epoch,
    GrowthMeasured,
    Interaction,
    LeakReduced,
    RunEnded,
    RunStarted,
    SanityProbed,
    ScenarioEnded,
    SourceRead,
)


@dataclass(frozen=True)
class Seen:
    """A hit with the reading it comes from."""

    read: SourceRead
    hit: Hit


class History:
    """Index over all events of a run. Raises ValueError where there is no run in them.

    What was sent and read to minimise leaks stands apart (`trials`, `reduced`): checks and verdicts see nothing of it.
    """

    def __init__(self, events: Iterable[Frozen]) -> None:
        self.interactions: dict[str, Interaction] = {}
        self.canaries: dict[str, CanaryMinted] = {}
        self.scenarios: dict[str, ScenarioEnded] = {}
        self.sanity: list[SanityProbed] = []
        self.reads: list[SourceRead] = []
        self.growth: list[GrowthMeasured] = []
        self.checks: list[Checked] = []
        self.trials: dict[str, Interaction] = {}
        self.reduced: list[LeakReduced] = []
        self.ended: RunEnded | None = None
        started: RunStarted | None = None
        for event in events:
            match event:
                case RunStarted():
                    started = event
                case Interaction(epoch="minimise"):
                    self.trials[event.id] = event
                case SourceRead(epoch="minimise"):
                    pass
                case LeakReduced():
                    self.reduced.append(event)
                case Interaction():
                    self.interactions[event.id] = event
                case CanaryMinted():
                    self.canaries[event.id] = event
                case ScenarioEnded():
                    self.scenarios[event.name] = event
                case SanityProbed():
                    self.sanity.append(event)
                case SourceRead():
                    self.reads.append(event)
                case GrowthMeasured():
                    self.growth.append(event)
                case Checked():
                    # A rescan checks again: the last look of each test counts.
                    self.checks = [c for c in self.checks if c.nodeid != event.nodeid or c.control != event.control]
                    self.checks.append(event)
                case RunEnded():
                    self.ended = event
                case _:
                    pass
        if started is None:
            raise ValueError("the journal holds no run")
        self.run = started
        self.pairs: dict[str, list[Interaction]] = {}
        self._of: dict[str, list[tuple[int, Interaction]]] = {}
        for place, item in enumerate(self.interactions.values()):
            self._of.setdefault(item.scenario, []).append((place, item))
            if item.pair:
                self.pairs.setdefault(item.pair, []).append(item)

    def of(self, scenarios: Iterable[str]) -> list[Interaction]:
        """Interactions of these scenarios, in the order sent."""
        found = [place for name in dict.fromkeys(scenarios) for place in self._of.get(name, ())]
        return [item for _, item in sorted(found, key=lambda place: place[0])]

    def counterpart(self, item: Interaction) -> Interaction | None:
        """The same stimulus sent for the control organization."""
        for other in self.pairs.get(item.pair or "", ()):
            if other.id != item.id and other.organization == "control":
                return other
        return None

    def seen(self, epochs: Iterable[Epoch], where: Callable[[Seen], bool] | None = None) -> Iterator[Seen]:
        """Hits of the epochs' readings, and of every later rescan."""
        wanted = set(epochs)
        for read in self.reads:
            if read.epoch in wanted or read.reading == "rescan":
                for hit in read.outcome.hits:
                    found = Seen(read, hit)
                    if where is None or where(found):
                        yield found

    def owner(self, canary: str | None) -> Interaction | None:
        """The interaction that a canary was sent in."""
        minted = self.canaries.get(canary or "")
        return self.interactions.get(minted.interaction or "") if minted else None
