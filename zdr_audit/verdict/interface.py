"""How far the suite got into the documented interface: by operation, by accepted interaction, by role. A pure function of the record."""

from __future__ import annotations

from zdr_audit.journal.events import Interaction
from zdr_audit.report.model import InterfaceCoverage, OperationCoverage
from zdr_audit.suite.contract.labels import NOT_ENTITLED, OPERATION, SAID, denied, refused, served
from zdr_audit.suite.history import History

FLOOR = 0.8
"""Share of the documented operations that must have let a request through to their handler: below it, what holds of the answers says too little."""
READ = "documented"


def interface_coverage(history: History) -> InterfaceCoverage | None:
    """None where no interface document was read."""
    documented: set[str] = set()
    sent: dict[str, list[Interaction]] = {}
    for item in history.interactions.values():
        if isinstance(item.data, dict) and item.operation == "openapi.read" and isinstance(item.data.get(READ), list):
            documented |= {str(label) for label in item.data[READ]}
        elif item.labels.get(OPERATION):
            sent.setdefault(item.labels[OPERATION], []).append(item)
    if not documented:
        return None
    rows = tuple(_row(label, sent.get(label, [])) for label in sorted(documented, key=lambda label: label.partition(" ")[::2][::-1]))
    reached = sum(row.accepted > 0 for row in rows)
    return InterfaceCoverage(documented=len(rows), tried=sum(row.sent > 0 for row in rows), reached=reached, floor=FLOOR, operations=rows)


def _row(label: str, items: list[Interaction]) -> OperationCoverage:
    entitled = [i for i in items if i.labels.get(SAID) == "true"]
    others = [i for i in items if i.step == NOT_ENTITLED]
    through = {i.role for i in entitled if i.accepted}
    return OperationCoverage(
        operation=label,
        sent=len(items),
        accepted=sum(i.accepted for i in items),
        let_through=tuple(sorted(through)),
        refused=tuple(sorted({i.role for i in others if refused(i) and through})),
        wrong=tuple(sorted({i.role for i in others if served(i)} | {i.role for i in entitled if denied(i)})),
        undecided=tuple(sorted({i.role for i in entitled if not i.accepted and not denied(i)} | {i.role for i in others if not through})),
    )
