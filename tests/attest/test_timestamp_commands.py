"""`--timestamp` and `--tsa-cert` from the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zdr_audit.attest import keys, manifest
from zdr_audit.cli import main
from zdr_audit.run import cli_run

from .authority import Authority, Desk, needs_openssl, served
from .packs import write_pack


def zdr_audit(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    needs_openssl()
    return Authority(tmp_path_factory.mktemp("authority") / "tsa")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return keys.make_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def desk(authority: Authority) -> Iterator[Desk]:
    with served(authority) as desk:
        yield desk


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, pair: tuple[Path, Path], authority: Authority) -> Path:
    """A report folder made by a real run, attested and stamped."""
    folder = tmp_path_factory.mktemp("run") / "report"
    words = ["run", "--target", "simulator", "--depth", "quick", "--controls", "ZDR-ADM-01", "--report-dir", str(folder)]
    with served(authority) as desk:
        words += ["--attest-key", str(pair[0]), "--timestamp", desk.url]
        program = "from zdr_audit.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert f"Timestamp: {folder / manifest.TIMESTAMP}" in done.stdout, done.stderr
    return folder


@pytest.fixture
def run(audited: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(audited, tmp_path / "copy"))


def test_a_stamped_run_verifies_with_key_and_root(run: Path, pair: tuple[Path, Path], authority: Authority) -> None:
    done = zdr_audit("verify", run, "--key", pair[1], "--tsa-cert", authority.root)
    assert (done.exit_code, "UTC, says CN=Test TSA" in done.output) == (0, True)


def test_a_stamped_pack_is_not_verified_without_the_root(run: Path, pair: tuple[Path, Path]) -> None:
    done = zdr_audit("verify", run, "--key", pair[1])
    assert (done.exit_code, "give the root certificate" in done.output) == (2, True)


def test_a_root_that_is_none_is_bad_usage(run: Path, pair: tuple[Path, Path]) -> None:
    done = zdr_audit("verify", run, "--key", pair[1], "--tsa-cert", run / "report.json")
    assert (done.exit_code, "not a certificate in PEM form" in done.output) == (2, True)


def test_a_changed_token_is_found(run: Path, pair: tuple[Path, Path], authority: Authority) -> None:
    with (run / manifest.TIMESTAMP).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\0")
    done = zdr_audit("verify", run, "--key", pair[1], "--tsa-cert", authority.root)
    assert (done.exit_code, "problem  attestation.tsr: not a timestamp by the given authority" in done.output) == (1, True)


def test_reports_made_again_leave_the_timestamp_good(run: Path, pair: tuple[Path, Path], authority: Authority) -> None:
    assert zdr_audit("report", run).exit_code == 0
    assert zdr_audit("report", run, "--attest-key", pair[0]).exit_code == 0
    assert zdr_audit("verify", run, "--key", pair[1], "--tsa-cert", authority.root).exit_code == 0


def test_a_pack_can_be_stamped_later(run: Path, pair: tuple[Path, Path], authority: Authority, desk: Desk) -> None:
    (run / manifest.TIMESTAMP).unlink()
    assert zdr_audit("report", run, "--timestamp", desk.url).exit_code == 0
    assert zdr_audit("verify", run, "--key", pair[1], "--tsa-cert", authority.root).exit_code == 0


def test_a_report_without_the_timestamp_asked_for_says_so(run: Path, desk: Desk) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    desk.way = "breaks"
    done = zdr_audit("report", run, "--timestamp", desk.url)
    assert (done.exit_code, "the authority answered with status 500; to ask again: zdr-audit report" in done.output) == (1, True)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.parametrize(("way", "said"), [("good", "Timestamp: "), ("breaks", "zdr-audit: no timestamp from http")])
@pytest.mark.parametrize("status", [0, 1, 3])
def test_the_exit_status_of_the_audit_stands_whatever_the_authority_does(
    tmp_path: Path, desk: Desk, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, way: str, said: str, status: int
) -> None:
    def suites(arguments: list[str], report_dir: Path) -> int:
        write_pack(report_dir, signer=keys.load_private(pair[0]))
        return status

    monkeypatch.setattr(cli_run, "run_suites", suites)
    desk.way = way
    done = zdr_audit("run", "--target", "simulator", "--report-dir", tmp_path / "out", "--attest-key", pair[0], "--timestamp", desk.url)
    assert done.exit_code == status
    assert [line for line in done.output.splitlines() if line.startswith(said)]
    assert (tmp_path / "out" / manifest.ATTESTATION).is_file()


def test_a_run_that_gave_no_report_asks_no_authority(
    tmp_path: Path, desk: Desk, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_run, "run_suites", lambda arguments, report_dir: 2)
    write_pack(tmp_path, signer=keys.load_private(pair[0]))
    done = zdr_audit("run", "--target", "simulator", "--report-dir", tmp_path, "--attest-key", pair[0], "--timestamp", desk.url)
    assert (done.exit_code, desk.queries) == (2, [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timestamp", "http://127.0.0.1:9/"], "--timestamp needs --attest-key"),
        (["--timestamp", "tsa.example", "--attest-key"], "not an http or https address"),
    ],
)
def test_a_timestamp_that_cannot_be_stops_a_run_before_anything_is_sent(
    tmp_path: Path, pair: tuple[Path, Path], words: list[str], said: str
) -> None:
    key = [str(pair[0])] if words[-1] == "--attest-key" else []
    done = zdr_audit("run", "--target", "simulator", "--report-dir", tmp_path / "out", *words, *key)
    assert (done.exit_code, said in done.output) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_key_is_not_passed_over_where_reports_go_elsewhere(run: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = zdr_audit("report", run, "--report-dir", tmp_path / "elsewhere", "--attest-key", pair[0])
    assert (done.exit_code, "--attest-key attests a pack: leave out --report-dir" in done.output) == (2, True)
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_of_the_environment_keeps_nobody_from_reports_elsewhere(
    run: Path, pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(keys.KEY_VARIABLE, str(pair[0]))
    assert zdr_audit("report", run, "--report-dir", tmp_path / "elsewhere", "--format", "md").exit_code == 0
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["report.md"]


def test_a_report_elsewhere_has_no_attestation_to_be_stamped(run: Path, desk: Desk, tmp_path: Path) -> None:
    done = zdr_audit("report", run, "--report-dir", tmp_path / "elsewhere", "--timestamp", desk.url)
    assert (done.exit_code, "needs an attestation beside the journal" in done.output) == (2, True)
    assert desk.queries == []
