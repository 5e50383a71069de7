"""The provider's side of other targets: what is kept is listed by organization, the time is a number, a restart begins after its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_events import interaction
from inside import Lab

from suites.exceptions import scenarios as exceptions
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.suite.hands import Reply


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def changed(profile: Profile, **operations: dict[str, Any]) -> Profile:
    """The profile with other members of some operations; `__` stands for the dot in a name."""
    new = {name.replace("__", "."): update for name, update in operations.items()}
    made = {name: Operation.model_validate(profile.operations[name].model_dump() | update) for name, update in new.items()}
    return profile.model_copy(update={"operations": profile.operations | made})


def test_what_is_kept_is_listed_for_the_organization_that_it_is_kept_of(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.profile = changed(lab.profile, exceptions__list={"query": {"workspace": "{org}"}})
        assay = lab.assay("exceptions.a_flagged_session_and_a_legal_hold", 1)
        org = assay.fresh()
        exceptions.read_exceptions(assay, org)
        (listed,) = [i for i in lab.history().interactions.values() if i.operation == "exceptions.list"]
        assert listed.path.endswith(f"?workspace={org.id}")


@pytest.mark.parametrize("said", [1_795_736_689_495, 1_795_736_689, "2026-11-26T23:44:49+00:00", "2026-11-26T23:44:49"])
def test_the_targets_time_may_be_a_number(said: object) -> None:
    found = exceptions._said(Reply(interaction(1), {"now": said}))
    assert abs(found - datetime(2026, 11, 26, 23, 44, 49, tzinfo=UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize(("answers", "asked"), [([True, True, False], 3), ([False], 1), ([True] * 20, 8)])
def test_a_restart_that_was_answered_may_begin_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[bool], asked: int
) -> None:
    with Lab(tmp_path) as lab:
        assay, seen = lab.assay("enablement.the_service_begins_anew", 1), list[str]()

        def call(_self: object, _operation: str, *_who: object, step: str, **_more: object) -> Reply:
            seen.append(step)
            served = answers[len(seen) - 1]
            return Reply(interaction(1, accepted=served, outcome="accepted" if served else "no_answer"))

        monkeypatch.setattr(type(assay), "call", call)
        monkeypatch.setattr(type(assay), "pause", lambda *_: None)
        assert assay.wait_until_gone(step="is it gone") is (asked < 8)  # looked for at most as long as the settle window
        assert len(seen) == asked


def test_a_target_that_is_back_when_it_answers_is_watched_once(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        assay, paused = lab.assay("enablement.the_service_begins_anew", 1), list[float]()
        assay.pause = paused.append
        assay.restart()
        assert (len(paused), assay.recorder.ends_late) == (8, False)
        assay.restart()
        assert len(paused) == 8
