"""Keyless attestation against a Sigstore deployment of our own: a good bundle is good, and each way to forge or damage one is found."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificates
from local_sigstore.deployment import Deployment, served

from zdr_audit.attest import envelope, keys, manifest, remake, statement
from zdr_audit.attest import keyless as signing
from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.keyless import KeylessError, Signing, attest, payload_of
from zdr_audit.attest.seal import seal
from zdr_audit.attest.trust import trusted_root
from zdr_audit.attest.verify import verify

from .authority import Authority, needs_openssl
from .authority import served as authority_served
from .conftest import AUDITOR, VARIABLE, Keyless
from .packs import CATALOGUE, REFUSED, SERVED, checked, write_pack

BUNDLE, SUM = manifest.BUNDLE, manifest.BUNDLE_SUM


def attested(folder: Path, keyless: Keyless, *checks: Any) -> Path:
    """A pack with a bundle."""
    write_pack(folder, *checks)
    attest(remake.rejudge(folder / manifest.JOURNAL, CATALOGUE), folder, keyless.signing())
    return folder


@pytest.fixture
def pack(tmp_path: Path, keyless: Keyless) -> Path:
    return attested(tmp_path / "pack", keyless)


def problems(folder: Path, expected: signing.Expected | None) -> list[str]:
    return verify(folder, CATALOGUE, signer=expected).problems


def rewrite(folder: Path, content: bytes) -> None:
    """Put another bundle in place, its digest beside it: what a forger does."""
    (folder / BUNDLE).write_bytes(content)
    (folder / SUM).write_bytes(manifest.sum_line(content))


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    body = json.loads((folder / BUNDLE).read_bytes())
    change(body)
    rewrite(folder, (json.dumps(body, indent=2, sort_keys=True) + "\n").encode())


def test_a_good_bundle_is_good_and_says_who_signed_when(pack: Path, keyless: Keyless) -> None:
    found = verify(pack, CATALOGUE, signer=keyless.expected())
    assert (found.problems, found.notes) == ([], [])
    (line,) = [line for line in found.confirmed if "keyless" in line]
    assert f"signed by {AUDITOR}, for whom {keyless.deployment.issuer.url} vouches at 20" in line
    assert line.endswith("UTC by the clock of the transparency log, result PASSED")
    assert keyless.deployment.asked == ["/api/v2/signingCert", "/api/v1/log/entries"]


def test_verifying_asks_nobody(pack: Path, keyless: Keyless) -> None:
    keyless.deployment.asked.clear()
    assert problems(pack, keyless.expected()) == []
    assert keyless.deployment.asked == []


def test_the_digest_beside_the_bundle_is_of_the_form_that_sha256sum_reads(pack: Path) -> None:
    digest, name = (pack / SUM).read_text().split()
    assert (digest, name) == (manifest.sha256((pack / BUNDLE).read_bytes()), BUNDLE)


def test_a_workflow_may_sign_too(tmp_path: Path, keyless: Keyless, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = "https://git.example/a/b/.ci/audit.yml@refs/heads/main"
    monkeypatch.setenv(VARIABLE, keyless.token(workflow))
    assert problems(attested(tmp_path, keyless), keyless.expected(workflow)) == []


def test_what_could_not_be_decided_is_not_attested_as_passed(tmp_path: Path, keyless: Keyless) -> None:
    folder = attested(tmp_path, keyless, checked(SERVED), checked(REFUSED, "inconclusive"))
    body = json.loads(payload_of((folder / BUNDLE).read_bytes()) or b"")
    assert body["predicate"]["result"] == "FAILED"
    assert body["predicate"]["failedTests"] == [f"{REFUSED} (inconclusive)"]
    assert problems(folder, keyless.expected()) == []


def test_a_predicate_better_than_the_journal_is_found_though_it_was_signed_in_earnest(tmp_path: Path, keyless: Keyless) -> None:
    folder = write_pack(tmp_path, checked(SERVED), checked(REFUSED, "inconclusive"))
    sealed = (folder / manifest.MANIFEST).read_bytes()
    better = write_pack(tmp_path.parent / "better")
    report = remake.rejudge(better / manifest.JOURNAL, CATALOGUE)
    digests = manifest.parse(sealed) | {manifest.MANIFEST: manifest.sha256(sealed)}
    rewrite(folder, keyless.signing().sign(statement.render(statement.statement(report, digests)))[0])
    assert problems(folder, keyless.expected()) == [f"{BUNDLE}: its result or configuration is not what the journal gives"]


def test_a_malformed_predicate_is_found_though_it_was_signed_in_earnest(pack: Path, keyless: Keyless) -> None:
    body = json.loads(payload_of((pack / BUNDLE).read_bytes()) or b"")
    body["predicate"] |= {"result": "GREAT"}
    rewrite(pack, keyless.signing().sign(statement.render(body))[0])
    assert problems(pack, keyless.expected()) == [f"{BUNDLE}: the predicate's result is GREAT, allowed are PASSED, WARNED, FAILED"]


# Each of these is one clear line.


def test_another_identity_is_refused(pack: Path, keyless: Keyless) -> None:
    (line,) = problems(pack, keyless.expected("somebody@example.org"))
    assert line == f"{BUNDLE}: it was signed under another identity than 'somebody@example.org' (its certificate names {AUDITOR})"


def test_another_issuer_is_refused(pack: Path, keyless: Keyless) -> None:
    (line,) = problems(pack, keyless.expected(issuer="https://accounts.example/login"))
    assert line.startswith(f"{BUNDLE}: it was signed under another issuer than 'https://accounts.example/login'")


def test_an_altered_statement_is_refused(pack: Path, keyless: Keyless) -> None:
    def better(body: dict[str, Any]) -> None:
        payload = base64.b64decode(body["dsseEnvelope"]["payload"])
        body["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(b"run-1", b"run-2")).decode()

    changed(pack, better)
    (line,) = problems(pack, keyless.expected())
    assert line.startswith(f"{BUNDLE}: it does not hold: changed after signing")


def test_an_altered_time_of_the_log_is_refused(pack: Path, keyless: Keyless) -> None:
    def later(body: dict[str, Any]) -> None:
        entry = body["verificationMaterial"]["tlogEntries"][0]
        entry["integratedTime"] = str(int(entry["integratedTime"]) + 1)

    changed(pack, later)
    (line,) = problems(pack, keyless.expected())
    assert line.startswith(f"{BUNDLE}: it does not hold: changed after signing")


def test_a_bundle_without_an_entry_in_the_log_is_refused(pack: Path, keyless: Keyless) -> None:
    changed(pack, lambda body: body["verificationMaterial"].update(tlogEntries=[]))
    (line,) = problems(pack, keyless.expected())
    assert line.startswith(f"{BUNDLE}: it has no entry in a transparency log")


@pytest.mark.parametrize("missing", ["inclusionProof", "inclusionPromise"])
def test_an_entry_without_proof_or_promise_is_refused(pack: Path, keyless: Keyless, missing: str) -> None:
    changed(pack, lambda body: body["verificationMaterial"]["tlogEntries"][0].pop(missing))
    (line,) = problems(pack, keyless.expected())
    assert line.startswith(f"{BUNDLE}: not a Sigstore bundle (")


def test_the_entry_of_another_signature_is_refused(pack: Path, keyless: Keyless, tmp_path: Path) -> None:
    other = attested(tmp_path / "other", keyless)
    entries = json.loads((other / BUNDLE).read_bytes())["verificationMaterial"]["tlogEntries"]
    changed(pack, lambda body: body["verificationMaterial"].update(tlogEntries=entries))
    (line,) = problems(pack, keyless.expected())
    assert line.startswith(f"{BUNDLE}: it does not hold: changed after signing")


def test_the_certificate_of_another_authority_is_refused(pack: Path, keyless: Keyless, tmp_path: Path) -> None:
    with served(Deployment(keyless.deployment.issuer)) as other:
        theirs = attested(tmp_path / "theirs", Keyless(other, tmp_path / "config"))
    rewrite(pack, (theirs / BUNDLE).read_bytes())
    (line,) = problems(pack, keyless.expected())
    assert line == f"{BUNDLE}: its certificate is not by a trusted authority, or was not valid when it was used"


def test_a_certificate_that_no_certificate_log_took_is_not_signed_with(tmp_path: Path, keyless: Keyless) -> None:
    keyless.deployment.certifier.logged = False
    with pytest.raises(KeylessError, match="does not contain a signed certificate timestamp"):
        attested(tmp_path, keyless)
    assert not (tmp_path / BUNDLE).exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"mediaType": "x"}', b"[" * 100_000, b'{"verificationMaterial": 7}'])
def test_what_is_no_bundle_is_said_to_be_none(pack: Path, keyless: Keyless, content: bytes) -> None:
    rewrite(pack, content)
    (line,) = problems(pack, keyless.expected())
    assert line.startswith(f"{BUNDLE}: ")


def test_a_bundle_that_was_taken_out_is_missed(pack: Path, keyless: Keyless) -> None:
    (pack / BUNDLE).unlink()
    assert problems(pack, keyless.expected()) == [
        f"{BUNDLE}: missing; an identity was given, so the pack should have one",
        f"{SUM}: there is no {BUNDLE} that it could be of",
    ]


def test_a_digest_that_was_taken_out_is_missed(pack: Path, keyless: Keyless) -> None:
    (pack / SUM).unlink()
    assert problems(pack, keyless.expected()) == [f"{SUM}: missing, so nothing shows damage to {BUNDLE}"]


def test_a_bundle_is_never_taken_on_trust(pack: Path) -> None:
    assert problems(pack, None) == [f"{BUNDLE}: not checked, no identity was given"]


def test_a_report_made_better_does_not_fit_the_bundle(tmp_path: Path, keyless: Keyless) -> None:
    folder = attested(tmp_path, keyless, checked(SERVED), checked(REFUSED, "inconclusive"))
    path = folder / "report.json"
    path.write_text(path.read_text().replace('"verdict": "inconclusive"', '"verdict": "pass"'))
    digests = {name: manifest.sha256((folder / name).read_bytes()) for name in (manifest.JOURNAL, "report.json")}
    (folder / manifest.MANIFEST).write_bytes(manifest.render(digests))
    assert problems(folder, keyless.expected()) == [
        f"{BUNDLE}: subject manifest.json: changed (its SHA-256 is not the recorded one)",
        f"{BUNDLE}: subject report.json: changed (its SHA-256 is not the recorded one)",
        "report.json: not what the journal gives",
    ]


# One flipped bit.


def undetected(folder: Path, name: str, expected: signing.Expected, step: int = 1) -> list[int]:
    good = (folder / name).read_bytes()
    missed = []
    for place in range(0, len(good), step):
        (folder / name).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        if not problems(folder, expected):
            missed.append(place)
    (folder / name).write_bytes(good)
    assert problems(folder, expected) == []
    return missed


@pytest.mark.parametrize(("name", "step"), [(BUNDLE, 397), (SUM, 7), ("journal.sqlite", 997), ("report.json", 397), ("manifest.json", 37)])
def test_one_flipped_bit_is_found_in_a_pack_with_a_bundle(pack: Path, keyless: Keyless, name: str, step: int) -> None:
    assert undetected(pack, name, keyless.expected(), step) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [BUNDLE, SUM, "journal.sqlite", "report.json", "manifest.json"])
def test_one_flipped_bit_is_found_at_every_byte_of_a_pack_with_a_bundle(pack: Path, keyless: Keyless, name: str) -> None:
    assert undetected(pack, name, keyless.expected()) == []


# A deployment whose log gives no time: a time-stamp authority does.


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyless]:
    needs_openssl()
    authority = Authority(tmp_path_factory.mktemp("authority") / "tsa")
    chain = [c for name in ("leaf.pem", "chain.pem") for c in load_pem_x509_certificates((authority.folder / name).read_bytes())]
    with authority_served(authority) as desk, served(Deployment(stamps=(desk.url, chain))) as deployment:
        yield Keyless(deployment, tmp_path_factory.mktemp("sigstore"))


@pytest.fixture
def timed(tmp_path: Path, stamped: Keyless, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, stamped.token())
    return attested(tmp_path / "pack", stamped)


def test_a_bundle_with_a_timestamp_in_place_of_the_logs_time_is_good(timed: Path, stamped: Keyless) -> None:
    found = verify(timed, CATALOGUE, signer=stamped.expected())
    assert found.problems == []
    (line,) = [line for line in found.confirmed if "keyless" in line]
    assert f"is signed by {AUDITOR}, for whom {stamped.deployment.issuer.url} vouches at 20" in line
    assert line.endswith("UTC by the clock of the time-stamp authority, result PASSED")
    material = json.loads((timed / BUNDLE).read_bytes())["verificationMaterial"]
    assert material["tlogEntries"][0]["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.2"}
    assert len(material["timestampVerificationData"]["rfc3161Timestamps"]) == 1


def test_without_its_timestamp_such_a_bundle_is_refused(timed: Path, stamped: Keyless) -> None:
    changed(timed, lambda body: body["verificationMaterial"].pop("timestampVerificationData"))
    (line,) = problems(timed, stamped.expected())
    assert "bundle must contain an inclusion promise or signed timestamp(s)" in line


def test_an_altered_statement_of_such_a_bundle_is_refused(timed: Path, stamped: Keyless) -> None:
    payload = base64.b64encode((payload_of((timed / BUNDLE).read_bytes()) or b"").replace(b"run-1", b"run-2")).decode()
    changed(timed, lambda body: body["dsseEnvelope"].update(payload=payload))
    (line,) = problems(timed, stamped.expected())
    assert line.startswith(f"{BUNDLE}: it does not hold: changed after signing")


# Beside other attestations, and when a pack is sealed anew.


def test_a_pack_may_have_both_kinds_of_attestation(pack: Path, keyless: Keyless, tmp_path: Path) -> None:
    private, public = keys.make_pair(tmp_path / "keys")
    report = remake.rejudge(pack / manifest.JOURNAL, CATALOGUE)
    seal(report, pack, [manifest.JOURNAL, "report.json"], keys.load_private(private))
    key = keys.load_public(public)
    found = verify(pack, CATALOGUE, key, signer=keyless.expected())
    assert found.problems == []
    assert len([line for line in found.confirmed if "attestation is signed" in line]) == 2
    assert envelope.opened((pack / manifest.ATTESTATION).read_bytes(), key) == payload_of((pack / BUNDLE).read_bytes())


def test_sealing_anew_keeps_a_bundle_that_says_the_same_and_drops_one_that_does_not(pack: Path) -> None:
    report = remake.rejudge(pack / manifest.JOURNAL, CATALOGUE)
    before = (pack / BUNDLE).read_bytes()
    seal(report, pack, [manifest.JOURNAL, "report.json"])
    assert (pack / BUNDLE).read_bytes() == before
    seal(report, pack, [manifest.JOURNAL])
    assert not (pack / BUNDLE).exists() and not (pack / SUM).exists()


# What can go wrong while signing: one line each, and no token in any of them.


def refused(folder: Path, keyless: Keyless, how: Signing | None = None) -> str:
    token = os.environ[VARIABLE]
    write_pack(folder)
    report = remake.rejudge(folder / manifest.JOURNAL, CATALOGUE)
    with pytest.raises((KeylessError, AttestError)) as caught:
        attest(report, folder, how or keyless.signing())
    said = str(caught.value)
    assert not (folder / BUNDLE).exists()
    assert "\n" not in said and token not in said
    return said


@pytest.mark.parametrize("path", ["/api/v2/signingCert", "/api/v1/log/entries"])
def test_a_service_that_breaks_is_named_with_its_status(tmp_path: Path, keyless: Keyless, path: str) -> None:
    keyless.deployment.way = f"breaks {path}"
    said = refused(tmp_path, keyless)
    assert said == f"{keyless.deployment.url}{path} answered with status 500"


@pytest.mark.parametrize("path", ["/api/v2/signingCert", "/api/v1/log/entries"])
def test_a_service_that_babbles_is_said_to(tmp_path: Path, keyless: Keyless, path: str) -> None:
    keyless.deployment.way = f"babbles {path}"
    assert refused(tmp_path, keyless).startswith("the services' answers cannot be used")


def test_a_token_of_another_issuer_is_refused_by_the_authority_and_quoted_nowhere(
    tmp_path: Path, keyless: Keyless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, Deployment().issuer.token(AUDITOR))
    assert refused(tmp_path, keyless) == f"{keyless.deployment.url}/api/v2/signingCert answered with status 401"


def test_an_authority_that_is_not_there_is_named(tmp_path: Path, keyless: Keyless) -> None:
    gone = Deployment(keyless.deployment.issuer)
    said = refused(tmp_path, Keyless(gone, tmp_path.parent / "gone"))
    assert said == f"{gone.url}/api/v2/signingCert gave no answer that can be used (ConnectionError)"


def test_an_authority_that_never_answers_costs_a_bounded_time(keyless: Keyless) -> None:
    keyless.deployment.way = "hangs"
    try:
        with pytest.raises(KeylessError, match="did not answer in time"):
            keyless.signing().sign(b"{}", seconds=0.2)
    finally:
        keyless.deployment.released.set()


def test_a_log_whose_key_is_not_the_trusted_one_gives_no_bundle(tmp_path: Path, keyless: Keyless) -> None:
    config = json.loads(keyless.config.read_text())
    config["trustedRoot"]["tlogs"] = Deployment().trusted_root()["tlogs"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    said = refused(tmp_path / "pack", keyless, Signing.asked(tmp_path / "config.json", VARIABLE))
    assert said.startswith("it does not hold")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("", f"no identity token: environment variable {VARIABLE} is not set"),
        ("no.token.atall", f"no identity token: the environment variable {VARIABLE} holds no identity token for Sigstore"),
    ],
)
def test_no_token_is_known_before_anything_is_asked(keyless: Keyless, monkeypatch: pytest.MonkeyPatch, raw: str, said: str) -> None:
    monkeypatch.setenv(VARIABLE, raw)
    with pytest.raises(AttestError) as caught:
        keyless.signing()
    assert str(caught.value).startswith(said)
    assert keyless.deployment.asked == []


def test_a_token_that_has_expired_is_none(keyless: Keyless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, keyless.token(seconds=-60))
    with pytest.raises(AttestError, match="or one that has expired"):
        keyless.signing()


def test_outside_of_a_ci_system_the_variable_is_asked_for(keyless: Keyless) -> None:
    with pytest.raises(AttestError, match=r"no CI system that gives one; name an environment variable .*--sigstore-token-env"):
        Signing.asked(keyless.config, None)


def test_a_ci_system_gives_the_token(tmp_path: Path, keyless: Keyless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", keyless.token())
    folder = write_pack(tmp_path)
    attest(remake.rejudge(folder / manifest.JOURNAL, CATALOGUE), folder, Signing.asked(keyless.config, None))
    assert problems(folder, keyless.expected()) == []


def test_a_ci_system_that_gives_no_token_says_so(keyless: Keyless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.delenv("SIGSTORE_ID_TOKEN", raising=False)
    with pytest.raises(AttestError, match="the surrounding CI system was to give one, and did not"):
        Signing.asked(keyless.config, None)


# Files that the user gives.


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"mediaType": "x"}'])
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, keyless: Keyless, content: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(AttestError, match="not a Sigstore client trust configuration"):
        Signing.asked(tmp_path / "bad.json", VARIABLE)
    with pytest.raises(AttestError, match="not a Sigstore trusted root"):
        trusted_root(tmp_path / "bad.json")


def test_a_file_that_is_not_there_is_said(tmp_path: Path, keyless: Keyless) -> None:
    for read in (lambda path: Signing.asked(path, VARIABLE), trusted_root):
        with pytest.raises(AttestError, match=r"gone\.json: cannot be read"):
            read(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "url", ["http://fulcio.example", "http://10.0.0.1:80", "ftp://127.0.0.1", "file:///etc", "http://127.0.0.1.example"]
)
def test_a_token_is_not_sent_in_the_clear_to_other_machines(tmp_path: Path, keyless: Keyless, url: str) -> None:
    config = json.loads(keyless.config.read_text())
    config["signingConfig"]["caUrls"][0]["url"] = url
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(AttestError, match="is no https address, and not on this machine"):
        Signing.asked(tmp_path / "config.json", VARIABLE)


def test_the_public_service_is_known_to_the_installation_without_asking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert len(trusted_root(None).get_fulcio_certs()) > 1
