"""Logs that are read once more: not before what was seen in them has settled."""

from __future__ import annotations

from zdr_audit.suite.party import Actor, Party
from zdr_audit.suite.read_again import LogsToReadAgain

READER = Actor("staff.operator", "operator", "staff", "org_p", "none", "x-api-key", "secret")
ONE, OTHER = (Party(name, f"org_{name}", None, "none", {}) for name in ("one", "other"))


def _read(logs: LogsToReadAgain, window: float) -> tuple[list[str], list[float]]:
    waited: list[float] = []
    return [party.key for _, party in logs.settled(window, waited.append)], waited


def test_all_that_were_noted_are_read_once_the_window_has_passed():
    logs = LogsToReadAgain()
    for party in (ONE, OTHER):
        logs.note(READER, party)
    found, waited = _read(logs, 60)
    assert found == ["one", "other"]
    assert len(waited) == 1 and 50 < waited[0] <= 60


def test_where_the_window_has_passed_nobody_waits():
    logs = LogsToReadAgain()
    logs.note(READER, ONE)
    assert _read(logs, 0) == (["one"], [])


def test_where_nothing_was_noted_nobody_waits():
    assert _read(LogsToReadAgain(), 60) == ([], [])
