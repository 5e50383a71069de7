"""A waived failure is shown as such beside its true verdict; an expired or useless waiver fails the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from attest.packs import CATALOGUE, REFUSED, SERVED, checked, events, finding, judged, write_pack

from zdr_audit.attest.statement import predicate
from zdr_audit.journal.events import Checked, FindingSeen, SourceRead
from zdr_audit.journal.store import Journal
from zdr_audit.report.fingerprint import fingerprint
from zdr_audit.report.model import ControlResult, Report
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge
from zdr_audit.waiver.model import Waiver

STARTED = "2026-11-23T09:00:00Z"


def waiver(**changes: object) -> Waiver:
    fields: dict[str, object] = {"owner": "J. Doe", "reason": "it moves in January", "expires": "2027-01-31T00:00:00Z"}
    return Waiver.model_validate(fields | ({} if "finding" in changes else {"control": REFUSED}) | changes)


def run(broken: Checked, *waivers: Waiver, **changes: object) -> Report:
    return judged(checked(SERVED), broken, waivers=waivers, **changes)


def result(report: Report, control_id: str = REFUSED) -> ControlResult:
    return next(c for c in report.controls if c.id == control_id)


FAILS = checked(REFUSED, "violated", (finding(),), "it was served")


def prints(*seen: FindingSeen) -> list[str]:
    """Fingerprints of these findings, as a report has them."""
    report = judged(checked(SERVED), checked(REFUSED, "violated", seen))
    return [fingerprint(REFUSED, f) for f in result(report).findings]


def test_without_a_waiver_the_run_is_not_compliant() -> None:
    assert run(FAILS).summary.status == "non_compliant"


def test_a_waived_failure_keeps_its_true_verdict_in_the_reason() -> None:
    report = run(FAILS, waiver())
    assert result(report).verdict == "waived"
    assert result(report).reason == (
        "waived by J. Doe until 2027-01-31T00:00:00Z: it moves in January; the true verdict is fail: it was served"
    )
    assert len(result(report).findings) == 1


def test_a_waived_failure_does_not_fail_the_run_and_the_headline_says_so() -> None:
    summary = run(FAILS, waiver()).summary
    assert (summary.status, summary.headline) == ("compliant", "1 of 2 controls hold, 1 is waived.")
    assert summary.counts == {"pass": 1, "waived": 1}


def test_a_waived_run_is_attested_with_a_warning() -> None:
    part = predicate(run(FAILS, waiver()))
    assert (part["result"], part["warnedTests"]) == ("WARNED", [f"{REFUSED} (waived)"])


def test_an_inconclusive_control_can_be_waived() -> None:
    report = run(checked(REFUSED, "inconclusive"), waiver())
    assert (report.summary.status, result(report).verdict) == ("compliant", "waived")
    assert "the true verdict is inconclusive" in result(report).reason


def test_a_control_without_means_cannot_be_waived() -> None:
    report = run(checked(REFUSED), waiver(), without_means={REFUSED: "no credential"})
    assert (result(report).verdict, report.summary.status) == ("not_tested", "non_compliant")
    assert report.summary.reasons == (f"the waiver of {REFUSED} by J. Doe is unused: there is nothing to waive",)


def test_an_unused_waiver_fails_the_run() -> None:
    summary = run(checked(REFUSED), waiver()).summary
    assert (summary.status, summary.headline) == ("non_compliant", "No control failed, but 1 waiver must be removed or renewed.")
    assert summary.reasons == (f"the waiver of {REFUSED} by J. Doe is unused: there is nothing to waive",)


def test_an_expired_waiver_waives_nothing_and_is_named() -> None:
    report = run(FAILS, waiver(expires="2026-11-22T00:00:00Z"))
    assert (result(report).verdict, report.summary.status) == ("fail", "non_compliant")
    assert report.summary.reasons == (f"the waiver of {REFUSED} by J. Doe expired at 2026-11-22T00:00:00Z",)


def test_an_expired_waiver_fails_the_run_even_where_nothing_failed() -> None:
    assert run(checked(REFUSED), waiver(expires="2026-11-22T00:00:00Z")).summary.status == "non_compliant"


def test_a_waiver_expires_at_its_moment_and_not_a_microsecond_later() -> None:
    assert result(run(FAILS, waiver(expires=STARTED))).verdict == "fail"
    assert result(run(FAILS, waiver(expires="2026-11-23T09:00:00.000001Z"))).verdict == "waived"


def test_expiry_is_measured_at_the_start_of_a_run_that_was_not_rescanned_whatever_the_day_of_the_report() -> None:
    old = waiver(expires="2001-01-02T00:00:00Z")
    assert result(run(FAILS, old, started_at="2001-01-01T00:00:00Z")).verdict == "waived"


@pytest.mark.parametrize(
    ("read_at", "reading", "verdict"),
    [
        ("2027-02-01T01:00:00+02:00", "rescan", "waived"),  # an hour before it expires, though its text sorts after
        ("2027-02-01T00:00:00Z", "rescan", "fail"),
        ("2027-03-01T00:00:00.5+00:00", "rescan", "fail"),
        ("2027-03-01T00:00:00Z", "settled", "waived"),  # a reading of the run itself, which began while it was valid
    ],
)
def test_what_a_rescan_finds_is_not_waived_by_what_had_expired_by_then(read_at: str, reading: str, verdict: str) -> None:
    seen = {"source": "log", "kind": "files", "objects": 1, "bytes": 1}
    again = SourceRead.model_validate({"epoch": "main", "reading": reading, "at": read_at, "group": "stores", "outcome": seen})
    accepted = waiver(expires="2027-02-01T00:00:00Z")
    report = judge(History([*events(checked(SERVED), FAILS, waivers=(accepted,)), again]), CATALOGUE, "3d" * 32)
    assert result(report).verdict == verdict
    expired = () if verdict == "waived" else (f"the waiver of {REFUSED} by J. Doe expired at 2027-02-01T00:00:00Z",)
    assert report.summary.reasons == expired


def test_waivers_of_controls_that_were_not_selected_are_left_alone() -> None:
    report = judged(checked(SERVED), selected=(SERVED,), waivers=(waiver(), waiver(finding="ab" * 32)))
    assert (report.summary.status, report.summary.reasons) == ("compliant", ())
    assert result(report).verdict == "not_tested"


def test_a_finding_that_is_waived_waives_its_control() -> None:
    (known,) = prints(finding())
    report = run(FAILS, waiver(finding=known))
    assert (result(report).verdict, report.summary.status) == ("waived", "compliant")


def test_a_control_with_one_finding_more_is_not_waived() -> None:
    other = finding(object="GET /v1/models")
    known, _ = prints(finding(), other)
    report = run(checked(REFUSED, "violated", (finding(), other)), waiver(finding=known))
    assert (result(report).verdict, report.summary.status, report.summary.reasons) == ("fail", "non_compliant", ())


def test_a_control_is_waived_where_all_its_findings_are() -> None:
    other = finding(object="GET /v1/models")
    report = run(checked(REFUSED, "violated", (finding(), other)), *(waiver(finding=p, owner=p[:4]) for p in prints(finding(), other)))
    assert result(report).verdict == "waived"
    assert result(report).reason.count("waived by") == 2


def test_a_failure_without_a_finding_is_not_waived_by_the_findings_of_another_test() -> None:
    (known,) = prints(finding())
    bare = checked(REFUSED, "violated").model_copy(update={"nodeid": "suites/test_one.py::test_bare"})
    report = judged(checked(SERVED), FAILS, bare, waivers=(waiver(finding=known),))
    assert result(report).verdict == "fail"


def test_a_waived_finding_does_not_hide_that_another_test_could_not_tell() -> None:
    (known,) = prints(finding())
    unclear = checked(REFUSED, "inconclusive").model_copy(update={"nodeid": "suites/test_one.py::test_unclear"})
    report = judged(checked(SERVED), FAILS, unclear, waivers=(waiver(finding=known),))
    assert result(report).verdict == "fail"


def test_a_waiver_of_a_finding_that_was_not_seen_is_unused() -> None:
    summary = run(checked(REFUSED), waiver(finding="ab" * 32)).summary
    assert summary.status == "non_compliant"
    assert summary.reasons == ("the waiver of finding abababababababab by J. Doe is unused: there is nothing to waive",)


def test_waivers_are_part_of_the_journal(tmp_path: Path) -> None:
    folder = write_pack(tmp_path, checked(SERVED), FAILS, waivers=(waiver(),))
    with Journal(folder / "journal.sqlite", read_only=True) as journal:
        started = next(journal.events())
    assert started.model_dump()["waivers"][0]["owner"] == "J. Doe"
    assert '"verdict": "waived"' in (folder / "report.json").read_text()


def test_nobody_passes_by_waivers_alone() -> None:
    both = (waiver(), waiver(control=SERVED))
    report = judged(checked(SERVED, "violated"), checked(REFUSED, "violated"), waivers=both)
    assert report.summary.status == "incomplete"


def test_several_waivers_and_controls_are_counted_in_the_headline() -> None:
    unused = run(checked(REFUSED), waiver(), waiver(control=SERVED)).summary
    assert unused.headline == "No control failed, but 2 waivers must be removed or renewed."
    known = judged(checked(SERVED, "violated"), checked(REFUSED, "violated"), waivers=(waiver(), waiver(control=SERVED)))
    assert known.summary.counts == {"waived": 2}
