"""What is in flight while ZDR is being switched on is kept whole or not at all; what is sent afterwards leaves nothing, whatever is done meanwhile."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario, control
from zdr_audit.suite.outcomes import Inconclusive
from zdr_audit.suite.switching import by_promise, switchings

from . import in_flight as after
from . import scenarios as changes
from .under_way import DURING, UNDER_WAY


@control("ZDR-RET-20", after=after.requests_in_flight)
def test_requests_in_flight_are_kept_whole_or_not_at_all(expect: Expect) -> None:
    asked = by_promise(expect.some(step="ask"), switchings(expect.interactions))
    expect.kept_nowhere(asked["zdr"], promise="what is sent after the enabling answer must not be kept")
    if not asked["either"]:
        raise Inconclusive("no request was in flight while ZDR was being switched on")
    expect.kept_whole_or_not_at_all(
        asked["either"], like=asked["standard"], promise="a request in flight must be kept as before or not at all, never half"
    )


@control("ZDR-RET-20", after=(after.requests_in_flight, changes.requests_with_a_revoked_key))
def test_what_is_under_way_while_its_key_is_revoked_is_not_kept(expect: Expect) -> None:
    _leaves_nothing(expect, changes.requests_with_a_revoked_key, "its key is revoked")


@control("ZDR-RET-20", after=(after.requests_in_flight, changes.requests_of_a_closed_organization))
def test_what_is_under_way_while_its_organization_is_closed_is_not_kept(expect: Expect) -> None:
    _leaves_nothing(expect, changes.requests_of_a_closed_organization, "its organization is closed")


@control("ZDR-RET-20", after=(after.requests_in_flight, changes.requests_over_a_limit))
def test_what_is_under_way_while_its_user_may_spend_nothing_more_is_not_kept(expect: Expect) -> None:
    _leaves_nothing(expect, changes.requests_over_a_limit, "its user's spend limit is set to nothing")


def _leaves_nothing(expect: Expect, scenario: Scenario, done: str) -> None:
    """Nothing stays of the requests that were under way when it was done, by the times of the record. A stream may be over before: a short answer comes at
    once. The body of the other request takes its time."""
    expect.about(scenario)
    asked = expect.some(scenario=scenario.name, step=UNDER_WAY)
    changed = expect.where(scenario=scenario.name, during=DURING, outcome="accepted")
    answered = [i for i in asked if i.status is not None]
    across = [i for i in answered if any(i.started_at < c.started_at < i.ended_at for c in changed)]
    if not across:
        raise Inconclusive(f"no answer was coming when this was done: {done}")
    expect.kept_nowhere(across, whatever_answer=True, promise=f"nothing of what is under way while {done} must be kept")
