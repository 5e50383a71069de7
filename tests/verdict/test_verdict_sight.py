"""Which kind of sight a pass rests on: the control organization, that of a twin deployment, a spike. And what was not sent is said."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import SCENARIO, STORES, Record, canary, catalogue, hit

from zdr_audit.evidence.model import Frozen
from zdr_audit.journal.events import LeftOut, Spiked
from zdr_audit.report.model import ControlResult, Report
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge

READINGS = ("first", "settled")


def judged(record: Record, *more: Frozen) -> Report:
    return judge(History([*record.events(), *more]), catalogue(), "d" * 64)


def result(record: Record, *more: Frozen) -> ControlResult:
    return next(c for c in judged(record, *more).controls if c.id == STORES)


def twinned() -> Record:
    """The log belongs to a twin, and stands for the database of the subject's own deployment, in which nothing is."""
    record = Record()
    record.run = record.run.model_copy(update={"twins": {"db": "log"}, "twin_sources": ("log",)})
    for reading in READINGS:
        record.read("db", reading=reading)
    return record


def spiked(error: str = "", epoch: str = "main") -> tuple[Record, Spiked]:
    """No canary of the control organization is in the log, but a spike is."""
    record = Record()
    record.run = record.run.model_copy(update={"spiked": ("log",)})
    record.canaries.append(canary(80, None, "spike").model_copy(update={"place": "log"}))
    for reading in READINGS:
        record.read("log", [hit("c-00080", "log")], reading=reading)
    event: dict[str, Any] = {"source": "log", "canary": "c-00080", "epoch": epoch, "how": "file", "error": error}
    return record, Spiked.model_validate(event)


def test_a_twin_proves_sight_and_the_pass_says_so():
    found = result(twinned())
    assert found.verdict == "pass"
    assert found.reason.endswith("nothing found in 1 source, sight proven in 1 by the control organization of a twin deployment")
    assert {(s.source, s.how, s.object) for s in found.sight} == {("db", "control", "log of the twin deployment: conversations")}


@pytest.mark.parametrize("reading", READINGS)
def test_a_twin_that_holds_nothing_in_one_reading_proves_nothing_for_it(reading):
    record = twinned()
    record.read("log", reading=reading)
    found = result(record)
    assert (found.verdict, [s.how for s in found.sight].count("blind")) == ("inconclusive", 1)
    assert f"the source db is blind (main epoch, {reading} reading)" in found.reason
    assert "was found in log, the same place of the twin deployment" in found.reason


def test_a_twin_that_cannot_be_read_proves_nothing():
    record = twinned()
    record.read("log", [hit("c-00011", "log")], error="permission denied")
    assert result(record).verdict == "inconclusive"


def test_damaged_canaries_in_a_twin_are_not_the_subject_s():
    record = twinned()
    record.read("log", [hit("c-00011", "log"), hit(None, "log")])
    assert result(record).verdict == "pass"
    record.read("log", [hit("c-00011", "log"), hit("c-00090", "log")])
    assert result(record).verdict == "inconclusive", "a canary that was never sent shows that the search is not sound, wherever it is"
    record.read("log", [hit("c-00011", "log")])
    record.read("db", [hit(None, "db")])
    assert result(record).verdict == "inconclusive"


def test_a_spike_proves_the_weaker_sight_and_the_pass_says_so():
    record, event = spiked()
    found = result(record, event)
    assert (found.verdict, {(s.source, s.how) for s in found.sight}) == ("pass", {("db", "control"), ("log", "spike")})
    assert "in 1 by a spike alone, which shows that it can be read, not that the target would write there" in found.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"error": "the file cannot be written"}, "nor the spike (the file cannot be written)"),
        ({"epoch": "late"}, "nor the spike"),
    ],
)
def test_a_spike_that_was_not_planted_in_the_epoch_proves_nothing(change, words):
    record, event = spiked(**change)
    found = result(record, event)
    assert found.verdict == "inconclusive"
    assert words in found.reason


def test_what_was_not_sent_is_said_in_the_reason_of_the_pass():
    record = Record()
    record.change(1, labels={"left_out": "prefill"})
    left = LeftOut(scenario=SCENARIO, features=("document", "image"), stimuli=2)
    found = result(record, left, LeftOut(scenario="another.story", features=("stream",), stimuli=1))
    assert found.verdict == "pass"
    assert found.reason.endswith("; not sent, for want of it in the dialect or the target: document, image, prefill")


def test_where_features_leave_the_promise_the_report_says_what_that_leaves_out():
    record = Record()
    assert not any("leaves the promise" in line for line in judged(record).summary.not_covered)
    record.run = record.run.model_copy(update={"enforcement": "leaves_promise"})
    assert judged(record).summary.not_covered[-1].endswith("using one leaves the promise")


def test_outside_the_scope_the_headline_speaks_of_retention_alone():
    record = Record()
    record.run = record.run.model_copy(update={"platform": "bedrock"})
    assert judged(record).summary.headline.startswith("Generic retention results only, 3 of 3 controls hold: ")


def test_a_reading_is_held_against_the_twin_s_reading_of_the_same_time_alone():
    for missing in READINGS:
        record = twinned()
        record.reads = [r for r in reversed(record.reads) if (r.outcome.source, r.reading) != ("log", missing)]
        found = {s.reading: s.how for s in result(record).sight}
        assert found == {reading: "blind" if reading == missing else "control" for reading in READINGS}


def test_a_reading_is_not_held_against_the_twin_s_reading_of_another_epoch():
    record = twinned()
    record.reads = [r.model_copy(update={"epoch": "late"}) if r.outcome.source == "log" else r for r in record.reads]
    assert {s.how for s in result(record).sight} == {"blind"}


def test_only_its_own_twin_proves_a_source_s_sight():
    record = twinned()
    record.run = record.run.model_copy(update={"sources": {**record.run.sources, "other": ("files", "other")}})
    for reading in READINGS:
        other = next(r for r in record.reads if (r.outcome.source, r.reading) == ("db", reading))
        record.reads.append(other.model_copy(update={"outcome": other.outcome.model_copy(update={"source": "other"})}))
    assert {(s.source, s.how) for s in result(record).sight} == {("db", "control"), ("other", "blind")}


def test_a_spike_by_its_digest_alone_proves_nothing():
    record, event = spiked()
    for reading in READINGS:
        record.read("log", [hit("c-00080", "log", forms=("hex", "sha256", "request-text"))], reading=reading)
    assert {(s.source, s.how) for s in result(record, event).sight} == {("db", "control"), ("log", "blind")}


def test_a_spike_in_another_source_proves_nothing():
    record, event = spiked()
    assert {s.how for s in result(record, event.model_copy(update={"source": "db"})).sight if s.source == "log"} == {"blind"}


def test_of_several_hits_the_spike_is_found():
    record, event = spiked()
    for reading in READINGS:
        record.read("log", [hit("c-00001", "log"), hit("c-00080", "log", object="app.log"), hit("c-00080", "log")], reading=reading)
    found = [s for s in result(record, event).sight if s.source == "log"]
    assert [(s.reading, s.how, s.canary, s.object, s.epoch) for s in found] == [
        (reading, "spike", "c-00080", "app.log", "main") for reading in READINGS
    ]


def test_the_first_reason_why_no_spike_was_planted_is_given():
    record, event = spiked(error="the disk is full")
    again = event.model_copy(update={"error": "and so is the other"})
    elsewhere = event.model_copy(update={"error": "no matter", "source": "db"})
    late = event.model_copy(update={"error": "no matter", "epoch": "late"})
    assert "nor the spike (the disk is full), so finding" in result(record, elsewhere, late, event, again).reason


def test_the_control_organization_s_canary_outranks_a_spike():
    record, event = spiked()
    for reading in READINGS:
        record.read("log", [hit("c-00080", "log"), hit("c-00012", "log")], reading=reading)
    assert {(s.source, s.how, s.canary) for s in result(record, event).sight} == {
        ("db", "control", "c-00011"),
        ("log", "control", "c-00012"),
    }
    assert "spike" not in result(record, event).reason


def test_sight_stays_told_where_the_reading_is_unsound():
    record = Record()
    record.read("log", [hit("c-00011", "log"), hit(None, "log")])
    found = result(record)
    assert found.reason == "the source log holds 1 damaged canaries that cannot be attributed to a request"
    assert {s.how for s in found.sight} == {"control"}
    record.read("log", [hit(None, "log")])
    assert [(s.source, s.reading) for s in result(record).sight if s.how == "blind"] == [("log", "settled")]


def test_a_reading_is_judged_once_for_all_controls():
    record = Record()
    history = record.history()
    first = judge(history, catalogue(), "d" * 64)
    assert len(history.proofs) == len(record.reads)
    assert judge(history, catalogue(), "d" * 64) == first


def test_a_canary_whose_request_is_not_in_the_record_proves_nothing():
    record = Record()
    record.canaries.append(canary(70, record.interactions[5]).model_copy(update={"interaction": None}))
    record.read("db", [hit("c-00070")])
    assert "the source db is blind (main epoch, settled reading)" in result(record).reason
