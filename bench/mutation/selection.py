"""The tests that a mutant meets: those that run its line, most promising first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.mutation.mutants import Mutant


class Selection:
    """Reads a record; learns which tests kill."""

    def __init__(self, record: Path, budget: float) -> None:
        said = json.loads(record.read_text(encoding="utf-8"))
        self.failed: list[str] = said["failed"]
        failed = set(self.failed)
        self._names: list[str] = said["tests"]
        self.seconds: dict[str, float] = {n: s for n, s in zip(said["tests"], said["seconds"], strict=True) if n not in failed}
        self._lines: dict[str, dict[str, list[int]]] = said["lines"]
        self._budget = budget
        self._kills: Counter[str] = Counter()

    def on_import(self, mutant: Mutant) -> bool:
        """Whether the line is run by importing the module or by collecting the tests, so that a change must come before that."""
        return not mutant.in_function or any(number < 0 for number in self._numbers(mutant))

    def _numbers(self, mutant: Mutant) -> set[int]:
        lines = self._lines.get(mutant.file, {})
        first, last = mutant.statement
        return {number for line in range(first, last + 1) for number in lines.get(str(line), ())}

    def _passing(self, numbers: Iterable[int]) -> set[str]:
        names = {self._names[number] for number in numbers if number >= 0}
        return names & self.seconds.keys()

    def tests(self, mutant: Mutant) -> list[str]:
        """In the order in which they run: what killed often in this session, then what is quick, until the budget is spent.

        What runs on import can be noticed by any test of the room: those that run lines of the module come first.
        """
        if self.on_import(mutant):
            within = self._passing(number for numbers in self._lines.get(mutant.file, {}).values() for number in numbers)
            covering = sorted(within, key=self._promise) + sorted(self.seconds.keys() - within, key=self._promise)
        else:
            covering = sorted(self._passing(self._numbers(mutant)), key=self._promise)
        return self._within(covering)

    def quickest(self) -> list[str]:
        """What is run where nothing is changed."""
        return self._within(sorted(self.seconds, key=lambda name: (self.seconds[name], name)))

    def _within(self, names: list[str]) -> list[str]:
        chosen, spent = [], 0.0
        for name in names:
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
