"""What is handed from one module to the next cannot be changed on the way."""

from __future__ import annotations

from frozen import changeable

COUNTING = set()


def test_values_cannot_be_changed_but_for_those_that_count_while_they_work():
    assert changeable("zdr_audit.verdict") == COUNTING
