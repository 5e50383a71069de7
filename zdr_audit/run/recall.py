"""What the search must know of a run's requests, brought back from its journal: for a run that goes on, and for one whose evidence is read again."""

from __future__ import annotations

import base64

from zdr_audit.canary.digests import DigestBook, Entry
from zdr_audit.canary.registry import Registry
from zdr_audit.suite.history import History


def recall(history: History) -> tuple[Registry, DigestBook]:
    """The run's canaries by their keyed digests, and the marks of the texts that carried them."""
    key = bytes.fromhex(history.run.key)
    registry, digests = Registry(history.run.literal, key), DigestBook(key)
    for canary in history.canaries.values():
        registry.load(canary.id, canary.digest, canary.cuts)
    for taken in history.digests:
        for canary_id, what, marks in taken.entries:
            digests.add(Entry(canary_id, what, base64.b64decode(marks)))
    return registry, digests
