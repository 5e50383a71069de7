"""How many requests of each of Schemathesis's phases an operation gets, by the depth of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zdr_audit.suite.contract.generator import NEGATIVE, POSITIVE, Generator


@dataclass(frozen=True)
class Volume:
    """How many cases of each phase an operation gets: at the boundaries valid and invalid ones (of the valid ones perhaps the extremes alone), drawn at
    random valid and invalid ones. One valid request each is sent by the walk in any case."""

    boundaries: int
    extremes_alone: bool
    wrong_boundaries: int
    drawn: int
    wrong_drawn: int
    every_role: bool


VOLUMES: Mapping[str, Volume] = {
    "quick": Volume(3, True, 2, 0, 0, False),
    "standard": Volume(4, True, 2, 0, 1, False),
    "thorough": Volume(40, False, 60, 15, 15, True),
}


def cases(generator: Generator, operation: Any, volume: Volume, run_seed: int, owned: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """(phase, case) for an operation; `owned` fixes path parameters."""
    for case in generator.examples(operation, owned):
        yield "examples", case
    for case in generator.coverage(operation, POSITIVE, volume.boundaries, owned, extremes=volume.extremes_alone):
        yield "coverage", case
    for case in generator.coverage(operation, NEGATIVE, volume.wrong_boundaries, owned) if volume.wrong_boundaries else ():
        yield "coverage", case
    for mode, most in ((POSITIVE, volume.drawn), (NEGATIVE, volume.wrong_drawn)):
        for case in generator.cases(operation, mode, most, run_seed, owned) if most else ():
            yield "fuzzing", case
