"""Reads `explained.toml`: survivors and why they may. An entry names a line by its text, so that it goes stale with the line."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from bench.mutation.rooms import HERE

if TYPE_CHECKING:
    from bench.mutation.mutants import Mutant


@dataclass(frozen=True)
class Explained:
    """One line and the changes of it that make no difference that matters."""

    file: str
    line: str
    operators: tuple[str, ...]
    becomes: tuple[str, ...]
    why: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether the mutant is one of them."""
        return mutant.file == self.file and self.fits(mutant.file, mutant.operator, *mutant.change())

    def fits(self, file: str, operator: str, before: str, after: str) -> bool:
        """Whether a change of a line is one of them."""
        known = any(fnmatchcase(operator, pattern) for pattern in self.operators)
        return known and (file, before) == (self.file, self.line) and (not self.becomes or after in self.becomes)


def explanations(path: Path = HERE / "explained.toml") -> list[Explained]:
    """All entries."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    return [Explained(e["file"], e["line"], tuple(e.get("operators", ["*"])), tuple(e.get("becomes", ())), e["why"]) for e in entries]
