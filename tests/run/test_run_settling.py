"""The settle window begins when nothing is sent to the target any more: a target that writes once it is quiet must have its time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zdr_audit.run import audit as module
from zdr_audit.run.audit import Audit
from zdr_audit.run.progress import Reporter


class Reads(Audit):
    """Reads each source in a second of a clock of its own."""

    def __init__(self, *kinds: str) -> None:
        self.reporter, self.done, self.clock = Reporter(), None, 0.0
        self.profile: Any = SimpleNamespace(evidence=[SimpleNamespace(id=f"{n}", kind=kind, what=kind) for n, kind in enumerate(kinds)])

    def _read(self, *_: object, **__: object) -> Any:
        self.clock += 1


@pytest.mark.parametrize(
    ("kinds", "since"), [(("files", "sqlite"), 0), (("files", "http", "sqlite"), 2), (("http", "files", "http"), 3), ((), 0)]
)
def test_reading_an_interface_begins_the_settle_window_anew(kinds: tuple[str, ...], since: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Reads(*kinds)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: run.clock))
    assert run._observe("main", "first") == since
