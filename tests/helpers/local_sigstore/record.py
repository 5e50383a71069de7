"""The log of signatures: a Merkle tree whose entries come with a signed time, a proof of inclusion and a signed checkpoint."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from local_sigstore.transparency import spki

ORIGIN = "log.example - 4242"


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _pae(kind: str, body: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return _sha256(b"\1", _root(leaves[:left]), _root(leaves[left:]))


def _path(leaves: list[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    left = 1 << (len(leaves) - 1).bit_length() - 1
    if index < left:
        return [*_path(leaves[:left], index), _root(leaves[left:])]
    return [*_path(leaves[left:], index - left), _root(leaves[:left])]


class SignatureLog:
    """Holds the key and the entries; it begins with some of other people's."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = spki(self._key.public_key())
        self.id = _sha256(self.public)
        self._leaves = [_sha256(b"\0", b"an entry of somebody else, %d" % number) for number in range(5)]

    def enter(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """The answer to a proposed entry (kind dsse, 0.0.1). Raises ValueError, KeyError or InvalidSignature for one that is none."""
        if (proposed["kind"], proposed["apiVersion"]) != ("dsse", "0.0.1"):
            raise ValueError("only DSSE envelopes are taken")
        text = proposed["spec"]["proposedContent"]["envelope"]
        (pem,) = (base64.b64decode(v) for v in proposed["spec"]["proposedContent"]["verifiers"])
        envelope = json.loads(text)
        payload = base64.b64decode(envelope["payload"])
        (signature,) = (base64.b64decode(s["sig"]) for s in envelope["signatures"])
        public = x509.load_pem_x509_certificate(pem).public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise ValueError("not a key that this log knows")
        public.verify(signature, _pae(envelope["payloadType"], payload), ec.ECDSA(hashes.SHA256()))
        spec = {
            "envelopeHash": {"algorithm": "sha256", "value": _sha256(text.encode()).hex()},
            "payloadHash": {"algorithm": "sha256", "value": _sha256(payload).hex()},
            "signatures": [{"signature": base64.b64encode(signature).decode(), "verifier": base64.b64encode(pem).decode()}],
        }
        return self._entered(_canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}))

    def enter_hashed(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """The same for the newer interface, whose entries (kind hashedrekord, 0.0.2) carry no time. Raises as `enter` does."""
        request = proposed["hashedRekordRequestV002"]
        signature, verifier = request["signature"], request["signature"]["verifier"]
        public = x509.load_der_x509_certificate(base64.b64decode(verifier["x509Certificate"]["rawBytes"])).public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise ValueError("not a key that this log knows")
        digest = base64.b64decode(request["digest"])
        public.verify(base64.b64decode(signature["content"]), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        spec = {"hashedRekordV002": {"data": {"algorithm": "SHA2_256", "digest": request["digest"]}, "signature": signature}}
        body = _canonical({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec})
        index, size, root = self._added(body)
        return {
            "logIndex": str(index),
            "logId": {"keyId": base64.b64encode(self.id).decode()},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": base64.b64encode(root).decode(),
                "treeSize": str(size),
                "hashes": [base64.b64encode(item).decode() for item in _path(self._leaves, index)],
                "checkpoint": {"envelope": self._checkpoint(size, root)},
            },
            "canonicalizedBody": base64.b64encode(body).decode(),
        }

    def _added(self, body: bytes) -> tuple[int, int, bytes]:
        """(index of the new leaf, size and root of the tree then)."""
        self._leaves.append(_sha256(b"\0", body))
        return len(self._leaves) - 1, len(self._leaves), _root(self._leaves)

    def _entered(self, body: bytes) -> dict[str, Any]:
        index, size, root = self._added(body)
        entry: dict[str, Any] = {
            "body": base64.b64encode(body).decode(),
            "integratedTime": int(time.time()),
            "logID": self.id.hex(),
            "logIndex": index,
        }
        proof = {
            "checkpoint": self._checkpoint(size, root),
            "hashes": [item.hex() for item in _path(self._leaves, index)],
            "logIndex": index,
            "rootHash": root.hex(),
            "treeSize": size,
        }
        promise = base64.b64encode(self._sign(_canonical(entry))).decode()
        return {self._leaves[-1].hex(): entry | {"verification": {"inclusionProof": proof, "signedEntryTimestamp": promise}}}

    def _checkpoint(self, size: int, root: bytes) -> str:
        note = f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n"
        signature = base64.b64encode(self.id[:4] + self._sign(note.encode())).decode()
        return f"{note}\n— log.example {signature}\n"

    def _sign(self, data: bytes) -> bytes:
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))
