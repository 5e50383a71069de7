"""Closes a pack: the manifest over journal and reports, and the attestation where a key is given."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zdr_audit.attest import envelope, keyless, manifest, statement
from zdr_audit.attest.remake import place
from zdr_audit.report.model import Report

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner


def seal(report: Report, folder: Path, names: Iterable[str], signer: CryptoSigner | None = None) -> list[Path]:
    """Write `manifest.json` over the named files of the folder and, with a signer, `attestation.dsse.json`; returns the paths written.

    The journal must be closed by then: its digest is that of the file. An attestation of an earlier run is removed, a keyless one that
    says anything else, too, and the timestamp of any other attestation than the one that now stands there. Raises OSError.
    """
    digests = {name: manifest.sha256((folder / name).read_bytes()) for name in names}
    files = {manifest.MANIFEST: manifest.render(digests)}
    subjects = digests | {manifest.MANIFEST: manifest.sha256(files[manifest.MANIFEST])}
    payload = statement.render(statement.statement(report, subjects))
    if not _says(folder / manifest.BUNDLE, payload):
        for name in (manifest.BUNDLE, manifest.BUNDLE_SUM):
            (folder / name).unlink(missing_ok=True)
    if signer is not None:
        files[manifest.ATTESTATION] = envelope.sign(payload, signer)
    else:
        (folder / manifest.ATTESTATION).unlink(missing_ok=True)
    if not _stands(folder, files.get(manifest.ATTESTATION)):
        (folder / manifest.TIMESTAMP).unlink(missing_ok=True)
    place(files, folder)
    return [folder / name for name in files]


def _stands(folder: Path, attestation: bytes | None) -> bool:
    path = folder / manifest.ATTESTATION
    return attestation is not None and path.is_file() and path.read_bytes() == attestation


def _says(bundle: Path, payload: bytes) -> bool:
    return bundle.is_file() and keyless.payload_of(bundle.read_bytes()) == payload
