"""No pass is vacuous: each precondition that is missing makes a control inconclusive, for the reason that is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from engine_events import ANSWERS, FEEDBACK, NOON, READ_BACK, SCENARIO, STORES, Record, by_control, canary, catalogue, hit
from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.journal.events import ChecksKnown, SanityProbed, ScenarioEnded
from zdr_audit.report.model import ControlResult, Report
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge


def judged(record: Record) -> Report:
    return judge(record.history(), catalogue(), "d" * 64)


def result(record: Record, control_id: str = STORES) -> ControlResult:
    return next(c for c in judged(record).controls if c.id == control_id)


def test_a_whole_and_clean_record_passes():
    report = judged(Record())
    assert {c.id: (c.verdict, c.reason) for c in report.controls} == {
        STORES: ("pass", "5 of 5 requests dealt with; nothing found in 2 sources, sight proven in each by the control organization"),
        READ_BACK: ("pass", "5 of 5 requests dealt with; nothing found in 1 source, sight proven in each by the control organization"),
        ANSWERS: ("pass", "1 of 1 requests dealt with"),
    }
    assert (report.summary.status, report.summary.headline, report.summary.reasons) == ("compliant", "All 3 controls that apply hold.", ())


def too_few_accepted(record: Record) -> None:
    record.change(3, status=401, outcome="denied", accepted=False)


def nothing_accepted(record: Record) -> None:
    for number in range(1, 6):
        record.change(number, status=None, outcome="no_answer", accepted=False, error="timed out")


def nothing_sent(record: Record) -> None:
    record.interactions = [i for i in record.interactions if i.scenario != SCENARIO]


def requests_that_do_not_count(record: Record) -> None:
    record.change(1, counts=False)


def a_blind_source(record: Record) -> None:
    record.read("log")


def a_source_blind_at_first(record: Record) -> None:
    record.read("db", reading="first")


def an_unreadable_source(record: Record) -> None:
    record.read("log", error="permission denied")


def a_source_that_was_not_read(record: Record) -> None:
    record.reads = [r for r in record.reads if r.outcome.source != "log"]


def a_source_not_read_after_settling(record: Record) -> None:
    record.reads = [r for r in record.reads if (r.outcome.source, r.reading) != ("db", "settled")]


def no_source_at_all(record: Record) -> None:
    record.run = record.run.model_copy(update={"sources": {"api": ("http", "export interface")}})
    record.reads = [r for r in record.reads if r.outcome.source == "api"]


def a_canary_that_was_never_sent(record: Record) -> None:
    record.read("db", [hit("c-00011"), hit("c-00090")])


def a_damaged_canary(record: Record) -> None:
    record.read("db", [hit("c-00011"), hit(None), hit(None, location="page 9")])


def sight_by_a_canary_of_another_epoch(record: Record) -> None:
    record.interactions.append(by_control(30, epoch="late"))
    record.canaries.append(canary(30, record.interactions[-1]))
    record.read("db", [hit("c-00030")])


def sight_by_the_subject_alone(record: Record) -> None:
    record.read("db", [hit("c-00001")])


def sight_by_an_organization_made_for_the_run(record: Record) -> None:
    record.interactions.append(by_control(31, organization="fresh:x-1", organization_id="org_fresh"))
    record.canaries.append(canary(31, record.interactions[-1]))
    record.read("db", [hit("c-00031")])


def sight_by_a_digest_alone(record: Record) -> None:
    record.read("db", [hit("c-00011", forms=("hex", "sha256", "request-text"))])


def sight_by_content_that_standard_retention_does_not_cover(record: Record) -> None:
    record.change(11, content="not_covered")


def a_target_dead_at_the_end(record: Record) -> None:
    record.sanity[1] = SanityProbed(when="last", ok=False, detail="inference gave no_answer", at=NOON)


def a_target_dead_from_the_start(record: Record) -> None:
    record.sanity = [SanityProbed(when="first", ok=False, detail="inference gave denied (status 401)", at=NOON)]


def no_last_probe(record: Record) -> None:
    record.sanity = record.sanity[:1]


def no_probe_at_all(record: Record) -> None:
    record.sanity = []


def a_scenario_that_broke(record: Record) -> None:
    record.scenarios[0] = ScenarioEnded(name=SCENARIO, error="ScenarioBroken: request: gave denied")


def a_scenario_that_could_not_start(record: Record) -> None:
    record.scenarios[0] = ScenarioEnded(name=SCENARIO, not_run="no credential for the provider role 'reviewer'")


def a_scenario_that_did_not_end(record: Record) -> None:
    record.scenarios = record.scenarios[1:]


def a_check_that_could_not_tell(record: Record) -> None:
    record.check(STORES, "inconclusive", "the record has no interaction with {}")


def no_check_at_all(record: Record) -> None:
    record.checks = record.checks[1:]


def a_check_that_did_not_run(record: Record) -> None:
    record.known = {STORES: (record.checks[0].nodeid, "suites/retention/test_more.py::test_another")}


SPOILERS: dict[Callable[[Record], None], str] = {
    too_few_accepted: (
        "only 4 of 5 requests were dealt with by the target, at least 5 are needed (first: i-00003 POST /v1/messages gave 401)"
    ),
    nothing_accepted: (
        "only 0 of 5 requests were dealt with by the target, at least 5 are needed (first: i-00001 POST /v1/messages gave timed out)"
    ),
    nothing_sent: "only 0 of 0 requests were dealt with by the target, at least 5 are needed",
    requests_that_do_not_count: "only 4 of 4 requests were dealt with by the target, at least 5 are needed",
    a_blind_source: (
        "the source log is blind (main epoch, settled reading): no canary of the control organization was found in it, "
        "so finding none of the subject organization says nothing"
    ),
    a_source_blind_at_first: (
        "the source db is blind (main epoch, first reading): no canary of the control organization was found in it, "
        "so finding none of the subject organization says nothing"
    ),
    an_unreadable_source: "the source log could not be read: permission denied",
    a_source_that_was_not_read: "the source log was not read in the main epoch",
    a_source_not_read_after_settling: "the source db was not read in the main epoch",
    no_source_at_all: "the profile names no evidence source that this control could rest on",
    a_canary_that_was_never_sent: "the source db is said to hold a canary that was never sent: the search is not sound",
    a_damaged_canary: "the source db holds 2 damaged canaries that cannot be attributed to a request",
    sight_by_a_canary_of_another_epoch: "the source db is blind (main epoch, settled reading)",
    sight_by_the_subject_alone: "the source db is blind (main epoch, settled reading)",
    sight_by_an_organization_made_for_the_run: "the source db is blind (main epoch, settled reading)",
    sight_by_a_digest_alone: "the source db is blind (main epoch, settled reading)",
    sight_by_content_that_standard_retention_does_not_cover: "the source db is blind (main epoch, first reading)",
    a_target_dead_at_the_end: "the sanity probe last failed: inference gave no_answer",
    a_target_dead_from_the_start: "the sanity probe first failed: inference gave denied (status 401)",
    no_last_probe: "the run was not completed: the last sanity probe is missing",
    no_probe_at_all: "the run was not completed: the last sanity probe is missing",
    a_scenario_that_broke: f"the scenario {SCENARIO} broke off: ScenarioBroken: request: gave denied",
    a_scenario_that_could_not_start: f"the scenario {SCENARIO} broke off: no credential for the provider role 'reviewer'",
    a_scenario_that_did_not_end: f"the scenario {SCENARIO} was not driven to its end",
    a_check_that_could_not_tell: "the record has no interaction with {}",
    a_check_that_did_not_run: "1 of its 2 checks did not run, first: suites/retention/test_more.py::test_another",
    no_check_at_all: "no test of this control ran",
}

UNCHECKED = {a_check_that_could_not_tell, no_check_at_all}


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda f: f.__name__)
def test_a_pass_becomes_inconclusive_with(spoil):
    record = Record()
    spoil(record)
    found = result(record)
    assert found.verdict == "inconclusive"
    assert found.reason.startswith(SPOILERS[spoil]), found.reason
    assert judged(record).summary.status == "incomplete"


@pytest.mark.parametrize("spoil", [s for s in SPOILERS if s not in UNCHECKED], ids=lambda f: f.__name__)
def test_a_violation_stays_a_failure_with(spoil):
    record = Record()
    record.check(STORES, "violated", "content was kept")
    spoil(record)
    found = result(record)
    assert (found.verdict, found.reason) == ("fail", "content was kept")
    assert judged(record).summary.status == "non_compliant"


def test_a_check_ran_whatever_came_of_it_and_with_whichever_parameters():
    record = Record()
    (one,) = (c for c in record.checks if c.control == STORES)
    more = [f"suites/retention/test_more.py::test_{name}" for name in ("plain", "drawn")]
    record.checks += [
        one.model_copy(update={"nodeid": more[0], "outcome": "not_applicable", "message": "the target has none"}),
        one.model_copy(update={"nodeid": f"{more[1]}[a-1]"}),
    ]
    record.known = {STORES: (one.nodeid, *more)}
    assert result(record).verdict == "pass"


def test_checks_of_an_earlier_look_count_no_more_once_the_checks_begin_anew():
    record = Record()
    events = record.events()
    (mine,) = (c for c in record.checks if c.control == STORES)
    again = [ChecksKnown(tests={STORES: (mine.nodeid,)})]
    found = {c.id: c.reason for c in judge(History([*events, *again]), catalogue(), "d" * 64).controls}
    assert found[STORES].startswith("no test of this control ran")
    assert found[READ_BACK].startswith("5 of 5 requests dealt with")
    found = {c.id: c.verdict for c in judge(History([*events, *again, mine]), catalogue(), "d" * 64).controls}
    assert found[STORES] == "pass"


def test_one_violation_outranks_a_test_that_could_not_tell():
    record = Record()
    record.check(STORES, "inconclusive", "could not tell")
    record.checks.append(
        record.checks[0].model_copy(update={"outcome": "violated", "message": "kept", "nodeid": "suites/test_other.py::test_x"})
    )
    assert result(record).verdict == "fail"


def test_a_second_test_that_could_not_tell_spoils_the_pass_of_the_first():
    record = Record()
    record.checks.append(record.checks[0].model_copy(update={"outcome": "inconclusive", "message": "could not tell"}))
    assert (result(record).verdict, result(record).reason) == ("inconclusive", "could not tell")


@given(st.sets(st.sampled_from(list(SPOILERS))), st.booleans())
def test_no_mixture_of_missing_preconditions_passes(chosen, violated):
    record = Record()
    if violated:
        record.check(STORES, "violated", "content was kept")
        chosen -= UNCHECKED
    for spoil in sorted(chosen, key=lambda f: f.__name__):
        spoil(record)
    wanted = "fail" if violated else "inconclusive" if chosen else "pass"
    assert result(record).verdict == wanted
    assert (judged(record).summary.status == "compliant") == (not chosen and not violated)


def test_what_only_stores_lack_leaves_a_control_on_answers_alone():
    record = Record()
    for spoil in (a_blind_source, an_unreadable_source, a_scenario_that_broke, too_few_accepted):
        spoil(record)
    assert result(record, ANSWERS).verdict == "pass"
    assert result(record, READ_BACK).verdict == "inconclusive", "the scenario broke for it, too"


def test_a_refused_feature_request_counts_only_where_the_control_organization_is_served():
    record = Record()
    record.change(22, status=404, outcome="not_found", accepted=False)
    found = result(record, ANSWERS)
    assert (found.verdict, found.accepted, found.sent) == ("inconclusive", 0, 1)


def test_a_control_that_counts_the_control_organization_does_not_count_the_subject():
    record = Record()
    record.check(ANSWERS, "holds", "", counting="control")
    assert (result(record, ANSWERS).sent, result(record, ANSWERS).verdict) == (1, "pass")
    record.change(22, status=429, outcome="rate_limited", accepted=False)
    assert result(record, ANSWERS).reason.startswith(
        "only 0 of 1 requests were dealt with by the target, at least 1 are needed (first: i-00022"
    )


def test_late_readings_are_asked_of_a_control_that_rests_on_them():
    record = Record()
    record.check(STORES, "holds", "", epochs=("main", "late"))
    assert result(record).reason == "the source db was not read in the late epoch (and 1 more reason)"


def test_the_reason_names_the_first_of_several_problems_and_counts_the_rest():
    record = Record()
    for spoil in (a_target_dead_at_the_end, a_scenario_that_broke, too_few_accepted):
        spoil(record)
    assert result(record).reason == "the sanity probe last failed: inference gave no_answer (and 2 more reasons)"


def test_objects_that_were_not_examined_are_counted_in_the_reason_of_a_pass():
    record = Record()
    record.read("log", [hit("c-00011", "log")], not_examined=({"object": "core.1", "reason": "unknown container"},))
    assert result(record).reason.endswith("sight proven in each by the control organization; 1 object not examined")


@pytest.mark.parametrize(
    ("written", "reading", "reason"),
    [
        (
            "2026-11-23T12:03:00+00:00",
            "settled",
            "core.1 in the source log was written during the run and could not be examined: Permission denied (main epoch, settled",
        ),
        ("2026-11-23T11:59:30+00:00", "settled", "core.1 in the source log was written during the run"),
        ("2026-11-23T12:03:00+00:00", "first", ""),
        ("2026-11-23T11:50:00+00:00", "settled", ""),
        (None, "settled", ""),
    ],
    ids=["during the run", "by a clock that is late", "only in the first reading", "before the run", "nobody knows when"],
)
def test_what_was_written_during_the_run_and_cannot_be_opened_may_hold_anything(written, reading, reason):
    record = Record()
    left = ({"object": "core.1", "reason": "Permission denied", "written": written},)
    record.read("log", [hit("c-00011", "log")], reading=reading, not_examined=left)
    found = result(record)
    assert (found.verdict, found.reason.startswith(reason)) == ("inconclusive" if reason else "pass", True)


def test_of_several_objects_that_cannot_be_opened_the_first_is_named():
    record = Record()
    left = tuple({"object": name, "reason": "refused", "written": "2026-11-23T12:03:00+00:00"} for name in ("core.1", "core.2"))
    record.read("log", [hit("c-00011", "log")], not_examined=left)
    assert result(record).reason.startswith("core.1 (and 1 more) in the source log was written during the run")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            "8192 3 0",
            "8192 4 0",
            "public.notes in the source db was written during the run and could not be examined: no permission to read",
        ),
        (None, "", "public.notes in the source db was written during the run"),
        ("8192 3 0", "8192 3 0", ""),
        ("", "", ""),
        ("", None, ""),
    ],
    ids=["it became another", "it is new", "it stayed", "its name stayed", "it went"],
)
def test_what_nobody_may_look_into_and_became_another_may_hold_anything(before, after, reason):
    record = Record()
    for reading, mark in (("first", before), ("settled", after)):
        left = () if mark is None else ({"object": "public.notes", "reason": "no permission to read", "mark": mark},)
        record.read("db", [hit("c-00011", "db")], reading=reading, not_examined=left)
    found = result(record)
    assert (found.verdict, found.reason.startswith(reason)) == ("inconclusive" if reason else "pass", True)


def test_what_cannot_be_told_by_a_mark_is_counted_alone():
    record = Record()
    record.read("db", [hit("c-00011", "db")], not_examined=({"object": "other", "reason": "another database of the server"},))
    assert result(record).verdict == "pass"


def about_nothing(record: Record, *names: str) -> None:
    reason = "the target does not have 'feature:feedback': it asks for none"
    record.scenarios = [ScenarioEnded(name=s.name, not_run=reason, absent=True) if s.name in names else s for s in record.scenarios]


def test_a_scenario_about_what_the_target_does_not_have_is_not_missed_where_others_ran():
    record = Record()
    about_nothing(record, FEEDBACK)
    record.check(STORES, "holds", "", after=(SCENARIO, FEEDBACK))
    assert result(record).verdict == "pass"


def test_a_scenario_that_broke_off_is_missed_also_behind_one_about_what_the_target_does_not_have():
    record = Record()
    about_nothing(record, FEEDBACK)
    record.scenarios += [ScenarioEnded(name="retention.growth", error="gone"), ScenarioEnded(name="retention.other")]
    record.check(STORES, "holds", "", after=(FEEDBACK, SCENARIO, "retention.growth"))
    assert result(record).reason == "the scenario retention.growth broke off: gone"
    record.check(STORES, "holds", "", after=(FEEDBACK, "retention.nobody", SCENARIO))
    assert result(record).reason == "the scenario retention.nobody was not driven to its end"


def test_where_all_are_about_what_the_target_does_not_have_nothing_passes():
    record = Record()
    about_nothing(record, SCENARIO)
    assert result(record).verdict == "inconclusive"


def beside(record: Record, outcome: str) -> None:
    """A second check of the control, which does not apply, beside one with that outcome."""
    message = "" if outcome == "holds" else f"the check is {outcome}"
    record.check(STORES, outcome, message)
    aside = {"outcome": "not_applicable", "message": "the profile offers no purge", "nodeid": "suites/test_other.py::test_x"}
    record.checks.append(record.checks[0].model_copy(update={**aside, "after": (FEEDBACK,), "epochs": ("main", "late")}))


@pytest.mark.parametrize("outcome", ["holds", "violated", "inconclusive"])
def test_a_check_that_does_not_apply_leaves_the_verdict_to_the_others(outcome):
    record, alone = Record(), Record()
    beside(record, outcome)
    alone.check(STORES, outcome, "" if outcome == "holds" else f"the check is {outcome}")
    found = result(record)
    assert (found.verdict, found.accepted) == (result(alone).verdict, result(alone).accepted)
    assert [test.outcome for test in found.tests] == [outcome, "not_applicable"]
    if outcome == "holds":
        assert found.reason == result(alone).reason + "; 1 of its checks does not apply (the profile offers no purge)"


@pytest.mark.parametrize("number", [1, 2])
def test_checks_that_do_not_apply_carry_no_pass(number):
    record = Record()
    record.check(STORES, "not_applicable", "the profile offers no purge")
    others = {"message": "nor anything else"}
    record.checks += [record.checks[0].model_copy(update=others | {"nodeid": f"suites/test_other.py::test_{n}"}) for n in range(1, number)]
    assert (result(record).verdict, result(record).reason.split(" (and")[0]) == (
        "inconclusive",
        "none of its checks applies: the profile offers no purge",
    )
    assert judged(record).summary.status == "incomplete"
