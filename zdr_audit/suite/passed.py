"""What a promise says of a later time means something only where that time has come."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import Inconclusive


def has_passed(expect: Expect, scenario: Scenario) -> None:
    """The scenario in which time goes by and what is due is deleted was driven to its end: before, content may rightly still be there. Raises Inconclusive."""
    ended = expect.history.scenarios.get(scenario.name)
    if ended is None or ended.error or ended.not_run or ended.absent:
        raise Inconclusive(f"the scenario {scenario.name} was not driven to its end, so that what is still there says nothing")
