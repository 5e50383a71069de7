"""The journal as the checks read it: interactions by scenario, canaries, hits by epoch and reading. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from zdr_audit.evidence.model import Frozen, Hit
from zdr_audit.journal.events import (
    CanaryMinted,
    Checked,
    DigestsTaken,
    Epoch,
    GrowthMeasured,
    Interaction,
    LeakReduced,
    LeftOut,
    RunEnded,
    RunStarted,
    SanityProbed,
    ScenarioEnded,
    SourceRead,
    Spiked,
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
        self.digests: list[DigestsTaken] = []
        self.scenarios: dict[str, ScenarioEnded] = {}
        self.sanity: list[SanityProbed] = []
        self.reads: list[SourceRead] = []
        self.growth: list[GrowthMeasured] = []
        self.left_out: list[LeftOut] = []
        self.spikes: list[Spiked] = []
        self.checks: list[Checked] = []
        self.trials: dict[str, Interaction] = {}
        self.reduced: list[LeakReduced] = []
        self.ended: RunEnded | None = None
        self._started: RunStarted | None = None
        for event in events:
            self._place(event)
        if self._started is None:
            raise ValueError("the journal holds no run")
        self.run: RunStarted = self._started
        self.pairs: dict[str, list[Interaction]] = {}
        for item in self.interactions.values():
            if item.pair and not item.superseded:
                self.pairs.setdefault(item.pair, []).append(item)

    def _place(self, event: Frozen) -> None:
        match event:
            case RunStarted():
                self._started = event
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
            case DigestsTaken():
                self.digests.append(event)
            case ScenarioEnded():
                self.scenarios[event.name] = event
            case SanityProbed():
                self.sanity.append(event)
            case SourceRead():
                self.reads.append(event)
            case LeftOut():
                self.left_out.append(event)
            case Spiked():
                self.spikes.append(event)
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

    def of(self, scenarios: Iterable[str]) -> list[Interaction]:
        """Interactions of these scenarios, in the order sent; of a request that was put off and sent again the last attempt alone."""
        wanted = set(scenarios)
        return [item for item in self.interactions.values() if item.scenario in wanted and not item.superseded]

    def earlier(self, scenarios: Iterable[str]) -> list[Interaction]:
        """Attempts that another one took the place of. What they sent was sent all the same, and may have been kept."""
        wanted = set(scenarios)
        return [item for item in self.interactions.values() if item.scenario in wanted and item.superseded]

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
