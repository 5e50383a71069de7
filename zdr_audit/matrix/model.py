"""The matrix as it is published: `kill-matrix.json`."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

Places = Mapping[str, tuple[str, ...]]
"""By control: where its findings are (see `places.py`)."""


class MatrixError(Exception):
    """A matrix that cannot be read, or be brought up to date; the message is one line for the user."""


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Attempt(Closed):
    """What one violation came to. `controls` must fail; `missed` are those that did not; `related` are others that failed because they promise the same
    from another side, `collateral` those that have nothing to do with it. `depth`: it came with the suites that go into depth; `earlier` are then the
    controls that see it by what the suites before those sent. `beside`: the others that were in the same audit; none of them can have failed its controls
    where it was found. `places`: where the findings were that are its own; they are kept in a file beside the matrix."""

    id: str
    title: str
    mechanism: str
    controls: tuple[str, ...]
    depth: bool = False
    earlier: tuple[str, ...] = ()
    killed: bool
    missed: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    collateral: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    problem: str = ""
    beside: tuple[str, ...] = ()
    places: Places = Field(default_factory=dict, exclude=True)

    @property
    def good(self) -> bool:
        return self.killed and not self.collateral

    @property
    def deep(self) -> bool:
        """Only the suites that go into depth find it."""
        return self.depth and self.killed and not self.earlier and not self.problem


class Harmless(Closed):
    """What one harmless variant came to: green where every control that applies passed. `beside`: the others that were in the same audit."""

    id: str
    title: str
    mechanism: str
    green: bool
    failed: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    problem: str = ""
    beside: tuple[str, ...] = ()


class Alarm(Closed):
    """What several harmless variants showed in one audit, and none of them by itself: together they break nothing either, so it is a false alarm. `again`:
    further audits showed it, and `variants` are the fewest with which one did; else it was seen once, with all of these."""

    variants: tuple[str, ...]
    again: bool
    failed: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    reason: str = ""


class NotRun(Closed):
    """A seed that needs more than was there."""

    id: str
    needs: tuple[str, ...]


class Killer(Closed):
    """A control, and the violations that it found."""

    id: str
    title: str
    violations: tuple[str, ...]


class Matrix(Closed):
    """`whole` says that no seed was left out by choice or for want of something; `updated` names those whose rows were made at another time than most, by
    themselves. `alone`: each violation was held against each of its controls by itself, so that no other could fail. `together`: most shared an audit."""

    violations: tuple[Attempt, ...]
    benign: tuple[Harmless, ...]
    alarms: tuple[Alarm, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    controls: tuple[Killer, ...]
    whole: bool
    alone: bool = False
    together: bool = False
    seed: int
    depth: str
    version: str
    seconds: int
    updated: tuple[str, ...] = ()

    @property
    def audits(self) -> int:
        """Of how many audits the rows tell, where each row is of one."""
        return len({*(frozenset((r.id, *r.beside)) for r in self.violations), *(frozenset((r.id, *r.beside)) for r in self.benign)})

    @property
    def unproven(self) -> tuple[str, ...]:
        """Controls that found no violation."""
        return tuple(control.id for control in self.controls if not control.violations)

    @property
    def deep(self) -> tuple[int, int]:
        """How many violations only the suites that go into depth found, of how many that came with them."""
        return sum(row.deep for row in self.violations), sum(row.depth for row in self.violations)

    @property
    def good(self) -> bool:
        quiet = all(row.green for row in self.benign) and not any(alarm.again for alarm in self.alarms)
        return all(row.good for row in self.violations) and quiet and not (self.whole and self.unproven)
