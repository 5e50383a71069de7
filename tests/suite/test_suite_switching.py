"""Which promise held for a request is read off the times of the record; where a switch may have come in between, it is either."""

from __future__ import annotations

import pytest
from engine_events import interaction

from zdr_audit.suite.switching import by_promise, switchings


def at(second: int) -> str:
    return f"2026-11-23T12:00:{second:02d}.000000+00:00"


def sent(number: int, start: int, end: int, operation: str = "messages.create", organization: str = "org_fresh", **changes):
    about = {"labels": {"about": organization}} if operation.startswith("zdr.") else {"organization_id": organization}
    return interaction(number, operation=operation, started_at=at(start), ended_at=at(end), **about, **changes)


ENABLE, DISABLE = sent(90, 10, 12, "zdr.enable"), sent(91, 20, 22, "zdr.disable")


@pytest.mark.parametrize(
    ("start", "end", "promise"),
    [
        (1, 9, "standard"),
        (1, 10, "either"),
        (1, 15, "either"),
        (11, 11, "either"),
        (12, 13, "either"),
        (13, 14, "zdr"),
        (13, 19, "zdr"),
        (13, 20, "either"),
        (13, 30, "either"),
        (23, 24, "standard"),
        (1, 40, "either"),
    ],
)
def test_the_promise_follows_the_time_of_sending_and_of_the_answer(start, end, promise):
    switches = switchings([DISABLE, ENABLE])
    assert switches["org_fresh"].promise(sent(1, start, end)) == promise


@pytest.mark.parametrize("outcome", ["no_answer", "server_error", "malformed"])
def test_after_a_switch_without_a_clear_answer_nobody_knows(outcome):
    unclear = sent(90, 10, 12, "zdr.enable", outcome=outcome, accepted=False)
    assert switchings([unclear])["org_fresh"].promise(sent(1, 13, 14)) == "either"
    assert switchings([unclear, DISABLE])["org_fresh"].promise(sent(1, 23, 24)) == "standard"


def test_a_refused_switch_switches_nothing():
    refused = sent(90, 10, 12, "zdr.enable", outcome="denied", status=403, accepted=False)
    assert switchings([refused]) == {}


def test_requests_are_told_apart_by_organization():
    items = [sent(1, 13, 14), sent(2, 13, 14, organization="org_other"), sent(3, 1, 2), sent(4, 9, 11)]
    sorted_out = by_promise(items, switchings([ENABLE]))
    assert {promise: [i.id for i in found] for promise, found in sorted_out.items()} == {
        "zdr": ["i-00001"],
        "standard": ["i-00003"],
        "either": ["i-00004"],
    }
