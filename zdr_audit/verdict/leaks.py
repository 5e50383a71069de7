"""What makes two traces the same leak: the source and the kind of object, without what differs from request to request."""

from __future__ import annotations

import re

LIMIT = 400
_RANDOM = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{8,}|(?<=_)[0-9A-Za-z]{12,}|(?<=tmp)[0-9A-Za-z_]{6,}"
)


def kind_of(name: str) -> str:
    """The name of an object with identifiers, random parts and numbers left out: `blobs/archive/req_*`."""
    return re.sub(r"\d+", "#", _RANDOM.sub("*", name[:LIMIT]))
