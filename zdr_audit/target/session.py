"""A session that is named in the body of a request: at the member that the profile gives (`session` of an operation)."""

from __future__ import annotations

import json

from zdr_audit.profile.operation import Operation


class NoPlace(Exception):
    """The body has something else where the session is to be named; the message says what."""


def in_session(body: bytes, spec: Operation, session: str | None) -> bytes:
    """The body with the session's name at the member that the operation gives; as it is where that gives none, the request belongs to no session, or the
    body is no JSON object (broken on purpose). White space at its end, which makes it too large, stays. Raises NoPlace."""
    if spec.session is None or session is None:
        return body
    try:
        whole = json.loads(body)
    except ValueError:
        return body
    if not isinstance(whole, dict):
        return body
    *outer, last = (part.replace("~1", "/").replace("~0", "~") for part in spec.session[1:].split("/"))
    inside = whole
    for name in outer:
        inside = inside.setdefault(name, {})
        if not isinstance(inside, dict):
            raise NoPlace(f"'session' is to stand at {spec.session} of the body, where '{name}' is no object")
    inside[last] = session
    return json.dumps(whole).encode() + body[len(body.rstrip(b" ")) :]
