"""A session that is named inside the body of a request: where the profile says, and of requests that belong to one alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from inside import Lab

from zdr_audit.profile.operation import Operation
from zdr_audit.run.availability import offered
from zdr_audit.run.script import curl
from zdr_audit.suite.party import NotOffered
from zdr_audit.target.dialects.openai_chat import OpenAIChat
from zdr_audit.target.dialects.registry import dialect_of
from zdr_audit.target.session import NoPlace, in_session
from zdr_audit.target.stimulus import Stimulus


def spec(where: str | None = "/talk/id", **more: Any) -> Operation:
    return Operation.model_validate({"method": "POST", "path": "/v1/messages", "session": where, **more})


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"a": 1}, {"a": 1, "talk": {"id": "one"}}),
        ({"talk": {"by": "me"}}, {"talk": {"by": "me", "id": "one"}}),
        ({"talk": {"id": "other"}}, {"talk": {"id": "one"}}),
    ],
)
def test_the_session_goes_where_the_profile_says(body: dict[str, Any], found: dict[str, Any]) -> None:
    assert json.loads(in_session(json.dumps(body).encode(), spec(), "one")) == found


def test_a_name_with_a_slash_is_one_step() -> None:
    assert json.loads(in_session(b"{}", spec("/a~1b"), "one")) == {"a/b": "one"}


@pytest.mark.parametrize(
    ("body", "where", "session"),
    [(b'{"a": 1}', "/talk/id", None), (b'{"a": 1}', None, "one"), (b'{"a": ', "/t", "one"), (b"[1]", "/t", "one")],
)
def test_what_belongs_to_none_or_is_no_object_stays_as_it_is(body: bytes, where: str | None, session: str | None) -> None:
    assert in_session(body, spec(where), session) == body


def test_a_body_that_is_too_large_stays_too_large() -> None:
    assert len(in_session(b'{"a": 1}' + b" " * 9000, spec(), "one")) > 9000


def test_what_is_no_object_is_not_written_over() -> None:
    with pytest.raises(NoPlace, match="'session' is to stand at /talk/id of the body, where 'talk' is no object"):
        in_session(b'{"talk": "small"}', spec(), "one")


def changed(lab: Lab, where: str) -> None:
    create = lab.profile.operations["messages.create"].model_copy(update={"session": where})
    lab.profile = lab.profile.model_copy(update={"operations": lab.profile.operations | {"messages.create": create}})


def test_requests_of_a_session_name_it_and_others_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab(tmp_path) as lab:
        changed(lab, "/metadata/talk")
        sent: list[Any] = []
        send = lab.transport.send
        monkeypatch.setattr(lab.transport, "send", lambda outgoing: (sent.append(json.loads(outgoing.body)), send(outgoing))[1])
        assay = lab.assay("retention.plain_requests", 1)
        for session in ("one", None):
            assay.infer(assay.subject.member, Stimulus(session=session), step="ask")
        assert [(body.get("metadata") or {}).get("talk") for body in sent] == ["one", None]
        changed(lab, "/messages/talk")
        with pytest.raises(NotOffered, match=r"operation 'messages.create': 'session' is to stand at /messages/talk of the body"):
            lab.assay("retention.plain_requests", 1).infer(assay.subject.member, Stimulus(session="one"), step="ask")


def test_a_dialect_without_sessions_has_them_where_the_body_names_them(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        assert "session" not in offered(lab.profile, OpenAIChat())
        changed(lab, "/thread")
        assert "session" in offered(lab.profile, OpenAIChat())
        script = curl(lab.profile, dialect_of(lab.profile), "messages.create", Stimulus(session="one"), "model-a", "log")
        assert '"thread": "one"' in script


def test_calls_of_a_feature_belong_to_a_session_by_their_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab(tmp_path) as lab:
        feedback = lab.profile.features["feedback"]
        endpoints = tuple(e.model_copy(update={"session": "/talk"}) if e.begins and e.body else e for e in feedback.endpoints)
        features = lab.profile.features | {"feedback": feedback.model_copy(update={"endpoints": endpoints})}
        lab.profile = lab.profile.model_copy(update={"features": features})
        sent: list[bytes] = []
        send = lab.transport.send
        monkeypatch.setattr(lab.transport, "send", lambda outgoing: (sent.append(outgoing.body or b""), send(outgoing))[1])
        assay = lab.assay("exceptions.x", 1)
        values = assay.belonging("feedback", "one")
        assert values["_session"] == "one"
        assert "_session" not in assay.belonging("files", "one")
        assay.use_feature("feedback", assay.control.member, step="use", values=values, only=lambda e: e.begins)
        assay.use_feature("feedback", assay.control.member, step="use", only=lambda e: e.begins)
        assert [b'"talk": "one"' in body for body in sent if body.startswith(b"{")].count(True) * 2 == len(sent)
