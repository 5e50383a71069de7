"""Logs that nobody read before the end: what was tried must stand in them; what strangers tried may, or may not."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import NOON, Record, interaction
from engine_logs import ORG, Entry, actions, chained, log_of

from suites.enablement.scenarios import customers_try_to_enable as tried
from suites.enablement.scenarios import disabling
from zdr_audit.journal.events import Interaction, RunResumed, ScenarioEnded
from zdr_audit.profile.model import Profile
from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.last_logs import stories_read_at_last
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, Violated

OPERATIONS = {"requested": "zdr.request", "approved": "zdr.approve", "enabled": "zdr.enable", "disabled": "zdr.disable"}
STRANGER = {"role": "member", "actor": "neighbour.member", "organization_id": "org_other"}


def acted(scenario: str = tried.name) -> list[Interaction]:
    """What was done, as scenarios do it that do not say what kind of action it is; each with a reference."""
    found = []
    for item in actions():
        kind = item.labels["audit"]
        labels = {"about": ORG, "marker": f"ref-{item.id}"}
        found.append(item.model_copy(update={"scenario": scenario, "operation": OPERATIONS[kind], "labels": labels}))
    return found


def by_a_stranger(number: int, **more: Any) -> Interaction:
    said = {"operation": "zdr.disable", "status": 403, "outcome": "denied", "labels": {"about": ORG, "marker": "ref-stranger"}}
    return interaction(number, **({"scenario": tried.name, "step": "customer disables"} | STRANGER | said | more))


def true_log(profile: Profile) -> list[Entry]:
    return [dict(entry, reference=f"ref-i-{number:05d}") for number, entry in enumerate(log_of(profile), 1)]


def judge(profile: Profile, log: list[Entry], sent: list[Interaction] | None = None, *, refused: bool | None = None, **page: Any) -> None:
    record = Record()
    said = {"scenario": "audit_log.last", "step": "read again", "operation": "audit.list", "labels": {"about": ORG}, "data": {"items": log}}
    record.interactions = [*(acted() if sent is None else sent), interaction(90, **(said | page))]
    expect = Expect(record.history(), profile, "ZDR-AUD-02", ("audit_log.last",), ("main",))
    for kind in (True, False) if refused is None else (refused,):

        def one_each(story: Story, kind: bool = kind) -> None:
            story.has_one_entry_for_each(expect, refused=kind)

        Story.each(expect, one_each, stories_read_at_last(expect, tried, disabling))


def test_a_true_log_is_accepted(profile):
    judge(profile, true_log(profile))
    judge(profile, true_log(profile)[::-1], acted(disabling.name))


@pytest.mark.parametrize("number", range(7))
def test_any_missing_or_doubled_entry_is_found(profile, number):
    log = true_log(profile)
    refused = log[number]["outcome"] == "refused"
    for wrong in (log[:number] + log[number + 1 :], [*log, dict(log[number], id="act_again")]):
        with pytest.raises(Violated, match="the audit log has"):
            judge(profile, chained(wrong), refused=refused)


def test_what_a_stranger_tried_may_be_logged_there_or_not(profile):
    log = true_log(profile)
    for sent in ([*acted(), by_a_stranger(80)], [by_a_stranger(80), *acted()]):
        judge(profile, log, sent)
        judge(profile, [*log, dict(log[5], id="act_stranger", reference="ref-stranger")], sent)


def test_a_stranger_who_gave_no_reference_takes_no_entry_of_others_away(profile):
    bare = by_a_stranger(80, labels={"about": ORG})
    log = [entry | {"reference": None} if number == 0 else entry for number, entry in enumerate(true_log(profile))]
    sent = [i.model_copy(update={"labels": {"about": ORG}}) if number == 0 else i for number, i in enumerate(acted())]
    judge(profile, log, [*sent, bare], refused=False)
    with pytest.raises(Violated, match="the audit log has 0"):
        judge(profile, [entry for entry in log if entry["reference"]], [*sent, bare], refused=False)


def test_what_was_answered_as_if_nothing_were_there_need_not_be_logged(profile):
    unknown = by_a_stranger(80, organization_id=ORG, status=404, outcome="not_found")
    judge(profile, true_log(profile), [*acted(), unknown])


def test_logs_that_cannot_be_read_or_actions_without_an_answer_are_no_pass(profile):
    with pytest.raises(Violated, match="must be able to read its audit log"):
        judge(profile, [], status=403, outcome="denied")
    silent = by_a_stranger(80, status=None, outcome="no_answer", error="timeout")
    with pytest.raises(Inconclusive, match="no decision from the target"):
        judge(profile, true_log(profile), [*acted(), silent])


def test_of_what_no_other_scenario_did_nothing_is_said(profile):
    with pytest.raises(DoesNotApply, match="was left to be read at the end"):
        judge(profile, true_log(profile), acted("another.scenario"))
    with pytest.raises(DoesNotApply, match="was left to be read at the end"):
        judge(profile, true_log(profile), step="own log")


def test_where_entries_name_no_reference_strangers_cannot_be_told(profile):
    listing = profile.operations["audit.list"]
    bare = listing.model_copy(update={"fields": {k: v for k, v in listing.fields.items() if k != "reference"}})
    without = profile.model_copy(update={"operations": {**profile.operations, "audit.list": bare}})
    with pytest.raises(DoesNotApply, match="entries name no reference"):
        judge(without, true_log(profile))


def test_an_attempt_that_was_put_off_is_none_of_its_own(profile):
    (again,) = [item for item in acted() if item.id == "i-00005"]
    put_off = {"id": "i-00070", "status": 429, "outcome": "rate_limited", "accepted": False, "superseded": True}
    judge(profile, true_log(profile), [again.model_copy(update=put_off), *acted()])


def test_a_log_that_has_more_pages_than_were_read_says_nothing(profile):
    with pytest.raises(Inconclusive, match="more pages than the 1 that were read"):
        judge(profile, true_log(profile)[:3], labels={"about": ORG, "more": "true"})


READ_AT_LAST = {"scenario": "audit_log.last", "step": "read again", "operation": "audit.list", "labels": {"about": ORG}}
BESIDE = [item.model_copy(update={"id": f"i-0003{item.id[-1]}", "labels": {"about": "org_beside"}}) for item in acted()[:1]]
LAST = ScenarioEnded(name="audit_log.last")


def sittings(profile: Profile, *events: Any, sent: list[Interaction], ended: str | None = None) -> list[Story]:
    """A run in which this was done, its scenario ended (by an error), and then what follows."""
    record = Record()
    record.interactions, record.scenarios = sent, [ScenarioEnded(name=tried.name, error=ended)]
    history = History([*record.events(), *events])
    return stories_read_at_last(Expect(history, profile, "ZDR-AUD-02", ("audit_log.last",), ("main",)), tried, disabling)


@pytest.mark.parametrize("then", [[RunResumed(at=NOON)], [RunResumed(at=NOON), LAST], [RunResumed(at=NOON), LAST, RunResumed(at=NOON)]])
def test_a_run_that_was_broken_off_before_the_logs_were_read_says_so(profile, then):
    with pytest.raises(DoesNotApply, match=f"no log of {tried.name} was read at the end: the run was broken off in between"):
        sittings(profile, *then, sent=acted())


@pytest.mark.parametrize("then", [[], [LAST], [LAST, RunResumed(at=NOON)]], ids=["whole", "ended", "broken off later"])
def test_a_run_that_left_no_log_to_read_does_not_apply_whenever_it_was_broken_off(profile, then):
    with pytest.raises(DoesNotApply, match="no organization in which enablement was tried was left"):
        sittings(profile, *then, sent=acted())


@pytest.mark.parametrize("sent", [[], acted(disabling.name)], ids=["nothing", "elsewhere"])
def test_a_scenario_that_tried_nothing_has_no_log_that_could_be_forgotten(profile, sent):
    with pytest.raises(DoesNotApply):
        sittings(profile, RunResumed(at=NOON), LAST, sent=sent)


def test_a_scenario_that_broke_off_is_left_to_the_control(profile):
    with pytest.raises(DoesNotApply):
        sittings(profile, RunResumed(at=NOON), LAST, sent=acted(), ended="ScenarioBroken: no request")


@pytest.mark.parametrize("before", [[], [RunResumed(at=NOON)]], ids=["whole", "broken off before"])
@pytest.mark.parametrize("after", [[], [RunResumed(at=NOON)]], ids=["whole", "broken off later"])
def test_an_organization_beside_whose_log_was_not_left_to_be_read_is_not_missed(profile, before, after):
    read = interaction(90, **(READ_AT_LAST | {"data": {"items": true_log(profile)}}))
    (story,) = sittings(profile, *before, read, LAST, *after, sent=[*acted(), *BESIDE])
    assert story.organization == ORG
