"""A log of certificates: it signs for each one that it took it (RFC 6962)."""

from __future__ import annotations

import hashlib
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LIST_OID = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """A public key (DER)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class CertificateLog:
    """Holds the key that promises are signed with."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = spki(self._key.public_key())

    def promise(self, unlogged: x509.Certificate, issuer: ec.EllipticCurvePublicKey) -> x509.UnrecognizedExtension:
        """The extension (a list of one signed timestamp) that the same certificate is to carry."""
        body = unlogged.tbs_certificate_bytes
        at = int(time.time() * 1000)
        entry = hashlib.sha256(spki(issuer)).digest() + len(body).to_bytes(3, "big") + body
        signed = struct.pack("!BBQH", 0, 0, at, 1) + entry + struct.pack("!H", 0)
        signature = self._key.sign(signed, ec.ECDSA(hashes.SHA256()))
        stamp = (
            struct.pack("!B32sQH", 0, hashlib.sha256(self.public).digest(), at, 0) + struct.pack("!BBH", 4, 3, len(signature)) + signature
        )
        stamps = struct.pack("!H", len(stamp)) + stamp
        listed = struct.pack("!H", len(stamps)) + stamps
        return x509.UnrecognizedExtension(
            LIST_OID, bytes([0x04, len(listed)] if len(listed) < 0x80 else [0x04, 0x81, len(listed)]) + listed
        )
