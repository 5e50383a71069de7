"""What no pattern can hide: content takes room, in whatever form."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control

from . import scenarios as after


@control("ZDR-RET-19", after=after.payloads_of_many_sizes)
def test_stores_do_not_grow_with_what_is_sent(expect: Expect) -> None:
    expect.growth_does_not_follow_payload()
