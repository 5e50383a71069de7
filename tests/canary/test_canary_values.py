"""What is handed from one module to the next cannot be changed on the way."""

from __future__ import annotations

from frozen import changeable

COUNTING = {"layer._Open"}


def test_values_cannot_be_changed_but_for_those_that_count_while_they_work():
    assert changeable("zdr_audit.canary") == COUNTING
