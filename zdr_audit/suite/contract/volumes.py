"""How many requests of each of Schemathesis's phases an operation gets, by the depth of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zdr_audit.suite.contract.generator import NEGATIVE, POSITIVE, Generator


@dataclass(frozen=True)
class Volume:
    """How many cases of each phase an operation gets: at the boundaries valid and invalid ones, drawn at random of either kind."""

    boundaries: int
    wrong_boundaries: int
    drawn: int
    every_role: bool


VOLUMES: Mapping[str, Volume] = {
    "quick": Volume(3, 0, 1, False),
    "standard": Volume(4, 0, 1, False),
    "thorough": Volume(40, 60, 15, True),
}


def cases(generator: Generator, operation: Any, volume: Volume, run_seed: int, owned: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """(phase, case) for an operation; `owned` fixes path parameters."""
    for case in generator.examples(operation, owned):
        yield "examples", case
    for mode, most in ((POSITIVE, volume.boundaries), (NEGATIVE, volume.wrong_boundaries)):
        for case in generator.coverage(operation, mode, most, owned) if most else ():
            yield "coverage", case
    for mode in (POSITIVE, NEGATIVE):
        for case in generator.cases(operation, mode, volume.drawn, run_seed, owned):
            yield "fuzzing", case
