"""The tests that a mutant meets: those that run its line, most promising first."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.mutation.mutants import Mutant


class Selection:
    """Reads a record; learns which tests kill."""

    def __init__(self, record: Path, budget: float) -> None:
        said = json.loads(record.read_text(encoding="utf-8"))
        self.seconds: dict[str, float] = said["seconds"]
        self.failed: list[str] = said["failed"]
        self._lines: dict[str, dict[str, list[str]]] = said["lines"]
        self._budget = budget
        self._kills: Counter[str] = Counter()

    def on_import(self, mutant: Mutant) -> bool:
        """Whether the line is run by importing the module or by collecting the tests, so that a change must come before that."""
        return not mutant.in_function or "" in self._contexts(mutant)

    def _contexts(self, mutant: Mutant) -> set[str]:
        lines = self._lines.get(mutant.file, {})
        first, last = mutant.statement
        return {name for line in (range(first, last + 1)) for name in lines.get(str(line), ())}

    def tests(self, mutant: Mutant) -> list[str]:
        """In the order in which they run: what killed often in this session, then what is quick, until the budget is spent.

        What runs on import can be noticed by any test of the room: those that run lines of the module come first.
        """
        lines = self._lines.get(mutant.file, {})
        covering = [name for name in self._contexts(mutant) if name in self.seconds]
        if self.on_import(mutant):
            within = {name for names in lines.values() for name in names if name in self.seconds}
            near = sorted(within, key=self._promise)
            covering = near + sorted(set(self.seconds) - within, key=self._promise)
        else:
            covering = sorted(covering, key=self._promise)
        chosen, spent = [], 0.0
        for name in covering:
            if spent + self.seconds[name] <= self._budget:
                chosen.append(name)
                spent += self.seconds[name]
        return chosen

    def cost(self, tests: list[str]) -> float:
        """Seconds that these tests took when recorded."""
        return sum(self.seconds[name] for name in tests)

    def killed(self, by: str | None) -> None:
        """Remembers a killer."""
        if by:
            self._kills[by] += 1

    def _promise(self, name: str) -> tuple[float, str]:
        return (self.seconds[name] / (1 + self._kills[name]), name)
