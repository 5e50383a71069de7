"""Property-based tests with few examples, always the same ones, and no shrinking: a mutant needs a verdict, not a small counterexample."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

ARGUMENTS = ["-q", "--capture=no", "-p", "no:cacheprovider", "-o", "tmp_path_retention_policy=failed"]


class Tame:
    """A pytest plug-in."""

    def __init__(self, examples: int) -> None:
        self._examples = examples

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            test = getattr(item, "obj", None)
            test = getattr(test, "__func__", test)
            said = getattr(test, "_hypothesis_internal_use_settings", None)
            if isinstance(said, settings):
                tamed = settings(
                    parent=said,
                    max_examples=min(said.max_examples, self._examples),
                    derandomize=True,
                    database=None,
                    deadline=None,
                    phases=(Phase.explicit, Phase.generate),
                    suppress_health_check=list(HealthCheck),
                )
                test._hypothesis_internal_use_settings = tamed  # type: ignore[union-attr]
