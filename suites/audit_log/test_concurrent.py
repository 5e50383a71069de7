"""Administrators who act at once: some order, true to the times of what they did, explains the log, the state that was seen, and keeps the rules."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.linear.record import log_agrees, rules_hold, sights_agree
from zdr_audit.suite.marks import control

from . import scenarios as after


@control("ZDR-AUD-10", after=after.administrators_at_once)
def test_the_log_agrees_with_some_order_of_what_was_done(expect: Expect) -> None:
    log_agrees(expect)


@control("ZDR-AUD-11", after=after.administrators_at_once)
def test_what_was_seen_agrees_with_the_order_of_the_log(expect: Expect) -> None:
    sights_agree(expect)


@control("ZDR-ENB-12", after=after.administrators_at_once)
def test_administrators_at_once_do_not_get_past_the_rules(expect: Expect) -> None:
    rules_hold(expect)
