"""Where an identity token for keyless signing comes from. The token is a credential: it is kept in memory alone, and named in no message."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from zdr_audit.attest.errors import AttestError

if TYPE_CHECKING:
    from sigstore.oidc import IdentityToken


def needs_extra() -> AttestError:
    return AttestError("keyless attestation needs the extra 'sigstore': pip install 'zdr-audit[sigstore]'")


def token(variable: str | None = None, environment: Mapping[str, str] | None = None) -> IdentityToken:
    """The token in this environment variable; without one, that which the surrounding CI system gives. Raises AttestError."""
    try:
        from sigstore.oidc import IdentityError, IdentityToken, detect_credential
    except ImportError:
        raise needs_extra() from None
    if variable:
        where = f"environment variable {variable}"
        raw = (os.environ if environment is None else environment).get(variable, "").strip()
        if not raw:
            raise AttestError(f"no identity token: {where} is not set")
    else:
        where = "surrounding CI system"
        try:
            raw = detect_credential() or ""
        except Exception as exc:  # each CI system has its own ways to fail, and some texts quote what they were given
            raise AttestError(f"no identity token: the {where} was to give one, and did not ({type(exc).__name__})") from None
        if not raw:
            raise AttestError(
                "no identity token: this is no CI system that gives one; name an environment variable that holds one (--sigstore-token-env)"
            )
    try:
        return IdentityToken(raw)
    except IdentityError:
        said = f"the {where} holds no identity token for Sigstore (a JWT with audience 'sigstore'), or one that has expired"
        raise AttestError(f"no identity token: {said}") from None
