"""Asks a time-stamp authority over HTTP: one bounded request that carries a digest and a nonce, nothing else of the run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from zdr_audit.attest import manifest, remake, timestamp
from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.timestamp import TimestampError
from zdr_audit.target.transport import Outgoing, Transport

SECONDS = 30.0
HEADERS = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}


def check_url(url: str) -> None:
    """Raises AttestError for what is no address of an authority, or where the extra is missing."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or not url.isascii() or not url.isprintable() or " " in url:
        raise AttestError(f"--timestamp {url[:200]!r}: not an http or https address")
    if parts.username is not None:
        raise AttestError("--timestamp: credentials in the address are not supported")
    timestamp.request_for(b"a probe of the installation, sent nowhere")


def fetch(url: str, content: bytes, seconds: float = SECONDS) -> tuple[bytes, datetime]:
    """A token over the content and its time (UTC). No redirect is followed. Raises TimestampError, and AttestError as `check_url` does."""
    check_url(url)
    request = timestamp.request_for(content)
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    transport = Transport(f"{parts.scheme}://{parts.netloc}", seconds, timestamp.MAX_TOKEN_BYTES)
    answer = transport.send(Outgoing("POST", path, HEADERS, request.as_bytes()))
    if answer.error:
        raise TimestampError(answer.error)
    if answer.status != 200:
        raise TimestampError(f"the authority answered with status {answer.status}")
    return answer.body, timestamp.answered(answer.body, request, content)


def stamp(folder: Path, url: str, seconds: float = SECONDS) -> datetime:
    """Write `attestation.tsr` beside the pack's attestation; gives its time (UTC). Raises TimestampError, AttestError, OSError."""
    path = folder / manifest.ATTESTATION
    if not path.is_file():
        raise AttestError(f"{folder}: no attestation to be stamped (--attest-key makes one)")
    token, at = fetch(url, path.read_bytes(), seconds)
    remake.place({manifest.TIMESTAMP: token}, folder)
    return at
