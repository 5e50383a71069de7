"""What a verdict says of itself, to the letter: counts, one or several, what was left out, left over, or of which source."""

from __future__ import annotations

import pytest
from engine_events import ANSWERS, CONTROL, FEEDBACK, NOON, READ_BACK, SCENARIO, STORES, SUBJECT, Record, by_control, canary, catalogue, hit

from zdr_audit.evidence.model import Frozen
from zdr_audit.journal.events import Created, FindingSeen, Removed, SanityProbed, ScenarioEnded, Spiked
from zdr_audit.report.model import ControlResult, Report
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge
from zdr_audit.waiver.model import Waiver

SIGHT = "5 of 5 requests dealt with; nothing found in 2 sources, sight proven in each by the control organization"


def judged(record: Record, *more: Frozen) -> Report:
    events = record.events()
    return judge(History([*events[:-1], *more, *events[-1:]]), catalogue(), "d" * 64)


def result(record: Record, control_id: str = STORES) -> ControlResult:
    return next(c for c in judged(record).controls if c.id == control_id)


def narrowed(**changes: object) -> Record:
    record = Record()
    record.run = record.run.model_copy(update=changes)
    return record


@pytest.mark.parametrize("changes", [{"selected": (STORES,)}, {"unavailable": {ANSWERS: "none"}}, {"without_means": {ANSWERS: "none"}}])
def test_what_was_not_judged_counts_no_request_and_no_sight(changes):
    found = result(narrowed(**changes), ANSWERS)
    assert (found.sent, found.accepted, found.sight) == (0, 0, ())


@pytest.mark.parametrize(("controls", "words"), [((STORES,), "1 is"), ((STORES, ANSWERS), "2 are")])
def test_what_is_waived_is_counted_beside_what_holds(controls, words):
    who = {"owner": "J. Doe", "reason": "it moves in January", "expires": "2027-01-31T00:00:00Z"}
    record = narrowed(waivers=tuple(Waiver.model_validate(who | {"control": name}) for name in controls))
    for name in controls:
        record.check(name, "violated", "it was kept")
    summary = judged(record).summary
    assert (summary.status, summary.headline) == ("compliant", f"{3 - len(controls)} of 3 controls hold, {words} waived.")


def test_that_no_test_ran_is_the_first_of_several_reasons():
    record = Record()
    record.checks = record.checks[1:]
    record.sanity[1] = SanityProbed(when="last", ok=False, detail="dead", at=NOON)
    record.read("log", error="gone")
    assert result(record).reason == "no test of this control ran (and 3 more reasons)", "nor was anything sent for it"


def test_a_message_that_is_a_precondition_s_own_is_said_once():
    record = Record()
    problem = f"the scenario {SCENARIO} was not driven to its end"
    record.scenarios = record.scenarios[1:]
    record.check(STORES, "inconclusive", problem)
    assert result(record).reason == problem
    record.check(STORES, "inconclusive", "another")
    assert result(record).reason == f"{problem} (and 1 more reason)"


NOTHING_SENT = "only 0 of 1 requests were dealt with by the target, at least 1 are needed (first: i-00021 POST /v1/messages gave "


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": 500, "error": "boom"}, "500: boom)"),
        ({"status": 500, "error": ""}, "500)"),
        ({"status": None, "error": "timed out"}, "timed out)"),
        ({"status": None, "error": "", "outcome": "abandoned"}, "abandoned)"),
    ],
)
def test_the_first_request_that_was_not_dealt_with_is_named_with_what_it_got(changes, words):
    record = Record()
    record.change(21, **({"outcome": "server_error", "accepted": False} | changes))
    assert result(record, ANSWERS).reason == NOTHING_SENT + words


def test_requests_that_were_dealt_with_are_not_blamed():
    record = Record()
    record.change(21, labels={}, pair=None)
    record.change(22, status=404, outcome="not_found", accepted=False)
    assert result(record, ANSWERS).reason == "1 of 1 requests dealt with"
    record.change(21, labels={"feature": "feedback"}, pair="f", organization="control")
    assert result(record, ANSWERS).verdict == "pass", "the control organization's own request needs no other"
    record.change(21, organization="subject", pair="alone")
    assert result(record, ANSWERS).verdict == "pass", "there is nothing to hold it against"


def test_of_a_refused_feature_that_the_control_organization_cannot_use_no_request_is_blamed():
    record = Record()
    record.change(22, status=404, outcome="not_found", accepted=False)
    assert result(record, ANSWERS).reason == "only 0 of 1 requests were dealt with by the target, at least 1 are needed"


@pytest.mark.parametrize(("objects", "words"), [(1, "; 1 object not examined"), (2, "; 2 objects not examined")])
def test_objects_that_were_not_examined_are_counted_once_though_read_twice(objects, words):
    record = Record()
    left = tuple({"object": f"core.{n}", "reason": "unknown container"} for n in range(objects))
    for reading in ("first", "settled"):
        record.read("log", [hit("c-00011", "log")], reading=reading, not_examined=left)
    record.read("api", [hit("c-00011", "api")], not_examined=left)
    assert result(record).reason == SIGHT + words
    assert result(record, READ_BACK).reason.endswith(words)
    assert "not examined" not in result(record, ANSWERS).reason


def emptied(record: Record, source: str, **changes: object) -> None:
    """The last reading of a source found no object in it, but the canary that proves sight."""
    record.reads = [
        r.model_copy(update={"outcome": r.outcome.model_copy(update={"objects": 0} | changes)})
        if (r.outcome.source, r.reading) == (source, "settled")
        else r
        for r in record.reads
    ]


def test_sources_without_any_object_are_named_in_the_reason_of_a_pass():
    record = Record()
    for source in ("log", "db", "api"):
        emptied(record, source)
    assert result(record).reason == f"{SIGHT}; nothing at all in db, log"
    assert result(record, READ_BACK).reason.endswith("; nothing at all in api")


def test_an_empty_store_in_which_nothing_proves_sight_had_nothing_to_search():
    record = Record()
    emptied(record, "db", hits=())
    assert result(record).reason == "the source db is empty (main epoch, settled reading): there was nothing to search"
    emptied(record, "db", hits=(), not_examined=({"object": "x", "reason": "y"},))
    assert "is blind" in result(record).reason


def test_an_empty_interface_is_blind_and_not_empty():
    record = Record()
    emptied(record, "api", hits=())
    assert "the source api is blind" in result(record, READ_BACK).reason


def aged(record: Record, changed_at: str) -> Record:
    """The log holds no canary, and was last written at that time."""
    record.read("log", changed_at=changed_at)
    return record


def test_evidence_older_than_the_run_is_said_to_be_with_both_times():
    assert result(aged(Record(), "2026-11-23T11:58:59.900000+00:00")).reason == (
        "the source log is older than the run: it was last written at 2026-11-23T11:58:59Z, the run began at 2026-11-23T12:00:00Z; "
        "perhaps it is a copy, or the target writes elsewhere"
    )


@pytest.mark.parametrize("changed_at", ["2026-11-23T11:59:00+00:00", "2026-11-23T11:59:30+00:00", "2026-11-23T12:00:01+00:00"])
def test_evidence_written_within_the_tolerance_of_clocks_is_blind_and_not_old(changed_at):
    assert "the source log is blind" in result(aged(Record(), changed_at)).reason


def test_old_evidence_that_shows_sight_is_no_problem():
    record = Record()
    record.read("log", [hit("c-00011", "log")], changed_at="2020-01-01T00:00:00+00:00")
    assert result(record).verdict == "pass"


def test_every_way_to_sight_is_counted_in_the_reason():
    record = narrowed(twins={"db": "copy"}, twin_sources=("copy",), spiked=("log",))
    record.run = record.run.model_copy(
        update={
            "sources": {**record.run.sources, "copy": ("sqlite", "the twin's"), "cache": ("files", "cache"), "queue": ("files", "queue")}
        }
    )
    record.canaries.append(canary(80, None, "spike").model_copy(update={"place": "log"}))
    for reading in ("first", "settled"):
        record.read("db", reading=reading)
        record.read("log", [hit("c-00080", "log")], reading=reading)
        template = next(r for r in record.reads if (r.outcome.source, r.reading) == ("api", reading))
        for name in ("copy", "cache", "queue"):
            outcome = template.outcome.model_copy(update={"source": name, "hits": (hit("c-00011", name),)})
            record.reads.append(template.model_copy(update={"outcome": outcome, "group": "stores"}))
    spiked = Spiked(source="log", canary="c-00080", epoch="main", how="file", error="")
    found = next(c for c in judged(record, spiked).controls if c.id == STORES)
    assert found.reason == (
        "5 of 5 requests dealt with; nothing found in 4 sources, sight proven in 2 by the control organization, "
        "in 1 by the control organization of a twin deployment, "
        "in 1 by a spike alone, which shows that it can be read, not that the target would write there"
    )


def test_features_that_stimuli_could_not_use_are_told_from_their_labels_too():
    record = Record()
    record.change(1, labels={"left_out": "prefill,image"})
    record.change(2, labels={"left_out": "image,,stream"})
    record.change(21, labels={"feature": "feedback", "left_out": "other scenario"})
    assert result(record).reason == f"{SIGHT}; not sent, for want of it in the dialect or the target: image, prefill, stream"


FINDING = FindingSeen(source="db", object="t", location="row 1", message="kept")


def test_the_headline_counts_controls_and_findings():
    record = narrowed(selected=(STORES, ANSWERS))
    record.check(STORES, "violated", "kept", findings=(FINDING, FINDING))
    record.check(ANSWERS, "violated", "served", findings=(FINDING,))
    assert judged(record).summary.headline == (
        "2 of 3 controls were selected: this is a partial audit. 2 of 2 controls failed, with 3 findings."
    )


def test_the_headline_counts_what_could_not_be_decided_and_gives_the_first_reason():
    record = narrowed(without_means={READ_BACK: "no means"})
    record.read("log", error="gone")
    summary = judged(record).summary
    assert summary.headline == ("2 of 3 controls could not be decided; nothing was found to be broken, which is not the same as compliant.")
    assert summary.reasons == ("the source log could not be read: gone",)


def test_where_all_is_decided_and_the_run_broke_off_the_headline_says_that_alone():
    record = Record()
    record.ended = None
    report = judge(History(record.events()), catalogue(), "d" * 64)
    assert report.summary.headline == (
        "the run cannot be called compliant; nothing was found to be broken, which is not the same as compliant."
    )
    assert report.run.ended_at == ""
    assert judged(Record()).run.ended_at == NOON


def test_what_does_not_apply_is_counted_where_all_the_others_hold():
    assert judged(Record()).summary.headline == "All 3 controls that apply hold."
    report = judged(narrowed(unavailable={READ_BACK: "none", ANSWERS: "none"}))
    assert report.summary.headline == "All 1 controls that apply hold; 2 do not apply to this target."


def test_what_the_target_made_and_still_holds_is_left_over_with_the_reason():
    def made(number: int) -> Created:
        return Created(
            kind="session", id=f"s-{number}", operation="sessions.create", interaction=f"i-{number:05d}", organization=SUBJECT,
            actor="subject.member", cleanup="sessions.delete", values={},
        )  # fmt: skip

    gone = Removed(kind="session", id="s-1", ok=True, detail="", at=NOON)
    failed = Removed(kind="session", id="s-2", ok=False, detail="status 500", at=NOON)
    left = judged(Record(), made(1), made(2), made(3), gone, failed).leftovers
    assert [(item.id, item.request, item.organization, item.operation, item.reason) for item in left] == [
        ("s-2", "i-00002", SUBJECT, "sessions.create", "status 500"),
        ("s-3", "i-00003", SUBJECT, "sessions.create", "the run ended before it was removed"),
    ]


def test_readings_are_listed_under_their_own_source():
    record = Record()
    record.read("log", [hit("c-00011", "log"), hit("c-00012", "log"), hit("c-00001", "log")])
    sources = {s.id: s for s in judged(record).sources}
    assert [(r.reading, r.subject_hits, r.control_hits, r.objects, r.bytes) for r in sources["log"].readings] == [
        ("first", 0, 1, 3, 999),
        ("settled", 1, 2, 3, 999),
    ]
    assert {name: len(s.readings) for name, s in sources.items()} == {"db": 2, "log": 2, "api": 2}


def test_the_epoch_of_a_check_is_main_where_it_names_none():
    record = Record()
    record.check(STORES, "holds", "", epochs=())
    assert result(record).reason == SIGHT


def test_a_scenario_and_an_epoch_that_two_tests_name_count_once():
    record = Record()
    record.checks.append(record.checks[0].model_copy(update={"nodeid": "suites/test_other.py::test_x"}))
    found = result(record)
    assert (found.sent, found.accepted, found.reason, len(found.tests)) == (5, 5, SIGHT, 2)


def test_a_probe_that_failed_is_not_also_missing():
    record = Record()
    record.sanity = [SanityProbed(when="first", ok=False, detail="dead", at=NOON)]
    assert result(record).reason == "the sanity probe first failed: dead"
    record.sanity = [SanityProbed(when="last", ok=True, detail="", at=NOON)]
    assert result(record).reason == "the run was not completed: the last sanity probe is missing"


def test_a_scenario_that_another_control_rests_on_may_break():
    record = Record()
    record.scenarios[1] = ScenarioEnded(name=FEEDBACK, error="broken")
    assert (result(record).verdict, result(record, ANSWERS).verdict) == ("pass", "inconclusive")


def test_a_rescan_is_judged_whatever_its_epoch():
    record = Record()
    for source in ("db", "log"):
        again = next(r for r in record.reads if (r.outcome.source, r.reading) == (source, "settled"))
        record.reads.append(again.model_copy(update={"reading": "rescan", "epoch": "late"}))
    assert result(record).reason == SIGHT
    assert [(s.source, s.reading) for s in result(record).sight][-2:] == [("db", "rescan"), ("log", "rescan")]
    record.reads[-1] = record.reads[-1].model_copy(update={"outcome": record.reads[-1].outcome.model_copy(update={"hits": ()})})
    assert "the source log is blind (late epoch, rescan reading)" in result(record).reason


def test_a_late_reading_is_no_matter_of_a_control_that_rests_on_the_main_epoch():
    record = Record()
    late = next(r for r in record.reads if (r.outcome.source, r.reading) == ("db", "settled"))
    record.reads.append(late.model_copy(update={"epoch": "late", "outcome": late.outcome.model_copy(update={"hits": ()})}))
    assert result(record).reason == SIGHT


def test_a_source_that_was_read_in_the_wrong_epoch_alone_was_not_read():
    record = Record()
    record.reads = [
        r.model_copy(update={"epoch": "late"}) if (r.outcome.source, r.reading) == ("log", "settled") else r for r in record.reads
    ]
    assert result(record).reason == "the source log was not read in the main epoch"


def test_the_organization_of_the_sight_is_the_control_organization_s():
    record = Record()
    record.interactions.append(by_control(33, organization_id=SUBJECT))
    record.canaries.append(canary(33, record.interactions[-1]))
    record.read("db", [hit("c-00033")])
    assert "the source db is blind" in result(record).reason
    assert record.run.organizations["control"] == CONTROL
