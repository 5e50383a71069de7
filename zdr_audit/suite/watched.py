"""What a check watches for must have been sent: of scenarios that broke off nothing is found anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import Inconclusive


def content_was_sent(expect: Expect, scenarios: Sequence[Scenario]) -> None:
    """Of the content that these scenarios send under ZDR some was dealt with, be it refused: one of them is enough, for no target has what all are about.
    Raises Inconclusive."""
    history = expect.history
    names = [item.name for item in scenarios]
    if any(item.content == "zdr" and item.canaries and item.accepted for item in history.of(names)):
        return
    why = [
        f"{name}: {ended.error or ended.not_run}"
        for name in names
        if (ended := history.scenarios.get(name)) and (ended.error or ended.not_run)
    ]
    first = f" (first: {why[0]})" if why else ""
    raise Inconclusive(
        f"none of the content that {len(names)} scenarios send under ZDR was dealt with{first}, so finding none says nothing"
    )
