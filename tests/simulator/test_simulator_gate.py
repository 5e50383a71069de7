"""The policy gate: every endpoint of every storing feature, whatever the client does or claims."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from zdr_audit.simulator.bootstrap import bootstrap
from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.endpoints.features import operations
from zdr_audit.simulator.errors import PolicyError
from zdr_audit.simulator.features import Feature, FeatureEndpoint, load_features
from zdr_audit.simulator.openapi import build_document
from zdr_audit.simulator.parts import Parts
from zdr_audit.simulator.pipeline import Pipeline
from zdr_audit.simulator.stores import Stores

from .backend import Backend, canary

FEATURES = load_features()
ENDPOINTS = [(feature, endpoint) for feature in FEATURES for endpoint in feature.endpoints]
STORING = [(feature, endpoint) for feature, endpoint in ENDPOINTS if feature.stores(endpoint)]
IDS = [f"{feature.id}.{endpoint.name}" for feature, endpoint in STORING]
BODIES: dict[str, dict[str, Any]] = {
    "json": {"json": {"prompt": "Hello"}},
    "feedback": {"json": {"content": "{}"}},
    "batch": {"json": {"requests": [{"custom_id": "1", "params": {}}]}},
    "multipart": {"files": {"file": ("a.txt", b"text", "text/plain")}},
}


def call(backend: Backend, key: str, endpoint: FeatureEndpoint, object_id: str, organization: str, **more: Any) -> Any:
    path = endpoint.path.format(id=object_id, organization=organization)
    return backend.call(endpoint.method, path, key, **(BODIES[endpoint.body] if endpoint.method == "POST" else {}), **more)


def create(backend: Backend, key: str, feature: Feature, organization: str) -> str:
    """The id of a new object of the feature."""
    made = next(endpoint for endpoint in feature.endpoints if endpoint.action == "create")
    answer = call(backend, key, made, "", organization)
    assert answer.status_code == 200, answer.text
    return str(answer.json().get("id") or answer.json()["feedback_id"])


def test_the_features_named_by_the_policy_are_there() -> None:
    assert {"web_sessions", "remote_sessions", "feedback", "files", "batches", "memory"} == {feature.id for feature in FEATURES}


@pytest.mark.parametrize(("feature", "endpoint"), STORING, ids=IDS)
def test_under_zdr_every_endpoint_is_refused_by_policy(backend: Backend, feature: Feature, endpoint: FeatureEndpoint) -> None:
    answer = call(backend, "subject-member", endpoint, "x1", "org_subject")
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["type"] == "permission_error"
    assert error["message"] == (
        f"{feature.title} are not available: your organization's policy (custom data retention settings) does not allow this action."
    )
    assert error["details"] == {"error_code": f"{feature.id}_retention_blocked"}


@pytest.mark.parametrize(("feature", "endpoint"), ENDPOINTS, ids=[f"{f.id}.{e.name}" for f, e in ENDPOINTS])
def test_without_zdr_every_endpoint_works(backend: Backend, feature: Feature, endpoint: FeatureEndpoint) -> None:
    made = create(backend, "control-member", feature, "org_control")
    assert call(backend, "control-member", endpoint, made, "org_control").status_code == 200


def test_an_endpoint_that_stores_nothing_works_under_zdr(backend: Backend) -> None:
    assert backend.get("/v1/environment_providers", "subject-member").json()["data"]


@pytest.mark.parametrize("endpoint", [endpoint for _, endpoint in STORING if endpoint.method == "POST"], ids=lambda endpoint: endpoint.path)
def test_a_refused_body_is_not_even_read(backend: Backend, endpoint: FeatureEndpoint) -> None:
    """The refusal comes although the announced body never does."""
    address = urlsplit(backend.base_url)
    path = endpoint.path.format(id="x1", organization="org_subject")
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: sample-key-subject-member\r\ncontent-length: 1000\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")


NEW = """
[[feature]]
id = "artifacts"
title = "Artifacts"
requires_storage = true
restriction_key = "allow_artifacts"
id_prefix = "artifact"
endpoints = [{ name = "create", method = "POST", path = "/v1/artifacts", action = "create" }]
"""


def test_a_new_feature_that_needs_storage_is_refused_by_its_entry_alone(tmp_path: Path) -> None:
    (tmp_path / "features.toml").write_text(NEW)
    parts = Parts(Stores(tmp_path / "data"), features=load_features(tmp_path / "features.toml"))
    bootstrap(parts)
    (made,) = operations(parts.features)
    ctx = RequestContext("req_1", {"x-api-key": "sample-key-subject-member"}, "127.0.0.1", parts.clock.now(), operation=made)
    ctx.caller = parts.auth.identify(ctx)
    with pytest.raises(PolicyError):
        Pipeline(parts).admit(ctx)
    assert parts.limits.restrictions("org_subject") == {"allow_artifacts": {"allowed": False}}
    document = build_document([made])["paths"]["/v1/artifacts"]["post"]
    assert (document["x-zdr-feature"], document["x-zdr-requires-storage"]) == ("artifacts", True)
    ctx.headers["x-api-key"] = "sample-key-control-member"
    ctx.caller = parts.auth.identify(ctx)
    Pipeline(parts).admit(ctx)
    parts.stores.close()


CLAIMS = [
    {"user-agent": "claude-cli/2.1.330 (external, cli)", "x-app": "cli"},
    {"user-agent": "internal", "x-internal": "true", "x-zdr": "false", "x-anthropic-internal": "1"},
    {"anthropic-organization-id": "org_control", "x-organization-id": "org_control", "x-organization-uuid": "org_control"},
    {"anthropic-beta": "files-api-2025-04-14,no-zdr", "anthropic-version": "1999-01-01"},
    {"x-http-method-override": "GET", "x-original-url": "/v1/models", "x-rewrite-url": "/v1/models", "x-forwarded-prefix": "/v1"},
]


@pytest.mark.parametrize("headers", CLAIMS, ids=[next(iter(claim.values())) for claim in CLAIMS])
def test_what_a_client_claims_changes_nothing(backend: Backend, headers: dict[str, str]) -> None:
    marker = canary()
    for path in ("/v1/sessions", "/v1/code/sessions", "/v1/memory_stores", "/v1/sessions?organization_id=org_control&zdr=false"):
        body = {"prompt": marker, "organization_id": "org_control", "zdr": False}
        assert backend.post(path, "subject-member", json=body, headers=headers).status_code == 403
    assert backend.where(marker) == set()


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/sessions/", "//v1/sessions", "/v1//sessions", "/V1/sessions", "/v1/Sessions", "/v1/./sessions", "/v1/x/../sessions"),
        *(
            "/v1/%73essions",
            "/v1%2Fsessions",
            "/v1/sessions%2F",
            "/v1/sessions;x=1",
            "/v1/sessions%00",
            "/v1/sessions.json",
            "/v2/sessions",
        ),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_no_form_of_the_path_leads_round_the_gate(backend: Backend, path: str, method: str) -> None:
    """Sent as it is: clients would tidy these paths up."""
    marker = canary()
    address = urlsplit(backend.base_url)
    body = json.dumps({"prompt": marker}).encode()
    fields = f"host: x\r\nconnection: close\r\nx-api-key: sample-key-subject-member\r\ncontent-length: {len(body)}"
    head = f"{method} {path} HTTP/1.1\r\n{fields}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        status = int(connection.recv(4096).split(b" ")[1])
    assert status in {400, 403, 404, 405}
    assert backend.where(marker) == set()


def test_a_session_begun_before_zdr_cannot_be_continued_after(backend: Backend) -> None:
    organization = backend.organization()
    made = {feature: create(backend, organization.admin, feature, organization.id) for feature in FEATURES}
    organization.enable()
    for feature, endpoint in STORING:
        assert call(backend, organization.admin, endpoint, made[feature], organization.id).status_code == 403
    organization.step("reviewer", f"/v1/organizations/{organization.id}/zdr/disable")
    for feature, endpoint in STORING:
        if endpoint.action != "delete":
            assert call(backend, organization.admin, endpoint, made[feature], organization.id).status_code == 200


def test_stored_content_is_given_back_to_its_organization_alone(backend: Backend) -> None:
    marker = canary()
    made = backend.post("/v1/code/sessions", "control-member", json={"prompt": marker}).json()["id"]
    backend.post(f"/v1/code/sessions/{made}/events", "control-second", json={"event": marker}).raise_for_status()
    found = backend.get(f"/v1/code/sessions/{made}", "control-second").json()
    assert found["content"] == {"prompt": marker}
    assert found["events"] == [{"event": marker}]
    assert backend.get(f"/v1/code/sessions/{made}", "sibling-member").status_code == 404
    assert backend.post(f"/v1/code/sessions/{made}/events", "neighbour-member", json={}).status_code == 404
    assert backend.get(f"/v1/sessions/{made}", "control-member").status_code == 404


def test_a_file_comes_back_byte_for_byte_and_never_as_a_page(backend: Backend) -> None:
    data = bytes(range(256)) * 5000
    made = backend.post("/v1/files", "control-member", files={"file": ("<b>.html", data, "text/html")}).json()
    assert (made["filename"], made["mime_type"], made["size_bytes"]) == ("<b>.html", "text/html", len(data))
    answer = backend.get(f"/v1/files/{made['id']}/content", "control-member")
    assert answer.content == data
    assert answer.headers["content-type"] == "application/octet-stream"
    assert backend.call("DELETE", f"/v1/files/{made['id']}", "control-member").json() == {"id": made["id"], "type": "file_deleted"}
    assert backend.get(f"/v1/files/{made['id']}", "control-member").status_code == 404


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"junk"),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="other"\r\n\r\na\r\n--x--\r\n'),
    ],
)
def test_an_upload_without_a_file_is_refused(backend: Backend, content_type: str, data: bytes) -> None:
    assert backend.post("/v1/files", "control-member", data=data, headers={"content-type": content_type}).status_code == 400


def test_lists_are_paged(backend: Backend) -> None:
    organization = backend.organization()
    made = [backend.post("/v1/memory_stores", organization.admin, json={}).json()["id"] for _ in range(3)]
    first = backend.get("/v1/memory_stores?limit=2", organization.admin).json()
    assert [item["id"] for item in first["data"]] == made[:2]
    assert first["has_more"]
    rest = backend.get(f"/v1/memory_stores?after_id={first['last_id']}", organization.admin).json()
    assert [item["id"] for item in rest["data"]] == made[2:]


def test_titles_are_made_without_quoting_the_prompt(backend: Backend) -> None:
    marker = canary()
    path = "/api/organizations/org_control/dust/generate_title_and_branch"
    answer = backend.post(path, "control-member", json={"prompt": marker})
    assert set(answer.json()) == {"title", "branch"}
    assert marker not in answer.text
    assert re.fullmatch(r"claude/[a-z-]+", answer.json()["branch"])
    assert backend.post(path, "sibling-member", json={"prompt": marker}).status_code == 404


def test_policy_limits_tell_clients_what_the_gate_does(backend: Backend) -> None:
    for organization, allowed, taints in (("subject", False, ["zdr"]), ("control", True, [])):
        found = backend.get("/api/claude_code/policy_limits", f"{organization}-member").json()
        assert found["compliance_taints"] == taints
        assert {key: value["allowed"] for key, value in found["restrictions"].items()} == dict.fromkeys(
            [
                *("allow_web_sessions", "allow_remote_sessions", "allow_remote_control", "allow_product_feedback"),
                *("allow_files", "allow_batches", "allow_memory_stores"),
            ],
            allowed,
        )


def test_policy_limits_are_fetched_again_only_when_they_changed(backend: Backend) -> None:
    organization = backend.organization()
    path = "/api/claude_code/policy_limits"
    tag = backend.get(path, organization.admin).headers["etag"]
    again = backend.get(path, organization.admin, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    organization.enable()
    changed = backend.get(path, organization.admin, headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
