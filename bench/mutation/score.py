"""The result: what became of the mutants of each room, with the interval that a sample allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.stats import beta

THRESHOLD = 0.9
CHANGES_NOTHING = ("Equivalent", "Only slower")
"""How the reasons of survivors begin that give the same for whatever is asked: no test can tell them."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Survivor(_Strict):
    """A mutant that no test noticed, with the reason where there is one."""

    file: str
    line: int = Field(ge=1)
    operator: str
    before: str
    after: str
    covered: bool
    why: str | None


class Module(_Strict):
    """The counts of one file."""

    file: str
    mutants: int = Field(ge=0)
    killed: int = Field(ge=0)
    timeout: int = Field(ge=0)
    survived: int = Field(ge=0)
    explained: int = Field(ge=0)
    score: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class RoomScore(_Strict):
    """The counts of a room. `timeout` counts as killed in the score; `explained` is a part of `survived` and does not."""

    room: str
    version: str
    seed: int
    chosen: Literal["all", "sample"]
    population: int = Field(ge=1)
    mutants: int = Field(ge=1)
    killed: int = Field(ge=0)
    timeout: int = Field(ge=0)
    survived: int = Field(ge=0)
    explained: int = Field(ge=0)
    score: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    unchanged_tried: int = Field(ge=1)
    unchanged_killed: int = Field(ge=0)
    modules: tuple[Module, ...]
    survivors: tuple[Survivor, ...]

    @property
    def equivalent(self) -> int:
        """Survivors that are known to change nothing: a part of those explained."""
        return sum(one.why is not None and one.why.startswith(CHANGES_NOTHING) for one in self.survivors)

    @property
    def of_the_others(self) -> float:
        """The share killed of those not known to change nothing, as a mutation score is mostly given. `score` is the stricter one."""
        return share(self.killed + self.timeout, max(1, self.mutants - self.equivalent))

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        parts = ("mutants", "killed", "timeout", "survived", "explained")
        if any(sum(getattr(module, part) for module in self.modules) != getattr(self, part) for part in parts):
            raise ValueError("the modules do not add up to their room")
        if self.mutants != self.killed + self.timeout + self.survived:
            raise ValueError("not every mutant has a fate")
        if len(self.survivors) != self.survived or sum(one.why is not None for one in self.survivors) != self.explained:
            raise ValueError("the survivors listed are not those counted")
        for one in (self, *self.modules):
            if (one.score, one.low, one.high) != figures(one.killed + one.timeout, one.mutants, sampled=self.chosen == "sample"):
                raise ValueError("a score is not that of its counts")
        return self


class MutationScore(_Strict):
    """`reports/mutation.json`."""

    tool: str
    threshold: float
    rooms: tuple[RoomScore, ...]


def share(part: int, whole: int) -> float:
    """Rounded down, so that no figure is better than the counts."""
    return int(10_000 * part / whole) / 10_000


def interval(killed: int, mutants: int) -> tuple[float, float]:
    """Clopper-Pearson, 95 %, two-sided."""
    low = 0.0 if killed == 0 else float(beta.ppf(0.025, killed, mutants - killed + 1))
    high = 1.0 if killed == mutants else float(beta.ppf(0.975, killed + 1, mutants - killed))
    return round(low, 4), round(high, 4)


def figures(killed: int, mutants: int, *, sampled: bool) -> tuple[float, float, float]:
    """Score and interval; what was counted in full has no interval."""
    score = share(killed, mutants)
    return (score, *(interval(killed, mutants) if sampled else (score, score)))


def counted(file: str, fates: Iterable[tuple[str, bool]], *, sampled: bool) -> Module:
    """Of (outcome, explained) pairs."""
    pairs = list(fates)
    count = Counter(outcome for outcome, _ in pairs)
    survived = count["survived"] + count["uncovered"]
    score, low, high = figures(count["killed"] + count["timeout"], len(pairs), sampled=sampled)
    return Module(
        file=file,
        mutants=len(pairs),
        killed=count["killed"],
        timeout=count["timeout"],
        survived=survived,
        explained=sum(explained for _, explained in pairs),
        score=score,
        low=low,
        high=high,
    )


def percent(figure: float) -> str:
    """With one digit, rounded down."""
    return f"{int(figure * 1000) / 10:.1f} %"


def sentence(score: MutationScore) -> str:
    """What the README says."""
    parts = []
    for room in score.rooms:
        interval_ = f"95 % interval {percent(room.low)} to {percent(room.high)}"
        of = f"all {room.mutants}" if room.chosen == "all" else f"{room.mutants} drawn of {room.population}, {interval_}"
        explained = f"; {room.explained} of {room.survived} survivors explained" if room.explained else ""
        if room.equivalent:
            explained += f"; without the {room.equivalent} that change nothing {percent(room.of_the_others)}"
        parts.append(f"{percent(room.score)} in `{room.room}` ({of}{explained})")
    return f"Mutants killed by the tests: {'; '.join(parts)}."
