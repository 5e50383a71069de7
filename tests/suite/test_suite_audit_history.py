"""What we did, held against hand-made audit logs: missing, doubled, invented, wrong, out of order, rewritten."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from engine_events import Record, interaction
from engine_logs import (
    ALL,
    DONE,
    ORG,
    REVIEWER,
    SCENARIO,
    TEAM,
    actions,
    broken,
    chained,
    check,
    kind_of,
    log_of,
    moment,
    one_each,
    one_each_refused,
    story,
)

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.audit import AuditTypes
from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.log_entries import tells_of_zdr
from zdr_audit.suite.outcomes import Inconclusive, Violated


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


def odd(*, status: int, outcome: str) -> list[Interaction]:
    """The actions, of which the sixth was made with a body that cannot be read, and answered so."""
    made = actions()
    made[5] = made[5].model_copy(update={"labels": {**made[5].labels, "odd": "no body"}, "status": status, "outcome": outcome})
    return made


def test_a_refused_attempt_that_cannot_be_read_has_its_entry_and_a_mistake_none(profile):
    entries = log_of(profile)
    check(profile, one_each_refused, entries, acted=odd(status=403, outcome="denied"))
    del entries[5]
    with pytest.raises(Violated, match=r"1 refused actions .* must have 1 entries, the audit log has 0"):
        check(profile, one_each_refused, entries, acted=odd(status=403, outcome="denied"))
    check(profile, one_each_refused, chained(entries), acted=odd(status=400, outcome="client_error"))


@pytest.mark.parametrize(
    ("entry", "tells"),
    [
        ({"type": "enabled"}, True),
        ({"type": "org_created", "_whole": {"zdr": True}}, True),
        ({"type": "org_created", "_whole": {"terms": "Zero Data Retention"}}, True),
        ({"type": "enabled", "outcome": "refused"}, False),
        ({"type": "org_created", "actor": "zdr-audit-member@x.example", "reference": "zdrref-12"}, False),
        ({}, False),
    ],
)
def test_how_zdr_came_is_told_by_a_type_or_by_words_that_are_not_our_own(entry, tells):
    assert tells_of_zdr(entry, AuditTypes(requested="asked", enabled="enabled", disabled="off")) is tells


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
    lacking = "sequence number" if "sequence" in changes else "time with its zone"
    with pytest.raises(Inconclusive, match=f"entry act_1 has no {lacking}, so there is no order to check"):
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
