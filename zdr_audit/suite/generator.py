"""Requests that Schemathesis generates from an OpenAPI document. What was generated in a process is not generated in it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

_KNOWN: dict[str, Generator] = {}


class Generator:
    """The operations of one document and cases for each. An operation that the document describes wrongly is left out: the others are driven."""

    def __init__(self, document: Any) -> None:
        found = schemathesis.openapi.from_dict(document).get_all_operations()
        self.operations: list[Any] = [result.ok() for result in found if isinstance(result, Ok)]
        self._cases: dict[tuple[object, ...], list[Any]] = {}

    @classmethod
    def of(cls, document: Any) -> Generator:
        """The generator of this document; that of the latest one is remembered."""
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        if digest not in _KNOWN:
            _KNOWN.clear()
            _KNOWN[digest] = cls(document)
        return _KNOWN[digest]

    def cases(self, operation: Any, mode: GenerationMode, examples: int, run_seed: int, owned: Mapping[str, str]) -> Iterator[Any]:
        """At most `examples` cases of an operation; `owned` fixes path parameters."""
        key = (operation.label, mode, examples, run_seed, *sorted(owned))
        if key not in self._cases:
            self._cases[key] = _drawn(operation, mode, examples, run_seed, owned)
        for case in self._cases[key]:
            if owned:
                case.path_parameters = {**case.path_parameters, **owned}
            yield case


def _drawn(operation: Any, mode: GenerationMode, examples: int, run_seed: int, owned: Mapping[str, str]) -> list[Any]:
    try:
        strategy = operation.as_strategy(generation_mode=mode, path_parameters=dict(owned) or None)
    except Exception:  # nothing invalid can be made for an operation without input
        return []
    drawn: list[Any] = []

    @seed(run_seed)
    @settings(max_examples=examples, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(case: Any) -> None:
        drawn.append(case)

    try:
        collect()
    except Exception:  # a strategy for invalid input that cannot be satisfied gives what it gave so far
        if mode is GenerationMode.POSITIVE:
            raise
    return drawn[:examples]
