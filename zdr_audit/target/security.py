"""How the way to the target is secured: certificate authorities, a client certificate, a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import Profile


@dataclass(frozen=True)
class Security:
    """Paths of PEM files and the URL of a proxy, as requests takes them."""

    ca: str | None = None
    certificate: str | tuple[str, str] | None = None
    proxy: str | None = None


OPEN = Security()


def security_of(profile: Profile, environment: Mapping[str, str]) -> Security:
    """What the profile says, with every file read once. Raises ProfileError for a file that is no use."""
    tls = profile.tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.ca is not None:
        _readable("tls.ca", tls.ca)
        try:
            context.load_verify_locations(cafile=tls.ca)
        except (ssl.SSLError, OSError):
            raise ProfileError(f"tls.ca: {tls.ca} holds no certificate in PEM") from None
    if tls.client_cert is not None:
        _readable("tls.client_cert", tls.client_cert)
        if tls.client_key is not None:
            _readable("tls.client_key", tls.client_key)
        try:
            context.load_cert_chain(tls.client_cert, tls.client_key, password=lambda: "")
        except (ssl.SSLError, OSError, ValueError):
            key = tls.client_key or tls.client_cert
            raise ProfileError(
                f"tls.client_cert: {tls.client_cert} and the key in {key} do not belong together, or are not plain PEM"
            ) from None
    certificate = tls.client_cert if tls.client_cert is None or tls.client_key is None else (tls.client_cert, tls.client_key)
    target = profile.target
    return Security(tls.ca, certificate, environment.get(target.proxy_env) if target.proxy_env else target.proxy)


def proxy_secrets(security: Security) -> set[str]:
    """What must not be written of the proxy's URL."""
    if security.proxy is None:
        return set()
    password = urlsplit(security.proxy).password
    return {security.proxy, password, unquote(password)} if password else set()


def _readable(key: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as exc:
        raise ProfileError(f"{key}: {path} cannot be read: {exc.strerror}") from None
