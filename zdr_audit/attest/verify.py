"""Checks a pack, offline: every digest, the journal's chain, all verdicts judged again, the attestation against a key from outside."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zdr_audit import __version__
from zdr_audit.attest import envelope, keyless, manifest, remake, statement, timestamp
from zdr_audit.attest.errors import AttestError
from zdr_audit.catalogue.model import Catalogue
from zdr_audit.journal.store import Journal, JournalError
from zdr_audit.report.model import Report

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from securesystemslib.signer import SSlibKey

CHAIN_SHOWN = 5
NEEDED = (manifest.JOURNAL, "report.json")
SIGNED_LATER = (manifest.ATTESTATION, manifest.TIMESTAMP, manifest.BUNDLE, manifest.BUNDLE_SUM)
LATER = (manifest.MANIFEST, *SIGNED_LATER)
"""Files that the manifest cannot name: it is older than they are."""


@dataclass
class Verification:
    """`problems`: what is wrong, one line each (none: a good pack). `confirmed` and `notes`: what was checked, and what could not be."""

    problems: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(
    folder: Path,
    catalogue: Catalogue,
    key: SSlibKey | None = None,
    roots: Sequence[Certificate] = (),
    signer: keyless.Expected | None = None,
) -> Verification:
    """Check the pack in `folder`; nothing in it is written to. With a key, a pack without attestation is no good one; with root
    certificates of a time-stamp authority, a pack without timestamp is none; with an expected signer, a pack without keyless attestation.

    Raises AttestError where the folder cannot be read at all.
    """
    found = Verification()
    try:
        files, problems = manifest.listing(folder)
    except OSError as exc:
        raise AttestError(f"{folder}: cannot be read: {exc.strerror}") from None
    found.problems += problems
    bad = _manifest(files, found)
    claims = {manifest.ATTESTATION: _attestation(files, key, bad, found), manifest.BUNDLE: _bundle(files, signer, bad, found)}
    if not claims.keys() & files.keys() and key is None and signer is None:
        found.notes.append("no attestation: this shows that the pack is whole and fits its journal, not who made it")
    stamp = _timestamp(files, roots, found)
    report = _journal(files, catalogue, found)
    if report is not None:
        _reports(report, files, bad, found)
        for name, claimed in claims.items():
            if claimed is not None and claimed.get("predicate") != statement.predicate(report):
                found.problems.append(f"{name}: its result or configuration is not what the journal gives")
        if stamp is not None and f"{stamp.at:%Y-%m-%dT%H:%M:%SZ}" < report.run.ended_at[:19] + "Z":
            found.notes.append(f"by its own clock the run ended at {report.run.ended_at}, after the time of its timestamp")
    return found


def _manifest(files: Mapping[str, bytes], found: Verification) -> set[str]:
    """Compares the files with the manifest; gives the names that a problem was said of."""
    content = files.get(manifest.MANIFEST)
    if content is None:
        found.problems.append(f"{manifest.MANIFEST}: missing, so nothing says what belongs to the pack")
        return set()
    try:
        expected = manifest.parse(content)
    except ValueError as exc:
        found.problems.append(f"{manifest.MANIFEST}: {exc}")
        return {manifest.MANIFEST}
    lines = manifest.differences(expected, _without(files, *LATER))
    lines += [
        f"{name}: not in the manifest, and no pack is whole without it" for name in NEEDED if name not in expected and name not in files
    ]
    found.problems += lines
    if not lines:
        found.confirmed.append(f"{len(expected)} files have the digests of the manifest")
    return {line.split(": ", 1)[0] for line in lines}


def _without(files: Mapping[str, bytes], *names: str) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name not in names}


def _attestation(files: Mapping[str, bytes], key: SSlibKey | None, bad: set[str], found: Verification) -> dict[str, Any] | None:
    """The statement, where it is one that the key's holder signed."""
    name = manifest.ATTESTATION
    content = files.get(name)
    if content is None:
        if key is not None:
            found.problems.append(f"{name}: missing; a key was given, so the pack should have one")
        return None
    if key is None:
        found.problems.append(f"{name}: not checked, no public key was given")
        return None
    try:
        payload = envelope.opened(content, key)
    except envelope.SignatureError as exc:
        found.problems.append(f"{name}: {exc}")
        return None
    body = _statement(name, payload, files, bad, found)
    if body is not None:
        found.confirmed.append(f"the attestation is signed by the given key ({key.keyid[:16]}), result {body['predicate']['result']}")
    return body


def _bundle(files: Mapping[str, bytes], signer: keyless.Expected | None, bad: set[str], found: Verification) -> dict[str, Any] | None:
    """The statement, where it is one that the expected signer signed without a key of his own."""
    name, line = manifest.BUNDLE, manifest.BUNDLE_SUM
    content, digest = files.get(name), files.get(line)
    if content is None:
        if signer is not None:
            found.problems.append(f"{name}: missing; an identity was given, so the pack should have one")
        if digest is not None:
            found.problems.append(f"{line}: there is no {name} that it could be of")
        return None
    if digest is None:
        found.problems.append(f"{line}: missing, so nothing shows damage to {name}")
    elif digest != manifest.sum_line(content):
        found.problems.append(f"{name}: changed, or {line} was (its SHA-256 is not the recorded one)")
        return None
    if signer is None:
        found.problems.append(f"{name}: not checked, no identity was given")
        return None
    try:
        signed = keyless.checked(content, signer)
    except keyless.KeylessError as exc:
        found.problems.append(f"{name}: {exc}")
        return None
    body = _statement(name, signed.payload, files, bad, found)
    if body is not None:
        at = f" at {signed.at:%Y-%m-%d %H:%M:%S} UTC by the clock of {signed.clock}" if signed.at else ""
        who = f"{signer.identity}, for whom {signer.issuer} vouches"
        found.confirmed.append(f"the keyless attestation is signed by {who}{at}, result {body['predicate']['result']}")
    return body


def _statement(name: str, payload: bytes, files: Mapping[str, bytes], bad: set[str], found: Verification) -> dict[str, Any] | None:
    """A signed payload as a statement about these files; None where it is not well-formed."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        found.problems.append(f"{name}: what was signed is not JSON")
        return None
    flaws = statement.flaws(body)
    found.problems += [f"{name}: {flaw}" for flaw in flaws]
    if flaws:
        return None
    subjects = {s["name"]: s["digest"]["sha256"] for s in body["subject"]}
    lines = manifest.differences(subjects, _without(files, *SIGNED_LATER))
    found.problems += [f"{name}: subject {line}" for line in lines if line.split(": ", 1)[0] not in bad]
    return dict(body)


def _timestamp(files: Mapping[str, bytes], roots: Sequence[Certificate], found: Verification) -> timestamp.Stamp | None:
    """What the token says, where it holds for this very attestation."""
    token, attestation = files.get(manifest.TIMESTAMP), files.get(manifest.ATTESTATION)
    if token is None:
        if roots:
            found.problems.append(f"{manifest.TIMESTAMP}: missing; a root certificate was given, so the pack should have one")
        return None
    if attestation is None or not roots:
        what = "there is no attestation that it could be over" if attestation is None else "not checked, no root certificate was given"
        found.problems.append(f"{manifest.TIMESTAMP}: {what}")
        return None
    try:
        stamp = timestamp.checked(token, attestation, roots)
    except timestamp.TimestampError as exc:
        found.problems.append(f"{manifest.TIMESTAMP}: {exc}")
        return None
    found.confirmed.append(f"the attestation existed at {stamp.at:%Y-%m-%d %H:%M:%S} UTC, says {stamp.authority[:100]}")
    return stamp


def _journal(files: Mapping[str, bytes], catalogue: Catalogue, found: Verification) -> Report | None:
    """Judges a copy of the journal again: SQLite may write beside a file that it reads, and the pack is not ours to change."""
    content = files.get(manifest.JOURNAL)
    if content is None:
        return None
    with tempfile.TemporaryDirectory(prefix="zdr-audit-") as scratch:
        copy = Path(scratch) / manifest.JOURNAL
        copy.write_bytes(content)
        broken = _chain(copy)
        if broken:
            found.problems += [f"{manifest.JOURNAL}: {line}" for line in broken[:CHAIN_SHOWN]]
            if len(broken) > CHAIN_SHOWN:
                found.problems.append(f"{manifest.JOURNAL}: and {len(broken) - CHAIN_SHOWN} more events")
            return None
        found.confirmed.append("the journal's hash chain is whole")
        try:
            report = remake.rejudge(copy, catalogue)
        except AttestError as exc:
            found.problems.append(f"{manifest.JOURNAL}: {str(exc).removeprefix(f'{copy}: ')}")
            return None
    if report.run.version != __version__:
        found.notes.append(f"the run was judged by version {report.run.version}; this is version {__version__}")
    return report


def _chain(journal: Path) -> list[str]:
    try:
        with Journal(journal, read_only=True) as record:
            return record.problems()
    except (JournalError, sqlite3.Error, UnicodeError, TypeError) as exc:
        return ["cannot be read as a run journal: " + " ".join(str(exc).removeprefix(f"{journal}: ").split())[:200]]


def _reports(report: Report, files: Mapping[str, bytes], bad: set[str], found: Verification) -> None:
    others = _without(files, manifest.JOURNAL, *LATER)
    again = remake.rendered(report, {remake.format_of(name) for name in others})
    wrong = [name for name in others if name in again and again[name] != others[name]]
    found.problems += [f"{name}: not what the journal gives" for name in wrong if name not in bad]
    if not wrong:
        found.confirmed.append(f"{len(report.controls)} verdicts judged again from the journal; the reports are the same byte for byte")
    unmade = [name for name in others if name not in again and name not in bad]
    found.notes += [f"{name}: its digest was checked, but this installation cannot make it again" for name in unmade]
