"""The Messages interface as clients meet it."""

from __future__ import annotations

import base64
import http.client
import json
import zlib
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from .backend import MODEL, Backend, asking_for, canary, halves, prompt

KEY = "control-member"


def events(answer: requests.Response) -> list[dict[str, Any]]:
    """The events of a stream; the name of each must be its type."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def said(answer: requests.Response) -> str:
    return "".join(block.get("text", "") for block in answer.json()["content"])


def assert_refused(answer: requests.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["request_id"] == answer.headers["request-id"]


def test_an_answer_names_its_request_and_organization(backend: Backend) -> None:
    answer = backend.ask("subject-member", prompt("Hello"))
    assert answer.headers["request-id"].startswith("req_")
    assert answer.headers["anthropic-organization-id"] == "org_subject"


def test_even_an_unknown_path_names_request_and_organization(backend: Backend) -> None:
    answer = backend.get("/v1/nothing", KEY)
    assert_refused(answer, 404, "not_found_error")
    assert answer.headers["anthropic-organization-id"] == "org_control"


def test_a_bearer_token_is_as_good_as_an_api_key(backend: Backend) -> None:
    answer = backend.post("/v1/messages", json=prompt("Hello"), headers={"authorization": "Bearer sample-key-control-member"})
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "nobody"}, {"authorization": "Bearer nobody"}, {"authorization": "Basic c2FtcGxl"}])
def test_without_a_valid_key_nothing_is_answered(backend: Backend, headers: dict[str, str]) -> None:
    answer = backend.post("/v1/messages", json=prompt("Hello"), headers=headers)
    assert_refused(answer, 401, "authentication_error")
    assert "anthropic-organization-id" not in answer.headers


def test_two_keys_that_differ_are_as_good_as_none(backend: Backend) -> None:
    answer = backend.get("/v1/models", "subject-member", headers={"authorization": "Bearer sample-key-control-member"})
    assert_refused(answer, 401, "authentication_error")


def test_the_beta_query_is_accepted(backend: Backend) -> None:
    assert backend.post("/v1/messages?beta=true", KEY, json=prompt("Hello")).status_code == 200


def test_unknown_fields_are_accepted(backend: Backend) -> None:
    body = prompt("Hello", context_management={"edits": []}, metadata={"user_id": "{}", "more": 1})
    assert backend.ask(KEY, body).status_code == 200


def test_the_version_header_is_required(backend: Backend) -> None:
    answer = requests.post(f"{backend.base_url}/v1/messages", json=prompt("Hello"), headers={"x-api-key": f"sample-key-{KEY}"}, timeout=30)
    assert_refused(answer, 400, "invalid_request_error")


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": 0},
        {"max_tokens": None},
        {"messages": []},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "unheard-of"}]}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": "Hello"},
        {"stream": "yes"},
        {"temperature": 2},
        {"stop_sequences": "x"},
        {"thinking": {"type": "enabled", "budget_tokens": 1}},
    ],
)
def test_a_malformed_request_is_refused(backend: Backend, change: dict[str, Any]) -> None:
    assert_refused(backend.ask(KEY, prompt("Hello") | change), 400, "invalid_request_error")


@pytest.mark.parametrize(
    "data", [b"", b"not json", b"[]", b'"text"', b"{", b'{"a": NaN}', b'{"a": "\\ud800"}', b"\xff\xfe", b"[" * 100_000, b"1" * 5000]
)
def test_a_body_that_is_no_json_object_is_refused(backend: Backend, data: bytes) -> None:
    assert_refused(backend.post("/v1/messages", KEY, data=data), 400, "invalid_request_error")


def test_an_unknown_model_is_not_found(backend: Backend) -> None:
    assert_refused(backend.ask(KEY, prompt("Hello", model="claude-none")), 404, "not_found_error")


@pytest.mark.parametrize("place", ["model", "role", "block type", "key", "text", "path", "query", "header"])
def test_no_error_echoes_what_was_sent(backend: Backend, place: str) -> None:
    marker = canary()
    body = prompt(marker)
    path, headers = "/v1/messages", {}
    match place:
        case "model":
            body["model"] = marker
        case "role":
            body["messages"][0]["role"] = marker
        case "block type":
            body["messages"][0]["content"] = [{"type": marker}]
        case "key":
            body["tools"] = [{marker: {marker: marker}}]
        case "text":
            body["max_tokens"] = marker
        case "path":
            path = f"/v1/{marker}"
        case "query":
            return _no_echo(backend.get(f"/v1/models?limit={marker}", KEY), marker)
        case "header":
            headers = {"anthropic-version": marker}
    return _no_echo(backend.post(path, KEY, json=body, headers=headers), marker)


def _no_echo(answer: requests.Response, marker: str) -> None:
    assert 400 <= answer.status_code < 500
    assert marker not in answer.text + str(answer.headers)


def test_an_error_names_the_field(backend: Backend) -> None:
    answer = backend.ask(KEY, prompt("Hello", max_tokens=0))
    assert answer.json()["error"]["message"] == "max_tokens: greater than equal."


def test_a_body_declared_too_large_is_refused_before_it_is_sent(backend: Backend) -> None:
    address = urlsplit(backend.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.putrequest("POST", "/v1/messages")
    for name, value in {
        "x-api-key": f"sample-key-{KEY}",
        "anthropic-version": "2023-06-01",
        "content-length": str(33 * 1024 * 1024),
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["type"] == "request_too_large"
    connection.close()


def test_a_body_that_turns_out_too_large_is_refused(backend: Backend) -> None:
    chunks = (b"x" * 1024 * 1024 for _ in range(33))
    assert_refused(backend.post("/v1/messages", KEY, data=chunks), 413, "request_too_large")


def test_a_body_of_just_under_32_mb_is_taken(backend: Backend) -> None:
    body = json.dumps(prompt("x" * (31 * 1024 * 1024))).encode()
    assert backend.post("/v1/messages", "subject-member", data=body).status_code == 200


def test_the_model_joins_the_parts_and_says_nothing_else(backend: Backend) -> None:
    wanted = canary()
    assert said(backend.ask(KEY, asking_for(wanted))) == wanted


@pytest.mark.parametrize(
    "between",
    [
        ': "{0}" "{1}"',
        ', and answer with the result only: "{0}", "{1}"',
        ':\n- "{0}"\n- "{1}"\n',
        ': "{0}" and "{1}". Then stop.',
        ': "{0}" + "{1}"',
    ],
)
def test_the_instruction_may_be_worded_in_several_ways(backend: Backend, between: str) -> None:
    wanted = canary()
    assert said(backend.ask(KEY, prompt("Join these parts" + between.format(*halves(wanted))))) == wanted


def test_the_last_instruction_wins(backend: Backend) -> None:
    body = prompt('Join these parts: "a" "b"', system='Join these parts: "s" "t"')
    body["messages"] += [{"role": "assistant", "content": 'Join these parts: "no" "no"'}, {"role": "user", "content": "Go on."}]
    assert said(backend.ask(KEY, body)) == "ab"
    body["messages"][-1]["content"] = 'Join these parts: "c" "d". Join these parts: "e" "f"'
    assert said(backend.ask(KEY, body)) == "ef"


def test_instructions_are_found_in_system_tool_results_and_documents(backend: Backend) -> None:
    instruction = 'Join these parts: "left" "right"'
    text_document = {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": instruction}}
    result = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": instruction}]}],
        },
    ]
    for body in (
        prompt("Hello", system=[{"type": "text", "text": instruction}]),
        {**prompt(""), "messages": result},
        {**prompt(""), "messages": [{"role": "user", "content": [text_document]}]},
        {**prompt(""), "messages": [{"role": "user", "content": [pdf(instruction)]}]},
    ):
        assert said(backend.ask(KEY, body)) == "leftright"


def pdf(text: str) -> dict[str, Any]:
    """A document block with a PDF that shows `text` on a compressed page."""
    shown = text.replace("(", "\\(").replace(")", "\\)").encode()
    data = (
        b"%PDF-1.4\n1 0 obj\n<< /Filter /FlateDecode >>\nstream\n" + zlib.compress(b"BT (" + shown + b") Tj ET") + b"\nendstream\nendobj\n"
    )
    source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(data).decode()}
    return {"type": "document", "source": source}


def test_filler_is_the_same_for_the_same_prompt_and_quotes_nothing(backend: Backend) -> None:
    marker = canary()
    first, second, other = (said(backend.ask(KEY, prompt(text))) for text in (marker, marker, canary()))
    assert first == second != other
    assert marker not in first
    assert len(first.split()) > 20


def test_events_come_in_the_documented_order(backend: Backend) -> None:
    found = events(backend.ask(KEY, prompt("Hello", stream=True)))
    kinds = [event["type"] for event in found]
    deltas = kinds.count("content_block_delta")
    assert deltas > 5
    assert kinds == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert found[0]["message"]["content"] == []
    assert found[0]["message"]["usage"]["input_tokens"] > 0
    assert found[-2]["delta"]["stop_reason"] == "end_turn"
    assert found[-2]["usage"]["output_tokens"] > 0


def test_a_stream_says_what_the_plain_answer_says(backend: Backend) -> None:
    body = prompt("Hello", stream=False)
    streamed = events(backend.ask(KEY, body | {"stream": True}))
    text = "".join(event["delta"]["text"] for event in streamed if event["type"] == "content_block_delta")
    assert text == said(backend.ask(KEY, body))


def test_a_stream_is_an_event_stream(backend: Backend) -> None:
    answer = backend.ask(KEY, prompt("Hello", stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"]
    assert answer.headers["anthropic-organization-id"] == "org_control"


def test_tool_input_and_thinking_are_streamed_in_their_own_deltas(backend: Backend) -> None:
    body = asking_for("result", stream=True, max_tokens=2048, thinking={"type": "enabled", "budget_tokens": 1024})
    body |= {"tools": [{"name": "give", "input_schema": {"type": "object"}}], "tool_choice": {"type": "tool", "name": "give"}}
    found = events(backend.ask(KEY, body))
    blocks = [event["content_block"]["type"] for event in found if event["type"] == "content_block_start"]
    assert blocks == ["thinking", "tool_use"]
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    kinds = [delta["type"] for delta in deltas]
    assert kinds.index("signature_delta") == kinds.count("thinking_delta")
    assert set(kinds[kinds.index("signature_delta") + 1 :]) == {"input_json_delta"}
    partial = "".join(delta["partial_json"] for delta in deltas if delta["type"] == "input_json_delta")
    assert json.loads(partial) == {"result": "result"}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_stop_sequence_ends_the_answer(backend: Backend) -> None:
    answer = backend.ask(KEY, asking_for("first STOP second", stop_sequences=["STOP", "second"])).json()
    assert answer["content"][0]["text"] == "first "
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "STOP")


def test_max_tokens_cuts_the_answer(backend: Backend) -> None:
    answer = backend.ask(KEY, prompt("Hello", max_tokens=2)).json()
    assert len(answer["content"][0]["text"]) == 8
    assert answer["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("organization", ["subject", "control"])
def test_a_marked_prefix_is_created_once_and_then_read(backend: Backend, organization: str) -> None:
    key = f"{organization}-member"
    system = [{"type": "text", "text": canary() * 40, "cache_control": {"type": "ephemeral"}}]
    first = backend.ask(key, prompt("One", system=system)).json()["usage"]
    second = backend.ask(key, prompt("Two", system=system)).json()["usage"]
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 300
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] == first["cache_creation_input_tokens"]
    assert first["service_tier"] == "standard"


def test_another_organization_reads_nothing_from_the_cache(backend: Backend) -> None:
    system = [{"type": "text", "text": canary() * 40, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert backend.ask("control-member", prompt("One", system=system)).json()["usage"]["cache_creation"]["ephemeral_1h_input_tokens"] > 300
    assert backend.ask("sibling-member", prompt("One", system=system)).json()["usage"]["cache_read_input_tokens"] == 0


def test_images_are_taken(backend: Backend) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"\x89PNG").decode()}}
    assert backend.ask(KEY, {**prompt(""), "messages": [{"role": "user", "content": [image]}]}).status_code == 200
    image["source"]["data"] = "%%%%"  # type: ignore[index]
    assert_refused(backend.ask(KEY, {**prompt(""), "messages": [{"role": "user", "content": [image]}]}), 400, "invalid_request_error")


def test_models_are_paged(backend: Backend) -> None:
    first = backend.get("/v1/models?limit=2", KEY).json()
    assert first["has_more"]
    rest = backend.get(f"/v1/models?after_id={first['last_id']}", KEY).json()
    assert not rest["has_more"]
    assert [model["id"] for model in first["data"] + rest["data"]] == ["claude-opus-sim-1", "claude-sonnet-sim-1", MODEL]


@pytest.mark.parametrize("path", ["/", "/api/hello"])
def test_clients_may_ask_whether_the_service_is_there(backend: Backend, path: str) -> None:
    answer = backend.call("HEAD", path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_unknown_method_is_refused_in_the_envelope_with_the_known_ones(backend: Backend) -> None:
    answer = backend.call("PATCH", "/v1/files", KEY)
    assert_refused(answer, 405, "invalid_request_error")
    assert answer.headers["allow"] == "GET, POST"


def test_staff_cannot_use_inference(backend: Backend) -> None:
    for staff in ("account-team", "reviewer", "operator", "auditor"):
        answer = backend.ask(staff, prompt("Hello"))
        assert_refused(answer, 403, "permission_error")
        assert answer.headers["anthropic-organization-id"] == "org_provider"


@pytest.mark.parametrize("status", [500, 529])
def test_injected_failures_come_as_often_as_asked(backend: Backend, status: int) -> None:
    organization = backend.organization()
    fault = {"organization_id": organization.id, "status": status, "count": 2}
    backend.post("/operator/faults", "operator", json=fault).raise_for_status()
    statuses = [backend.ask(organization.admin, prompt("Hello")).status_code for _ in range(3)]
    assert statuses == [status, status, 200]
