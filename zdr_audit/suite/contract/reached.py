"""How far requests got in the documented interface: else what the others were answered with means little."""

from __future__ import annotations

from zdr_audit.suite.contract.labels import OPERATION, SAID
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.outcomes import Inconclusive
from zdr_audit.verdict.interface import interface_coverage


def interface_was_reached(expect: Expect) -> None:
    """Enough of the documented operations let a request through to their handler. Raises Inconclusive."""
    found = interface_coverage(expect.history)
    if found is None:
        raise Inconclusive("the interface document was not read")
    if found.reached < found.floor * found.documented:
        raise Inconclusive(
            f"of {found.documented} documented operations only {found.reached} let a request through ({found.floor:.0%} are needed), "
            "so that what the others answer was not seen"
        )


def roles_were_decided(expect: Expect) -> None:
    """With enough of the requests that others were refused, somebody entitled was let through. Raises Inconclusive."""
    found = interface_coverage(expect.history)
    # What nobody entitled is made to try, since it would move the whole target, cannot be decided either.
    tried = {i.labels[OPERATION] for i in expect.history.interactions.values() if i.labels.get(SAID) == "true"}
    rows = [row for row in found.operations if row.operation in tried] if found is not None else []
    decided = [row for row in rows if row.let_through]
    if found is None or len(decided) < found.floor * len(rows) or not decided:
        raise Inconclusive(
            f"of {len(rows)} operations only {len(decided)} let an entitled role through, so that the refusals of others mean little"
        )
