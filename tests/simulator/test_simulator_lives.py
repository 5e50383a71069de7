"""The service begins anew: what was answered is there, what was in memory alone is gone, and nobody gets half an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from inside import Lab

from zdr_audit.simulator.violations import wrap
from zdr_audit.target.transport import Outgoing


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    with Lab(tmp_path) as made:
        yield made


def call(lab: Lab, method: str, path: str, key: str, body: Any = None) -> tuple[int, Any]:
    headers = {"x-api-key": f"sample-key-{key}", "anthropic-version": "2023-06-01", "content-type": "application/json"}
    answer = lab.transport.send(Outgoing(method, path, headers, json.dumps(body).encode() if body is not None else None))
    return answer.status or 0, json.loads(answer.body or b"null")


def restart(lab: Lab) -> None:
    before = lab.parts
    assert call(lab, "POST", "/operator/restart", "operator") == (200, {"restarted": True})
    assert lab.parts is not before
    assert before.ended.is_set() and not lab.parts.ended.is_set()


def enable(lab: Lab) -> str:
    """A fresh organization under ZDR."""
    body = {"account_id": "acct_x", "name": "x", "product": "enterprise"}
    organization = call(lab, "POST", "/v1/organizations", "account-team", body)[1]["id"]
    request = call(lab, "POST", f"/v1/organizations/{organization}/zdr/requests", "account-team", {"reference": "r"})[1]["id"]
    for step in ("approve", "enable"):
        assert call(lab, "POST", f"/v1/zdr/requests/{request}/{step}", "reviewer", {"reference": "r"})[0] == 200
    return str(organization)


def test_states_and_log_are_what_they_were(lab: Lab) -> None:
    organization = enable(lab)
    log = call(lab, "GET", f"/v1/compliance/activities?organization_id={organization}&limit=100", "auditor")
    restart(lab)
    for name, status in ((organization, "enabled"), ("org_subject", "enabled"), ("org_control", "disabled")):
        assert call(lab, "GET", f"/v1/organizations/{name}/zdr", "auditor")[1]["status"] == status
    assert call(lab, "GET", f"/v1/compliance/activities?organization_id={organization}&limit=100", "auditor") == log
    assert call(lab, "POST", "/v1/code/sessions", "subject-member", {"title": "t", "prompt": "p"})[0] == 403
    assert call(lab, "POST", "/v1/code/sessions", "control-member", {"title": "t", "prompt": "p"})[0] == 200


def test_what_was_in_memory_alone_is_gone(lab: Lab) -> None:
    seen: list[str] = []
    wrap(lab.parts.scope, "statement", lambda statement: lambda name: [seen.append(name), statement(name)][1])
    call(lab, "GET", "/v1/organizations/org_subject/zdr", "auditor")
    restart(lab)
    call(lab, "GET", "/v1/organizations/org_subject/zdr", "auditor")
    assert seen == ["org_subject"]


def test_a_violation_is_in_the_next_life_too(tmp_path: Path) -> None:
    with Lab(tmp_path, "con-open-without-credential") as lab:
        for _ in range(2):
            assert lab.transport.send(Outgoing("GET", "/v1/organizations/org_subject/zdr")).status == 200
            restart(lab)


def test_a_service_that_cannot_begin_anew_says_so(lab: Lab) -> None:
    lab.parts.restart = None
    assert call(lab, "POST", "/operator/restart", "operator")[0] == 409


def test_only_the_operator_may(lab: Lab) -> None:
    before = lab.parts
    for key in ("subject-admin", "subject-member", "reviewer", "account-team", "auditor"):
        assert call(lab, "POST", "/operator/restart", key)[0] == 403, key
    assert lab.parts is before


@pytest.mark.parametrize(
    ("violation", "before", "after"),
    [("enb-off-after-restart", "enabled", "disabled"), ("enb-features-open-after-restart", "enabled", "enabled")],
)
def test_the_seeded_ones_show_after_a_restart_and_not_before(tmp_path: Path, violation: str, before: str, after: str) -> None:
    with Lab(tmp_path, violation) as lab:
        organization = enable(lab)
        assert call(lab, "GET", f"/v1/organizations/{organization}/zdr", "auditor")[1]["status"] == before
        restart(lab)
        assert call(lab, "GET", f"/v1/organizations/{organization}/zdr", "auditor")[1]["status"] == after
        assert call(lab, "GET", "/v1/organizations/org_subject/zdr", "auditor")[1]["status"] == "enabled"
