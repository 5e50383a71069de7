"""The ZDR workflow: each step, each refusal, and its entry in the audit log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .backend import Backend, Organization, canary, prompt

ZDR = "org_claude_code_zero_data_retention_"


def outcome(organization: Organization) -> tuple[str, str, str, str]:
    """(type without prefix, outcome, reason, role) of the last entry."""
    entry = organization.last_entry()
    return entry["type"].removeprefix(ZDR), entry["outcome"], entry["reason"], entry["actor"]["role"]


def test_the_bootstrap_took_the_real_steps_and_they_are_logged(backend: Backend) -> None:
    kinds = [e["type"] for e in backend.entries("org_subject")]
    assert kinds[0] == "org_created"
    assert [kind.removeprefix(ZDR) for kind in kinds if kind.startswith(ZDR)] == ["requested", "approved", "enabled"]


@pytest.mark.parametrize("name", ["control", "sibling", "neighbour"])
def test_the_other_sample_organizations_are_without_zdr(backend: Backend, name: str) -> None:
    assert backend.get(f"/v1/organizations/org_{name}/zdr", f"{name}-member").json()["status"] == "disabled"


def test_request_review_and_enabling_work_and_the_status_says_so(backend: Backend) -> None:
    organization = backend.organization()
    assert (organization.status()["status"], organization.status()["request_status"]) == ("disabled", None)
    answer = backend.post(f"/v1/organizations/{organization.id}/zdr/requests", "account-team", json={"reference": "TICKET-9"})
    request = answer.json()["id"]
    assert answer.json() == {"id": request, "organization_id": organization.id, "status": "requested"}
    assert outcome(organization) == ("requested", "success", "", "account_team")
    assert organization.last_entry()["entity"] == {"type": "zdr_request", "id": request}
    for step, status in (("approve", "approved"), ("enable", "enabled")):
        answer = backend.post(f"/v1/zdr/requests/{request}/{step}", "reviewer", json={"reference": "TICKET-9"})
        assert answer.json() == {"id": request, "organization_id": organization.id, "status": status}
        assert outcome(organization) == (status, "success", "", "reviewer")
        assert organization.last_entry()["reference"] == "TICKET-9"
    found = organization.status()
    assert (found["status"], found["request_status"]) == ("enabled", "enabled")
    assert found["since"].endswith("Z")


def test_the_status_states_the_scope(backend: Backend) -> None:
    found = backend.get("/v1/organizations/org_subject/zdr", "subject-member").json()
    assert found["covers"] == ["claude_code_inference"]
    assert found["not_covered"] == ["chat", "cowork", "analytics_metadata", "user_and_seat_management", "third_party_integrations"]
    assert found["platforms_covered"] == ["anthropic"]
    assert found["platforms_not_covered"] == ["bedrock", "vertex", "foundry"]


def test_a_rejected_request_enables_nothing_and_a_new_one_may_be_made(backend: Backend) -> None:
    organization = backend.organization()
    request = organization.request()
    organization.step("reviewer", f"/v1/zdr/requests/{request}/reject")
    assert outcome(organization) == ("rejected", "success", "", "reviewer")
    organization.step("reviewer", f"/v1/zdr/requests/{request}/enable", 409)
    assert outcome(organization) == ("enabled", "refused", "not_approved", "reviewer")
    organization.step("reviewer", f"/v1/zdr/requests/{request}/approve", 409)
    assert outcome(organization) == ("approved", "refused", "not_requested", "reviewer")
    assert organization.status()["status"] == "disabled"
    organization.enable()


def test_nothing_is_enabled_before_review(backend: Backend) -> None:
    organization = backend.organization()
    request = organization.request()
    organization.step("reviewer", f"/v1/zdr/requests/{request}/enable", 409)
    assert outcome(organization) == ("enabled", "refused", "not_approved", "reviewer")
    assert organization.status()["status"] == "disabled"


def test_an_organization_without_commercial_terms_is_not_approved(backend: Backend) -> None:
    organization = backend.organization(commercial_terms=False)
    request = organization.request()
    organization.step("reviewer", f"/v1/zdr/requests/{request}/approve", 409)
    assert outcome(organization) == ("approved", "refused", "not_eligible", "reviewer")
    organization.step("reviewer", f"/v1/zdr/requests/{request}/enable", 409)
    assert organization.status()["status"] == "disabled"
    organization.step("reviewer", f"/v1/zdr/requests/{request}/reject")


def test_enabling_twice_is_refused(backend: Backend) -> None:
    organization = backend.organization()
    request = organization.enable()
    organization.step("reviewer", f"/v1/zdr/requests/{request}/enable", 409)
    assert outcome(organization)[:2] == ("enabled", "refused")
    organization.step("account-team", f"/v1/organizations/{organization.id}/zdr/requests", 409)
    assert outcome(organization) == ("requested", "refused", "already_enabled", "account_team")
    assert organization.status()["status"] == "enabled"


def test_one_request_at_a_time_is_open(backend: Backend) -> None:
    organization = backend.organization()
    organization.request()
    organization.step("account-team", f"/v1/organizations/{organization.id}/zdr/requests", 409)
    assert outcome(organization) == ("requested", "refused", "request_open", "account_team")


def test_the_provider_can_disable_and_enable_again_by_a_new_request(backend: Backend) -> None:
    organization = backend.organization(zdr=True)
    organization.step("reviewer", f"/v1/organizations/{organization.id}/zdr/disable")
    assert outcome(organization) == ("disabled", "success", "", "reviewer")
    assert (organization.status()["status"], organization.status()["since"]) == ("disabled", None)
    assert backend.get("/v1/files", organization.admin).status_code == 200
    organization.step("reviewer", f"/v1/organizations/{organization.id}/zdr/disable", 409)
    assert outcome(organization) == ("disabled", "refused", "not_enabled", "reviewer")
    organization.enable()
    assert backend.get("/v1/files", organization.admin).status_code == 403


def steps(organization: Organization, request: str) -> dict[str, str]:
    """Every step of the workflow: the type of its entry -> its path."""
    return {
        "requested": f"/v1/organizations/{organization.id}/zdr/requests",
        "approved": f"/v1/zdr/requests/{request}/approve",
        "rejected": f"/v1/zdr/requests/{request}/reject",
        "enabled": f"/v1/zdr/requests/{request}/enable",
        "disabled": f"/v1/organizations/{organization.id}/zdr/disable",
        "migrated": f"/v1/organizations/{organization.id}/zdr/migrate",
    }


MAY = {
    "account-team": {"requested", "migrated"},
    "reviewer": {"approved", "rejected", "enabled", "disabled"},
    "operator": set(),
    "auditor": set(),
    "member": set(),
    "admin": set(),
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_takes_its_own_steps_alone_and_each_attempt_is_logged_once(backend: Backend, role: str) -> None:
    organization = backend.organization()
    request = organization.request()
    key = {"member": organization.member()[1], "admin": organization.admin}.get(role, role)
    for kind, path in steps(organization, request).items():
        if kind in MAY[role]:
            continue
        before = len(organization.entries())
        answer = backend.post(path, key, json={"reference": f"TRY-{kind}"})
        assert answer.status_code == 403
        assert answer.json()["error"]["type"] == "permission_error"
        assert len(organization.entries()) == before + 1
        assert outcome(organization) == (kind, "refused", "wrong_role", role.replace("-", "_"))
        assert organization.last_entry()["reference"] == f"TRY-{kind}"
    assert organization.status()["status"] == "disabled"


def test_to_a_customer_another_organization_does_not_exist_and_nothing_is_logged_in_it(backend: Backend) -> None:
    organization = backend.organization()
    request = organization.request()
    before = organization.entries()
    for path in steps(organization, request).values():
        answer = backend.post(path, "subject-admin", json={"reference": "X"})
        assert answer.status_code == 404
        assert answer.json()["error"] == backend.post("/v1/zdr/requests/none/enable", "subject-admin", json={}).json()["error"]
    assert backend.get(f"/v1/organizations/{organization.id}/zdr", "subject-admin").status_code == 404
    assert organization.entries() == before


@pytest.mark.parametrize("body", [{}, {"reference": ""}, {"reference": "x" * 201}, {"reference": 1}, {"reference": "a\nb"}, []])
def test_a_step_needs_a_short_plain_reference(backend: Backend, body: Any) -> None:
    organization = backend.organization()
    before = organization.entries()
    assert backend.post(f"/v1/organizations/{organization.id}/zdr/requests", "account-team", json=body).status_code == 400
    assert organization.entries() == before


def test_a_refused_attempt_with_a_bad_body_is_logged_without_reference(backend: Backend) -> None:
    organization = backend.organization()
    marker = canary()
    path = f"/v1/organizations/{organization.id}/zdr/disable"
    for data in (b"", marker.encode(), b'{"reference": "' + marker.encode() + b"x" * 200 + b'"}', marker.encode() * 4000):
        assert backend.post(path, organization.admin, data=data).status_code == 403
        assert outcome(organization)[:3] == ("disabled", "refused", "wrong_role")
        assert organization.last_entry()["reference"] == ""


def test_a_new_organization_of_an_account_with_zdr_starts_without(backend: Backend) -> None:
    fresh = backend.organization(account_id="acct_sample")
    assert fresh.status()["status"] == "disabled"
    assert backend.post("/v1/sessions", fresh.admin, json={"prompt": "x"}).status_code == 200


def test_enabling_takes_effect_for_the_very_next_request(backend: Backend) -> None:
    organization = backend.organization()
    marker = canary()
    assert backend.post("/v1/sessions", organization.admin, json={"prompt": "x"}).status_code == 200
    organization.enable()
    assert backend.ask(organization.admin, prompt(marker)).status_code == 200
    assert backend.post("/v1/sessions", organization.admin, json={"prompt": marker}).status_code == 403
    assert backend.where(marker) == set()


def test_a_pay_as_you_go_organization_may_come_with_zdr_by_contract(backend: Backend) -> None:
    organization = backend.organization(product="api", zdr=False)
    created = backend.post(
        "/v1/organizations", "account-team", json={"account_id": "acct_tests", "name": "Contract", "product": "api", "zdr": True}
    ).json()
    contract = Organization(backend, created)
    assert organization.status()["status"] == "disabled"
    assert contract.status()["status"] == "enabled"
    logged = [(e["type"].removeprefix(ZDR), e["actor"]["role"]) for e in contract.entries() if e["type"].startswith(ZDR)]
    assert logged == [("requested", "account_team"), ("approved", "system"), ("enabled", "system")]


@pytest.mark.parametrize("fields", [{"product": "enterprise"}, {"product": "api", "commercial_terms": False}])
def test_zdr_by_contract_is_for_eligible_pay_as_you_go_organizations(backend: Backend, fields: dict[str, Any]) -> None:
    body = {"account_id": "acct_tests", "name": "Contract", "zdr": True, **fields}
    assert backend.post("/v1/organizations", "account-team", json=body).status_code == 409


def test_migration_leaves_no_gap(backend: Backend) -> None:
    created = backend.post(
        "/v1/organizations", "account-team", json={"account_id": "acct_tests", "name": "Moving", "product": "api", "zdr": True}
    ).json()
    organization = Organization(backend, created)
    since = organization.status()["since"]
    markers = [canary() for _ in range(24)]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(backend.ask, organization.admin, prompt(marker)) for marker in markers]
        organization.step("account-team", f"/v1/organizations/{organization.id}/zdr/migrate")
        assert [answer.result().status_code for answer in answers] == [200] * len(markers)
    assert outcome(organization) == ("migrated", "success", "", "account_team")
    assert organization.status()["since"] == since
    assert backend.get(f"/v1/organizations/{organization.id}", organization.admin).json()["product"] == "enterprise"
    stored = b"".join(backend.everything().values())
    assert [marker for marker in markers if marker.encode() in stored] == []
    assert backend.get(f"/v1/organizations/{organization.id}/usage_report/claude_code", organization.admin).json()["data"]
    organization.step("account-team", f"/v1/organizations/{organization.id}/zdr/migrate", 409)
    assert outcome(organization) == ("migrated", "refused", "not_pay_as_you_go", "account_team")


def test_without_zdr_there_is_nothing_to_migrate(backend: Backend) -> None:
    organization = backend.organization(product="api")
    organization.step("account-team", f"/v1/organizations/{organization.id}/zdr/migrate", 409)
    assert outcome(organization) == ("migrated", "refused", "not_enabled", "account_team")


def test_a_closed_organization_takes_no_step(backend: Backend) -> None:
    organization = backend.organization()
    backend.call("DELETE", f"/v1/organizations/{organization.id}", "account-team").raise_for_status()
    organization.step("account-team", f"/v1/organizations/{organization.id}/zdr/requests", 409)
    assert outcome(organization) == ("requested", "refused", "organization_closed", "account_team")


def test_prompts_sent_while_zdr_is_being_switched_are_kept_only_if_it_was_off_throughout(backend: Backend) -> None:
    organization = backend.organization()
    request = organization.request()
    organization.step("reviewer", f"/v1/zdr/requests/{request}/approve")
    markers = [canary() for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(backend.ask, organization.admin, prompt(marker)) for marker in markers[:20]]
        organization.step("reviewer", f"/v1/zdr/requests/{request}/enable")
        later = [pool.submit(backend.ask, organization.admin, prompt(marker)) for marker in markers[20:]]
        assert {answer.result().status_code for answer in answers + later} == {200}
    stored = b"".join(backend.everything().values())
    assert [marker for marker in markers[20:] if marker.encode() in stored] == []
