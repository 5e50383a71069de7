"""Verdicts that are not about sight: not applicable, not tested, partial, out of scope; and the report as a pure function of events."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_events import ANSWERS, CONTROL, NOON, READ_BACK, STORES, SUBJECT, Record, catalogue, checked, hit, source_read

from zdr_audit.journal.events import ChecksKnown, FindingSeen, RunEnded, RunResumed, SanityProbed
from zdr_audit.journal.store import Journal
from zdr_audit.report import json_report
from zdr_audit.report.model import Report
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge


def judged(record: Record) -> Report:
    return judge(record.history(), catalogue(), "d" * 64)


def verdicts(report: Report) -> dict[str, tuple[str, str]]:
    return {c.id: (c.verdict, c.reason) for c in report.controls}


def narrowed(record: Record, **changes: object) -> Record:
    record.run = record.run.model_copy(update=changes)
    return record


def test_a_control_that_does_not_apply_carries_the_reason_of_the_profile():
    report = judged(narrowed(Record(), unavailable={READ_BACK: "the gateway has no export interface"}))
    assert verdicts(report)[READ_BACK] == ("not_applicable", "the gateway has no export interface")
    assert (report.summary.status, report.summary.headline) == (
        "compliant",
        "All 2 controls that apply hold; 1 do not apply to this target.",
    )


def test_a_control_without_means_is_not_tested_and_the_run_incomplete():
    report = judged(narrowed(Record(), without_means={READ_BACK: "no credential for subject.admin"}))
    assert verdicts(report)[READ_BACK] == ("not_tested", "no credential for subject.admin")
    assert (report.summary.status, report.summary.reasons) == ("incomplete", ("no credential for subject.admin",))


def test_a_partial_selection_says_so_and_judges_the_selected_alone():
    record = narrowed(Record(), selected=(STORES,), selection=STORES)
    record.check(ANSWERS, "violated", "served")
    report = judged(record)
    assert report.summary.partial
    assert verdicts(report)[ANSWERS] == ("not_tested", "not selected for this run")
    assert report.summary.headline == "1 of 3 controls were selected: this is a partial audit. All 1 controls that apply hold."
    assert report.summary.status == "compliant"


def test_a_run_in_which_nothing_applies_is_incomplete():
    report = judged(narrowed(Record(), unavailable=dict.fromkeys((STORES, ANSWERS, READ_BACK), "there is no target")))
    assert (report.summary.status, report.summary.reasons) == ("incomplete", ("no control was tested",))


@pytest.mark.parametrize("platform", ["bedrock", "vertex", "foundry"])
def test_a_platform_outside_the_scope_is_never_compliant(platform):
    report = judged(narrowed(Record(), platform=platform))
    assert report.summary.status == "incomplete"
    assert report.summary.covered == ()
    assert report.summary.reasons == (
        f"the platform {platform} is outside the policy's scope: nothing here says anything about ZDR for Claude Code",
    )


@pytest.mark.parametrize("platform", ["anthropic", "gateway", "other"])
def test_other_platforms_are_covered(platform):
    report = judged(narrowed(Record(), platform=platform))
    assert (report.summary.status, len(report.summary.covered)) == ("compliant", 1)


def test_a_run_that_did_not_end_is_incomplete_though_all_controls_hold():
    record = Record()
    record.ended = None
    report = judged(record)
    assert {c.verdict for c in report.controls} == {"pass"}
    assert (report.summary.status, report.summary.reasons) == ("incomplete", ("the run did not come to its end",))


def test_an_interrupted_run_says_by_what():
    record = Record()
    record.ended = RunEnded(ended_at=NOON, interrupted="stopped by the user (Ctrl-C)")
    assert judged(record).summary.reasons == ("the run was interrupted: stopped by the user (Ctrl-C)",)


def test_failure_outranks_everything_in_the_status():
    record = narrowed(Record(), without_means={READ_BACK: "no means"})
    record.check(ANSWERS, "violated", "served")
    record.sanity[1] = SanityProbed(when="last", ok=False, detail="dead", at=NOON)
    report = judged(record)
    assert (report.summary.status, report.summary.headline) == ("non_compliant", "1 of 3 controls failed, with 0 findings.")
    assert report.summary.reasons == ("the sanity probe last failed: dead",)


def test_counts_are_of_all_controls():
    record = narrowed(Record(), unavailable={READ_BACK: "none"})
    record.check(ANSWERS, "violated", "served")
    assert judged(record).summary.counts == {"fail": 1, "not_applicable": 1, "pass": 1}


def test_a_finding_names_request_organization_model_time_and_place():
    record = Record()
    seen = FindingSeen(
        source="log",
        object="app.log",
        location="bytes 10-42",
        forms=("gzip", "plain"),
        canary="c-00002",
        interaction="i-00002",
        residue=True,
        excerpt="[canary]",
        message="kept",
    )
    record.check(STORES, "violated", "kept", findings=(seen,))
    (found,) = next(c for c in judged(record).controls if c.id == STORES).findings
    assert found.model_dump() == {
        "source": "log",
        "object": "app.log",
        "location": "bytes 10-42",
        "forms": ("gzip", "plain"),
        "canary": "c-00002",
        "request": "i-00002",
        "request_id": "req_2",
        "organization": SUBJECT,
        "model": "model-a",
        "at": NOON,
        "residue": True,
        "excerpt": "[canary]",
        "message": "kept",
        "minimised": None,
    }


def test_a_finding_says_which_of_several_nodes_was_asked():
    record = Record()
    record.change(2, labels={"node": "3"})
    record.check(
        STORES, "violated", "kept", findings=(FindingSeen(source="log", object="o", location="l", interaction="i-00002", message="kept"),)
    )
    (found,) = next(c for c in judged(record).controls if c.id == STORES).findings
    assert found.message == "kept (node 3 was asked)"


def test_a_finding_without_a_known_request_is_kept_all_the_same():
    record = Record()
    seen = FindingSeen(source="log", object="app.log", location="bytes 0-9", interaction="i-99999", message="kept")
    record.check(STORES, "violated", "kept", findings=(seen,))
    (found,) = next(c for c in judged(record).controls if c.id == STORES).findings
    assert (found.source, found.request, found.organization) == ("log", None, None)


def test_hits_of_a_source_are_counted_by_organization():
    record = Record()
    record.read("db", [hit("c-00011"), hit("c-00012"), hit("c-00001"), hit("c-00090"), hit(None)])
    source = next(s for s in judged(record).sources if s.id == "db")
    settled = next(r for r in source.readings if r.reading == "settled")
    assert (settled.subject_hits, settled.control_hits) == (1, 2)


def test_sight_names_the_canary_and_the_object_that_prove_it():
    (db, *_) = next(c for c in judged(Record()).controls if c.id == STORES).sight
    assert (db.source, db.reading, db.how, db.canary, db.object) == ("db", "first", "control", "c-00011", "conversations")


def test_the_report_names_both_organizations_and_the_journal():
    report = judged(Record())
    assert (report.run.target.subject, report.run.target.control) == (SUBJECT, CONTROL)
    assert (report.run.journal_digest, report.run.requests_sent, report.run.canaries) == ("d" * 64, 12, 15)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from engine_events import catalogue
from zdr_audit.journal.store import Journal
from zdr_audit.report import json_report
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge
with Journal(Path(sys.argv[1]), read_only=True) as journal:
    sys.stdout.write(json_report.render(judge(History(journal.events()), catalogue(), journal.head)))
"""


def test_the_same_journal_gives_byte_identical_reports_in_any_process(tmp_path):
    record = Record()
    record.checks.append(
        checked(STORES, "violated", "kept", findings=(FindingSeen(source="db", object="t", location="row 1", message="kept"),))
    )
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        for event in record.events():
            journal.append(event)
        here = json_report.render(judge(History(journal.events()), catalogue(), journal.head))
    helpers = str(Path(__file__).resolve().parents[1] / "helpers")
    environment = os.environ | {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu", "LC_ALL": "C"}
    there = subprocess.run([sys.executable, "-c", SCRIPT, str(path), helpers], env=environment, capture_output=True, check=True)
    assert there.stdout.decode() == here


def test_a_journal_without_a_run_is_refused():
    with pytest.raises(ValueError, match="the journal holds no run"):
        History([])


def test_a_report_says_which_sources_a_rescan_left_out():
    record = Record()
    before = judged(record)
    assert not any("not read again" in said for said in before.summary.not_covered)
    for sources, left in ((["log"], "db, api"), (["db"], "api"), (["api"], "")):
        record.reads += [source_read(source, [hit("c-00011", source)], reading="rescan") for source in sources]
        after = judged(record)
        said = (f"What came after the run into sources that were not read again: {left}",) if left else ()
        assert after.summary.not_covered == before.summary.not_covered + said
        assert after.summary.status == "compliant"


CTRL_C, SPENT = "stopped by the user (Ctrl-C)", "the budget of the profile is spent"
LAST_CHECK = f"suites/test_paper.py::test_{ANSWERS}"


def looked_at_again(record: Record, *endings: str | None) -> Report:
    """The report of the record, once it was looked at again so often; each time all checks are made, and the look ends like this."""
    made = [checked(STORES), checked(READ_BACK), checked(ANSWERS)]
    events = record.events()
    for ending in endings:
        events += [ChecksKnown(tests=record.known), *made, RunEnded(ended_at=NOON, interrupted=ending)]
    return judge(History(events), catalogue(), "d" * 64)


def stopped(why: str, *, driven: bool = True, missing: tuple[str, ...] = ()) -> Record:
    record = Record()
    record.ended = RunEnded(ended_at=NOON, interrupted=why)
    record.sanity = record.sanity if driven else record.sanity[:1]
    record.known = {c.control: (c.nodeid,) for c in record.checks}
    record.checks = [c for c in record.checks if c.nodeid not in missing]
    return record


@pytest.mark.parametrize("endings", [(), (None,), (None, None), (CTRL_C,), (CTRL_C, None)])
@pytest.mark.parametrize(
    "record",
    [stopped(SPENT), stopped(SPENT, driven=False), stopped(SPENT, driven=False, missing=(LAST_CHECK,))],
    ids=["budget", "while it sent", "while it sent, and no check after"],
)
def test_what_a_run_was_cut_short_by_stands_whoever_looks_again(record, endings):
    summary = looked_at_again(record, *endings).summary
    assert summary.status == "incomplete"
    assert summary.reasons[0] == f"the run was interrupted: {SPENT}"


def test_a_run_of_which_checks_alone_were_missing_is_whole_once_all_were_made():
    record = stopped(CTRL_C, missing=(LAST_CHECK,))
    assert looked_at_again(record).summary.reasons[0] == f"the run was interrupted: {CTRL_C}"
    assert looked_at_again(record, None).summary.status == "compliant"
    assert looked_at_again(record, CTRL_C).summary.status == "incomplete"
    narrowed(record, without_means={READ_BACK: "no credential"})
    assert looked_at_again(record, None).summary.reasons == ("no credential",)


def test_a_check_that_cannot_be_made_is_not_missing():
    record = narrowed(stopped(SPENT, missing=(LAST_CHECK,)), unavailable={ANSWERS: "the gateway has no feedback"})
    assert looked_at_again(record, None).summary.reasons == (f"the run was interrupted: {SPENT}",)


def test_a_run_that_came_to_its_end_stays_whole_however_often_it_is_looked_at():
    record = stopped(SPENT)
    record.ended = RunEnded(ended_at=NOON)
    assert looked_at_again(record, None, None).summary.status == "compliant"
    events = [*stopped(SPENT).events(), RunResumed(at=NOON), *record.sanity, *record.checks, RunEnded(ended_at=NOON)]
    assert judge(History(events), catalogue(), "d" * 64).summary.status == "compliant"
