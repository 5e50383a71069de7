"""`--sigstore` of run and report, `--identity` and `--issuer` of verify, from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zdr_audit import cli_pack
from zdr_audit.attest import keys, manifest
from zdr_audit.attest import verify as verifying
from zdr_audit.cli import main
from zdr_audit.run import cli_run

from .conftest import AUDITOR, VARIABLE, Keyless
from .packs import CATALOGUE, write_pack


def zdr_audit(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def options(keyless: Keyless) -> list[object]:
    return ["--sigstore", "--sigstore-config", keyless.config, "--sigstore-token-env", VARIABLE]


def expecting(keyless: Keyless, identity: str = AUDITOR) -> list[object]:
    return ["--identity", identity, "--issuer", keyless.deployment.issuer.url, "--trusted-root", keyless.root]


@pytest.fixture(autouse=True)
def small_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packs of these tests were written for a catalogue of their own."""
    monkeypatch.setattr(cli_pack, "load_catalogue", lambda: CATALOGUE)


@pytest.fixture
def pack(tmp_path: Path, keyless: Keyless) -> Path:
    folder = write_pack(tmp_path / "pack")
    done = zdr_audit("report", folder, "--format", "json", *options(keyless))
    assert (done.exit_code, f"Attestation: {folder / manifest.BUNDLE}" in done.output) == (0, True), done.output
    return folder


def test_a_finished_run_is_attested_and_verified(pack: Path, keyless: Keyless) -> None:
    done = zdr_audit("verify", pack, *expecting(keyless))
    assert done.exit_code == 0
    assert f"ok       the keyless attestation is signed by {AUDITOR}, for whom {keyless.deployment.issuer.url} vouches" in done.output
    assert done.output.endswith("nothing is wrong\n")


def test_another_identity_is_a_problem(pack: Path, keyless: Keyless) -> None:
    done = zdr_audit("verify", pack, *expecting(keyless, "somebody@example.org"))
    assert (done.exit_code, done.output.count("problem  ")) == (1, 1)
    assert "was signed under another identity than 'somebody@example.org'" in done.output


def test_a_pack_with_a_bundle_is_not_verified_without_saying_whose_it_must_be(pack: Path) -> None:
    done = zdr_audit("verify", pack)
    assert (done.exit_code, "say whose it must be (--identity TEXT --issuer URL)" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--identity", AUDITOR], "--identity and --issuer go together"),
        (["--issuer", "https://ci.example"], "--identity and --issuer go together"),
        (["--trusted-root", "x"], "--trusted-root goes with --identity and --issuer"),
        (["--identity", AUDITOR, "--issuer", "https://ci.example", "--trusted-root", "gone.json"], "gone.json: cannot be read"),
    ],
)
def test_half_an_expectation_is_bad_usage(pack: Path, words: list[str], said: str) -> None:
    done = zdr_audit("verify", pack, *words)
    assert (done.exit_code, said in done.output, len(done.output.splitlines())) == (2, True, 1)


def test_reports_made_again_leave_the_bundle_good(pack: Path, keyless: Keyless) -> None:
    before = {path.name: path.read_bytes() for path in pack.iterdir()}
    assert zdr_audit("report", pack, "--format", "json").exit_code == 0
    assert {path.name: path.read_bytes() for path in pack.iterdir()} == before


def test_reports_that_would_not_be_those_that_were_attested_are_not_written(pack: Path) -> None:
    done = zdr_audit("report", pack, "--format", "md")
    assert (done.exit_code, "attest anew (--sigstore)" in done.output) == (2, True)
    assert not (pack / "report.md").exists()


def test_a_pack_can_be_attested_anew_with_more_reports(pack: Path, keyless: Keyless) -> None:
    assert zdr_audit("report", pack, "--format", "md", *options(keyless)).exit_code == 0
    assert zdr_audit("verify", pack, *expecting(keyless)).exit_code == 0


def test_a_key_and_an_identity_attest_one_pack(pack: Path, keyless: Keyless, tmp_path: Path) -> None:
    private, public = keys.make_pair(tmp_path / "keys")
    assert zdr_audit("report", pack, "--format", "json", "--attest-key", private).exit_code == 0
    assert zdr_audit("verify", pack, "--key", public, *expecting(keyless)).exit_code == 0
    assert zdr_audit("report", pack, "--format", "json", *options(keyless)).exit_code == 0
    assert zdr_audit("verify", pack, "--key", public, *expecting(keyless)).exit_code == 0


def test_a_service_that_breaks_costs_the_bundle_alone(tmp_path: Path, keyless: Keyless) -> None:
    folder = write_pack(tmp_path / "pack")
    keyless.deployment.way = "breaks /api/v1/log/entries"
    done = zdr_audit("report", folder, "--format", "json", *options(keyless))
    assert done.exit_code == 1
    said = "zdr-audit: no keyless attestation: http://127.0.0.1"
    assert [line for line in done.output.splitlines() if line.startswith(said) and "answered with status 500; to ask again:" in line]
    assert zdr_audit("verify", folder).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sigstore-config", "x"], "--sigstore-config goes with --sigstore"),
        (["--sigstore-token-env", "X"], "--sigstore-token-env goes with --sigstore"),
        (["--sigstore", "--sigstore-token-env", "NO_SUCH"], "no identity token: environment variable NO_SUCH is not set"),
        (["--sigstore"], "no identity token: this is no CI system that gives one"),
        (["--sigstore", "--sigstore-token-env", VARIABLE, "--sigstore-config", "gone.json"], "gone.json: cannot be read"),
    ],
)
@pytest.mark.parametrize("command", ["run", "report"])
def test_what_cannot_be_signed_is_said_before_anything_is_done(
    tmp_path: Path, keyless: Keyless, command: str, words: list[str], said: str
) -> None:
    out = tmp_path / "out"
    first = ["run", "--target", "simulator", "--report-dir", out] if command == "run" else ["report", write_pack(out), "--format", "md"]
    done = zdr_audit(*first, *words)
    assert (done.exit_code, said in done.output, len(done.output.splitlines())) == (2, True, 1)
    assert not (out / "report.md").exists()
    assert keyless.deployment.asked == []


def test_a_report_elsewhere_is_no_pack_to_be_attested(pack: Path, keyless: Keyless, tmp_path: Path) -> None:
    done = zdr_audit("report", pack, "--report-dir", tmp_path / "elsewhere", *options(keyless))
    assert (done.exit_code, "--sigstore attests a pack" in done.output) == (2, True)


def test_without_the_extra_each_command_says_which(tmp_path: Path, pack: Path, keyless: Keyless, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "sigstore" or name.startswith("sigstore.")]:
        monkeypatch.setitem(sys.modules, name, None)  # what Python does for a package that is not to be had
    monkeypatch.setitem(sys.modules, "sigstore", None)
    run = ["run", "--target", "simulator", "--report-dir", tmp_path / "out", *options(keyless)]
    for words in (run, ["report", pack, *options(keyless)], ["verify", pack, *expecting(keyless)]):
        done = zdr_audit(*words)
        assert (done.exit_code, done.output) == (
            2,
            "zdr-audit: keyless attestation needs the extra 'sigstore': pip install 'zdr-audit[sigstore]'\n",
        )


@pytest.mark.parametrize(("way", "said"), [("good", "Attestation: "), ("breaks /api/v2/signingCert", "zdr-audit: no keyless attestation")])
@pytest.mark.parametrize("status", [0, 1, 3])
def test_the_exit_status_of_the_audit_stands_whatever_the_services_do(
    tmp_path: Path, keyless: Keyless, monkeypatch: pytest.MonkeyPatch, way: str, said: str, status: int
) -> None:
    def suites(arguments: list[str], report_dir: Path) -> int:
        write_pack(report_dir)
        return status

    monkeypatch.setattr(cli_run, "run_suites", suites)
    keyless.deployment.way = way
    done = zdr_audit("run", "--target", "simulator", "--report-dir", tmp_path, *options(keyless))
    assert done.exit_code == status
    assert [line for line in done.output.splitlines() if line.startswith(said)]
    assert (tmp_path / manifest.BUNDLE).exists() == (way == "good")
    signer = keyless.expected() if way == "good" else None
    assert verifying.verify(tmp_path, CATALOGUE, signer=signer).problems == []


def test_a_run_that_gave_no_report_signs_nothing(tmp_path: Path, keyless: Keyless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_run, "run_suites", lambda arguments, report_dir: 2)
    assert zdr_audit("run", "--target", "simulator", "--report-dir", tmp_path, *options(keyless)).exit_code == 2
    assert keyless.deployment.asked == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("by", ["zdr-audit", "pytest"])
def test_a_real_run_is_attested_and_its_token_is_in_no_file_and_no_line(
    tmp_path: Path, keyless: Keyless, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    token, out = keyless.token(), tmp_path / "out"
    monkeypatch.setenv(VARIABLE, token)
    first = ["-c", "from zdr_audit.cli import main; main()", "run"] if by == "zdr-audit" else ["-m", "pytest", "-s", "suites"]
    first += [] if by == "zdr-audit" else ["--log-level=DEBUG", "-o", "log_cli=true", "-p", "zdr_audit.plugin"]
    words = [*first, "--target", "simulator", "--controls", "ZDR-ADM-01", "--depth", "quick", "--report-dir", out, *options(keyless)]
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)
    assert f"Attestation: {out / manifest.BUNDLE}" in done.stdout, done.stdout + done.stderr
    monkeypatch.undo()
    again = zdr_audit("verify", out, *expecting(keyless))
    assert (again.exit_code, "nothing is wrong" in again.output) == (0, True), again.output
    signature = token.rpartition(".")[2]
    for said in (done.stdout.encode(), done.stderr.encode(), *(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())):
        assert token.encode() not in said
        assert signature.encode() not in said
