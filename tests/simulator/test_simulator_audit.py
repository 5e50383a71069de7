"""The audit log: complete, ordered, chained, readable by those who may, and without content."""

from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from zdr_audit.simulator.audit import as_entry, entry_digest
from zdr_audit.simulator.bootstrap import bootstrap
from zdr_audit.simulator.context import Caller
from zdr_audit.simulator.parts import build_parts
from zdr_audit.simulator.tables import AuditEntry

from .backend import Backend, canary, prompt


def digest(entry: dict[str, object]) -> str:
    """The published rule, written down again."""
    body = {key: value for key, value in entry.items() if key != "digest"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")).hexdigest()


def assert_chained(entries: list[dict[str, object]]) -> None:
    previous = ""
    for number, entry in enumerate(entries, 1):
        assert entry["sequence"] == number
        assert entry["previous_digest"] == previous
        assert entry["digest"] == digest(entry)
        previous = str(entry["digest"])


@pytest.mark.parametrize("name", ["subject", "control", "sibling", "neighbour"])
def test_the_chain_of_each_sample_organization_recomputes(backend: Backend, name: str) -> None:
    entries = backend.entries(f"org_{name}")
    assert len(entries) >= 7
    assert_chained(entries)


def test_the_chain_holds_for_references_outside_ascii(backend: Backend) -> None:
    organization = backend.organization(name="Käse")
    organization.step("account-team", f"/v1/organizations/{organization.id}/zdr/requests", 201, "Größe “x” 漢字 \U0001f600")
    assert organization.last_entry()["reference"] == "Größe “x” 漢字 \U0001f600"
    assert_chained(organization.entries())


def test_entries_made_in_parallel_are_all_there_and_chained(backend: Backend) -> None:
    organization = backend.organization()
    before = len(organization.entries())
    path = f"/v1/organizations/{organization.id}/settings"
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda n: backend.call("PUT", path, organization.admin, json={"settings": {"n": n}}), range(24)):
            assert answer.status_code == 200
    entries = organization.entries()
    assert len(entries) == before + 24
    assert_chained(entries)


def test_an_entry_says_who_what_which_when_and_where_from(backend: Backend) -> None:
    organization = backend.organization()
    before = datetime.now(UTC)
    backend.post(
        f"/v1/organizations/{organization.id}/zdr/requests",
        "account-team",
        json={"reference": "TICKET-3"},
        headers={"user-agent": "tool/1.0 (x; y) <script>é" + "z" * 80},
    ).raise_for_status()
    entry = organization.last_entry()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["created_at"])
    assert abs(datetime.fromisoformat(entry["created_at"]) - before) < timedelta(minutes=5)
    assert entry["actor"] == {
        "id": "user_account_team",
        "email": "account-team@provider.example",
        "role": "account_team",
        "organization_id": "org_provider",
    }
    assert entry["organization_id"] == organization.id
    assert entry["ip_address"] == "127.0.0.1"
    assert entry["user_agent"] == ("tool/1.0 (x y) script" + "z" * 80)[:64]


def test_the_log_is_paged_in_order(backend: Backend) -> None:
    whole = [entry["id"] for entry in backend.entries("org_subject")]
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = backend.get("/v1/compliance/activities", "subject-admin", params={"limit": "2", **after}).json()
        found += [entry["id"] for entry in page["data"]]
        if not page["has_more"]:
            break
        after = {"after_id": page["last_id"]}
    assert found == whole


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", ""])
def test_the_limit_has_bounds(backend: Backend, limit: str) -> None:
    assert backend.get(f"/v1/compliance/activities?limit={limit}", "subject-admin").status_code == 400


def test_one_entry_can_be_read_by_its_id(backend: Backend) -> None:
    entry = backend.entries("org_subject")[0]
    assert backend.get(f"/v1/compliance/activities/{entry['id']}", "subject-admin").json() == entry
    assert backend.get(f"/v1/compliance/activities/{entry['id']}", "auditor").json() == entry
    assert backend.get(f"/v1/compliance/activities/{entry['id']}", "control-admin").status_code == 404
    assert backend.get("/v1/compliance/activities/act_none", "subject-admin").status_code == 404


def test_admin_auditor_and_operator_alone_read_the_log(backend: Backend) -> None:
    statuses = {
        key: backend.get("/v1/compliance/activities", key, params={"organization_id": "org_subject"}).status_code
        for key in ("subject-admin", "auditor", "operator", "subject-member", "account-team", "reviewer", "control-admin", "control-member")
    }
    assert statuses == {
        "subject-admin": 200,
        "auditor": 200,
        "operator": 200,
        "subject-member": 403,
        "account-team": 403,
        "reviewer": 403,
        "control-admin": 404,
        "control-member": 403,
    }


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("key", ["subject-admin", "auditor", "operator", "reviewer", "account-team"])
def test_nobody_can_change_or_delete_entries(backend: Backend, method: str, key: str) -> None:
    before = backend.entries("org_subject")
    for path in ("/v1/compliance/activities", f"/v1/compliance/activities/{before[0]['id']}"):
        assert backend.call(method, path, key, json={"outcome": "refused"}).status_code in {404, 405}
    assert backend.entries("org_subject") == before


def test_administration_is_logged_with_its_types(backend: Backend) -> None:
    organization = backend.organization()
    user, _ = organization.member()
    base = f"/v1/organizations/{organization.id}"
    key = backend.post(f"{base}/api_keys", organization.admin, json={"user_id": user, "name": "second"}).json()["id"]
    backend.call("DELETE", f"{base}/api_keys/{key}", organization.admin).raise_for_status()
    backend.call("PUT", f"{base}/spend_limits/users/{user}", organization.admin, json={"amount": "100"}).raise_for_status()
    backend.call("PUT", f"{base}/settings", organization.admin, json={"settings": {}}).raise_for_status()
    session = {"organization_id": organization.id, "session_id": "s-1", "reference": "CASE-1"}
    backend.post("/operator/flags", "operator", json=session).raise_for_status()
    hold = backend.post("/operator/holds", "operator", json=session).json()["id"]
    backend.call("DELETE", f"/operator/holds/{hold}", "operator").raise_for_status()
    backend.call("DELETE", base, "account-team").raise_for_status()
    assert [entry["type"] for entry in organization.entries()] == [
        *("org_created", "user_created", "api_key_created", "user_created", "api_key_created", "api_key_created", "api_key_revoked"),
        *("spend_limit_set", "settings_changed", "session_flagged", "hold_placed", "hold_released", "org_deleted"),
    ]


def test_a_member_who_tries_administration_is_logged_as_refused(backend: Backend) -> None:
    organization = backend.organization()
    user, key = organization.member()
    path = f"/v1/organizations/{organization.id}/spend_limits/users/{user}"
    assert backend.call("PUT", path, key, json={"amount": "999999"}).status_code == 403
    entry = organization.last_entry()
    assert (entry["type"], entry["outcome"], entry["reason"], entry["actor"]["id"]) == ("spend_limit_set", "refused", "wrong_role", user)


@pytest.mark.parametrize("zdr", [True, False])
def test_the_log_carries_no_content(backend: Backend, zdr: bool) -> None:
    organization = backend.organization(zdr=zdr)
    marker = canary()
    backend.ask(organization.admin, prompt(marker)).raise_for_status()
    backend.post("/v1/sessions", organization.admin, json={"prompt": marker})
    backend.call("PUT", f"/v1/organizations/{organization.id}/settings", organization.admin, json={"settings": {"x": marker}})
    assert marker not in json.dumps(organization.entries())


def test_an_entry_names_the_one_before_as_the_same_transaction_left_it(tmp_path: Path) -> None:
    parts = build_parts(tmp_path)
    with parts.stores.starting():
        bootstrap(parts)
    caller = Caller("user_1", "a@example.com", "admin", "org_subject")
    with parts.stores.write() as session:
        parts.audit.append(session, caller, "settings_changed", "org_subject", ("organization", "org_subject"))
        last = session.scalars(
            select(AuditEntry).where(AuditEntry.organization_id == "org_subject").order_by(AuditEntry.sequence.desc()).limit(1)
        ).one()
        last.reason = "amended"
        last.digest = entry_digest(as_entry(last))
        parts.audit.append(session, caller, "settings_changed", "org_subject", ("organization", "org_subject"))
    found = parts.audit.list("org_subject", None, 1000)
    assert found is not None
    assert_chained(found[0])
    assert [entry["reason"] for entry in found[0][-2:]] == ["amended", ""]
    parts.stores.close()


def test_an_entry_goes_with_its_transaction(tmp_path: Path) -> None:
    parts = build_parts(tmp_path)
    with parts.stores.starting():
        bootstrap(parts)
    before = parts.audit.list("org_subject", None, 1000)
    caller = Caller("user_1", "a@example.com", "admin", "org_subject")
    with pytest.raises(RuntimeError), parts.stores.write() as session:
        parts.audit.append(session, caller, "settings_changed", "org_subject", ("organization", "org_subject"))
        raise RuntimeError
    assert parts.audit.list("org_subject", None, 1000) == before
    parts.stores.close()
