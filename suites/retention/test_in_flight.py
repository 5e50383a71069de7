"""What is in flight while ZDR is being switched on is kept whole or not at all; what is sent afterwards leaves nothing."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect, Inconclusive
from zdr_audit.suite.marks import control
from zdr_audit.suite.switching import by_promise, switchings

from . import in_flight as after


@control("ZDR-RET-20", after=after.requests_in_flight)
def test_requests_in_flight_are_kept_whole_or_not_at_all(expect: Expect) -> None:
    asked = by_promise(expect.some(step="ask"), switchings(expect.interactions))
    expect.kept_nowhere(asked["zdr"], promise="what is sent after the enabling answer must not be kept")
    if not asked["either"]:
        raise Inconclusive("no request was in flight while ZDR was being switched on")
    expect.kept_whole_or_not_at_all(
        asked["either"], like=asked["standard"], promise="a request in flight must be kept as before or not at all, never half"
    )
