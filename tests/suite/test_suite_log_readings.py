"""Every page of an audit log that was read, by whichever scenario: in order, and a piece of a chain."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import Record, interaction
from engine_logs import DONE, SCENARIO, Entry, actions, chained, log_of

from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect, Inconclusive, Violated
from zdr_audit.suite.log_readings import every_chain_recomputes, every_log_is_in_order


def reading(profile: Profile, *logs: list[Entry], **more: Any) -> Expect:
    """A run in which these pages were read, by other scenarios than those of the control."""
    record = Record()
    pages = [
        interaction(
            number,
            **({"scenario": "exceptions.years", "step": "log", "operation": "audit.list", "data": {"items": log}} | more),
            epoch="late",
        )
        for number, log in enumerate(logs, 50)
    ]
    record.interactions = [*actions(), *pages]
    return Expect(record.history(), profile, "ZDR-AUD-05", (SCENARIO,), ("main",))


@pytest.mark.parametrize("every", [every_chain_recomputes, every_log_is_in_order])
def test_logs_that_any_scenario_read_are_accepted_where_they_are_true(profile, every):
    every(reading(profile, log_of(profile), [], log_of(profile)[::-1], log_of(profile)[2:4]))


@pytest.mark.parametrize("number", range(1, len(DONE)))
def test_a_chain_that_begins_anew_is_found_in_whichever_log(profile, number):
    entries = log_of(profile)
    entries = entries[:number] + chained(entries[number:])
    with pytest.raises(Violated, match=f"entry act_{number + 1} must name the digest of the entry before"):
        every_chain_recomputes(reading(profile, log_of(profile), entries))


def test_a_page_that_breaks_the_order_is_found_in_whichever_log(profile):
    twice, mixed = log_of(profile), log_of(profile)
    twice.append(twice[-1])
    mixed[0], mixed[1] = mixed[1], mixed[0]
    for entries in (twice, mixed):
        with pytest.raises(Violated, match="a log must list entries in order, each once"):
            every_log_is_in_order(reading(profile, log_of(profile), entries))


def test_logs_of_which_nothing_can_be_said_are_no_pass(profile):
    bare = [{k: v for k, v in entry.items() if k not in ("_whole", "sequence")} for entry in log_of(profile)]
    for every, said in ((every_chain_recomputes, "could not be recorded whole"), (every_log_is_in_order, "have no sequence number")):
        with pytest.raises(Inconclusive, match=said):
            every(reading(profile, bare))
        with pytest.raises(Inconclusive, match="no entry of an audit log was read in the whole run"):
            every(reading(profile, [], []))
        with pytest.raises(Inconclusive, match="no entry of an audit log was read in the whole run"):
            every(reading(profile, log_of(profile), outcome="denied", status=403))
