"""A time-stamp authority on loopback: `openssl ts` signs, a small HTTP server answers, well or badly as it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """
[tsa]
signer_cert = {folder}/leaf.pem
signer_key = {folder}/leaf.key
certs = {folder}/chain.pem
signer_digest = sha256
digests = sha256
default_policy = 1.3.6.1.4.1.4146.2.3
serial = {folder}/serial
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Root, intermediate and time-stamping certificate in a folder of its own. `root` is the file that a verifier is given."""

    def __init__(self, folder: Path, name: str = "Test TSA") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        root_key, middle_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        # DER wants a set's members in order, so shortest first, and `openssl ts` writes them signer first: the names see to it.
        top = f"{name}, the root of all the others in this chain"
        root = self._certificate(top, root_key.public_key(), top, root_key, ca=True)
        middle = self._certificate(f"{name} middle", middle_key.public_key(), top, root_key, ca=True)
        leaf = self._certificate(name, leaf_key.public_key(), f"{name} middle", middle_key)
        self.root = self._pem("root.pem", root)
        self._pem("leaf.pem", leaf)
        self._pem("chain.pem", middle, root)
        pem = leaf_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "leaf.key").write_bytes(pem)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))

    def _certificate(
        self,
        subject: str,
        public: ec.EllipticCurvePublicKey,
        issuer: str,
        key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=30))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        return builder.sign(key, hashes.SHA256())

    def _pem(self, name: str, *certificates: x509.Certificate) -> Path:
        (self.folder / name).write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates))
        return self.folder / name

    def reply(self, query: bytes) -> bytes:
        """The answer (DER) to a request (DER)."""
        (self.folder / "query.tsq").write_bytes(query)
        words = ["openssl", "ts", "-reply", "-config", str(self.folder / "tsa.cnf"), "-section", "tsa", "-queryfile", "query.tsq"]
        subprocess.run([*words, "-out", "reply.tsr"], cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "reply.tsr").read_bytes()


def needs_openssl() -> None:
    """Skips where the openssl command is missing, but fails under CI: there a skip would hide that nobody looked."""
    if shutil.which("openssl") is None:
        message = "the openssl command is not on PATH, so there is no local time-stamp authority"
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(message)
        pytest.skip(message)


class Desk:
    """What the served authority does (`way`), what it was sent (`queries`), and its address (`url`)."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.way = "good"
        self.queries: list[bytes] = []
        self.kept: bytes | None = None
        self.url = ""


@contextmanager
def served(authority: Authority) -> Iterator[Desk]:
    """The authority behind a port on loopback."""
    desk = Desk(authority)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            desk.queries.append(query)
            assert self.headers["content-type"] == "application/timestamp-query"
            if desk.way == "redirects":
                self._answer(302, b"", location="/elsewhere")
            elif desk.way == "breaks":
                self._answer(500, b"out of paper")
            elif desk.way == "babbles":
                self._answer(200, b"\x30\x80 no token")
            elif desk.way == "floods":
                self._answer(200, bytes(10_000_000))
            elif desk.way == "dawdles":
                self._dawdle()
            elif desk.way == "repeats":
                desk.kept = desk.kept or desk.authority.reply(query)
                self._answer(200, desk.kept)
            else:
                self._answer(200, desk.authority.reply(query))

        def do_GET(self) -> None:
            raise AssertionError("an authority is never asked by GET")

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def _dawdle(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b"0")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_port}/tsa"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
