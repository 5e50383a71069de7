"""The matrix as it is published: `kill-matrix.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Attempt(Closed):
    """What one violation came to. `controls` must fail; `missed` are those that did not; `related` are others that failed because they promise the same
    from another side, `collateral` those that have nothing to do with it."""

    id: str
    title: str
    mechanism: str
    controls: tuple[str, ...]
    killed: bool
    missed: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    collateral: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    problem: str = ""

    @property
    def good(self) -> bool:
        return self.killed and not self.collateral


class Harmless(Closed):
    """What one harmless variant came to: green where every control that applies passed."""

    id: str
    title: str
    mechanism: str
    green: bool
    failed: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    problem: str = ""


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
    """`whole` says that no seed was left out by choice or for want of something."""

    violations: tuple[Attempt, ...]
    benign: tuple[Harmless, ...]
    not_run: tuple[NotRun, ...] = ()
    controls: tuple[Killer, ...]
    whole: bool
    seed: int
    depth: str
    version: str
    seconds: int

    @property
    def unproven(self) -> tuple[str, ...]:
        """Controls that found no violation."""
        return tuple(control.id for control in self.controls if not control.violations)

    @property
    def good(self) -> bool:
        return all(row.good for row in self.violations) and all(row.green for row in self.benign) and not (self.whole and self.unproven)
