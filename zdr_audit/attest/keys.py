"""Ed25519 keys in PEM files. The private one is the user's own; the public one reaches a verifier by another way than the pack."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from zdr_audit.attest.errors import AttestError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from securesystemslib.signer import CryptoSigner, SSlibKey

KEY_VARIABLE = "ZDR_AUDIT_ATTEST_KEY"
PRIVATE, PUBLIC = "zdr-audit-key.pem", "zdr-audit-key.pub.pem"


def _needs_extra() -> AttestError:
    return AttestError("signing and checking signatures need the extra 'attest': pip install 'zdr-audit[attest]'")


def load_private(path: Path) -> CryptoSigner:
    """A signer for an unencrypted Ed25519 private key (PEM, PKCS #8). Raises AttestError."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from securesystemslib.signer import CryptoSigner
    except ImportError:
        raise _needs_extra() from None
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as exc:
        raise AttestError(f"{path}: cannot be read: {exc.strerror}") from None
    except TypeError:
        raise AttestError(f"{path}: the private key is encrypted; give an unencrypted one") from None
    except Exception:  # cryptography raises many kinds for what is no key
        raise AttestError(f"{path}: not a private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AttestError(f"{path}: not an Ed25519 key ('zdr-audit keygen DIR' makes one)")
    return CryptoSigner(key)


def load_public(path: Path) -> SSlibKey:
    """An Ed25519 public key (PEM). Raises AttestError."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from securesystemslib.signer import SSlibKey
    except ImportError:
        raise _needs_extra() from None
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as exc:
        raise AttestError(f"{path}: cannot be read: {exc.strerror}") from None
    except Exception:  # cryptography raises many kinds for what is no key
        raise AttestError(f"{path}: not a public key in PEM form") from None
    if not isinstance(key, Ed25519PublicKey):
        raise AttestError(f"{path}: not an Ed25519 key")
    return SSlibKey.from_crypto(key)


def make_pair(folder: Path) -> tuple[Path, Path]:
    """A new pair in `folder`: private key (mode 600) and public key. Never overwrites. Raises AttestError."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        raise _needs_extra() from None
    key = Ed25519PrivateKey.generate()
    private, public = folder / PRIVATE, folder / PUBLIC
    for path in (private, public):
        if path.exists() or path.is_symlink():
            raise AttestError(f"{path} exists; keys are never overwritten")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_new(private, _private_pem(key), 0o600)
        _write_new(public, _public_pem(key), 0o644)
    except OSError as exc:
        raise AttestError(f"{exc.filename or folder}: cannot be written: {exc.strerror}") from None
    return private, public


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """The mode holds from the first moment, and a file that appeared meanwhile is not overwritten."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
