"""A timestamp from a local authority holds for its attestation alone; a bad authority costs the timestamp and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zdr_audit.attest import authority as desk_of
from zdr_audit.attest import keys, manifest, remake, timestamp
from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.seal import seal
from zdr_audit.attest.timestamp import TimestampError, load_roots
from zdr_audit.attest.verify import Verification, verify

from .authority import Authority, Desk, needs_openssl, served
from .packs import CATALOGUE, JOURNAL, REFUSED, SERVED, checked, events, judged, write_pack

WORDS = b"what is to be stamped"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    needs_openssl()
    return Authority(tmp_path_factory.mktemp("authority") / "tsa")


@pytest.fixture
def desk(authority: Authority) -> Iterator[Desk]:
    with served(authority) as desk:
        yield desk


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return keys.make_pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def attested(tmp_path: Path, pair: tuple[Path, Path]) -> Path:
    return write_pack(tmp_path / "pack", signer=keys.load_private(pair[0]))


@pytest.fixture
def stamped(attested: Path, desk: Desk) -> Path:
    desk_of.stamp(attested, desk.url)
    return attested


def verified(folder: Path, pair: tuple[Path, Path], root: Path | None) -> Verification:
    return verify(folder, CATALOGUE, keys.load_public(pair[1]), load_roots(root) if root else ())


def test_a_stamped_pack_is_good_and_says_when_and_who(stamped: Path, pair: tuple[Path, Path], authority: Authority) -> None:
    found = verified(stamped, pair, authority.root)
    assert found.problems == []
    assert [line for line in found.confirmed if line.endswith("says CN=Test TSA")]


def test_only_the_digest_of_the_attestation_is_sent(stamped: Path, desk: Desk) -> None:
    attestation = (stamped / manifest.ATTESTATION).read_bytes()
    assert len(desk.queries) == 1
    assert bytes.fromhex(manifest.sha256(attestation)) in desk.queries[0]
    assert len(desk.queries[0]) < 100


def test_others_can_check_the_token_with_openssl(stamped: Path, authority: Authority) -> None:
    words = ["openssl", "ts", "-verify", "-data", manifest.ATTESTATION, "-in", manifest.TIMESTAMP, "-CAfile", str(authority.root)]
    done = subprocess.run(words, cwd=stamped, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_one_flipped_bit_is_found_at_every_byte_of_a_token(stamped: Path, authority: Authority) -> None:
    token, content = (stamped / manifest.TIMESTAMP).read_bytes(), (stamped / manifest.ATTESTATION).read_bytes()
    roots = load_roots(authority.root)
    missed = []
    for place in range(len(token)):
        for mask in (0x01, 0x20, 0x80):
            forged = token[:place] + bytes([token[place] ^ mask]) + token[place + 1 :]
            try:
                timestamp.checked(forged, content, roots)
            except TimestampError as exc:
                assert "\n" not in str(exc)
            else:
                missed.append((place, mask))
    assert missed == []
    assert timestamp.checked(token, content, roots).authority == "CN=Test TSA"


@pytest.mark.parametrize(
    "change", [lambda t: t + b"\0", lambda t: t[:-1], lambda t: b"", lambda t: t + t], ids=["longer", "shorter", "none", "twice"]
)
def test_a_token_of_another_length_is_found(stamped: Path, pair: tuple[Path, Path], authority: Authority, change: Any) -> None:
    path = stamped / manifest.TIMESTAMP
    path.write_bytes(change(path.read_bytes()))
    assert [line.split(":")[0] for line in verified(stamped, pair, authority.root).problems] == [manifest.TIMESTAMP]


def test_a_token_of_another_attestation_is_found(
    stamped: Path, pair: tuple[Path, Path], authority: Authority, desk: Desk, tmp_path: Path
) -> None:
    other = write_pack(tmp_path / "other", signer=keys.load_private(pair[0]), id="run-2")
    desk_of.stamp(other, desk.url)
    (stamped / manifest.TIMESTAMP).write_bytes((other / manifest.TIMESTAMP).read_bytes())
    assert verified(stamped, pair, authority.root).problems == ["attestation.tsr: it is over something else than this attestation"]


def test_somebody_elses_authority_is_not_taken(stamped: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    found = verified(stamped, pair, Authority(tmp_path / "other").root).problems
    assert len(found) == 1
    assert found[0].startswith("attestation.tsr: not a timestamp by the given authority")


def test_the_signers_own_certificate_is_no_root(stamped: Path, pair: tuple[Path, Path], authority: Authority) -> None:
    found = verified(stamped, pair, authority.folder / "leaf.pem").problems
    assert [line.split(" (")[0] for line in found] == [f"attestation.tsr: {timestamp.CHANGED}"]


def test_a_token_is_never_taken_on_trust(stamped: Path, pair: tuple[Path, Path]) -> None:
    assert verified(stamped, pair, None).problems == ["attestation.tsr: not checked, no root certificate was given"]


def test_a_token_that_was_taken_out_is_missed(stamped: Path, pair: tuple[Path, Path], authority: Authority) -> None:
    (stamped / manifest.TIMESTAMP).unlink()
    found = verified(stamped, pair, authority.root).problems
    assert found == ["attestation.tsr: missing; a root certificate was given, so the pack should have one"]


def test_a_token_beside_no_attestation_is_a_problem(stamped: Path, authority: Authority) -> None:
    (stamped / manifest.ATTESTATION).unlink()
    found = verify(stamped, CATALOGUE, None, load_roots(authority.root)).problems
    assert found == ["attestation.tsr: there is no attestation that it could be over"]


def test_a_run_that_says_it_ended_after_its_timestamp_is_noted(
    desk: Desk, pair: tuple[Path, Path], authority: Authority, tmp_path: Path
) -> None:
    late = [
        e.model_copy(update={"ended_at": "2999-01-01T00:00:00Z"}) if hasattr(e, "ended_at") and not hasattr(e, "step") else e
        for e in events()
    ]
    folder = write_pack(tmp_path / "late", signer=keys.load_private(pair[0]), written=late)
    desk_of.stamp(folder, desk.url)
    found = verified(folder, pair, authority.root)
    assert found.problems == []
    assert found.notes == ["by its own clock the run ended at 2999-01-01T00:00:00Z, after the time of its timestamp"]


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("redirects", "status 302"),
        ("breaks", "status 500"),
        ("babbles", "not a timestamp"),
        ("floods", "larger than 65536 bytes"),
        ("dawdles", "took too long"),
    ],
)
def test_a_bad_authority_gives_no_token(attested: Path, desk: Desk, way: str, words: str) -> None:
    desk.way = way
    with pytest.raises(TimestampError, match=words):
        desk_of.stamp(attested, desk.url, seconds=0.5)
    assert not manifest.has_timestamp(attested)
    assert len(desk.queries) == 1


def test_the_answer_to_another_request_is_not_taken(desk: Desk) -> None:
    desk.way = "repeats"
    desk_of.fetch(desk.url, WORDS)
    with pytest.raises(TimestampError, match="nonce differs"):
        desk_of.fetch(desk.url, WORDS)
    with pytest.raises(TimestampError, match="something else"):
        desk_of.fetch(desk.url, b"other words")


def test_a_refusal_is_said(desk: Desk, authority: Authority) -> None:
    config = authority.folder / "tsa.cnf"
    before = config.read_text()
    config.write_text(before.replace("digests = sha256", "digests = sha512"))
    try:
        with pytest.raises(TimestampError, match=r"no timestamp was granted \(status 2\)"):
            desk_of.fetch(desk.url, WORDS)
    finally:
        config.write_text(before)


def test_an_authority_that_is_not_there_is_said() -> None:
    with pytest.raises(TimestampError, match="connection refused"):
        desk_of.fetch("http://127.0.0.1:9/tsa", WORDS)


@pytest.mark.parametrize(
    "url", ["", "tsa.example", "ftp://tsa.example", "http://", "http://a b/", "http://tsa.example:99999/", "http://u:p@tsa.example/"]
)
def test_what_is_no_address_is_bad_usage(url: str) -> None:
    with pytest.raises(AttestError, match="--timestamp"):
        desk_of.check_url(url)


def test_a_new_attestation_takes_the_old_timestamp_away_and_the_same_one_leaves_it(stamped: Path, pair: tuple[Path, Path]) -> None:
    signer, names = keys.load_private(pair[0]), [JOURNAL, "report.json"]
    report = remake.rejudge(stamped / JOURNAL, CATALOGUE)
    seal(report, stamped, names, signer)
    assert manifest.has_timestamp(stamped)
    seal(judged(checked(SERVED), checked(REFUSED), id="run-3"), stamped, names, signer)
    assert not manifest.has_timestamp(stamped)


def test_a_pack_sealed_without_a_key_keeps_no_timestamp(stamped: Path) -> None:
    seal(judged(), stamped, [JOURNAL, "report.json"])
    assert not manifest.has_timestamp(stamped)


def test_a_file_that_is_no_certificate_is_bad_usage(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("trust me")
    with pytest.raises(AttestError, match="not a certificate in PEM form"):
        load_roots(tmp_path / "root.pem")
    with pytest.raises(AttestError, match="cannot be read"):
        load_roots(tmp_path / "gone.pem")
