"""The whole deployment: its parts, the files that a client is given, and both services behind a port on loopback."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from local_sigstore.certifier import Certifier
from local_sigstore.issuer import Issuer
from local_sigstore.record import SignatureLog
from local_sigstore.transparency import CertificateLog

SINCE = {"start": "2020-01-01T00:00:00Z"}
OPERATOR = "sigstore.example"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Deployment:
    """Issuer, certificate authority and both logs. `way`: how the services behave; `asked`: the paths that were asked for. With `stamps` (address and
    chain, leaf first, of a time-stamp authority) the log of signatures is of the newer kind, which leaves the time to that authority."""

    def __init__(self, issuer: Issuer | None = None, stamps: tuple[str, list[x509.Certificate]] | None = None) -> None:
        self.issuer, self.stamps = issuer or Issuer(), stamps
        self.certificate_log = CertificateLog()
        self.certifier = Certifier(self.issuer, self.certificate_log)
        self.log = SignatureLog()
        self.url = "http://127.0.0.1:9"
        self.way = "good"
        self.asked: list[str] = []
        self.released = threading.Event()

    def trusted_root(self) -> dict[str, Any]:
        """Whom a verifier is to trust."""
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._logged(self.log.public, self.log.id)],
            "certificateAuthorities": [self._authority([self.certifier.middle, self.certifier.root])],
            "ctlogs": [self._logged(self.certificate_log.public, b"\0" * 32)],
            "timestampAuthorities": [self._authority(self.stamps[1])] if self.stamps else [],
        }

    def _authority(self, chain: list[x509.Certificate]) -> dict[str, Any]:
        return {
            "subject": {"organization": OPERATOR, "commonName": "root"},
            "uri": self.url,
            "certChain": {"certificates": [{"rawBytes": _b64(c.public_bytes(Encoding.DER))} for c in chain]},
            "validFor": SINCE,
        }

    def _logged(self, public: bytes, key_id: bytes) -> dict[str, Any]:
        return {
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": _b64(public), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": SINCE},
            "logId": {"keyId": _b64(key_id)},
        }

    def config(self) -> dict[str, Any]:
        """What a signer is given: whom to trust, and where the services are."""
        service = {"url": self.url, "majorApiVersion": 1, "validFor": SINCE, "operator": OPERATOR}
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root(),
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [service],
                "oidcUrls": [],
                "rekorTlogUrls": [service | {"majorApiVersion": 2 if self.stamps else 1}],
                "tsaUrls": [service | {"url": self.stamps[0]}] if self.stamps else [],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def files(self, folder: Path) -> tuple[Path, Path]:
        """(configuration of a signer, trusted root of a verifier), written to the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        config, root = folder / "sigstore-config.json", folder / "trusted-root.json"
        config.write_text(json.dumps(self.config()))
        root.write_text(json.dumps(self.trusted_root()))
        return config, root

    def certificates(self, body: dict[str, Any], authorization: str) -> tuple[int, Any]:
        """The answer of the certificate authority."""
        request = x509.load_pem_x509_csr(base64.b64decode(body["certificateSigningRequest"]))
        scheme, _, token = authorization.partition(" ")
        try:
            chain = self.certifier.certify(request, token if scheme == "Bearer" else "")
        except jwt.InvalidTokenError as exc:
            return 401, {"code": 16, "message": f"the token {token} is not good: {exc}"}
        pems = [c.public_bytes(Encoding.PEM).decode() for c in chain]
        return 201, {"signedCertificateEmbeddedSct": {"chain": {"certificates": pems}}}

    def entries(self, body: dict[str, Any]) -> tuple[int, Any]:
        """The answer of the log of signatures."""
        try:
            return 201, self.log.enter_hashed(body) if self.stamps else self.log.enter(body)
        except (ValueError, KeyError, InvalidSignature) as exc:
            return 400, {"code": 400, "message": f"not an entry: {exc}"}


@contextmanager
def served(deployment: Deployment) -> Iterator[Deployment]:
    """Both services behind one port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            deployment.asked.append(self.path)
            if deployment.way == "hangs":
                deployment.released.wait(60)
            if deployment.way == f"breaks {self.path}":
                self._answer(500, {"code": 500, "message": "out of \x1b[31mpaper"})
            elif deployment.way == f"babbles {self.path}":
                self._answer(201, {"nothing": "of the kind"})
            elif self.path == "/api/v2/signingCert":
                self._answer(*deployment.certificates(body, self.headers["authorization"]))
            elif self.path == f"/api/v{2 if deployment.stamps else 1}/log/entries":
                self._answer(*deployment.entries(body))
            else:
                self._answer(404, {"code": 404, "message": "no such thing"})

        def _answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    deployment.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield deployment
    finally:
        deployment.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
