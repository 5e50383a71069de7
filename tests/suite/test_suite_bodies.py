"""Content goes where people put it: into a file and its name; and a session is named as the client names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from inside import Lab

from zdr_audit.profile.operation import Operation
from zdr_audit.suite.answers import body_of


@pytest.mark.parametrize(("said", "named"), [("Notes on {canary}", "q7canary.txt"), ("Notes", "file.txt")])
def test_a_file_that_carries_content_is_named_by_it(said: str, named: str) -> None:
    spec = Operation(method="POST", path="/v1/files", multipart={"file": said})
    body, headers = body_of(spec, {"canary": "q7canary"})
    assert body is not None
    assert f'name="file"; filename="{named}"\r\n'.encode() in body
    assert headers["content-type"].startswith("multipart/form-data; boundary=")


def test_a_feature_is_asked_for_in_a_session_as_inference_is(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("exceptions.a_flagged_session_and_a_legal_hold", 1, "quick")
        assert hands.naming("zdr-audit-held") == {"x-claude-code-session-id": "zdr-audit-held"}
        hands.offered = hands.offered - {"session"}
        assert hands.naming("zdr-audit-held") == {}


def test_whatever_changes_something_may_have_an_entry_that_a_late_log_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("exceptions.a_flagged_session_and_a_legal_hold", 1, "quick")
        org, noted = hands.fresh(), list[tuple[object, ...]]()
        monkeypatch.setattr(hands.recorder.late_log, "noted", lambda *about: noted.append(about))
        hands.call("zdr.status", org.admin, step="look", org=org)
        assert noted == []
        hands.must("settings.write", org.admin, step="change", org=org, settings={"cleanupPeriodDays": 7})
        assert noted == [(org.id, "", False)]
        asked = hands.provide("zdr.request", step="request", org=org)
        assert noted[1:] == [(org.id, asked.interaction.labels["marker"], True)]
