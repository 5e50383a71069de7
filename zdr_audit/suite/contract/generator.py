"""Requests that Schemathesis generates from an OpenAPI document, phase by phase. What was generated in a process is not generated in it again."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import Phase as HypothesisPhase
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.generation.drivers import CoverageGenerator, ExamplesGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.meta import CoveragePhaseData
from schemathesis.generation.overrides import Override

Phase = Literal["examples", "coverage", "fuzzing"]
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
_EXTREME = "imum"
"""Stands in what Schemathesis says of a case with a minimum or maximum."""
MOST_VALID = 500
_KNOWN: dict[str, Generator] = {}


class Generator:
    """The operations of one document and cases for each. An operation that the document describes wrongly is left out: the others are driven."""

    def __init__(self, document: Any) -> None:
        self.schema = schemathesis.openapi.from_dict(without_security(document))
        self.operations: list[Any] = [result.ok() for result in self.schema.get_all_operations() if isinstance(result, Ok)]
        self._cases: dict[tuple[object, ...], list[Any]] = {}
        self._expected: Callable[[], Mapping[tuple[object, ...], list[Any]]] | None = None

    @property
    def drawn(self) -> Mapping[tuple[object, ...], list[Any]]:
        """All cases so far, by operation, phase and what else they hang on."""
        return self._cases

    @property
    def knows_something(self) -> bool:
        """Whether cases were drawn, or are being drawn elsewhere."""
        return bool(self._cases) or self._expected is not None

    def expect(self, others: Callable[[], Mapping[tuple[object, ...], list[Any]]]) -> None:
        """Cases are being drawn elsewhere: asked for when the first one is needed."""
        self._expected = others

    def _known(self, key: tuple[object, ...], draw: Callable[[], list[Any]]) -> list[Any]:
        if self._expected is not None:
            others, self._expected = self._expected, None
            self._cases = {**others(), **self._cases}
        if key not in self._cases:
            self._cases[key] = draw()
        return self._cases[key]

    @classmethod
    def of(cls, document: Any) -> Generator:
        """The generator of this document; that of the latest one is remembered."""
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        if digest not in _KNOWN:
            _KNOWN.clear()
            _KNOWN[digest] = cls(document)
        return _KNOWN[digest]

    def cases(self, operation: Any, mode: GenerationMode, examples: int, run_seed: int, owned: Mapping[str, str]) -> Iterator[Any]:
        """At most `examples` cases of an operation, drawn at random; `owned` fixes path parameters."""
        found = self._known((operation.label, mode, examples, run_seed), lambda: _drawn(operation, mode, examples, run_seed))
        yield from (_owned(case, owned) for case in found)

    def examples(self, operation: Any, owned: Mapping[str, str]) -> Iterator[Any]:
        """A case for each example that the document gives."""

        def draw() -> list[Any]:
            driver = ExamplesGenerator(operation=operation, override=Override(), feedback=NO_FEEDBACK, fill_missing=False)
            return _all(driver, MOST_VALID)

        yield from (_owned(case, owned) for case in self._known((operation.label, "examples"), draw))

    def coverage(
        self, operation: Any, mode: GenerationMode, most: int, owned: Mapping[str, str], *, extremes: bool = False
    ) -> Iterator[Any]:
        """Cases at the boundaries of every value of the operation, at most so many: first (`extremes`: alone) those at a least or greatest value or
        length."""

        def draw() -> list[Any]:
            driver = CoverageGenerator(
                operation=operation,
                generation_modes=[mode],
                generation_config=self.schema.config.generation_for(operation=operation, phase="coverage"),
                auth_storage=None,
                override=Override(),
                feedback=NO_FEEDBACK,
            )
            made = _all(driver, most if mode is NEGATIVE else MOST_VALID)
            return [case for case in made if case.method.upper() == operation.method.upper()]

        known = self._known((operation.label, "coverage", mode, most if mode is NEGATIVE else 0), draw)
        found = sorted(known, key=lambda case: _EXTREME not in str(case.meta.phase.data.description))
        chosen = [case for case in found[:most] if not extremes or _EXTREME in str(case.meta.phase.data.description)]
        yield from (_owned(case, owned) for case in chosen)


def without_security(document: Any) -> Any:
    """The document without its say on credentials: who sends a request is ours to choose, not to be generated."""
    if not isinstance(document, dict):
        return document
    plain = {name: part for name, part in document.items() if name != "security"}
    paths = plain.get("paths")
    if isinstance(paths, dict):
        plain["paths"] = {path: _items_without_security(item) for path, item in paths.items()}
    return plain


def _items_without_security(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {
        verb: {name: part for name, part in spec.items() if name != "security"} if isinstance(spec, dict) else spec
        for verb, spec in item.items()
    }


def _all(driver: Any, most: int) -> list[Any]:
    """What a driver makes, at most so many; where the document cannot be satisfied at some point, what came before."""
    found: list[Any] = []
    try:
        found.extend(itertools.islice(driver, most))
    except Exception:
        return found
    return found


def _owned(case: Any, owned: Mapping[str, str]) -> Any:
    """A copy of the case with path parameters that are ours, but for those that the case itself is about."""
    data = case.meta.phase.data if case.meta is not None else None
    about = isinstance(data, CoveragePhaseData) and data.parameter_location == ParameterLocation.PATH and data.parameter in owned
    wrong = about and case.meta.generation.mode == NEGATIVE
    fresh = case.derive()
    fresh.freeze_metadata()
    if owned and not wrong:
        fresh.path_parameters = {**(case.path_parameters or {}), **{name: v for name, v in owned.items() if f"{{{name}}}" in case.path}}
    return fresh


def _drawn(operation: Any, mode: GenerationMode, examples: int, run_seed: int) -> list[Any]:
    try:
        strategy = operation.as_strategy(generation_mode=mode)
    except Exception:  # nothing invalid can be made for an operation without input
        return []
    drawn: list[Any] = []

    @seed(run_seed)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=(HypothesisPhase.generate,), suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def collect(case: Any) -> None:
        drawn.append(case)

    try:
        collect()
    except Exception:  # a strategy for invalid input that cannot be satisfied gives what it gave so far
        if mode is POSITIVE:
            raise
    return drawn[:examples]
