"""What the report says beside the verdicts: bounds by class, observations, minimised leaks, the timeline. None of it changes a verdict."""

from __future__ import annotations

import pytest
from engine_events import (
    CONTROL,
    NOON,
    SCENARIO,
    STORES,
    SUBJECT,
    Record,
    by_control,
    canary,
    catalogue,
    hit,
    interaction,
    source_read,
    started,
)
from scipy.stats import binom

from zdr_audit.journal.events import FindingSeen, LeakReduced
from zdr_audit.suite.history import History
from zdr_audit.verdict.classes import ALL, classes, upper_bound
from zdr_audit.verdict.judge import judge


def report(record: Record):
    return judge(History(record.events()), catalogue(), "h")


def whole() -> Record:
    """The clean record, each interaction naming its canary."""
    record = Record()
    record.interactions = [i.model_copy(update={"canaries": (f"c-{i.id[2:]}",)}) for i in record.interactions]
    return record


@pytest.mark.parametrize(("leaked", "accepted"), [(0, 1), (0, 59), (1, 20), (5, 53), (19, 20)])
def test_the_bound_is_the_share_that_gives_so_few_leaks_one_time_in_twenty(leaked, accepted):
    assert binom.cdf(leaked, accepted, upper_bound(leaked, accepted)) == pytest.approx(0.05, abs=1e-6)


def test_the_bound_is_everything_where_everything_leaked():
    assert upper_bound(7, 7) == 1.0


def test_a_request_counts_in_every_class_that_fits_it():
    def of(**stimulus: object) -> set[str]:
        return set(classes(interaction(1, stimulus=stimulus))) - {ALL, "Model model-a"}

    assert of() == {"Plain"}
    assert of(stream=True, places=["message", "system", "image"], padding=20_000) == {"Streamed", "System prompts", "Images", "Long"}
    assert of(places=["a_new_place"]) == {"A new place"}
    assert "Answered with a server error" in classes(interaction(1, stimulus={}, status=529))
    assert "Features that need storage" in classes(interaction(1, operation="feature:web.create"))


def test_bounds_are_of_what_must_not_be_kept_and_count_what_leaked():
    record = whole()
    first = {c.name: c for c in report(record).classes}
    assert (first[ALL].accepted, first[ALL].leaked) == (6, 0)
    assert first[ALL].upper == pytest.approx(1 - 0.05 ** (1 / 6), abs=1e-6)
    record.read("db", [hit("c-00011"), hit("c-00002")])
    after = {c.name: c for c in report(record).classes}
    assert (after[ALL].accepted, after[ALL].leaked) == (6, 1)


def test_a_blind_store_takes_every_bound_away():
    record = whole()
    record.read("log", [])
    assert {c.upper for c in report(record).classes} == {None}


def test_observations_give_both_sides_of_every_reading():
    (one, *_) = [c for c in report(whole()).controls if c.id == STORES]
    assert [(o.source, o.reading, o.searched, o.found, o.sight, o.sight_sent) for o in one.observations] == [
        (source, reading, 5, 0, 1, 5) for reading in ("first", "settled") for source in ("db", "log")
    ]
    assert [(s.scenario, s.sent, s.accepted, s.outcomes) for s in one.stimuli] == [(SCENARIO, 5, 5, {"accepted": 5})]


def test_sight_is_what_is_found_of_the_control_organizations_standard_content_alone():
    record = whole()
    record.interactions += [by_control(40, content="exception"), by_control(41, organization="neighbour", organization_id="org_n")]
    record.interactions += [interaction(42, content="standard")]
    record.canaries += [canary(n, one) for n, one in zip((40, 41, 42), record.interactions[-3:], strict=True)]
    record.read("db", [hit("c-00011"), *(hit(f"c-{n:05d}") for n in (40, 41, 42))])
    (one, *_) = [c for c in report(record).controls if c.id == STORES]
    assert {(o.searched, o.found, o.sight, o.sight_sent) for o in one.observations if o.reading == "settled" and o.source == "db"} == {
        (5, 0, 1, 5)
    }


def leaking() -> Record:
    """One canary of the subject in the database, and the control's check that says so."""
    record = Record()
    record.change(2, stimulus={"stream": True})
    record.read("db", [hit("c-00011"), hit("c-00002")])
    finding = FindingSeen(
        source="db", object="conversations", location="row 7", canary="c-00002", interaction="i-00002", message="must not be kept"
    )
    record.check(STORES, "violated", "kept", findings=(finding,))
    return record


def reduced(**changes: object) -> LeakReduced:
    fields: dict[str, object] = {
        "source": "db",
        "object": "conversations",
        "operation": "messages.create",
        "canaries": ("c-00002",),
        "outcome": "reduced",
        "smallest": True,
        "tried": 2,
        "stimulus": {"answer": False, "stream": True},
        "interaction": "i-01000",
        "script": "#!/usr/bin/env bash\n",
    }
    return LeakReduced.model_validate(fields | changes)


def minimised() -> list:
    """The events of a search: one request, its canary, the reading that found it, and what it came to."""
    trial = interaction(1000, epoch="minimise", scenario="minimise.leaks", counts=False, canaries=("c-01000",), stimulus={"stream": True})
    return [canary(1000, trial), trial, source_read("db", [hit("c-01000")], epoch="minimise"), reduced()]


def test_a_finding_names_the_smallest_request_that_explains_it():
    events = leaking().events()
    found = judge(History([*events[:-1], *minimised(), events[-1]]), catalogue(), "h")
    (finding,) = next(c for c in found.controls if c.id == STORES).findings
    (entry,) = found.minimised
    assert finding.minimised == entry.id
    assert (entry.request, entry.request_id, entry.words) == (
        "i-01000", "req_1000", "one streamed request with content in the user's message"
    )  # fmt: skip
    assert (entry.id, entry.model, entry.at, entry.operation, entry.tried) == ("m-01", "model-a", NOON, "messages.create", 2)


def test_leaks_that_come_to_the_same_request_are_one_entry_and_others_are_numbered():
    events = leaking().events()
    again = reduced(canaries=("c-00003",))
    other = reduced(object="jobs", canaries=("c-00004",), interaction=None)
    found = judge(History([*events[:-1], *minimised(), again, other, events[-1]]), catalogue(), "h").minimised
    assert [(e.id, e.object, e.request, e.model) for e in found] == [
        ("m-01", "conversations", "i-01000", "model-a"),
        ("m-02", "jobs", None, None),
    ]


def test_no_verdict_count_or_reading_rests_on_the_search():
    events = leaking().events()
    before = judge(History(events), catalogue(), "h")
    after = judge(History([*events[:-1], *minimised(), events[-1]]), catalogue(), "h")
    assert after.run.requests_to_minimise == 1
    changed = {"minimised": (), "controls": before.controls, "run": before.run}
    assert after.model_copy(update=changed) == before
    assert after.run.model_copy(update={"requests_to_minimise": 0}) == before.run
    for old, new in zip(before.controls, after.controls, strict=True):
        assert new.model_copy(update={"findings": old.findings}) == old


def test_a_later_look_at_the_sources_is_not_misled_by_the_canaries_of_the_search():
    record = leaking()
    record.reads.append(source_read("db", [hit("c-01000"), hit("c-00011")], reading="rescan"))
    events = record.events()
    found = judge(History([*events[:-1], *minimised(), events[-1]]), catalogue(), "h")
    assert all(s.how == "control" for c in found.controls for s in c.sight)


def acts(number: int, kind: str, outcome: str = "accepted", **labels: str):
    about = {"audit": kind, "about": "org_new", **labels}
    when = f"2026-11-23T12:00:{number:02d}+00:00"
    return interaction(number, scenario="audit_log.acts", operation=f"zdr.{kind}", outcome=outcome, started_at=when, labels=about)


def entry(name: str, kind: str, outcome: str = "success", reference: str = "") -> dict[str, object]:
    return {"id": name, "type": kind, "outcome": outcome, "reference": reference, "at": NOON, "actor": "someone", "sequence": 1}


def test_actions_are_joined_to_entries_by_our_reference_then_by_type_and_outcome():
    record = Record()
    record.run = started(audit_types={"requested": "zdr_requested", "enabled": "zdr_enabled"})
    record.interactions += [
        acts(41, "requested", marker="ref-b"),
        acts(42, "requested", marker="ref-a"),
        acts(43, "enabled", outcome="denied"),
        acts(44, "enabled"),
        acts(45, "enabled"),
        interaction(
            46,
            scenario="audit_log.acts",
            operation="audit.list",
            organization_id="org_new",
            content="none",
            data={
                "items": [
                    entry("1", "zdr_requested", reference="ref-a"),
                    entry("2", "zdr_requested", reference="ref-b"),
                    entry("3", "zdr_enabled"),
                    entry("4", "zdr_enabled", "refused"),
                    entry("5", "something_else"),
                    {"id": None, "type": ["odd"], "at": {}},
                ]
            },
        ),
    ]
    (timeline,) = report(record).timelines
    assert [(a.request, a.refused, a.entry) for a in timeline.actions] == [
        ("i-00041", False, 1), ("i-00042", False, 0), ("i-00043", True, 3), ("i-00044", False, 2), ("i-00045", False, None)
    ]  # fmt: skip
    assert [e.type for e in timeline.entries] == ["zdr_requested", "zdr_requested", "zdr_enabled", "zdr_enabled"]


def logged(organization: str, *items: object, number: int = 60, **changes: object):
    """The organization's log as it was read."""
    fields = {"scenario": "audit_log.acts", "operation": "audit.list", "organization_id": organization, "content": "none"}
    return interaction(number, **(fields | {"data": {"items": list(items)}} | changes))


@pytest.mark.parametrize(("outcome", "said"), [("denied", "success"), ("accepted", "refused")])
def test_an_action_is_not_joined_to_an_entry_of_another_outcome(outcome, said):
    record = Record()
    record.interactions += [acts(41, "enabled", outcome=outcome), logged("org_new", entry("1", "enabled", said))]
    (timeline,) = report(record).timelines
    assert [(a.refused, a.entry) for a in timeline.actions] == [(outcome == "denied", None)]
    assert [(e.id, e.outcome) for e in timeline.entries] == [("1", said)]


def test_each_organization_has_a_timeline_of_its_own_log():
    record = Record()
    record.interactions += [
        acts(42, "enabled", about="org_b"),
        acts(41, "enabled", about="org_a"),
        logged("org_a", entry("a-1", "enabled")),
        logged("org_b", entry("b-1", "enabled"), number=61),
        logged("org_b", entry("b-1", "enabled"), entry("b-2", "enabled"), number=62),
        logged("org_b", entry("b-3", "enabled"), number=63, accepted=False),
        logged("org_b", entry("b-4", "enabled"), number=64, operation="audit.other"),
        logged("org_b", number=65, data=["odd"]),
        logged("org_b", "odd", number=66),
    ]
    found = {t.organization: ([e.id for e in t.entries], [a.request for a in t.actions]) for t in report(record).timelines}
    assert found == {"org_b": (["b-1", "b-2"], ["i-00042"]), "org_a": (["a-1"], ["i-00041"])}
    assert list(found) == ["org_b", "org_a"], "in order of the first action in the record"


def test_entries_without_an_id_are_told_apart_by_what_they_have():
    record = Record()
    bare = {"type": "enabled", "outcome": "success"}
    record.interactions += [acts(41, "enabled"), logged("org_new", bare, bare, {**bare, "actor": "x" * 400})]
    (timeline,) = report(record).timelines
    assert [(e.id, len(e.actor)) for e in timeline.entries] == [("", 0), ("", 300)]


def test_actions_stand_in_the_order_of_time_and_at_most_500_entries_are_shown():
    record = Record()
    entries = [entry(str(n), "enabled") for n in range(502)]
    record.interactions += [acts(44, "enabled"), acts(43, "enabled"), logged("org_new", *entries)]
    (timeline,) = report(record).timelines
    assert [a.request for a in timeline.actions] == ["i-00043", "i-00044"]
    assert (len(timeline.entries), timeline.entries[-1].id) == (500, "499")


def test_a_reference_of_ours_is_not_taken_from_an_action_by_another_of_its_type():
    record = Record()
    record.interactions += [
        acts(41, "enabled"),
        acts(42, "enabled", marker="ref"),
        logged("org_new", entry("1", "enabled", reference="ref"), entry("2", "enabled")),
    ]
    (timeline,) = report(record).timelines
    assert [(a.request, a.entry) for a in timeline.actions] == [("i-00041", 1), ("i-00042", 0)]


def test_what_is_no_enablement_action_has_no_timeline():
    record = Record()
    record.change(1, labels={"audit": "enabled"})
    record.change(2, labels={"about": "org_new"})
    assert report(record).timelines == ()


def test_forms_are_told_by_source():
    record = Record()
    first = record.reads[0]
    record.reads[0] = first.model_copy(update={"outcome": first.outcome.model_copy(update={"searched": ("plain", "gzip")})})
    assert {s.id: s.forms for s in report(record).sources} == {"db": ("plain", "gzip"), "log": (), "api": ()}


def test_the_organizations_of_the_record_are_those_of_the_tests():
    assert {i.organization_id for i in Record().interactions} == {SUBJECT, CONTROL}
