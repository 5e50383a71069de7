"""Administration under ZDR: cost controls, analytics, server-managed settings, users and seats; and the walls between tenants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .backend import MODEL, Backend, Organization, canary, prompt


@pytest.fixture
def organization(backend: Backend) -> Organization:
    return backend.organization(zdr=True)


def base(organization: Organization) -> str:
    return f"/v1/organizations/{organization.id}"


def set_limit(organization: Organization, user: str, amount: str) -> None:
    path = f"{base(organization)}/spend_limits/users/{user}"
    organization.backend.call("PUT", path, organization.admin, json={"amount": amount}).raise_for_status()


def limit(organization: Organization, user: str) -> dict[str, Any]:
    path = f"{base(organization)}/spend_limits/effective"
    return dict(organization.backend.get(path, organization.admin, params={"user_id": user}).json())


def test_a_user_at_the_limit_is_stopped_and_others_are_not(organization: Organization) -> None:
    backend = organization.backend
    user, key = organization.member()
    set_limit(organization, user, "0")
    answer = backend.ask(key, prompt("Hello"))
    assert answer.status_code == 402
    assert answer.json()["error"]["type"] == "billing_error"
    assert backend.ask(organization.admin, prompt("Hello")).status_code == 200
    set_limit(organization, user, "2")
    assert [backend.ask(key, prompt("Hello")).status_code for _ in range(3)] == [200, 200, 402]


def test_the_effective_limit_says_what_was_spent(organization: Organization) -> None:
    user, key = organization.member()
    assert limit(organization, user) == {
        "user_id": user,
        "amount": None,
        "currency": "USD",
        "period": "monthly",
        "period_to_date_spend": "0",
        "source": {"type": "none"},
    }
    set_limit(organization, user, "500")
    organization.backend.ask(key, prompt("Hello")).raise_for_status()
    found = limit(organization, user)
    assert (found["amount"], found["period_to_date_spend"], found["source"]) == ("500", "1", {"type": "user"})


@pytest.mark.parametrize("amount", ["", "-1", "1.5", "x", 5, None, "9" * 13])
def test_an_amount_is_a_string_of_minor_units(organization: Organization, amount: Any) -> None:
    path = f"{base(organization)}/spend_limits/users/{organization.admin_id}"
    assert organization.backend.call("PUT", path, organization.admin, json={"amount": amount}).status_code == 400


def test_a_limit_is_set_for_users_of_the_organization_alone(organization: Organization) -> None:
    path = f"{base(organization)}/spend_limits/users/user_control_member"
    assert organization.backend.call("PUT", path, organization.admin, json={"amount": "0"}).status_code == 404


def report(organization: Organization) -> list[dict[str, Any]]:
    answer = organization.backend.get(f"{base(organization)}/usage_report/claude_code", organization.admin)
    assert answer.status_code == 200
    return list(answer.json()["data"])


def test_analytics_count_what_was_done_and_hold_no_content(organization: Organization) -> None:
    backend = organization.backend
    marker = canary()
    for session in ("s-1", "s-1", marker):
        backend.ask(organization.admin, prompt(marker), x_claude_code_session_id=session).raise_for_status()
    (row,) = report(organization)
    assert row["actor"]["email_address"] == organization.created["admin"]["email"]
    assert (row["core_metrics"]["requests"], row["core_metrics"]["num_sessions"]) == (3, 2)
    assert [item["model"] for item in row["model_breakdown"]] == [MODEL]
    assert row["model_breakdown"][0]["tokens"]["input"] == row["core_metrics"]["input_tokens"] > 0
    assert row["model_breakdown"][0]["estimated_cost"]["amount"] == 3
    assert marker not in json.dumps(row)
    assert marker.encode() not in b"".join(backend.everything().values())


COMMITS = {"metrics": [{"name": "claude_code.commit.count", "data_points": [{"value": 3}, {"value": 1}]}]}


def test_contribution_metrics_are_there_without_zdr_and_not_with_it(backend: Backend, organization: Organization) -> None:
    ordinary = backend.organization()
    for one, accepted in ((organization, 0), (ordinary, 1)):
        backend.ask(one.admin, prompt("Hello")).raise_for_status()
        assert backend.post("/api/claude_code/metrics", one.admin, json=COMMITS).json() == {"accepted_count": accepted}
    assert "contribution_metrics" not in report(organization)[0]
    assert report(ordinary)[0]["contribution_metrics"]["commits_by_claude_code"] == 4


def test_contributions_made_under_zdr_do_not_appear_afterwards(organization: Organization) -> None:
    backend = organization.backend
    backend.ask(organization.admin, prompt("Hello")).raise_for_status()
    backend.post("/api/claude_code/metrics", organization.admin, json=COMMITS).raise_for_status()
    organization.step("reviewer", f"{base(organization)}/zdr/disable")
    assert report(organization)[0]["contribution_metrics"]["commits_by_claude_code"] == 0


@pytest.mark.parametrize("path", ["/api/claude_code/metrics", "/api/event_logging/v2/batch"])
def test_of_what_clients_report_only_known_counts_are_kept(backend: Backend, path: str) -> None:
    organization = backend.organization()
    marker = canary()
    body = {
        "resource_attributes": {"user": marker},
        "metrics": [
            {"name": marker, "data_points": [{"value": 1}]},
            {"name": "claude_code.commit.count", "data_points": [{"value": 1, "attributes": {"x": marker}}, {"value": marker}, marker]},
            {"name": "claude_code.commit.count", "data_points": marker},
            marker,
        ],
        "events": [{"event": marker}, {}],
    }
    answer = backend.post(path, organization.admin, json=body)
    assert answer.json() == {"accepted_count": 1 if path.endswith("metrics") else 2}
    assert backend.where(marker) == set()


def test_settings_reach_clients_and_their_checksum_follows(organization: Organization) -> None:
    backend = organization.backend
    _, member = organization.member()
    path = "/api/claude_code/settings"
    before = backend.get(path, member).json()
    assert before["settings"] == {}
    wanted = {"permissions": {"deny": ["WebFetch"]}, "env": {"A": "ü"}}
    backend.call("PUT", f"{base(organization)}/settings", organization.admin, json={"settings": wanted}).raise_for_status()
    after = backend.get(path, member).json()
    assert after["settings"] == wanted
    assert after["checksum"] != before["checksum"]
    assert after["uuid"] != before["uuid"]
    assert backend.get(path, "control-member").json()["settings"] != wanted


def test_users_and_seats_are_listed_under_zdr(organization: Organization) -> None:
    organization.member("someone@test.example")
    found = organization.backend.get(f"{base(organization)}/users", organization.admin).json()["data"]
    assert [(user["email"], user["role"], user["seat"]) for user in found] == [
        (organization.created["admin"]["email"], "admin", "standard"),
        ("someone@test.example", "member", "standard"),
    ]


def test_an_email_is_taken_once(organization: Organization) -> None:
    organization.member("someone@test.example")
    body = {"email": "someone@test.example", "role": "admin"}
    assert organization.backend.post(f"{base(organization)}/users", organization.admin, json=body).status_code == 409


@pytest.mark.parametrize("role", ["operator", "reviewer", "account_team", "auditor", "system", "owner"])
def test_an_admin_cannot_make_staff(organization: Organization, role: str) -> None:
    body = {"email": "someone@test.example", "role": role}
    assert organization.backend.post(f"{base(organization)}/users", organization.admin, json=body).status_code == 400


def test_a_revoked_key_is_worth_nothing(organization: Organization) -> None:
    backend = organization.backend
    user, _ = organization.member()
    made = backend.post(f"{base(organization)}/api_keys", organization.admin, json={"user_id": user, "name": "laptop"}).json()
    assert backend.get("/v1/models", made["key"]).status_code == 200
    path = f"{base(organization)}/api_keys/{made['id']}"
    assert backend.call("DELETE", path, organization.admin).status_code == 200
    assert backend.get("/v1/models", made["key"]).status_code == 401
    assert backend.call("DELETE", path, organization.admin).status_code == 404


def test_keys_are_kept_as_digests_alone(organization: Organization) -> None:
    _, key = organization.member()
    stored = b"".join(organization.backend.everything().values())
    assert key.encode() not in stored
    assert organization.admin.encode() not in stored
    assert b"sample-key-" not in stored


CUSTOMER_PATHS = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("GET", "/users", None),
    ("POST", "/users", {"email": "x@test.example", "role": "admin"}),
    ("POST", "/api_keys", {"user_id": "user_subject_admin", "name": "x"}),
    ("DELETE", "/api_keys/key_x", None),
    ("PUT", "/spend_limits/users/user_subject_admin", {"amount": "0"}),
    ("GET", "/spend_limits/effective?user_id=user_subject_admin", None),
    ("GET", "/usage_report/claude_code", None),
    ("PUT", "/settings", {"settings": {}}),
    ("GET", "/zdr", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CUSTOMER_PATHS, ids=[f"{method} {path}" for method, path, _ in CUSTOMER_PATHS])
def test_another_tenants_organization_is_as_one_that_does_not_exist(backend: Backend, method: str, path: str, body: Any) -> None:
    answers = [
        backend.call(method, f"/v1/organizations/{organization}{path}", "neighbour-admin", json=body)
        for organization in ("org_subject", "org_none", "org_provider")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({json.dumps(answer.json()["error"]) for answer in answers}) == 1


@pytest.mark.parametrize(("method", "path", "body"), CUSTOMER_PATHS, ids=[f"{method} {path}" for method, path, _ in CUSTOMER_PATHS])
def test_a_member_has_no_admin_rights(backend: Backend, method: str, path: str, body: Any) -> None:
    allowed = (method, path) in {("GET", ""), ("GET", "/zdr")}
    answer = backend.call(method, f"/v1/organizations/org_subject{path}", "subject-member", json=body)
    assert answer.status_code == (200 if allowed else 403)


def test_a_key_is_made_for_users_of_the_organization_alone(organization: Organization) -> None:
    body = {"user_id": "user_control_admin", "name": "x"}
    assert organization.backend.post(f"{base(organization)}/api_keys", organization.admin, json=body).status_code == 404


def test_only_the_account_team_creates_and_closes_organizations(backend: Backend) -> None:
    body = {"account_id": "acct_x", "name": "x", "product": "enterprise"}
    for key in ("subject-admin", "subject-member", "reviewer", "operator", "auditor"):
        assert backend.post("/v1/organizations", key, json=body).status_code == 403
        assert backend.call("DELETE", "/v1/organizations/org_subject", key).status_code == 403
    assert backend.get("/v1/organizations/org_subject", "subject-member").json()["status"] == "open"


def test_the_clients_own_questions_are_answered(backend: Backend) -> None:
    assert backend.get("/api/claude_cli/bootstrap", "subject-member").json() == {"client_data": {}}
    assert backend.get("/api/oauth/profile", "subject-member").json() == {
        "account": {"uuid": "user_subject_member", "email": "member@subject.example"},
        "organization": {"uuid": "org_subject", "name": "Sample subject", "organization_type": "claude_enterprise"},
    }
    assert backend.get("/api/claude_code/organizations/metrics_enabled", "subject-member").json() == {"metrics_logging_enabled": True}
