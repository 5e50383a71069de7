"""The DSSE envelope around a statement: signed with, and checked against, a key given from outside."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from zdr_audit.attest.statement import PAYLOAD_TYPE

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, SSlibKey


class SignatureError(Exception):
    """An envelope that is not what the holder of the key signed; the message is one line."""


def sign(payload: bytes, signer: CryptoSigner) -> bytes:
    """The envelope file. Ed25519 signatures have no random part: the same payload and key give the same bytes."""
    from securesystemslib.dsse import Envelope

    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return _text(envelope)


def _text(envelope: Envelope) -> bytes:
    body: dict[str, Any] = envelope.to_dict()
    return (json.dumps(body, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def opened(content: bytes, key: SSlibKey) -> bytes:
    """The payload of an envelope file. Raises SignatureError unless it has exactly one signature, by this key.

    Each byte must be as `sign` writes it: base64 and JSON have many spellings of one content, and only one is let through.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error, VerificationError

    try:
        body = json.loads(content)
        envelope = Envelope.from_dict(copy.deepcopy(body))  # from_dict changes what it is given
        same = _text(envelope) == content
    except (Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SignatureError("the attestation is not a DSSE envelope") from None
    if envelope.payload_type != PAYLOAD_TYPE:
        raise SignatureError(f"the attestation holds {envelope.payload_type[:80]}, not {PAYLOAD_TYPE}")
    if len(envelope.signatures) != 1:
        raise SignatureError(f"the attestation has {len(envelope.signatures)} signatures, expected one")
    try:
        envelope.verify([key], 1)
    except (VerificationError, ValueError):
        raise SignatureError("the attestation's signature is not by the given key, or the attestation was changed after signing") from None
    if not same:
        raise SignatureError("the attestation was changed after signing (outside the signed part)")
    return envelope.payload
