"""What an answer means: a message or not, and which outcome; whatever a target sends, reading it never breaks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.profile.operation import Refusal, Sign
from zdr_audit.target.dialects.anthropic import parse
from zdr_audit.target.outcome import MAX_DEPTH, classify, document, policy_refusal_problem
from zdr_audit.target.transport import Answer

MESSAGE = {"type": "message", "content": [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}]}
EVENTS = [
    {"type": "message_start", "message": {}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "there"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
]
RULE = Refusal()


def answer(status: int | None, body: bytes | str | dict | list = b"", **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(status, headers, data, "", "", "")


def plain(body: object) -> tuple[bool, str, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = parse(200, "application/json", data, streamed=False)
    return found.ok, found.text, found.problem


def stream(events: list[object], end: str = "\n", kind: str = "text/event-stream; charset=utf-8") -> tuple[bool, str, str]:
    lines = []
    for event in events:
        name = event["type"] if isinstance(event, dict) else "x"
        lines += [f"event: {name}", "data: " + (event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)), ""]
    found = parse(200, kind, (end.join(lines) + end).encode(), streamed=True)
    return found.ok, found.text, found.problem


# -- plain answers ------------------------------------------------------------------------------------------------------------------


def test_a_whole_message_is_read():
    assert plain(MESSAGE) == (True, "Hello there", "")


def test_tool_input_counts_as_text():
    assert plain({"type": "message", "content": [{"type": "tool_use", "input": {"q": "x"}}]}) == (True, '{"q": "x"}', "")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the answer is not JSON"),
        (b"<html><body>Sign in</body></html>", "the answer is not JSON"),
        (json.dumps(MESSAGE).encode()[:-5], "the answer is not JSON"),
        (b'{"type": "message", "content": [\xff]}', "the answer is not JSON"),
        (b"[" * 200_000, "the answer is not JSON"),
        ({}, "the answer is not a message"),
        ([], "the answer is not a message"),
        ("text", "the answer is not a message"),
        (None, "the answer is not a message"),
        ({"type": "error", "error": {"type": "api_error"}}, "the answer is not a message"),
        ({"type": "message"}, "the answer is not a message"),
        ({"type": "message", "content": "Hello"}, "the answer is not a message"),
        ({"type": "message", "content": []}, "the message is empty"),
        ({"type": "message", "content": ["Hello", None, 5]}, "the message is empty"),
        ({"type": "message", "content": [{"type": "text"}]}, "the message is empty"),
        ({"type": "message", "content": [{"type": "thinking", "thinking": "hm"}]}, "the message is empty"),
    ],
)
def test_what_is_no_message_is_said_to_be_none(body, problem):
    assert plain(body) == (False, "", problem)


@pytest.mark.parametrize("status", [None, 201, 204, 302, 400, 401, 500])
def test_only_200_brings_a_message(status):
    found = parse(status, "application/json", json.dumps(MESSAGE).encode(), streamed=False)
    assert (found.ok, found.problem) == (False, f"status {status}")


# -- streams ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_whole_stream_is_read_whatever_ends_its_lines(end):
    assert stream(EVENTS, end) == (True, "Hello there", "")


def test_text_with_unusual_line_separators_is_not_cut():
    delta = {"type": "content_block_delta", "delta": {"text": "a\u2028b\u0085c\x0cd"}}
    assert stream([delta, EVENTS[-1]]) == (True, "a\u2028b\u0085c\x0cd", "")


def test_an_event_over_several_data_lines_is_one_event():
    body = b'data: {"type": "content_block_delta",\ndata: "delta": {"text": "Hi"}}\n\ndata:{"type":"message_stop"}\n\n'
    assert parse(200, "text/event-stream", body, streamed=True).text == "Hi"


def test_comments_and_pings_are_passed_over():
    assert stream([*EVENTS[:3], {"type": "ping"}, *EVENTS[3:]])[0]
    body = (
        b": keep-alive\n\nretry: 5\n\n"
        + b'data: {"type": "content_block_delta", "delta": {"text": "Hi"}}\n\ndata: {"type": "message_stop"}\n\n'
    )
    assert parse(200, "text/event-stream", body, streamed=True).ok


@pytest.mark.parametrize("count", range(1, len(EVENTS)))
def test_a_stream_without_its_end_broke_off(count):
    ok, text, problem = stream(EVENTS[:count])
    assert (ok, problem) == (False, "the stream broke off")
    assert "Hello there".startswith(text)


@given(st.integers(0))
def test_a_stream_cut_anywhere_is_never_taken_for_whole(cut):
    body = b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in EVENTS)
    cut %= len(body)
    assert not parse(200, "text/event-stream", body[: min(cut, len(body) - 2)], streamed=True).ok


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([], "the stream broke off"),
        ([*EVENTS[:3], {"type": "error", "error": {"type": "overloaded_error"}}], "the stream ended in an error event"),
        ([*EVENTS[:3], "<html>"], "an event of the stream is not JSON"),
        ([*EVENTS[:3], "[" * 200_000], "an event of the stream is not JSON"),
        (["[DONE]"], "an event of the stream is not JSON"),
        ([EVENTS[0], EVENTS[-1]], "the message is empty"),
        ([{"type": "content_block_delta"}, EVENTS[-1]], "the message is empty"),
        ([{"type": "content_block_delta", "delta": "text"}, EVENTS[-1]], "the message is empty"),
        ([{"type": "content_block_delta", "delta": [1]}, EVENTS[-1]], "the message is empty"),
        (["null", "5", "[]", EVENTS[-1]], "the message is empty"),
    ],
)
def test_what_is_no_whole_stream_is_said_to_be_none(events, problem):
    ok, _, found = stream(events)
    assert (ok, found) == (False, problem)


@pytest.mark.parametrize(("kind", "shown"), [("application/json", "application/json"), ("text/html", "text/html"), ("", "no content type")])
def test_an_answer_of_another_kind_is_no_stream(kind, shown):
    assert stream(EVENTS, kind=kind) == (False, "", f"not an event stream but {shown}")


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_break_the_reading(data, streamed):
    kind = "text/event-stream" if streamed else "application/json"
    for body in (data, b"data: " + data + b"\n\n"):
        assert not parse(200, kind, body, streamed=streamed).ok
    document(answer(200, data))
    classify(answer(403, data), (200,), RULE)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda i: st.lists(i, max_size=3) | st.dictionaries(st.text(), i, max_size=3)
    )
)
def test_no_json_breaks_the_reading(value):
    for body in (
        value,
        {"type": "message", "content": value},
        {"type": "message", "content": [value]},
        {"error": value},
        {"error": {"message": value}},
    ):
        plain(body)
        policy_refusal_problem(answer(403, body), RULE)
        stream([{"type": "content_block_delta", "delta": body}, json.dumps(body)])


# -- outcomes -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (None, "no_answer"),
        (200, "accepted"),
        (204, "accepted"),
        (206, "unexpected"),
        (301, "redirected"),
        (304, "not_modified"),
        (307, "redirected"),
        (400, "client_error"),
        (401, "denied"),
        (402, "client_error"),
        (403, "denied"),
        (404, "not_found"),
        (405, "not_found"),
        (409, "client_error"),
        (410, "not_found"),
        (413, "client_error"),
        (422, "client_error"),
        (429, "rate_limited"),
        (500, "server_error"),
        (504, "no_answer"),
        (529, "server_error"),
        (599, "server_error"),
    ],
)
def test_a_status_means(status, outcome):
    assert classify(answer(status, {}), (200, 201, 202, 204), RULE) == outcome


def test_a_status_that_the_profile_accepts_is_accepted():
    assert classify(answer(409, {}), (409,), RULE) == "accepted"


def refusal(message: object, status: int = 403, kind: object = "permission_error", **more: object) -> Answer:
    return answer(status, {"type": "error", "error": {"type": kind, "message": message, **more}})


@pytest.mark.parametrize(
    "message",
    [
        "This feature is not available under your organization's data retention policy.",
        "Custom data retention settings do not allow feedback.",
        "DISABLED BY POLICY",
        "Zero Data Retention is enabled for this organization",
        "not available: ZDR",
        "Diese Funktion ist durch die Richtlinie Ihrer Organisation gesperrt.",
        "Interdit par la politique de votre organisation",
        "No permitido por la política de su organización",
        "Non consentito dalla Politica della tua organizzazione",
        "Niet toegestaan door het beleid van uw organisatie",
        "Zablokowane przez politykę organizacji",
        "Запрещено политикой организации",
        "組織のポリシーにより許可されていません",
        "조직의 정책에 의해 차단되었습니다",
        "您的组织策略不允许使用此功能",
    ],
)
def test_a_policy_refusal_is_known_in_many_wordings_and_languages(message):
    assert classify(refusal(message), (200,), RULE) == "refused_by_policy"


def test_a_code_may_say_what_the_text_does_not():
    assert classify(refusal("Not allowed.", details={"error_code": "feedback_retention_blocked"}), (200,), RULE) == "refused_by_policy"


@pytest.mark.parametrize(
    ("given_answer", "problem"),
    [
        (refusal("the policy", status=404), "status 404, not 403"),
        (refusal("the policy", status=200), "status 200, not 403"),
        (refusal("the policy", kind="authentication_error"), "its error type is 'authentication_error', not 'permission_error'"),
        (refusal("the policy", kind=None), "its error type is None, not 'permission_error'"),
        (refusal("the policy", kind=["permission_error"]), "its error type is ['permission_error'], not 'permission_error'"),
        (refusal("Your role does not allow this."), "its text does not say that the organization's policy is the reason"),
        (refusal(None), "its text does not say that the organization's policy is the reason"),
        (answer(403, "<html>policy</html>"), "its error type is None, not 'permission_error'"),
        (answer(403), "its error type is None, not 'permission_error'"),
        (answer(403, ["policy"]), "its error type is None, not 'permission_error'"),
    ],
)
def test_what_is_no_policy_refusal_is_said_why(given_answer, problem):
    assert policy_refusal_problem(given_answer, RULE) == problem


def test_the_rule_of_the_profile_is_the_one_that_counts():
    rule = Refusal(status=(451, 403), types=("blocked",), type_pointer="/kind", text_pointer="/why", words=("Geschäftsleitung",))
    body = {"kind": "blocked", "why": "auf Wunsch der GESCHÄFTSLEITUNG"}
    assert policy_refusal_problem(answer(451, body), rule) is None
    assert policy_refusal_problem(answer(404, body), rule) == "status 404, not 451 or 403"


# -- documents ----------------------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_json_of_a_reasonable_depth_is_read():
    assert document(answer(200, nested(MAX_DEPTH))) is not None
    assert document(answer(200, b'{"a": ' * 50 + b"1" + b"}" * 50)) is not None


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 5_000, 500_000])
def test_json_that_is_absurdly_deep_is_taken_for_none(depth):
    assert document(answer(200, nested(depth))) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe\xff", b"{", b"9" * 10_000])
def test_what_is_no_json_is_no_document(body):
    assert document(answer(200, body)) is None


def test_a_problem_document_may_give_its_reason_where_the_rule_points():
    rule = Refusal(status=(451,), text_pointer="/reason")
    refused = answer(451, {"type": "about:blank", "reason": "not under your policy"}, **{"content-type": "Application/Problem+JSON"})
    assert policy_refusal_problem(refused, rule) is None
    other = answer(451, {"type": "about:blank", "reason": "not today"}, **{"content-type": "application/problem+json"})
    assert policy_refusal_problem(other, rule) == "its text does not say that the organization's policy is the reason"


@pytest.mark.parametrize(("body", "expected"), [({"result": 1}, "accepted"), ({"error": {"code": 43}}, "declined")])
def test_a_success_in_which_the_sign_of_success_is_not_is_declined(body, expected):
    assert classify(answer(200, body), (200,), RULE, Sign(pointer="/result")) == expected
    assert classify(answer(203, body), (200,), RULE, Sign(pointer="/result")) == "unexpected"
