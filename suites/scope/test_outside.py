"""What lies outside ZDR is said to lie outside, works, and follows standard retention."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control
from zdr_audit.suite.passed import has_passed

from ..exceptions.scenarios import two_years_pass
from . import scenarios as after

OUTSIDE = {"chat", "cowork", "analytics_metadata", "user_and_seat_management", "third_party_integrations"}
OTHER_PLATFORMS = {"bedrock", "vertex", "foundry"}


@control("ZDR-SCP-05", after=after.the_scope_is_read)
def test_the_scope_is_stated_as_the_policy_has_it(expect: Expect) -> None:
    statements = expect.some(step="read")
    expect.served(statements, "the scope of ZDR must be readable")
    for statement in statements:
        data = statement.data or {}
        expect.that(
            "claude_code_inference" in data["covers"] and not OUTSIDE & set(data["covers"]),
            "inference alone must be said to be covered, whoever reads it",
            statement,
        )
        expect.that(set(data["not_covered"]) >= OUTSIDE, f"these must be said to lie outside: {', '.join(sorted(OUTSIDE))}", statement)
        platforms = set(data["platforms_covered"])
        expect.that(
            not platforms & OTHER_PLATFORMS and set(data["platforms_not_covered"]) >= OTHER_PLATFORMS,
            "other platforms must be said to lie outside",
            statement,
        )


@control("ZDR-SCP-06", after=(after.chat_of_a_zdr_organization, two_years_pass), reads_late=True)
def test_chat_works_and_is_gone_after_the_standard_period(expect: Expect) -> None:
    sent = expect.some(operation="chat.send")
    expect.served(sent, "chat must work for a ZDR organization")
    has_passed(expect, two_years_pass)
    expect.kept_nowhere(sent, epochs=("late",), promise="chat content must be gone once the standard period has passed")


@control("ZDR-SCP-07", after=(after.cowork_of_a_zdr_organization, two_years_pass), reads_late=True)
def test_cowork_works_and_is_gone_after_the_standard_period(expect: Expect) -> None:
    sent = expect.some(operation="cowork.send")
    expect.served(sent, "Cowork must work for a ZDR organization")
    has_passed(expect, two_years_pass)
    expect.kept_nowhere(sent, epochs=("late",), promise="Cowork content must be gone once the standard period has passed")


@control("ZDR-SCP-08", after=after.a_connector_is_called)
def test_a_connector_says_that_it_lies_outside_zdr(expect: Expect) -> None:
    calls = expect.some(operation="connector.call")
    expect.served(calls, "connectors must work for a ZDR organization")
    said = "each answer must say that the traffic is not covered by ZDR"
    expect.every(calls, lambda call: (call.data or {}).get("covered") is False, said)
