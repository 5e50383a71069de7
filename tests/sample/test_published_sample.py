"""The published sample is what its journals give, verifies, and says nothing of the machine that made it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from reports.make_sample import PACKS, SAMPLE, flaws
from zdr_audit.attest import remake
from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.manifest import JOURNAL, MANIFEST
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.cli import main
from zdr_audit.report.model import EXIT_STATUS

COMMAND = "python -m reports.make_sample"


@pytest.fixture(params=sorted(PACKS))
def pack(request: pytest.FixtureRequest) -> Path:
    folder = SAMPLE / str(request.param)
    if not (folder / JOURNAL).is_file():
        pytest.fail(f"reports/sample/{folder.name} is missing; make it with: {COMMAND}")
    return folder


def test_every_report_is_what_the_journal_gives_byte_for_byte(pack: Path) -> None:
    try:
        report = remake.rejudge(pack / JOURNAL, load_catalogue())
    except AttestError as exc:
        pytest.fail(f"the sample is of another version ({exc}); make it again with: {COMMAND}")
    again = remake.rendered(report)
    published = {path.name: path.read_bytes() for path in pack.iterdir() if path.name not in (JOURNAL, MANIFEST)}
    assert sorted(again) == sorted(published)
    stale = [name for name in again if again[name] != published[name]]
    assert not stale, f"{', '.join(stale)}: no longer what the journal gives; make them again with: {COMMAND} --reports-only"


def test_the_sample_verifies(pack: Path) -> None:
    done = CliRunner().invoke(main, ["verify", str(pack)])
    assert done.exit_code == 0, done.output


def test_each_pack_has_the_verdict_that_it_is_published_for(pack: Path) -> None:
    report = remake.rejudge(pack / JOURNAL, load_catalogue())
    assert EXIT_STATUS[report.summary.status] == PACKS[pack.name][1]
    assert not report.summary.partial
    assert "inconclusive" not in report.summary.counts
    failed = [control for control in report.controls if control.verdict == "fail"]
    if pack.name == "violation":  # many scenarios stream, and the control of each sees what the violation keeps: in the traces alone
        assert "ZDR-RET-03" in [control.id for control in failed]
        assert {finding.source for control in failed for finding in control.findings} == {"traces"}


def test_the_sample_names_no_folder_of_the_machine_that_made_it(pack: Path) -> None:
    assert list(flaws(pack, ())) == []
    for path in pack.iterdir():
        if path.suffix != ".pdf":
            assert not re.search(rb"(?<![\w/.])/(?:home|root|tmp|Users|private|work|builds|runner)/", path.read_bytes()), path.name
