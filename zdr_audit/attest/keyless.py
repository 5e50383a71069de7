"""Keyless signatures (Sigstore): a certificate for minutes, given for an identity token, and an entry in a public log in place of a key that is kept.

The bundle holds certificate, signature and log entry, so it is verified offline. It is made after the manifest, which cannot name it, and some of its
bytes are covered by no signature; its SHA-256 therefore lies beside it: that shows damage, the signatures show forgery.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from zdr_audit.attest import identity, manifest, statement, trust
from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.remake import place
from zdr_audit.report.model import Report
from zdr_audit.report.sanitize import visible

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import ClientTrustConfig, TrustedRoot
    from sigstore.oidc import IdentityToken

SECONDS = 120.0
MAX_BUNDLE_BYTES = 4 * 1024 * 1024
T = TypeVar("T")


class KeylessError(Exception):
    """A bundle that cannot be got, or that does not hold; the message is one line."""


@dataclass(frozen=True)
class Expected:
    """Whose signature is let through: an identity (an address or a workflow), the issuer that vouches for it, and whom to trust for both."""

    identity: str
    issuer: str
    root: TrustedRoot

    def verify(self, cert: Certificate) -> None:
        """As the sigstore library asks a policy. Raises KeylessError for a certificate of somebody else."""
        from sigstore.errors import VerificationError
        from sigstore.verify.policy import AnyOf, Identity, OIDCIssuer, OIDCIssuerV2

        for what, value, policy in (
            ("identity", self.identity, Identity(identity=self.identity)),
            ("issuer", self.issuer, AnyOf([OIDCIssuer(self.issuer), OIDCIssuerV2(self.issuer)])),
        ):
            try:
                policy.verify(cert)
            except VerificationError:
                raise KeylessError(f"it was signed under another {what} than {value!r} ({_held(cert)})") from None


@dataclass(frozen=True)
class Signed:
    """What a good bundle says: the statement's bytes, and the time (UTC) at which it was signed by the `clock` of one of the services, if it says one."""

    payload: bytes
    at: datetime | None
    clock: str = ""


@dataclass(frozen=True)
class Signing:
    """How to sign: where the token comes from, and at which deployment (None: the public one). Checked when it is made."""

    variable: str | None
    config: ClientTrustConfig

    @classmethod
    def asked(cls, config: Path | None, variable: str | None) -> Signing:
        """Raises AttestError where there is no token, no deployment or no extra: to be known before a run."""
        identity.token(variable)
        return cls(variable, trust.deployment(config))

    def sign(self, payload: bytes, seconds: float = SECONDS) -> tuple[bytes, Expected]:
        """The bundle file, and under whose identity it was signed. Raises KeylessError, or AttestError where the token is gone meanwhile."""
        token = identity.token(self.variable)
        try:
            content = _within(seconds, lambda: self._bundle(payload, token))
        except Exception as exc:  # three libraries and two services can fail in any way
            raise KeylessError(_why(exc, str(token))) from None
        who = Expected(token.identity, token.federated_issuer, self.config.trusted_root)
        checked(content, who)
        return content, who

    def _bundle(self, payload: bytes, token: IdentityToken) -> bytes:
        from sigstore.dsse import Statement
        from sigstore.sign import SigningContext

        with SigningContext.from_trust_config(self.config).signer(token) as signer:
            made = json.loads(signer.sign_dsse(Statement(payload)).to_json())
        return (json.dumps(made, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def _within(seconds: float, work: Callable[[], T]) -> T:
    """The library's requests have no limit of time. Raises TimeoutError, and what the work raises."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as exc:
            failed.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError
    return done[0]


def _why(error: Exception, token: str) -> str:
    """One line for what went wrong while signing; the token is cut out, should a service have quoted it."""
    from requests import HTTPError, RequestException
    from sigstore.oidc import ExpiredIdentity

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, RequestException):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, RequestException):
        parts = urlsplit(str(cause.request.url) if cause.request is not None else "")
        address = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if isinstance(cause, HTTPError):
            return f"{address} answered with status {cause.response.status_code}"
        return f"{address} gave no answer that can be used ({type(cause).__name__})"
    if isinstance(error, TimeoutError):
        return "the services did not answer in time"
    if isinstance(error, ExpiredIdentity):
        return "the identity token has expired"
    return f"the services' answers cannot be used ({type(error).__name__}: {_line(error)})".replace(token, "[token]")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def attest(report: Report, folder: Path, signing: Signing) -> Expected:
    """Write the bundle over the folder's manifest and the files that it names, and the bundle's digest. Raises KeylessError, AttestError, OSError."""
    try:
        sealed = (folder / manifest.MANIFEST).read_bytes()
        digests = manifest.parse(sealed) | {manifest.MANIFEST: manifest.sha256(sealed)}
    except ValueError as exc:
        raise AttestError(f"{folder / manifest.MANIFEST}: {exc}") from None
    content, who = signing.sign(statement.render(statement.statement(report, digests)))
    place({manifest.BUNDLE: content, manifest.BUNDLE_SUM: manifest.sum_line(content)}, folder)
    return who


def outcome(work: Callable[[], Expected], folder: Path) -> tuple[bool, str]:
    """(whether the pack was attested, what came of it in a line)."""
    try:
        who = work()
    except (KeylessError, AttestError, OSError) as exc:
        why = (exc.strerror or str(exc)) if isinstance(exc, OSError) else str(exc)
        return False, f"no keyless attestation: {visible(why, 600)}; to ask again: zdr-audit report {folder} --sigstore"
    return True, f"Attestation: {folder / manifest.BUNDLE} (identity {who.identity}, issuer {who.issuer})"


def payload_of(content: bytes) -> bytes | None:
    """The statement in a bundle, nothing of it checked; None where there is none."""
    try:
        return base64.b64decode(json.loads(content)["dsseEnvelope"]["payload"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def checked(content: bytes, expected: Expected) -> Signed:
    """What was signed, after checking certificate, signature and log entry against whom is trusted. Raises KeylessError."""
    from sigstore.errors import CertValidationError, VerificationError
    from sigstore.models import Bundle, InvalidBundle
    from sigstore.verify import Verifier

    if len(content) > MAX_BUNDLE_BYTES:
        raise KeylessError("larger than any bundle")
    try:
        material = json.loads(content)["verificationMaterial"]
        if not material.get("tlogEntries"):
            raise KeylessError("it has no entry in a transparency log, so nobody could have seen that it was made")
        kind, payload = Verifier(trusted_root=expected.root).verify_dsse(Bundle.from_json(content), expected)
        at = _time(material)
    except KeylessError:
        raise
    except CertValidationError:
        raise KeylessError("its certificate is not by a trusted authority, or was not valid when it was used") from None
    except InvalidBundle as exc:
        raise KeylessError(f"not a Sigstore bundle ({_line(exc)})") from None
    except VerificationError as exc:
        raise KeylessError(f"it does not hold: changed after signing, or not what the trusted services made ({_line(exc)})") from None
    except Exception as exc:  # the models raise many kinds for what is none of theirs
        raise KeylessError(f"not a Sigstore bundle ({type(exc).__name__})") from None
    if kind != statement.PAYLOAD_TYPE:
        raise KeylessError(f"it holds {kind[:80]}, not {statement.PAYLOAD_TYPE}")
    return Signed(payload, *at)


def _time(material: dict[str, Any]) -> tuple[datetime | None, str]:
    """When it was signed, and by whose clock. Only a promise of the log makes its time true, and only a timestamp that is the one source of time
    was surely verified."""
    from rfc3161_client import decode_timestamp_response

    (entry,) = material["tlogEntries"]
    stamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps") or []
    if entry.get("inclusionPromise") and entry.get("integratedTime"):
        return datetime.fromtimestamp(int(entry["integratedTime"]), UTC), "the transparency log"
    if len(stamps) == 1:
        at = decode_timestamp_response(base64.b64decode(stamps[0]["signedTimestamp"])).tst_info.gen_time
        return (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)), "the time-stamp authority"
    return None, ""


def _held(cert: Certificate) -> str:
    """Whom a certificate names, for a message."""
    from cryptography.x509 import ExtensionNotFound, OtherName, SubjectAlternativeName

    try:
        names = cert.extensions.get_extension_for_class(SubjectAlternativeName).value
        said = [n.value.decode(errors="replace") if isinstance(n, OtherName) else str(n.value) for n in names]
    except ExtensionNotFound:
        said = []
    return f"its certificate names {', '.join(said)[:160] or 'nobody'}"
