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
        if mutant.file != self.file or not any(fnmatchcase(mutant.operator, pattern) for pattern in self.operators):
            return False
        before, after = mutant.change()
        return before == self.line and (not self.becomes or after in self.becomes)


def explanations(path: Path = HERE / "explained.toml") -> list[Explained]:
    """All entries."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    return [Explained(e["file"], e["line"], tuple(e.get("operators", ["*"])), tuple(e.get("becomes", ())), e["why"]) for e in entries]
