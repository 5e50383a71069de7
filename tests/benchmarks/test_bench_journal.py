"""The journal of the rendering budget is a plausible run: otherwise the budget would be kept by rendering next to nothing."""

from __future__ import annotations

from pathlib import Path

from bench import journal
from zdr_audit.attest import remake
from zdr_audit.catalogue.load import load_catalogue


def test_a_bench_journal_gives_passes_failures_findings_and_growth(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    journal.write(tmp_path / "journal.sqlite", catalogue, canaries=1_000)
    report = remake.rejudge(tmp_path / "journal.sqlite", catalogue)
    assert report.summary.counts == {"fail": journal.FAILING, "pass": len(catalogue.controls) - journal.FAILING}
    assert report.run.canaries == 1_000
    assert sum(len(control.findings) for control in report.controls) == journal.FAILING * journal.FINDINGS_EACH
    assert {bound.judged for bound in report.growth if bound.organization == "subject"} == {"bounded"}
    assert all(reading.control_hits == 500 for source in report.sources for reading in source.readings)
