"""What the tests of the assertion helpers share: the helpers bound to a record, and what they raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zdr_audit.suite.outcomes import Inconclusive, Violated


def violated(call: Callable[[], object]) -> tuple[str, tuple[Any, ...]]:
    """The message and the findings of the violation that a call must raise."""
    with pytest.raises(Violated) as caught:
        call()
    return str(caught.value), caught.value.findings


def inconclusive(call: Callable[[], object]) -> str:
    with pytest.raises(Inconclusive) as caught:
        call()
    return str(caught.value)
