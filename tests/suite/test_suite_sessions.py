"""Sessions that the profile adds to a dialect that has none: they stand in a header or in the query of inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inside import Lab

from suites.retention import scenarios as retention
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.run.availability import offered
from zdr_audit.suite.inference import _addressed
from zdr_audit.target.dialects.openai_chat import OpenAIChat
from zdr_audit.target.stimulus import Stimulus


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def changed(profile: Profile, **operations: dict[str, Any]) -> Profile:
    """The profile with other members of some operations; `__` stands for the dot in a name."""
    new = {name.replace("__", "."): update for name, update in operations.items()}
    made = {name: Operation.model_validate(profile.operations[name].model_dump() | update) for name, update in new.items()}
    return profile.model_copy(update={"operations": profile.operations | made})


def test_a_dialect_without_sessions_has_them_where_the_profile_says_in_which_header(profile: Profile) -> None:
    assert "session" not in offered(profile, OpenAIChat())
    for member in ("headers", "query"):
        assert "session" in offered(changed(profile, messages__create={member: {"x-conversation": "{session}"}}), OpenAIChat())


def test_only_requests_of_a_session_name_one() -> None:
    spec = Operation(method="POST", path="/chat", headers={"x-thread": "t-{session}", "x-team": "{org}"}, query={"thread": "{session}"})
    known = {"org": "7", "session": "one"}
    assert _addressed(spec, "messages.create", known) == ("/chat?thread=one", {"x-thread": "t-one", "x-team": "7"})
    assert _addressed(spec, "messages.create", known | {"session": None}) == ("/chat", {"x-team": "7"})


def test_other_requests_name_a_session_in_the_same_header(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.profile = changed(lab.profile, messages__create={"headers": {"x-thread": "{session}"}})
        assay = lab.assay("exceptions.a_flagged_session_and_a_legal_hold", 1)
        assert assay.naming("one")["x-thread"] == "one"


def test_requests_without_a_session_are_still_sent(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.profile = changed(lab.profile, messages__create={"headers": {"x-thread": "{session}"}})
        assay = lab.assay("retention.plain_requests", 1)
        assert assay.infer(assay.subject.member, Stimulus(), step="ask").accepted


def test_shapes_are_sent_without_a_session_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Stimulus] = []
    monkeypatch.setattr(retention, "_both", lambda _assay, made, _step: sent.extend(made))
    with Lab(tmp_path) as lab:
        assay = lab.assay("retention.generated_shapes", 1, "quick")
        for there in (True, False):
            assay.offered = assay.offered if there else assay.offered - {"session"}
            retention.generated_shapes.drive(assay)
    half = len(sent) // 2
    assert any(shape.session for shape in sent[:half]) and not any(shape.session for shape in sent[half:])
    assert [shape.model_copy(update={"session": None}) for shape in sent[:half]] == sent[half:]
