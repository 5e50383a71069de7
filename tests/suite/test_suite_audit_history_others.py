"""Audit logs of other makes: other times, numbers for organizations, entries without roles."""

from __future__ import annotations

from datetime import datetime

import pytest
from engine_logs import actions, broken, chained, check, in_time, log_of, right_names, story

from zdr_audit.profile.model import Profile
from zdr_audit.suite.log_entries import moment as moment_of
from zdr_audit.suite.outcomes import Inconclusive, Violated


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000, 1_000_000_000])
def test_times_may_be_numbers_since_1970(profile, factor):
    entries = log_of(profile)
    for entry in entries:
        entry["at"] = int(datetime.fromisoformat(entry["at"]).timestamp() * factor)
    check(profile, in_time, entries)
    entries[3]["at"] -= 3_600 * factor
    with pytest.raises(Violated, match="the entry's time"):
        check(profile, in_time, entries)


@pytest.mark.parametrize("at", [True, float("inf"), float("nan"), "noon", None])
def test_what_is_no_time_is_none(at):
    assert moment_of(at) is None


def test_organizations_may_be_numbers(profile):
    entries = log_of(profile)
    acted = [item.model_copy(update={"organization_id": "17", "labels": item.labels | {"about": "17"}}) for item in actions()]
    for entry in entries:
        entry["organization"] = 17
    check(profile, right_names, entries, acted=acted, organization_id="17")
    entries[2]["organization"] = 18
    with pytest.raises(Violated, match="must name the organization 17"):
        check(profile, right_names, entries, acted=acted, organization_id="17")


def without_fields(profile: Profile, *gone: str) -> Profile:
    listed = profile.operations["audit.list"]
    fields = {name: where for name, where in listed.fields.items() if name not in gone}
    return profile.model_copy(update={"operations": profile.operations | {"audit.list": listed.model_copy(update={"fields": fields})}})


def test_a_log_without_roles_is_held_against_the_addresses(profile):
    plain, entries = without_fields(profile, "actor_role"), log_of(profile)
    for entry in entries:
        del entry["actor_role"]
    acted = [item.model_copy(update={"labels": {"email": f"{item.role}@provider.example"} | item.labels}) for item in actions()]
    check(plain, right_names, entries, acted=acted)
    with pytest.raises(Inconclusive, match=r"staff\.account_team has no 'email' in the profile"):
        check(plain, right_names, entries)
    entries[2]["actor"] = "somebody@else.example"
    with pytest.raises(Violated, match=r"must name admin@fresh\.example, not somebody@else\.example"):
        check(plain, right_names, entries)


def test_a_log_of_which_the_profile_names_no_actor_is_not_judged(profile):
    with pytest.raises(Inconclusive, match="entries name no role"):
        check(without_fields(profile, "actor", "actor_role"), right_names, log_of(profile))


def unnumbered(profile: Profile) -> list[dict[str, object]]:
    entries = log_of(profile)
    for entry in entries:
        entry["sequence"] = None
    return chained(entries)


def test_a_log_without_numbers_may_list_the_newest_first(profile):
    assert broken(profile, unnumbered(profile)) == broken(profile, unnumbered(profile)[::-1]) == {}


def test_times_of_a_log_that_has_numbers_say_nothing_of_where_it_begins(profile):
    entries = log_of(profile)
    for entry, other in zip(entries, [entry["at"] for entry in entries[::-1]], strict=True):
        entry["at"] = other
    assert "order" in broken(profile, chained(entries))


def test_a_log_without_numbers_whose_times_fall_but_once_is_as_it_is_listed(profile):
    entries = unnumbered(profile)[::-1]
    entries[2], entries[3] = entries[3], entries[2]
    assert broken(profile, entries) != {}


def test_a_wrong_entry_in_a_log_without_numbers_that_lists_the_newest_first_is_found(profile):
    entries = log_of(profile)
    for entry in entries:
        entry["sequence"] = None
    entries[4]["actor_role"] = "member"
    assert "actor and organization" in broken(profile, chained(entries)[::-1])


def test_a_log_that_has_more_pages_than_were_read_is_not_held_against_what_was_done(profile):
    with pytest.raises(Inconclusive, match="more pages than the 1 that were read"):
        story(profile, log_of(profile)[:3], labels={"about": "org_fresh", "more": "true"})
