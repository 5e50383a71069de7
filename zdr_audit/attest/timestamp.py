"""The RFC 3161 timestamp over the attestation (`attestation.tsr`): shows that the attestation existed at a time, on a third party's word.

The token is made after the attestation, so neither manifest nor attestation can name it. Its integrity is its own: nearly all of it is
signed by the authority, and what is not must have the one form that `token_form` lets through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from zdr_audit.attest import token_form
from zdr_audit.attest.errors import AttestError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampRequest, TimeStampResponse

MAX_TOKEN_BYTES = 64 * 1024
SHA256_OID = "2.16.840.1.101.3.4.2.1"
CHANGED = "not a timestamp by the given authority, or changed after it was made"


class TimestampError(Exception):
    """A timestamp that cannot be got, or that does not hold; the message is one line."""


@dataclass(frozen=True)
class Stamp:
    """What a good token says: `at` is the time (UTC) by the authority's clock, `authority` the subject of its certificate."""

    at: datetime
    authority: str


def needs_extra() -> AttestError:
    return AttestError("timestamps need the extra 'timestamp': pip install 'zdr-audit[timestamp]'")


def load_roots(path: Path) -> list[Certificate]:
    """The certificates of a PEM file, each trusted as a root. Raises AttestError."""
    try:
        import rfc3161_client  # noqa: F401 - said here, before a verification is under way
        from cryptography.x509 import load_pem_x509_certificates
    except ImportError:
        raise needs_extra() from None
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except OSError as exc:
        raise AttestError(f"{path}: cannot be read: {exc.strerror}") from None
    except Exception:  # cryptography raises many kinds for what is no certificate
        raise AttestError(f"{path}: not a certificate in PEM form") from None


def request_for(content: bytes) -> TimeStampRequest:
    """A request for a timestamp over the content: carries its SHA-256 and a nonce, and asks for the certificate. Raises AttestError."""
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
    except ImportError:
        raise needs_extra() from None
    return TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).cert_request(cert_request=True).build()


def answered(answer: bytes, request: TimeStampRequest, content: bytes) -> datetime:
    """The time of an authority's answer to this request over this content. Raises TimestampError for any other answer.

    Who signed it is not looked at: trust in the authority is the reader's to give (`checked`).
    """
    response = _decoded(answer, content)
    if response.tst_info.nonce != request.nonce:
        raise TimestampError("the answer is to another request (its nonce differs)")
    try:
        token_form.examine(answer)
    except token_form.FormError as exc:
        raise TimestampError(f"the answer is of a form that 'verify' does not let through: {exc}") from None
    return _utc(response.tst_info.gen_time)


def checked(token: bytes, content: bytes, roots: Sequence[Certificate]) -> Stamp:
    """What the token says of the content, after checking digest, signature and the certificate chain to one of the roots.

    The certificates must have been valid at the token's time, not today. Raises TimestampError.
    """
    from cryptography.x509 import load_der_x509_certificate
    from rfc3161_client import VerificationError, VerifierBuilder

    response = _decoded(token, content)
    try:
        certificates = [load_der_x509_certificate(der) for der in token_form.examine(token)]
        VerifierBuilder(roots=list(roots)).build().verify(response, hashlib.sha256(content).digest())
        token_form.signed_throughout(certificates, roots)
        (signer,) = response.signed_data.signer_infos
        leaf = next(c for c in certificates if (c.issuer, c.serial_number) == (signer.issuer, signer.serial_number))
    except (VerificationError, token_form.FormError) as exc:
        raise TimestampError(f"{CHANGED} ({_line(exc)})") from None
    except Exception as exc:  # cryptography raises many kinds for what is no certificate
        raise TimestampError(f"{CHANGED} ({type(exc).__name__})") from None
    return Stamp(_utc(response.tst_info.gen_time), leaf.subject.rfc4514_string())


def _decoded(answer: bytes, content: bytes) -> TimeStampResponse:
    """The answer, if it grants a timestamp over the SHA-256 of the content."""
    from rfc3161_client import PKIStatus, decode_timestamp_response

    try:
        response = decode_timestamp_response(answer)
        status = response.status
    except Exception:  # the decoder raises several kinds, for bytes that anybody may have sent
        raise TimestampError("not a timestamp (RFC 3161)") from None
    if status != PKIStatus.GRANTED:
        raise TimestampError(f"no timestamp was granted (status {status})")
    try:
        imprint = response.tst_info.message_imprint
        same = imprint.hash_algorithm.dotted_string == SHA256_OID and imprint.message == hashlib.sha256(content).digest()
    except Exception:  # likewise
        raise TimestampError("not a timestamp (RFC 3161)") from None
    if not same:
        raise TimestampError("it is over something else than this attestation")
    return response


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
