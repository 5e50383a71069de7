"""Evidence that an interface gives back over HTTP: bodies of answers, already fetched."""

from __future__ import annotations

from collections.abc import Iterable

from zdr_audit.canary.seeker import Seeker

from .collector import Collector
from .model import Reading


def read_documents(source_id: str, kind: str, documents: Iterable[tuple[str, bytes | str]], seeker: Seeker) -> Reading:
    """Search fetched documents: (name, body bytes), or (name, error text) for one that could not be had, which becomes a `NotExamined`.

    The names are searched too. `objects` and `bytes` count the bodies alone.
    """
    collector = Collector(source_id, kind, seeker)
    for name, body in documents:
        collector.search(name, name.encode("utf-8", "surrogateescape"), lambda _: "name")
        if isinstance(body, str):
            collector.not_examined(name, body)
            continue
        collector.objects += 1
        collector.bytes += len(body)
        collector.search(name, body)
    return collector.reading()
