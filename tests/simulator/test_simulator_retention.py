"""What is kept: everything of an organization without ZDR in every store, and of one with ZDR not a byte anywhere."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from .backend import MODEL, Backend, asking_for, canary, halves, prompt

STORES = {"zdr.db", "cache.db", "logs", "traces"}


def test_a_standard_prompt_and_its_answer_are_found_in_every_store(backend: Backend) -> None:
    marker, answer = canary(), canary()
    first, second = halves(answer)
    backend.ask("control-member", prompt(f'{marker} Join these parts: "{first}" "{second}"')).raise_for_status()
    assert backend.where(marker) == STORES
    assert backend.where(answer) == STORES


def test_a_standard_stream_is_kept_before_its_last_event(backend: Backend) -> None:
    answer = canary()
    streamed = backend.ask("control-member", asking_for(answer, stream=True))
    assert "message_stop" in streamed.text
    assert backend.where(answer) == STORES


def test_attachments_of_a_standard_prompt_are_kept_decoded(backend: Backend) -> None:
    image, text = canary(), canary()
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image.encode()).decode()}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}},
    ]
    backend.ask("control-member", {**prompt(""), "messages": [{"role": "user", "content": content}]}).raise_for_status()
    assert backend.where(image) == {"blobs"}
    assert backend.where(text) == STORES | {"blobs"}


Sender = Callable[[Backend, str, str], requests.Response]


def _multipart(backend: Backend, key: str, marker: str) -> requests.Response:
    return backend.post("/v1/files", key, files={"file": (f"{marker}.txt", marker.encode() * 100_000, "text/plain")})


def _tools(backend: Backend, key: str, marker: str) -> requests.Response:
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "t", "input": {marker: marker}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": marker}]},
        {"role": "assistant", "content": marker},
    ]
    tools = [{"name": marker, "description": marker, "input_schema": {"enum": [marker]}}]
    fields = {"tools": tools, "system": marker, "metadata": {"user_id": marker}, "stop_sequences": [marker]}
    return backend.ask(key, {**prompt(""), "messages": messages, **fields})


# (name, how to send, the status that an organization under ZDR gets, the one that an organization without gets)
SENDERS: list[tuple[str, Sender, int, int]] = [
    ("plain", lambda b, k, m: b.ask(k, prompt(m)), 200, 200),
    ("answer", lambda b, k, m: b.ask(k, asking_for(m)), 200, 200),
    ("streamed", lambda b, k, m: b.ask(k, asking_for(m, stream=True)), 200, 200),
    ("tools and other fields", _tools, 200, 200),
    (
        "cached",
        lambda b, k, m: b.ask(k, prompt("x", system=[{"type": "text", "text": m, "cache_control": {"type": "ephemeral"}}])),
        200,
        200,
    ),
    ("session header", lambda b, k, m: b.ask(k, prompt("x"), x_claude_code_session_id=m), 200, 200),
    ("counting", lambda b, k, m: b.post("/v1/messages/count_tokens", k, json=prompt(m)), 200, 200),
    ("malformed field", lambda b, k, m: b.ask(k, prompt(m, max_tokens=0)), 400, 400),
    ("malformed json", lambda b, k, m: b.post("/v1/messages", k, data=f'{{"{m}'), 400, 400),
    ("missing version", lambda b, k, m: b.post("/v1/messages", k, json=prompt(m), headers={"anthropic-version": "?"}), 400, 400),
    ("unknown model", lambda b, k, m: b.ask(k, prompt(m, model=m)), 404, 404),
    ("web session", lambda b, k, m: b.post("/v1/code/sessions", k, json={"prompt": m}), 403, 200),
    ("title", lambda b, k, m: b.post(f"/api/organizations/{_own(b, k)}/dust/generate_title_and_branch", k, json={"prompt": m}), 403, 200),
    ("remote session", lambda b, k, m: b.post("/v1/sessions", k, json={"prompt": m}), 403, 200),
    ("feedback", lambda b, k, m: b.post("/api/claude_cli_feedback", k, json={"content": json.dumps({"t": m})}), 403, 200),
    ("transcript", lambda b, k, m: b.post("/api/claude_code_shared_session_transcripts", k, json={"content": m}), 403, 200),
    ("file", _multipart, 403, 200),
    ("batch", lambda b, k, m: b.post("/v1/messages/batches", k, json={"requests": [{"custom_id": "1", "params": prompt(m)}]}), 403, 200),
    ("memory", lambda b, k, m: b.post("/v1/memory_stores", k, json={"name": m}), 403, 200),
    ("bad feature body", lambda b, k, m: b.post("/v1/sessions", k, data=m), 403, 400),
]
NAMES = [name for name, *_ in SENDERS]


def _own(backend: Backend, key: str) -> str:
    return str(backend.get("/api/oauth/profile", key).json()["organization"]["uuid"])


@pytest.mark.parametrize(("send", "status"), [(send, status) for _, send, status, _ in SENDERS], ids=NAMES)
def test_under_zdr_not_a_byte_is_kept(backend: Backend, send: Sender, status: int) -> None:
    marker = canary()
    assert send(backend, "subject-member", marker).status_code == status
    assert backend.where(marker) == set()


@pytest.mark.parametrize(("send", "status"), [(send, status) for _, send, _, status in SENDERS], ids=NAMES)
def test_without_zdr_the_same_request_is_found(backend: Backend, send: Sender, status: int) -> None:
    marker = canary()
    assert send(backend, "control-member", marker).status_code == status
    assert "traces" in backend.where(marker)


@pytest.mark.parametrize("path", ["/v1/{}", "/v1/files/{}", "/v1/models/{}", "/v1/zdr/requests/{}/approve", "/v1/messages?{}=1"])
@pytest.mark.parametrize("key", ["subject-member", "subject-admin", "control-member", None])
def test_no_path_or_query_or_header_of_a_client_is_kept(backend: Backend, path: str, key: str | None) -> None:
    marker = canary()
    headers = {
        "user-agent": marker,
        "x-app": marker,
        "anthropic-beta": marker,
        "cookie": marker,
        "referer": marker,
        "x-forwarded-for": marker,
    }
    backend.post(path.format(marker), key, headers=headers, json={})
    assert backend.where(marker) == set()


def test_unauthenticated_bodies_are_kept_nowhere(backend: Backend) -> None:
    marker = canary()
    assert backend.post("/v1/messages", json=prompt(marker)).status_code == 401
    assert backend.where(marker) == set()


@pytest.mark.parametrize("organization", ["subject", "control"])
def test_an_injected_failure_keeps_the_body_of_standard_organizations_only(backend: Backend, organization: str) -> None:
    marker = canary()
    fault = {"organization_id": f"org_{organization}", "status": 500, "count": 1}
    backend.post("/operator/faults", "operator", json=fault).raise_for_status()
    assert backend.ask(f"{organization}-second", prompt(marker)).status_code == 500
    assert backend.where(marker) == (set() if organization == "subject" else {"logs", "traces"})


def abandon(backend: Backend, key: str, text: str, session: str = "") -> str:
    """Asks for a slow stream, reads a few events and goes away; the request's id."""
    address = urlsplit(backend.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    body = json.dumps(prompt(f"slowly {text}", stream=True, max_tokens=2000))
    headers = {"x-api-key": f"sample-key-{key}", "anthropic-version": "2023-06-01", "x-claude-code-session-id": session}
    connection.request("POST", "/v1/messages", body, headers)
    answer = connection.getresponse()
    read = b""
    while read.count(b"text_delta") < 3:
        read += answer.readline()
    connection.close()
    return str(answer.headers["request-id"])


def logged(backend: Backend, request_id: str) -> dict[str, Any]:
    """The log line of a request, as soon as there is one."""
    for _ in range(200):
        for path in (backend.data_dir / "logs").glob("app-*.jsonl"):
            for line in path.read_text().splitlines():
                if request_id in line:
                    return dict(json.loads(line))
        time.sleep(0.05)
    raise AssertionError("never logged")


def test_an_abandoned_standard_stream_is_kept_as_far_as_it_came(backend: Backend) -> None:
    marker = canary()
    line = logged(backend, abandon(backend, "control-member", marker))
    assert line["aborted"]
    assert 0 < len(line["response"]) < 100
    assert backend.where(marker) == STORES


def test_an_abandoned_stream_under_zdr_is_kept_nowhere(backend: Backend) -> None:
    marker = canary()
    line = logged(backend, abandon(backend, "subject-member", marker))
    assert line["aborted"]
    assert "request" not in line
    assert backend.where(marker) == set()


def test_every_request_has_one_log_line_and_one_span_of_metadata(backend: Backend) -> None:
    request_id = backend.ask("subject-member", prompt("Hello")).headers["request-id"]
    line = logged(backend, request_id)
    assert set(line) == {
        *("time", "request_id", "organization", "user", "operation", "model", "status", "error_type", "stream", "aborted"),
        *("input_tokens", "output_tokens", "ms"),
    }
    assert (line["organization"], line["user"], line["model"], line["status"]) == ("org_subject", "user_subject_member", MODEL, 200)
    spans = [text for path in (backend.data_dir / "traces").iterdir() for text in path.read_text().splitlines() if request_id in text]
    assert len(spans) == 1
    span = json.loads(spans[0])["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    attributes = {item["key"]: item["value"] for item in span["attributes"]}
    assert attributes["gen_ai.request.model"] == {"stringValue": MODEL}
    assert not {"gen_ai.prompt", "gen_ai.completion", "session.id"} & set(attributes)


def test_stored_conversations_are_read_back_by_the_admin_alone(backend: Backend) -> None:
    organization = backend.organization()
    marker = canary()
    backend.ask(organization.admin, prompt(marker), x_claude_code_session_id="session-1").raise_for_status()
    listed = backend.get("/v1/compliance/apps/sessions/local", organization.admin).json()["data"]
    assert [one["session_id"] for one in listed] == ["session-1"]
    place = f"/v1/compliance/apps/sessions/local/{listed[0]['id']}"
    content = backend.get(place, organization.admin).json()
    assert marker in content["request"]
    assert content["response"]
    assert backend.get(place, "subject-admin").status_code == 404
    assert backend.get(place, "auditor").status_code == 403
    assert backend.get("/v1/compliance/apps/sessions/local", "control-member").status_code == 403


def test_nothing_is_read_back_under_zdr(backend: Backend) -> None:
    organization = backend.organization()
    backend.ask(organization.admin, prompt("Hello")).raise_for_status()
    before = backend.get("/v1/compliance/apps/sessions/local", organization.admin).json()["data"][0]["id"]
    organization.enable()
    backend.ask(organization.admin, prompt("Hello")).raise_for_status()
    assert backend.get("/v1/compliance/apps/sessions/local", organization.admin).json()["data"] == []
    assert backend.get(f"/v1/compliance/apps/sessions/local/{before}", organization.admin).status_code == 404


def test_closing_an_organization_deletes_its_content_from_every_store(backend: Backend) -> None:
    organization, other = backend.organization(), backend.organization()
    marker, kept = canary(), canary()
    backend.ask(other.admin, prompt(kept)).raise_for_status()
    backend.ask(organization.admin, prompt(marker)).raise_for_status()
    backend.post("/v1/sessions", organization.admin, json={"prompt": marker}).raise_for_status()
    backend.post("/v1/chat/messages", organization.admin, json={"text": marker}).raise_for_status()
    assert backend.where(marker) == STORES | {"blobs"}
    backend.call("DELETE", f"/v1/organizations/{organization.id}", "account-team").raise_for_status()
    assert backend.where(marker) == set()
    assert backend.where(kept) == STORES
    assert backend.get("/v1/models", organization.admin).status_code == 401
    assert backend.get(f"/v1/organizations/{organization.id}", "auditor").json()["status"] == "closed"
    assert backend.call("DELETE", f"/v1/organizations/{organization.id}", "account-team").status_code == 404


@pytest.mark.parametrize("service", ["chat", "cowork"])
def test_chat_and_cowork_are_kept_under_zdr_too_and_say_so(backend: Backend, service: str) -> None:
    marker = canary()
    answer = backend.post(f"/v1/{service}/messages", "subject-member", json={"text": marker})
    assert answer.json()["zdr_covered"] is False
    assert answer.json()["id"]
    assert backend.where(marker) == {"zdr.db"}


@pytest.mark.parametrize("organization", ["subject", "control"])
def test_of_a_connector_call_we_keep_nothing(backend: Backend, organization: str) -> None:
    marker = canary()
    answer = backend.post("/v1/connectors/tracker/call", f"{organization}-member", json={"text": marker})
    assert answer.json()["zdr_covered"] is False
    assert answer.json()["result"] == {"characters": len(marker)}
    assert "third party" in answer.json()["notice"]
    assert backend.where(marker) == set()
