"""`manifest.json`: the SHA-256 of every file of a pack, and a checksum of its own.

The journal's hash chain covers its events, not the bytes of the database file around them; the manifest covers every byte. Without an
attestation it shows damage, not forgery: whoever can change a file can change the manifest too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

JOURNAL = "journal.sqlite"
MANIFEST = "manifest.json"
ATTESTATION = "attestation.dsse.json"
TIMESTAMP = "attestation.tsr"
BUNDLE = "attestation.sigstore.json"
BUNDLE_SUM = "attestation.sigstore.sha256"
SCHEMA = "zdr-audit/manifest/1"
FORMATS = ("json", "html", "pdf", "letter", "md", "csv", "junit", "sarif", "oscal")
"""Of report files, as `zdr-audit report --format` names them; `letter` is the PDF on US Letter."""


def sha256(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def has_attestation(folder: Path) -> bool:
    """Whether the pack claims to be attested; checking that needs the key."""
    return (folder / ATTESTATION).is_file()


def has_bundle(folder: Path) -> bool:
    """Whether the pack claims to be attested keyless; checking that needs the identity and issuer that are expected."""
    return (folder / BUNDLE).is_file()


def sum_line(bundle: bytes) -> bytes:
    """The file with the digest of the bundle, of the form that `sha256sum -c` reads."""
    return f"{sha256(bundle)}  {BUNDLE}\n".encode("ascii")


def has_timestamp(folder: Path) -> bool:
    """Whether the pack claims a timestamp; checking that needs the authority's root certificate."""
    return (folder / TIMESTAMP).is_file()


def sealed_names(folder: Path) -> list[str]:
    """Files that are still as the folder's manifest says; none where there is no manifest, or a damaged one."""
    try:
        expected = parse((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return []
    return [name for name, digest in expected.items() if (folder / name).is_file() and sha256((folder / name).read_bytes()) == digest]


def render(files: Mapping[str, str]) -> bytes:
    """The manifest of these files (name -> SHA-256 in hex): one form for one content, so that no byte of it can vary."""
    body: dict[str, Any] = {"schema": SCHEMA, "files": dict(sorted(files.items()))}
    return _text(body | {"checksum": sha256(_text(body))})


def _text(body: dict[str, Any]) -> bytes:
    return (json.dumps(body, indent=2, ensure_ascii=True) + "\n").encode("ascii")


def parse(content: bytes) -> dict[str, str]:
    """Name -> digest. Raises ValueError where one byte is not as `render` writes it."""
    try:
        files = json.loads(content)["files"]
        whole = isinstance(files, dict) and all(isinstance(v, str) for v in files.values()) and render(files) == content
    except (ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise ValueError("it is damaged: its checksum or its form is not what was written")
    return dict(files)


def listing(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """(name -> content of every file in the folder, problems). Whatever is not a plain file at its top is a problem. Raises OSError."""
    files: dict[str, bytes] = {}
    problems = []
    for entry in sorted(os.scandir(folder), key=lambda item: item.name):
        if entry.is_file(follow_symlinks=False):
            files[entry.name] = Path(entry.path).read_bytes()
        else:
            problems.append(f"{entry.name}: not a plain file, and not part of the pack")
    return files, problems


def differences(expected: Mapping[str, str], files: Mapping[str, bytes]) -> list[str]:
    """What the files lack, have too much, or have otherwise than `expected` (name -> digest), one line each."""
    found = [f"{name}: missing" for name in sorted(expected.keys() - files.keys())]
    found += [f"{name}: not part of the pack" for name in sorted(files.keys() - expected.keys())]
    found += [
        f"{name}: changed (its SHA-256 is not the recorded one)"
        for name in sorted(expected.keys() & files.keys())
        if sha256(files[name]) != expected[name]
    ]
    return found
