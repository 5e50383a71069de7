"""The certificate authority: a short-lived code-signing certificate for whoever shows a token and holds a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_sigstore.issuer import Issuer
from local_sigstore.transparency import CertificateLog

ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
ISSUER_V2_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
MINUTES = 10


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "sigstore.example"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


class Certifier:
    """Root and intermediate. `logged`: whether certificates carry the promise of the log."""

    def __init__(self, issuer: Issuer, log: CertificateLog) -> None:
        self.issuer, self.log, self.logged = issuer, log, True
        root_key, self._key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = self._authority("root", root_key.public_key(), "root", root_key)
        self.middle = self._authority("intermediate", self._key.public_key(), "root", root_key)

    def _authority(self, subject: str, public: ec.EllipticCurvePublicKey, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(issuer))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None if subject == "root" else 0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA384())
        )

    def certify(self, request: x509.CertificateSigningRequest, token: str) -> list[x509.Certificate]:
        """The chain, leaf first. Raises ValueError for a request that its key did not sign, jwt.InvalidTokenError for a bad token."""
        subject = self.issuer.subject(token)
        public = request.public_key()
        if not request.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
            raise ValueError("the request is not signed by its key")
        bare = self._leaf(subject, public)
        unlogged = bare.sign(self._key, hashes.SHA256())
        if not self.logged:
            return [unlogged, self.middle, self.root]
        promise = self.log.promise(unlogged, self._key.public_key())
        return [bare.add_extension(promise, critical=False).sign(self._key, hashes.SHA256()), self.middle, self.root]

    def _leaf(self, subject: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        said: x509.GeneralName = x509.RFC822Name(subject) if "@" in subject else x509.UniformResourceIdentifier(subject)
        url = self.issuer.url.encode()
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(_name("intermediate"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=5))
            .not_valid_after(now + timedelta(minutes=MINUTES))
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([said]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_OID, url), critical=False)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V2_OID, bytes([0x0C, len(url)]) + url), critical=False)
        )
