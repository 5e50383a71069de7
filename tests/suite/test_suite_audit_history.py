"""What we did, held against hand-made audit logs: missing, doubled, invented, wrong, out of order, rewritten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from engine_events import NOON, Record, interaction

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.audit_history import NothingHere, Story
from zdr_audit.suite.expect import Expect, Inconclusive, Violated
from zdr_audit.suite.log_entries import moment as moment_of
from zdr_audit.suite.log_readings import every_chain_recomputes, every_log_is_in_order

ORG = "org_fresh"
SCENARIO = "audit_log.enablement_actions"
REVIEWER, TEAM, ADMIN = ("reviewer", None), ("account_team", None), ("admin", "admin@fresh.example")
# What was done, in order: kind, who, and whether the target refused it.
DONE = (
    ("requested", TEAM, False),
    ("enabled", REVIEWER, True),
    ("requested", ADMIN, True),
    ("approved", REVIEWER, False),
    ("enabled", REVIEWER, False),
    ("disabled", ADMIN, True),
    ("disabled", REVIEWER, False),
)
Entry = dict[str, Any]
Check = Callable[[Story, Expect], None]


def moment(number: int, seconds: float = 0) -> str:
    return (datetime.fromisoformat(NOON) + timedelta(seconds=10 * number + seconds)).isoformat()


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def kind_of(profile: Profile, name: str) -> str:
    assert profile.audit_types is not None
    return str(getattr(profile.audit_types, name))


def actions(done: tuple[tuple[str, tuple[str, str | None], bool], ...] = DONE) -> list[Interaction]:
    found = []
    for number, (name, (role, email), refused) in enumerate(done, 1):
        labels = {"audit": name, "about": ORG} | ({"email": email} if email else {})
        found.append(
            interaction(
                number,
                scenario=SCENARIO,
                step=f"act: {name}",
                operation=f"zdr.{name}",
                path=f"/{name}",
                role=role,
                actor=f"staff.{role}",
                organization_id=ORG,
                status=403 if refused else 200,
                outcome="denied" if refused else "accepted",
                labels=labels,
                started_at=moment(number),
                ended_at=moment(number, 1),
            )
        )
    return found


def log_of(profile: Profile, done: tuple[tuple[str, tuple[str, str | None], bool], ...] = DONE) -> list[Entry]:
    """A true log of what was done, chained."""
    entries = []
    for number, (name, (role, email), refused) in enumerate(done, 1):
        entries.append(
            {
                "id": f"act_{number}",
                "sequence": number + 100,
                "at": moment(number, 0.5),
                "type": kind_of(profile, name),
                "outcome": "refused" if refused else "success",
                "actor": email or f"{role}@provider.example",
                "actor_role": role,
                "organization": ORG,
                "entity": ORG,
                "reference": None,
            }
        )
    return chained(entries)


def chained(entries: list[Entry]) -> list[Entry]:
    """Each entry with its whole, as the target would show it: digest over the rest, and the digest before."""
    previous = "0" * 64
    for entry in entries:
        whole = {k: v for k, v in entry.items() if k != "_whole"} | {"previous_digest": previous}
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(canonical.encode()).hexdigest()
        entry["_whole"] = whole | {"digest": previous}
    return entries


def story(profile: Profile, entries: list[Entry], acted: list[Interaction] | None = None, **log: Any) -> tuple[Story, Expect]:
    """The story that a record of these actions and this log tells."""
    record = Record()
    acted = actions() if acted is None else acted
    times = {"started_at": moment(50), "ended_at": moment(50)}
    read = interaction(
        90,
        **(
            {"scenario": SCENARIO, "step": "own log", "operation": "audit.list", "organization_id": ORG, "data": {"items": entries}}
            | times
            | log
        ),
    )
    record.interactions = [*acted, read]
    expect = Expect(record.history(), profile, "ZDR-AUD-01", (SCENARIO,), ("main",))
    (found,) = Story.all(expect)
    return found, expect


def check(profile: Profile, checker: Check, entries: list[Entry], **more: Any) -> None:
    checker(*story(profile, entries, **more))


def one_each(s: Story, e: Expect) -> None:
    s.has_one_entry_for_each(e, refused=False)


def one_each_refused(s: Story, e: Expect) -> None:
    s.has_one_entry_for_each(e, refused=True)


ALL: dict[str, Check] = {
    "one entry for each success": one_each,
    "one entry for each refusal": one_each_refused,
    "actor and organization": Story.names_actor_and_organization,
    "order": Story.is_in_order,
    "chain": Story.chain_recomputes,
    "times": Story.times_fit,
}


def broken(profile: Profile, entries: list[Entry], **more: Any) -> dict[str, str]:
    """Which checks reject this log, with what each says."""
    found = {}
    for name, checker in ALL.items():
        try:
            check(profile, checker, entries, **more)
        except Violated as exc:
            found[name] = str(exc)
        except Inconclusive:
            pass
    return found


@pytest.mark.parametrize("name", ALL)
def test_a_true_log_is_accepted(profile, name):
    check(profile, ALL[name], log_of(profile))


def test_a_missing_entry_is_found(profile):
    entries = log_of(profile)
    del entries[3]
    found = broken(profile, chained(entries))
    kind = kind_of(profile, "approved")
    assert found == {
        "one entry for each success": (
            f"1 successful actions '{kind}' must have 1 entries, the audit log has 0, but: i-00004 staff.reviewer POST /approved -> 200"
        )
    }


def test_a_missing_refusal_is_found_by_the_other_control(profile):
    entries = log_of(profile)
    del entries[5]
    found = broken(profile, chained(entries))
    assert found.keys() == {"one entry for each refusal"}
    assert found["one entry for each refusal"].startswith(
        f"1 refused actions '{kind_of(profile, 'disabled')}' must have 1 entries, the audit log has 0"
    )


@pytest.mark.parametrize("number", range(len(DONE)))
def test_any_doubled_entry_is_found(profile, number):
    entries = log_of(profile)
    entries.insert(number, dict(entries[number], id="act_again", sequence=entries[number]["sequence"]))
    refused = DONE[number][2]
    found = broken(profile, chained(entries))
    assert ("one entry for each refusal" if refused else "one entry for each success") in found
    assert "the audit log has 2" in found["one entry for each refusal" if refused else "one entry for each success"]
    assert found["order"].startswith("the log must list entries in order, each once")


def test_an_entry_for_what_did_not_happen_is_found(profile):
    entries = log_of(profile)
    phantom = dict(entries[4], id="act_phantom", sequence=200, at=moment(20))
    found = broken(profile, chained([*entries, phantom]))
    assert found["one entry for each success"].startswith(
        f"1 successful actions '{kind_of(profile, 'enabled')}' must have 1 entries, the audit log has 2"
    )


def test_a_success_logged_where_only_refusals_happened_is_found(profile):
    done = (("requested", TEAM, False), ("enabled", REVIEWER, True))
    entries = log_of(profile, done)
    entries.append(dict(entries[1], id="act_phantom", outcome="success", sequence=300))
    with pytest.raises(Violated, match=f"the audit log has 1 successful '{kind_of(profile, 'enabled')}', but 0 happened"):
        check(profile, one_each, chained(entries), acted=actions(done))


def test_a_refusal_logged_as_a_success_is_found_by_both(profile):
    entries = log_of(profile)
    entries[2]["outcome"] = "success"
    assert broken(profile, chained(entries)).keys() == {"one entry for each success", "one entry for each refusal"}


@pytest.mark.parametrize("outcome", ["ok", None, "Success", 1])
def test_an_unknown_outcome_is_found(profile, outcome):
    entries = log_of(profile)
    entries[4]["outcome"] = outcome
    found = broken(profile, chained(entries))
    assert found["actor and organization"].startswith(f"entry act_5 must name its outcome, not {outcome!r}")


@pytest.mark.parametrize(
    ("number", "changes", "words"),
    [
        (0, {"actor_role": "admin"}, "must name account_team, not account_team@provider.example (admin)"),
        (2, {"actor": "somebody@else.example"}, "must name admin@fresh.example, not somebody@else.example (admin)"),
        (2, {"actor": None, "actor_role": None}, "must name admin@fresh.example, not None (None)"),
        (3, {"organization": "org_other"}, f"must name the organization {ORG}"),
        (3, {"organization": None}, f"must name the organization {ORG}"),
    ],
)
def test_a_wrong_actor_or_organization_is_found(profile, number, changes, words):
    entries = log_of(profile)
    entries[number] |= changes
    found = broken(profile, chained(entries))
    assert found.keys() == {"actor and organization"}
    assert words in found["actor and organization"]


@pytest.mark.parametrize("first", range(len(DONE) - 1))
def test_any_two_entries_out_of_order_are_found(profile, first):
    entries = log_of(profile)
    left, right = entries[first], entries[first + 1]
    left["sequence"], right["sequence"] = right["sequence"], left["sequence"]
    assert "order" in broken(profile, chained(entries))


def test_times_that_fall_are_found_though_the_numbers_rise(profile):
    entries = log_of(profile)
    entries[3]["at"], entries[4]["at"] = entries[4]["at"], entries[3]["at"]
    found = broken(profile, chained(entries))
    assert found["order"].startswith(
        f"'{kind_of(profile, 'enabled')}' came after '{kind_of(profile, 'approved')}', so its entry must stand after"
    )


def test_entries_listed_in_another_order_than_their_numbers_are_found(profile):
    entries = log_of(profile)
    entries[0], entries[1] = entries[1], entries[0]
    found = broken(profile, chained(entries))
    assert found == {"order": "the log must list entries in order, each once, but: i-00090 subject.member POST /v1/messages -> 200"}


def test_a_log_that_lists_the_newest_first_is_in_order_and_chained_too(profile):
    assert broken(profile, log_of(profile)[::-1]) == {}


def test_numbers_are_compared_as_numbers_and_times_as_times(profile):
    entries = log_of(profile)
    for number, entry in enumerate(entries):
        entry["sequence"] = str(8 + number)  # "10" comes after "9"
    entries[0]["at"] = moment(1).replace("+00:00", "Z").replace(".000000", "")
    entries[1]["at"] = (datetime.fromisoformat(moment(2)) + timedelta(hours=5, minutes=45)).isoformat().replace("+00:00", "+05:45")
    assert broken(profile, chained(entries)) == {}


@pytest.mark.parametrize(
    "changes", [{"sequence": None}, {"sequence": "first"}, {"at": "yesterday"}, {"at": "2026-11-23T12:00:10"}, {"at": None}]
)
def test_without_numbers_and_times_there_is_no_order_to_check(profile, changes):
    entries = log_of(profile)
    entries[0] |= changes
    with pytest.raises(Inconclusive, match="entry act_1 has no sequence number or no time with its zone, so there is no order to check"):
        check(profile, Story.is_in_order, chained(entries))


@pytest.mark.parametrize("key", ["type", "actor", "at", "organization", "previous_digest", "outcome", "extra"])
def test_any_rewritten_field_breaks_the_chain(profile, key):
    entries = log_of(profile)
    entries[3]["_whole"][key] = "rewritten"
    with pytest.raises(Violated, match="the digest of entry act_4 must be that of its content"):
        check(profile, Story.chain_recomputes, entries)


def test_an_entry_taken_out_breaks_the_chain(profile):
    entries = log_of(profile)
    del entries[3]
    with pytest.raises(Violated, match="entry act_5 must name the digest of the entry before"):
        check(profile, Story.chain_recomputes, entries)


def test_an_entry_rewritten_with_a_fresh_digest_breaks_the_chain_after_it(profile):
    entries = log_of(profile)
    before = [dict(e["_whole"]) for e in entries]
    entries[3]["actor"] = "somebody@else.example"
    chained(entries)
    for number in range(4, len(entries)):
        entries[number]["_whole"] = before[number]
    with pytest.raises(Violated, match="entry act_5 must name the digest of the entry before"):
        check(profile, Story.chain_recomputes, entries)


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        (moment(4, -60), True),
        (moment(4, -61), False),
        (moment(4, 61), True),
        (moment(4, 62), False),
        (moment(4, 0.5)[:-6], False),
        ("", False),
        (None, False),
        (1795694400, False),
    ],
)
def test_a_time_must_be_that_of_the_action_within_the_tolerance(profile, at, fits):
    entries = log_of(profile)
    entries[3]["at"] = at
    if fits:
        check(profile, Story.times_fit, chained(entries))
    else:
        with pytest.raises(Violated, match=r"the entry's time .* must be that of the action"):
            check(profile, Story.times_fit, chained(entries))


def test_entries_of_other_kinds_do_not_disturb(profile):
    entries = log_of(profile)
    login = dict(entries[0], id="act_login", type="user_signed_in", outcome="ok", sequence=101.5, at=moment(1, 5))
    entries.insert(1, login)
    for number, entry in enumerate(entries):
        entry["sequence"] = number
    assert broken(profile, chained(entries)) == {}


def test_an_empty_log_fails_where_entries_are_counted_and_passes_nowhere(profile):
    assert broken(profile, []).keys() == {"one entry for each success", "one entry for each refusal"}
    for name in ("actor and organization", "order", "chain", "times"):
        with pytest.raises(Inconclusive):
            check(profile, ALL[name], [])


@pytest.mark.parametrize(
    ("refused", "words"),
    [(True, "no action in org_fresh was refused, so no entry of one can be missing"), (False, "no action in org_fresh was successful")],
)
def test_without_actions_of_a_kind_nothing_is_said_of_their_entries(profile, refused, words):
    done = tuple(d for d in DONE if d[2] != refused)
    with pytest.raises(Inconclusive, match=words):
        check(profile, lambda s, e: s.has_one_entry_for_each(e, refused=refused), log_of(profile, done), acted=actions(done))


def test_an_organization_without_actions_of_a_kind_leaves_the_verdict_to_the_others(profile):
    # One that is not eligible, whose very request is refused.
    other = [
        i.model_copy(update={"id": "i-00050", "labels": i.labels | {"about": "org_other"}, "organization_id": "org_other"})
        for i in actions(((DONE[2]),))
    ]
    logs = [("own", ORG, log_of(profile)), ("other", "org_other", log_of(profile, (DONE[2],)))]
    record = Record()
    record.interactions = [*actions(), *other]
    for number, (_, org, entries) in enumerate(logs):
        read = {"scenario": SCENARIO, "step": "own log", "operation": "audit.list", "organization_id": org, "data": {"items": entries}}
        record.interactions.append(interaction(90 + number, **read))
    expect = Expect(record.history(), profile, "ZDR-AUD-01", (SCENARIO,), ("main",))
    for judge in (one_each, one_each_refused, Story.is_in_order, Story.chain_recomputes):
        Story.each(expect, lambda story, judge=judge: judge(story, expect))
    record.interactions = [i for i in record.interactions if i.id not in {a.id for a in actions()} and i.organization_id != ORG]
    alone = Expect(record.history(), profile, "ZDR-AUD-01", (SCENARIO,), ("main",))
    for judge in (one_each, Story.is_in_order, Story.chain_recomputes):
        with pytest.raises(Inconclusive):
            Story.each(alone, lambda story, judge=judge: judge(story, alone))


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ({"status": 401, "outcome": "denied"}, "no decision from the target: i-00090"),
        ({"status": None, "outcome": "no_answer"}, "no decision from the target: i-00090"),
        ({"data": {"too_large": True}}, "the log was too large to be recorded"),
    ],
)
def test_a_log_that_could_not_be_read_is_inconclusive(profile, log, words):
    with pytest.raises(Inconclusive, match=words):
        story(profile, log_of(profile), **log)


def test_a_log_refused_to_its_own_admin_is_a_violation(profile):
    with pytest.raises(Violated, match="an organization's admin must be able to read its audit log"):
        story(profile, [], status=403, outcome="denied")


def test_an_action_without_a_decision_is_inconclusive(profile):
    acted = actions()
    acted[2] = acted[2].model_copy(update={"status": None, "outcome": "no_answer"})
    with pytest.raises(Inconclusive, match="no decision from the target: i-00003"):
        story(profile, log_of(profile), acted=acted)


def test_a_record_without_a_log_or_without_actions_is_inconclusive(profile):
    with pytest.raises(Inconclusive, match="the record has no interaction with"):
        story(profile, [], step="something else")
    with pytest.raises(Inconclusive, match="no action was journaled for this organization"):
        story(profile, [], acted=[])


def test_a_profile_without_names_or_chain_is_inconclusive(profile):
    with pytest.raises(Inconclusive, match=r"the profile does not say how entries are chained \(audit_chain\)"):
        check(profile.model_copy(update={"audit_chain": None}), Story.chain_recomputes, log_of(profile))
    with pytest.raises(Inconclusive, match=r"\(audit_types\)"):
        story(profile.model_copy(update={"audit_types": None}), [])


def test_a_log_with_content_blotted_out_cannot_be_recomputed(profile):
    with pytest.raises(Inconclusive, match="the entries could not be recorded whole"):
        check(profile, Story.chain_recomputes, log_of(profile), echoes=("c-00001",))


def test_a_log_in_several_pages_is_one_log(profile):
    entries = log_of(profile)
    record = Record()
    pages = [
        interaction(90 + n, scenario=SCENARIO, step="own log", operation="audit.list", organization_id=ORG, data={"items": part})
        for n, part in enumerate((entries[:3], entries[3:]))
    ]
    record.interactions = [*actions(), *pages]
    expect = Expect(record.history(), profile, "ZDR-AUD-01", (SCENARIO,), ("main",))
    (found,) = Story.all(expect)
    assert [e["id"] for e in found.entries] == [e["id"] for e in entries]
    for checker in ALL.values():
        checker(found, expect)


# -- logs of other makes ------------------------------------------------------------------------------------------------------------


def right_names(s: Story, e: Expect) -> None:
    s.names_actor_and_organization(e)


def in_time(s: Story, e: Expect) -> None:
    s.times_fit(e)


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


# -- refused attempts under a common type, or not logged ----------------------------------------------------------------------------


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
