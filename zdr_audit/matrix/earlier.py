"""What the suites that were there first see of a violation: whether those that go into depth were needed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from zdr_audit import resources
from zdr_audit.journal.events import Interaction
from zdr_audit.journal.store import Journal, JournalError
from zdr_audit.matrix.judge import Result

JOURNAL = "journal.sqlite"


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    return tomllib.loads((resources.fixtures() / "earlier_suites.toml").read_text(encoding="utf-8"))


def earlier_suites() -> Mapping[str, frozenset[str]]:
    """Each control of the earlier suites with the scenarios that it rested on then."""
    return {control: frozenset(scenarios) for control, scenarios in _data()["controls"].items()}


def missed_for_real() -> frozenset[str]:
    """Violations that the earlier suites, as they were, were run against and missed."""
    return frozenset(_data()["missed"])


def seen_earlier(result: Result, suites: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The controls of the earlier suites that fail by what their own scenarios sent. A finding of which that cannot be told counts."""
    requests = {name: {f["request"] for f in result.controls[name]["findings"]} for name in result.having("fail") if name in suites}
    if not requests:
        return ()
    scenarios = _scenarios(result)
    return tuple(
        name for name, asked in requests.items() if not asked or any(scenarios.get(request) in {None, *suites[name]} for request in asked)
    )


def _scenarios(result: Result) -> Mapping[str, str]:
    """Request -> the scenario that sent it, from the journal beside the report; empty where there is none."""
    place = result.folder / JOURNAL
    if not place.is_file():
        return {}
    try:
        with Journal(place, read_only=True) as journal:
            return {event.id: event.scenario for event in journal.events() if isinstance(event, Interaction)}
    except JournalError:
        return {}
