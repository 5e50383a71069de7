"""Refused attempts under a common type, or not logged."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from engine_events import interaction
from engine_logs import ADMIN, ALL, ORG, TEAM, Entry, actions, broken, chained, check, in_time, kind_of, log_of, moment, right_names, story

from zdr_audit.profile.model import Profile
from zdr_audit.suite.audit_history import NothingHere


def with_a_common_type(profile: Profile) -> Profile:
    assert profile.audit_types is not None
    return profile.model_copy(update={"audit_types": profile.audit_types.model_copy(update={"denied": "access_denied"})})


def without_refusals(profile: Profile) -> Profile:
    return profile.model_copy(update={"absent": {"audit.refused": "they go elsewhere"}})


def commonly_named(entries: list[Entry]) -> list[Entry]:
    """The log of a target that names whatever it refuses to customers by one type."""
    for entry in entries:
        if entry["outcome"] == "refused" and entry["actor_role"] == "admin":
            entry["type"] = "access_denied"
    return chained(entries)


def test_entries_of_a_common_type_tell_of_refused_attempts_where_the_profile_names_it(profile):
    entries = commonly_named(log_of(profile))
    assert broken(with_a_common_type(profile), entries) == {}
    kind = kind_of(profile, "requested")
    assert broken(profile, entries)["one entry for each refusal"].startswith(f"1 refused actions '{kind}' must have 1 entries")


def test_a_common_type_may_tell_by_itself_that_it_is_a_refusal(profile):
    entries = commonly_named(log_of(profile))
    for entry in entries:
        if entry["type"] == "access_denied":
            entry["outcome"] = None
    assert broken(with_a_common_type(profile), chained(entries)) == {}


def test_times_are_not_compared_once_the_run_has_moved_the_clock(profile):
    entries = commonly_named(log_of(profile))
    for entry in entries:
        entry["at"] = (datetime.fromisoformat(entry["at"]) + timedelta(days=800)).isoformat()
    known = with_a_common_type(profile)
    assert "one entry for each refusal" in broken(known, chained(entries))
    late = [item.model_copy(update={"epoch": "late"}) for item in actions()]
    assert "one entry for each refusal" not in broken(known, chained(entries), acted=late)


def test_a_missing_entry_of_a_common_type_is_found(profile):
    entries = commonly_named(log_of(profile))
    del entries[5]
    found = broken(with_a_common_type(profile), chained(entries))
    said = (
        f"the refused action '{kind_of(profile, 'disabled')}' must have an entry, of its own type or 'access_denied', by whoever tried it"
    )
    assert found == {"one entry for each refusal": f"{said}, but: i-00006 staff.admin POST /disabled -> 403"}


@pytest.mark.parametrize(
    "changes",
    [{"actor_role": "member"}, {"actor": "somebody@else.example"}, {"at": moment(60)}, {"outcome": "success"}],
    ids=["another role", "another person", "another time", "a success"],
)
def test_an_entry_of_a_common_type_tells_of_an_attempt_only_where_nothing_speaks_against_it(profile, changes):
    entries = commonly_named(log_of(profile))
    entries[5] |= changes
    assert "one entry for each refusal" in broken(with_a_common_type(profile), chained(entries))


def test_entries_of_a_common_type_may_tell_of_other_refused_requests_but_not_of_none(profile):
    entries = commonly_named(log_of(profile))
    entries += [dict(entries[5], id=f"act_other_{number}", sequence=number) for number in (200, 201)]
    other = interaction(
        80, scenario="elsewhere.else", organization_id=ORG, status=403, outcome="denied", started_at=moment(0), ended_at=moment(0)
    )
    known = with_a_common_type(profile)
    said = broken(known, chained(entries))
    assert said["one entry for each refusal"].startswith("the audit log has 4 'access_denied', but 3 requests were refused")
    found, expect = story(known, entries, [*actions(), other])
    found.has_one_entry_for_each(expect, refused=True)


def test_a_doubled_entry_of_its_own_type_is_found_beside_a_common_one(profile):
    entries = commonly_named(log_of(profile))
    entries.append(dict(entries[1], id="act_again", sequence=200))
    said = broken(with_a_common_type(profile), chained(entries))
    kind = kind_of(profile, "enabled")
    assert said["one entry for each refusal"].startswith(f"the audit log has 2 refused '{kind}', but 1 were refused")


def test_a_reference_says_which_attempt_an_entry_tells_of(profile):
    done = (("requested", TEAM, False), ("disabled", ADMIN, True), ("disabled", ADMIN, True))
    acted = actions(done)
    acted[2] = acted[2].model_copy(update={"labels": acted[2].labels | {"marker": "zdrref-1"}})
    entries = log_of(profile, done)
    entries[1]["type"], entries[2]["reference"] = "access_denied", "zdrref-1"
    known = with_a_common_type(profile)
    assert broken(known, chained(entries), acted=acted) == {}
    entries[2]["reference"] = "zdrref-of-another"
    said = broken(known, chained(entries), acted=acted)["one entry for each refusal"]
    assert said.endswith("but: i-00003 staff.admin POST /disabled -> 403")


def test_where_refused_attempts_are_not_logged_their_entries_are_neither_missed_nor_minded(profile):
    silent = without_refusals(profile)
    entries = [entry for entry in log_of(profile) if entry["outcome"] == "success"]
    rest = {name for name in ALL if name != "one entry for each refusal"}
    for log in (entries, log_of(profile)):
        assert not broken(silent, chained(log)).keys() & rest
    assert not story(silent, entries)[0].logs_refusals


def test_where_refused_attempts_are_not_logged_an_organization_in_which_all_was_refused_has_nothing_to_judge(profile):
    done = (("requested", TEAM, True),)
    for judge in (right_names, in_time):
        with pytest.raises(NothingHere, match="every action in org_fresh was refused, and refused attempts need not be logged"):
            check(without_refusals(profile), judge, [], acted=actions(done))
        check(profile, judge, log_of(profile, done), acted=actions(done))


def test_where_refused_attempts_are_not_logged_none_is_logged_as_a_success_either(profile):
    entries = [entry for entry in log_of(profile) if entry["outcome"] == "success" or entry["id"] == "act_6"]
    entries[-2]["outcome"] = "success"
    said = broken(without_refusals(profile), chained(entries))["one entry for each success"]
    assert said.startswith(f"1 successful actions '{kind_of(profile, 'disabled')}' must have 1 entries, the audit log has 2")
