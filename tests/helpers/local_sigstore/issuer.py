"""Who vouches for identities: tokens (OpenID Connect), signed with a key that only the certificate authority of the deployment knows."""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

AUDIENCE = "sigstore"


class Issuer:
    """An identity provider."""

    def __init__(self, url: str = "https://ci.example/oidc") -> None:
        self.url = url
        self._key = ec.generate_private_key(ec.SECP256R1())

    def token(self, subject: str, *, seconds: float = 600, **claims: Any) -> str:
        """A token for this subject; with negative seconds one that has expired."""
        now = time.time()
        body = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now - 900, "exp": now + seconds} | claims
        return jwt.encode(body, self._key, algorithm="ES256")

    def subject(self, token: str) -> str:
        """Whom a token names. Raises jwt.InvalidTokenError for one that is not this issuer's, or no longer good."""
        claims = jwt.decode(token, self._key.public_key(), algorithms=["ES256"], audience=AUDIENCE, issuer=self.url)
        return str(claims["sub"])
