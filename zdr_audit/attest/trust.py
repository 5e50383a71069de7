"""Whom keyless signing and its verification trust: the public Sigstore service, or the deployment that a file given by the user describes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.identity import needs_extra

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig, TrustedRoot

logging.getLogger("sigstore").addHandler(logging.NullHandler())  # what it has to say is said in our own lines
SERVICES = ("caUrls", "rekorTlogUrls", "tsaUrls")


def deployment(path: Path | None) -> ClientTrustConfig:
    """Services and trusted keys: of a ClientTrustConfig file, or (None) of the public service, asked for over the network. Raises AttestError."""
    try:
        from sigstore.models import ClientTrustConfig
    except ImportError:
        raise needs_extra() from None
    if path is None:
        try:
            return ClientTrustConfig.production()
        except Exception as exc:  # network, file system and signatures of the update framework
            said = f"the keys of the public Sigstore service cannot be had ({type(exc).__name__})"
            raise AttestError(f"{said}; a deployment of your own is named by --sigstore-config") from None
    content = _read(path)
    try:
        found = ClientTrustConfig.from_json(content)
        found.trusted_root.get_fulcio_certs()
        found.signing_config.get_fulcio()
        urls = _addresses(json.loads(content)["signingConfig"])
    except Exception:  # the models raise many kinds for what is none of theirs
        raise AttestError(f"{path}: not a Sigstore client trust configuration (trusted root and signing configuration, JSON)") from None
    _only_private(path, urls)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise AttestError(f"{path}: cannot be read: {exc.strerror}") from None


def _addresses(config: dict[str, Any]) -> list[str]:
    return [service["url"] for name in SERVICES for service in config.get(name) or ()]


def _only_private(path: Path, urls: Iterable[str]) -> None:
    """An identity token is worth a signature: it goes over the wire encrypted, or not off this machine."""
    for url in urls:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            private = parts.scheme == "https" or (parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback))
        except ValueError:
            private = False
        if not private:
            raise AttestError(f"{path}: {url[:200]!r} is no https address, and not on this machine")


def trusted_root(path: Path | None) -> TrustedRoot:
    """Keys to verify with: of a trusted root file, or (None) of the public service as this installation knows them. Nothing is sent. Raises AttestError."""
    try:
        from sigstore.models import ClientTrustConfig, TrustedRoot
    except ImportError:
        raise needs_extra() from None
    if path is not None:
        _read(path)
    try:
        root = TrustedRoot.from_file(str(path)) if path else ClientTrustConfig.production(offline=True).trusted_root
        root.get_fulcio_certs()
    except Exception:  # the models raise many kinds for what is none of theirs
        raise AttestError(f"{path or 'the public Sigstore service'}: not a Sigstore trusted root (JSON), or one without keys") from None
    return root
