"""The one form that a timestamp token may have where the authority's signature does not cover it.

The signature covers time, digest and signed attributes, and each certificate that the chain needs has one of its own. Around them are numbers
and algorithm names that a verifier could ignore, certificates that no chain uses, and room for additions. Left alone, a byte of these could be
changed without anybody seeing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SEQUENCE, SET, INTEGER, BITS, OCTETS, OID, FIRST = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06, 0xA0
GRANTED = bytes([SEQUENCE, 3, INTEGER, 1, 0])
SHA256, SHA384, SHA512 = (bytes.fromhex(f"060960864801650304020{n}") for n in (1, 2, 3))
_ECDSA, _RSA, _ED25519 = "06082a8648ce3d0403", "06092a864886f70d0101", "06032b6570"
# Name of the signature algorithm -> the digests that it goes with.
SIGNATURES = {
    bytes.fromhex(_ECDSA + "02"): (SHA256,),
    bytes.fromhex(_ECDSA + "03"): (SHA384,),
    bytes.fromhex(_ECDSA + "04"): (SHA512,),
    bytes.fromhex(_RSA + "01"): (SHA256, SHA384, SHA512),
    bytes.fromhex(_RSA + "0b"): (SHA256,),
    bytes.fromhex(_RSA + "0c"): (SHA384,),
    bytes.fromhex(_RSA + "0d"): (SHA512,),
    bytes.fromhex(_ED25519): (SHA512,),
}
NULL = b"\x05\x00"


class FormError(ValueError):
    """A token that is not of the form; the message is a few words."""


class Item(NamedTuple):
    """One DER item: its tag, its bytes with tag and length, its content."""

    tag: int
    whole: bytes
    content: bytes


def items(data: bytes) -> Iterator[Item]:
    """The items that lie one behind another in the data. Raises FormError."""
    place = 0
    while place < len(data):
        head = data[place : place + 2]
        if len(head) < 2 or head[1] == 0x80 or head[1] > 0x83:
            raise FormError("not DER")
        start = place + 2
        size = head[1]
        if size > 0x80:
            start += size - 0x80
            size = int.from_bytes(data[place + 2 : start], "big")
        if start + size > len(data):
            raise FormError("not DER")
        yield Item(head[0], data[place : start + size], data[start : start + size])
        place = start + size


def _members(data: bytes, *tags: int) -> list[Item]:
    """The items of the data, which must have these tags, in this order, and be all there is."""
    found = list(items(data))
    if tuple(item.tag for item in found) != tags:
        raise FormError("parts missing, or parts that no token needs")
    return found


def _number(item: Item, expected: int) -> None:
    if item.content != bytes([expected]):
        raise FormError("a version number is not the standard's")


def _algorithm(item: Item) -> bytes:
    """The name (an OID with tag and length) of an algorithm that has no parameters."""
    parts = list(items(item.content))
    if not parts or parts[0].tag != OID or [p.whole for p in parts[1:]] not in ([], [NULL]):
        raise FormError("an algorithm with parameters")
    return parts[0].whole


def examine(token: bytes) -> list[bytes]:
    """Check the form of a TimeStampResp (DER); gives its certificates (DER each). Raises FormError."""
    (response,) = _members(token, SEQUENCE)
    status, envelope = _members(response.content, SEQUENCE, SEQUENCE)
    if status.whole != GRANTED:
        raise FormError("its status is not plainly 'granted'")
    _, explicit = _members(envelope.content, OID, FIRST)
    (signed,) = _members(explicit.content, SEQUENCE)
    version, digests, _, certificates, signers = _members(signed.content, INTEGER, SET, SEQUENCE, FIRST, SET)
    _number(version, 3)
    (signer,) = _members(signers.content, SEQUENCE)
    signer_version, _, digest, _, signature, _ = _members(signer.content, INTEGER, SEQUENCE, SEQUENCE, FIRST, SEQUENCE, OCTETS)
    _number(signer_version, 1)
    if digests.content != digest.whole:
        raise FormError("its digest algorithms differ")
    if _algorithm(digest) not in SIGNATURES.get(_algorithm(signature), ()):
        raise FormError("its signature and digest algorithms do not go together")
    return [_certificate(item) for item in items(certificates.content)]


def _certificate(item: Item) -> bytes:
    """The certificate, if the algorithm that it names outside of its signed part is the one named inside, and its signature is whole bytes."""
    body, algorithm, signature = _members(item.content, SEQUENCE, SEQUENCE, BITS)
    if signature.content[:1] != b"\0":
        raise FormError("a certificate with a signature of odd bits")
    if algorithm.whole != next((part.whole for part in items(body.content) if part.tag == SEQUENCE), None):
        raise FormError("a certificate that names two signature algorithms")
    return item.whole


def signed_throughout(certificates: Sequence[Certificate], roots: Sequence[Certificate]) -> None:
    """Check that each certificate of a token has a good signature by another of them, by itself, or by a root. Raises FormError.

    The chain needs only some of them; the others would go unread.
    """
    for certificate in certificates:
        if not any(_issued(certificate, issuer) for issuer in (*certificates, *roots)):
            raise FormError("it holds a certificate that was changed, or that leads to no root given")


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
