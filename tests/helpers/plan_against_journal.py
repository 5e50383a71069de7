"""Holds a plan against the journal of a run with the same options."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from zdr_audit.journal.events import Interaction
from zdr_audit.journal.store import Journal
from zdr_audit.run.plan import Plan

GENERATED = ("fuzz", "declared:")
"""Operations that only the target's interface document names: a plan says of them that they depend on it, unless it knows them beforehand."""


def differences(plan: Plan, journal: Path) -> list[str]:
    """What the run sent that was not planned so, one line each; the reading of evidence left aside, which is no interaction."""
    with Journal(journal, read_only=True) as record:
        sent = [e for e in record.events() if isinstance(e, Interaction)]
    rows = [row for row in plan.requests if not row.scenario.startswith("evidence.")]
    known = {row.operation for row in rows if not row.depends}

    def generated(operation: str) -> bool:
        return operation.startswith(GENERATED) and operation not in known

    found = []
    planned: Counter[tuple[str, str, str]] = Counter()
    depends: set[tuple[str, str, str]] = set()
    paths: dict[tuple[str, str], list[re.Pattern[str]]] = {}
    for row in rows:
        key = (row.scenario, row.operation, row.method)
        planned[key] += row.count
        depends |= {key} if row.depends else set()
        template = "".join(r"[^/?&]+" if part.startswith("<") else re.escape(part) for part in re.split(r"(<[a-z0-9-]+>)", row.path))
        paths.setdefault((row.scenario, row.operation), []).append(re.compile(template))
    actual = Counter((i.scenario, i.operation, i.method) for i in sent if not generated(i.operation))
    for key in sorted({*planned, *actual}):
        if key not in depends and not generated(key[1]) and planned[key] != actual[key]:
            found.append(f"{key}: planned {planned[key]}, sent {actual[key]}")
    for item in sent:
        if generated(item.operation):
            if not any(row.scenario == item.scenario and row.depends and generated(row.operation) for row in rows):
                found.append(f"{item.scenario}: {item.operation} is not said to depend on the interface document")
        elif not any(pattern.fullmatch(item.path) for pattern in paths.get((item.scenario, item.operation), [])):
            found.append(f"{item.scenario}: {item.method} {item.path} fits no planned path")
    return found
