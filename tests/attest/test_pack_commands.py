"""The commands report, verify and keygen from the command line, over a whole quick run against the reference simulator."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zdr_audit.attest import keys, manifest
from zdr_audit.cli import main
from zdr_audit.journal.store import Journal

from .packs import write_pack


def zdr_audit(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return keys.make_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, pair: tuple[Path, Path]) -> Path:
    """A report folder made by a real run, attested."""
    folder = tmp_path_factory.mktemp("run") / "report"
    words = [
        "run",
        "--target",
        "simulator",
        "--depth",
        "quick",
        "--controls",
        "ZDR-ADM-*",
        "--report-dir",
        str(folder),
        "--attest-key",
        str(pair[0]),
    ]
    done = subprocess.run(
        [sys.executable, "-c", "from zdr_audit.cli import main; main()", *words], capture_output=True, text=True, check=False
    )
    assert (folder / manifest.ATTESTATION).is_file(), done.stderr
    return folder


@pytest.fixture
def run(audited: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(audited, tmp_path / "copy"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_pack_of_a_run_is_good(run: Path, pair: tuple[Path, Path]) -> None:
    done = zdr_audit("verify", run, "--key", pair[1])
    assert (done.exit_code, "problem" in done.output) == (0, False)
    assert done.output.endswith("nothing is wrong\n")


def test_the_journal_alone_gives_the_same_reports_byte_for_byte(run: Path, tmp_path: Path) -> None:
    done = zdr_audit("report", run / "journal.sqlite", "--report-dir", tmp_path / "again")
    assert done.exit_code == 0
    again = contents(tmp_path / "again")
    assert {"report.json", "report.html", "junit.xml"} <= again.keys()
    assert {name: (run / name).read_bytes() for name in again} == again


def test_reports_made_again_in_place_leave_the_attestation_good(run: Path, pair: tuple[Path, Path]) -> None:
    before = contents(run)
    assert zdr_audit("report", run).exit_code == 0
    assert contents(run) == before
    assert zdr_audit("verify", run, "--key", pair[1]).exit_code == 0


def test_one_format_alone_can_be_asked_for(run: Path, tmp_path: Path) -> None:
    assert zdr_audit("report", run, "--format", "junit", "--report-dir", tmp_path / "one").exit_code == 0
    assert list(contents(tmp_path / "one")) == ["junit.xml"]


def test_the_pdf_on_us_letter_is_written_on_demand_and_verified_like_the_others(run: Path, tmp_path: Path) -> None:
    (run / manifest.ATTESTATION).unlink()
    assert zdr_audit("report", run, "--format", "letter").exit_code == 0
    assert (run / "report-letter.pdf").read_bytes() != (run / "report.pdf").read_bytes()
    done = zdr_audit("verify", run)
    assert (done.exit_code, "cannot make it again" in done.output) == (0, False)
    assert zdr_audit("report", run / "journal.sqlite", "--report-dir", tmp_path / "again").exit_code == 0
    assert "report-letter.pdf" not in contents(tmp_path / "again")


def test_an_attested_report_is_not_replaced_by_another(run: Path) -> None:
    (run / "report.html").write_text("a page of an older version")
    done = zdr_audit("report", run)
    assert (done.exit_code, "not be those that were attested" in done.output) == (2, True)
    assert (run / "report.html").read_text() == "a page of an older version"


def test_a_pack_can_be_attested_anew(run: Path, pair: tuple[Path, Path]) -> None:
    (run / manifest.ATTESTATION).unlink()
    assert zdr_audit("report", run, "--attest-key", pair[0]).exit_code == 0
    assert zdr_audit("verify", run, "--key", pair[1]).exit_code == 0


def test_sealing_anew_does_not_take_in_a_file_that_was_changed_meanwhile(run: Path) -> None:
    (run / manifest.ATTESTATION).unlink()
    with (run / "report.html").open("a") as page:
        page.write(" ")
    assert zdr_audit("report", run, "--format", "json").exit_code == 0
    done = zdr_audit("verify", run)
    assert (done.exit_code, "problem  report.html: not part of the pack" in done.output) == (1, True)


def test_a_changed_page_is_found(run: Path, pair: tuple[Path, Path]) -> None:
    with (run / "report.html").open("a") as page:
        page.write(" ")
    done = zdr_audit("verify", run, "--key", pair[1])
    assert done.exit_code == 1
    assert "problem  report.html: changed" in done.output
    assert done.output.endswith("1 problem\n")


def test_an_attested_pack_is_not_verified_without_the_key(run: Path) -> None:
    done = zdr_audit("verify", run)
    assert (done.exit_code, "give the public key" in done.output) == (2, True)


def test_a_key_that_is_none_is_bad_usage(run: Path) -> None:
    done = zdr_audit("verify", run, "--key", run / "report.json")
    assert (done.exit_code, "not a public key" in done.output) == (2, True)


def test_a_bad_attest_key_stops_a_run_before_anything_is_sent(tmp_path: Path) -> None:
    done = zdr_audit("run", "--target", "simulator", "--report-dir", tmp_path / "out", "--attest-key", tmp_path / "gone.pem")
    assert (done.exit_code, "gone.pem: cannot be read" in done.output) == (2, True)
    assert not (tmp_path / "out").exists()


def test_the_attest_key_may_come_from_the_environment(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.pem")
    done = CliRunner(env={keys.KEY_VARIABLE: gone}).invoke(main, ["run", "--target", "simulator", "--report-dir", str(tmp_path / "out")])
    assert (done.exit_code, "gone.pem: cannot be read" in done.output) == (2, True)


def test_a_folder_without_a_journal_has_nothing_to_report(tmp_path: Path) -> None:
    done = zdr_audit("report", tmp_path)
    assert (done.exit_code, "no run journal here" in done.output) == (2, True)


def test_a_journal_of_another_catalogue_is_not_judged(tmp_path: Path) -> None:
    done = zdr_audit("report", write_pack(tmp_path))
    assert (done.exit_code, "install that version" in done.output) == (2, True)


def test_a_journal_that_a_killed_run_left_open_can_be_reported_and_then_verified(run: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    with Journal(run / "journal.sqlite", read_only=True) as whole:
        events = list(whole.events())
    program = "import os, sys, pickle; from pathlib import Path; from zdr_audit.journal.store import Journal\n"
    program += "journal = Journal(Path(sys.argv[1]))\nfor event in pickle.load(sys.stdin.buffer): journal.append(event)\nos._exit(9)"
    import pickle

    subprocess.run([sys.executable, "-c", program, str(killed / "journal.sqlite")], input=pickle.dumps(events[:-1]), check=False)
    assert (killed / "journal.sqlite-wal").exists()
    assert zdr_audit("report", killed).exit_code == 0
    assert zdr_audit("verify", killed).exit_code == 0
    assert '"the run did not come to its end"' in (killed / "report.json").read_text()


def test_keygen_says_which_file_is_which(tmp_path: Path) -> None:
    done = zdr_audit("keygen", tmp_path)
    assert [line.split(": ")[1].split(";")[0] for line in done.output.splitlines()] == ["private", "public"]
    assert zdr_audit("keygen", tmp_path).exit_code == 2
