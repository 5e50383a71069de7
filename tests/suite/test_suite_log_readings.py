"""Every page of an audit log that was read, by whichever scenario: in order, and a piece of a chain."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import Record, interaction
from engine_logs import DONE, SCENARIO, Entry, actions, chained, log_of

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.log_readings import INDISPENSABLE, every_chain_recomputes, every_log_is_in_order, same_as_in_the_list
from zdr_audit.suite.outcomes import Inconclusive, Violated


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


def of_one_second(profile: Profile, *, numbered: bool = False) -> list[Entry]:
    """A true log of a target that writes times to the second, and had all of this to do in one."""
    entries = log_of(profile)
    for entry in entries:
        entry.update({"at": entries[0]["at"]} | ({} if numbered else {"sequence": None}))
    return chained(entries)


def test_a_page_of_one_second_may_list_the_newest_first_as_its_chain_tells(profile):
    true = of_one_second(profile)
    every_chain_recomputes(reading(profile, true, true[::-1], true[3:0:-1]))


def test_what_no_chain_joins_in_either_direction_is_found_in_a_page_of_one_second(profile):
    true, other = of_one_second(profile), of_one_second(profile)[::-1]
    other[2], other[3] = other[3], other[2]
    changed = [entry if n != 2 else entry | {"_whole": entry["_whole"] | {"outcome": "another"}} for n, entry in enumerate(true[::-1])]
    for wrong in (true[::-1][:2] + true[::-1][3:], other, changed):
        with pytest.raises(Violated, match="the digest of"):
            every_chain_recomputes(reading(profile, wrong))


def test_where_times_or_numbers_tell_which_is_older_the_chain_does_not(profile):
    numbered = of_one_second(profile, numbered=True)
    for number, entry in zip(range(7, 0, -1), numbered, strict=True):
        entry["sequence"] = number
    dated = [entry | {"sequence": None} for entry in log_of(profile)]
    for entry, other in zip(dated, log_of(profile)[::-1], strict=True):
        entry["at"] = other["at"]
    for wrong in (chained(numbered), chained(dated)):
        with pytest.raises(Violated, match="must name the digest of the entry before"):
            every_chain_recomputes(reading(profile, wrong))


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


def single(number: int, entry: Entry, told: dict[str, Any], **more: Any) -> Interaction:
    """An entry that was read by its id."""
    said = {"scenario": SCENARIO, "step": "own log, one entry", "operation": "audit.entry", "labels": {"entry": entry["id"]}, "data": told}
    return interaction(number, **(said | more))


def with_operation(profile: Profile, name: str, **changed: Any) -> Profile:
    """The profile in which this operation says something else."""
    operation = profile.operations[name].model_copy(update=changed)
    return profile.model_copy(update={"operations": profile.operations | {name: operation}})


def extracting(profile: Profile, **names: str) -> Profile:
    """The profile in which a single entry's members are taken by name."""
    return with_operation(profile, "audit.entry", extract=names)


def compared(profile: Profile, log: list[Entry], *singles: Interaction) -> None:
    pages = [
        interaction(n, scenario=SCENARIO, step="own log", operation="audit.list", data={"items": part})
        for n, part in ((50, log[:3]), (51, log[3:]))
    ]
    expect = reading(profile)
    expect.interactions = [*pages, *singles]
    same_as_in_the_list(expect, pages, singles)


def test_entries_that_say_by_their_id_what_the_list_says_are_accepted(profile):
    log = log_of(profile)
    wholes = [single(60 + n, entry, {"_whole": entry["_whole"]}) for n, entry in enumerate(log)]
    compared(profile, log, *wholes)
    compared(profile, log, *(single(60 + n, e, {"id": e["id"], "outcome": e["outcome"], "more": 1}) for n, e in enumerate(log)))
    less = {name: value for name, value in log[1]["_whole"].items() if name not in ("digest", "reference")}
    compared(profile, log, single(60, log[1], {"_whole": less | {"more": 1}}))


@pytest.mark.parametrize("name", INDISPENSABLE)
def test_an_entry_that_is_silent_by_its_id_on_what_the_list_says_is_found(profile, name):
    log = log_of(profile)
    profile = with_operation(profile, "audit.list", fields={said: f"/{said}" for said in log[0]})
    right = [single(60 + n, entry, {"_whole": entry["_whole"]}) for n, entry in enumerate(log[:4])]
    for nothing in ({}, {name: None}):
        less = {said: value for said, value in log[4]["_whole"].items() if said != name} | nothing
        with pytest.raises(Violated, match=f"entry act_5, read by its id, must say what the list says of it: it leaves out {name}"):
            compared(profile, log, *right, single(70, log[4], {"_whole": less}))
        named = extracting(profile, **{said: f"/{said}" for said in ("id", "at", *INDISPENSABLE)})
        told = {said: log[4][said] for said in ("id", "at", *INDISPENSABLE) if said != name} | nothing
        with pytest.raises(Violated, match=f"act_5.*: it leaves out {name}"):
            compared(named, log, single(70, log[4], told))
    with pytest.raises(Violated, match="it leaves out actor, organization, outcome"):
        compared(profile, log, *right, single(70, log[4], {"_whole": {"id": "act_5", "type": log[4]["type"]}}))


@pytest.mark.parametrize("place", ["/event_body", "/event_body/kind", "$.event_body", "$['event_body'].kind"])
def test_what_an_entry_leaves_out_is_looked_for_where_the_list_says_it(profile, place):
    fields = profile.operations["audit.list"].fields | {"type": place}
    elsewhere = with_operation(profile, "audit.list", fields=fields)
    log = [entry | {"_whole": entry["_whole"] | {"event_body": {"kind": entry["type"]}}} for entry in log_of(profile)]
    less = {name: value for name, value in log[0]["_whole"].items() if name != "type"}
    compared(elsewhere, log, single(70, log[0], {"_whole": less}))
    with pytest.raises(Violated, match="it leaves out type"):
        compared(elsewhere, log, single(70, log[0], {"_whole": {n: v for n, v in less.items() if n != "event_body"}}))


def test_what_the_list_does_not_say_no_entry_must_say(profile):
    log = [{name: value for name, value in entry.items() if name != "_whole"} | {"actor": None} for entry in log_of(profile)]
    named = extracting(profile, id="/id", type="/type", actor="/who")
    compared(named, log, single(70, log[4], {"id": "act_5", "type": log[4]["type"], "actor": None}))


@pytest.mark.parametrize("number", [1, 5])
def test_an_entry_that_says_something_else_by_its_id_is_found(profile, number):
    log = log_of(profile)
    entry = log[number]
    right = single(60, log[0], {"_whole": log[0]["_whole"]})
    for told in ({"outcome": "success", "id": entry["id"]}, {"_whole": entry["_whole"] | {"outcome": "success"}}):
        with pytest.raises(Violated, match=rf"entry {entry['id']}, read by its id, must say what the list says of it \(outcome\)"):
            compared(profile, log, right, single(61, entry, told))


def test_an_entry_that_cannot_be_read_by_its_id_is_found(profile):
    log = log_of(profile)
    with pytest.raises(Violated, match="each entry of it by its id"):
        compared(profile, log, single(60, log[0], {}, status=404, outcome="not_found"))


def test_single_entries_with_nothing_in_common_are_no_pass(profile):
    log = log_of(profile)
    right = single(60, log[0], {"_whole": log[0]["_whole"]})
    other = single(61, log[1] | {"id": "act_other"}, {"_whole": log[1]["_whole"]})
    for told in ({"name": "x"}, {"id": "act_2"}, {"_whole": {"id": "act_2", "kind": "x"}}):
        with pytest.raises(Inconclusive, match="entry act_2: list and single entry name nothing but its id"):
            compared(profile, log, right, single(61, log[1], told))
    with pytest.raises(Inconclusive, match="entry act_other: list and single entry name nothing but its id"):
        compared(profile, log, right, other)
    with pytest.raises(Inconclusive, match="no entry of the log was read by its id"):
        compared(profile, log)


def test_a_wrong_entry_is_found_beside_one_that_cannot_be_compared(profile):
    log = log_of(profile)
    bare, wrong = single(60, log[0], {"id": "act_1"}), single(61, log[5], {"id": "act_6", "outcome": "success", "type": log[5]["type"]})
    for singles in ((bare, wrong), (wrong, bare)):
        with pytest.raises(Violated, match="entry act_6, read by its id"):
            compared(profile, log, *singles)
