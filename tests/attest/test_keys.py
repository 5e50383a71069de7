"""Keys: made once, readable by their owner alone, and refused where they are not what they should be."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, PublicFormat

from zdr_audit.attest import keys
from zdr_audit.attest.errors import AttestError


def test_a_pair_belongs_together(tmp_path: Path) -> None:
    private, public = keys.make_pair(tmp_path / "new")
    assert keys.load_private(private).public_key.keyid == keys.load_public(public).keyid


def test_the_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    private, _ = keys.make_pair(tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [keys.PRIVATE, keys.PUBLIC])
def test_neither_file_is_ever_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(AttestError, match="never overwritten"):
        keys.make_pair(tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {name: "mine"}


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / keys.PRIVATE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AttestError, match="never overwritten"):
        keys.make_pair(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def _pem(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    return path


def test_an_encrypted_private_key_is_refused(tmp_path: Path) -> None:
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    with pytest.raises(AttestError, match="is encrypted"):
        keys.load_private(_pem(tmp_path, content))


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    with pytest.raises(AttestError, match="not an Ed25519 key"):
        keys.load_private(_pem(tmp_path, other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())))
    with pytest.raises(AttestError, match="not an Ed25519 key"):
        keys.load_public(_pem(tmp_path, other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)))


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AttestError, match="not a private key"):
        keys.load_private(_pem(tmp_path, b"no key"))
    with pytest.raises(AttestError, match="not a public key"):
        keys.load_public(_pem(tmp_path, b"no key"))


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    for load in (keys.load_private, keys.load_public):
        with pytest.raises(AttestError, match=r"gone\.pem: cannot be read"):
            load(tmp_path / "gone.pem")


def test_the_private_key_does_not_stand_in_for_the_public_one(tmp_path: Path) -> None:
    private, _ = keys.make_pair(tmp_path)
    with pytest.raises(AttestError, match="not a public key"):
        keys.load_public(private)
