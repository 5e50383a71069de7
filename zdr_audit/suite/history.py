"""The journal as the checks read it: interactions by scenario, canaries, hits by epoch and reading. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from zdr_audit.evidence.model import Frozen, Hit
from zdr_audit.journal.events import (
    CanaryMinted,
    Checked,
    ChecksKnown,
    Created,
    DigestsTaken,
    Epoch,
    GrowthMeasured,
    Interaction,
    LeakReduced,
    LeftOut,
    Removed,
    RunEnded,
    RunResumed,
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
        self.known: dict[str, tuple[str, ...]] = {}
        self.created: list[Created] = []
        self.removed: list[Removed] = []
        self._resumed = 0
        self._ended_in: dict[str, int] = {}
        """How often the run had gone on when a scenario ended."""
        self._broken_off: set[str] = set()
        self.trials: dict[str, Interaction] = {}
        self.reduced: list[LeakReduced] = []
        self.ended: RunEnded | None = None
        self._checks_alone_missed = False
        self.proofs: dict[int, Any] = {}
        """What was worked out of a reading (by the id of the object), since many controls rest on the same ones."""
        self._started: RunStarted | None = None
        for event in events:
            self._place(event)
        if self._started is None:
            raise ValueError("the journal holds no run")
        self.run: RunStarted = self._started
        self.lost: dict[str, Interaction] = self._lost()
        self.pairs: dict[str, list[Interaction]] = {}
        self._of: dict[str, list[tuple[int, Interaction]]] = {}
        for place, item in enumerate(self.interactions.values()):
            self._of.setdefault(item.scenario, []).append((place, item))
            if item.pair and self._stands(item):
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
                self._ended_in[event.name] = self._resumed
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
            case ChecksKnown():
                self.known = event.tests
                self.checks = [
                    c for c in self.checks if c.control not in event.tests
                ]  # what a rescan or a resumed run does not look at again
            case Created():
                self.created.append(event)
            case Removed():
                self.removed.append(event)
            case RunResumed():
                self._resume()
            case RunEnded():
                self._end(event)
            case _:
                pass

    def _end(self, event: RunEnded) -> None:
        """The run ended, or a later look at its record did. Why a run is not whole stays so whoever looks again: nothing more is sent then.

        Where it was stopped while its checks were made, and they alone are missing, the later look makes all of them: then it is its own ending that counts.
        """
        earlier = self.ended
        if earlier is not None and earlier.interrupted and not self._checks_alone_missed:
            event = event.model_copy(update={"interrupted": earlier.interrupted})
        elif event.interrupted:
            self._checks_alone_missed = self._driven() and self._checks_missing()
        self.ended = event

    def _driven(self) -> bool:
        """Whether the probe was made that comes after all scenarios."""
        return any(probe.when == "last" for probe in self.sanity)

    def _checks_missing(self) -> bool:
        """Whether a check of a control that can be tested was not made."""
        run = self._started
        untested = (run.unavailable | run.without_means).keys() if run is not None else ()
        made = {check.nodeid.partition("[")[0] for check in self.checks}
        return any(name not in made for control, names in self.known.items() if control not in untested for name in names)

    def _resume(self) -> None:
        """What was begun and not ended before the run went on is a first attempt now."""
        self.ended = None
        self._resumed += 1
        self._broken_off |= {item.id for item in self.interactions.values() if item.scenario not in self.scenarios}
        self.growth = [block for block in self.growth if block.scenario in self.scenarios]

    def broken_off_between(self, scenario: str, *later: str) -> bool:
        """Whether this scenario came to its end, and the run was broken off and went on before the later ones did: what a process remembers of the one, it
        does not know in the others."""
        ended = self.scenarios.get(scenario)
        ran = ended is not None and ended.error is None and ended.not_run is None
        return ran and any(self._ended_in[scenario] < self._ended_in.get(name, self._resumed) for name in later)

    def _stands(self, item: Interaction) -> bool:
        return not item.superseded and item.id not in self._broken_off

    def _lost(self) -> dict[str, Interaction]:
        """Requests of which only the canaries are known: the run was broken off before the answer was journaled."""
        canaries: dict[str, list[CanaryMinted]] = {}
        known = self.interactions.keys() | self.trials.keys()
        for canary in self.canaries.values():
            if canary.interaction and canary.interaction not in known:
                canaries.setdefault(canary.interaction, []).append(canary)
        names = {identity: name for name, identity in self.run.organizations.items()}
        return {
            number: Interaction(
                id=number,
                scenario=found[0].scenario,
                step="broken off",
                epoch="main",
                actor="",
                role="",
                organization=names.get(found[0].organization, found[0].organization),
                organization_id=found[0].organization,
                operation="",
                method="",
                path="",
                model=None,
                status=None,
                outcome="no_answer",
                accepted=False,
                counts=False,
                pair=None,
                content=found[0].content,
                error="the run was broken off before the answer came",
                request_id=None,
                request_bytes=0,
                answer_bytes=0,
                started_at=self.run.started_at,
                ended_at=self.run.started_at,
                labels={},
                data=None,
                echoes=(),
                canaries=tuple(c.id for c in found),
            )
            for number, found in canaries.items()
        }

    def of(self, scenarios: Iterable[str]) -> list[Interaction]:
        """Interactions of these scenarios, in the order sent; of a request that was put off and sent again, and of a scenario that was driven anew, the
        last attempt alone."""
        return [item for item in self._all(scenarios) if self._stands(item)]

    def _all(self, scenarios: Iterable[str]) -> list[Interaction]:
        found = [place for name in dict.fromkeys(scenarios) for place in self._of.get(name, ())]
        return [item for _, item in sorted(found, key=lambda place: place[0])]

    def earlier(self, scenarios: Iterable[str]) -> list[Interaction]:
        """Attempts that another one took the place of, and those whose answer never came. What they sent was sent all the same, and may have been kept."""
        wanted = set(scenarios)
        replaced = [item for item in self._all(wanted) if not self._stands(item)]
        return replaced + [item for item in self.lost.values() if item.scenario in wanted]

    def interaction(self, number: str | None) -> Interaction | None:
        """An interaction by its id, the lost ones too."""
        return self.interactions.get(number or "") or self.lost.get(number or "")

    def leftovers(self) -> list[Created]:
        """What the run made in the target and did not remove."""
        gone = {(item.kind, item.id) for item in self.removed if item.ok}
        return [item for item in self.created if (item.kind, item.id) not in gone]

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
        return self.interaction(minted.interaction) if minted else None
