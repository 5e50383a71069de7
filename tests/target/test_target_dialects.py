"""Each dialect says of a stimulus what it can, in the places where it belongs, and reads whole answers alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zdr_audit.canary.mint import Mint, new_literal, parts
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.profile.model import GenericJson, GenericStream
from zdr_audit.suite.generate import stimuli
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.base import Dialect
from zdr_audit.target.dialects.content import pdf
from zdr_audit.target.dialects.generic_json import GenericJsonDialect
from zdr_audit.target.dialects.openai_chat import OpenAIChat
from zdr_audit.target.dialects.openai_responses import OpenAIResponses
from zdr_audit.target.stimulus import IN_BLOCKS, PLACES, WRONG, Place, Stimulus, features, fitted
from zdr_audit.target.template import pointer

LIMIT = 4096
LITERAL = new_literal()
MINT = Mint(LITERAL)
GENERIC = GenericJsonDialect(
    GenericJson(
        body={"ask": "{text}", "about": {"who": "{user_id}", "papers": ["{document}", "{image}"]}, "model": "{model}", "tag": "{session}"},
        answer="/say",
        stream=GenericStream(format="sse", answer="/bit", body={"live": True}, done="END"),
        wrong={"empty_messages": {"ask": "", "aside": "{text}"}},
    )
)
DIALECTS = (AnthropicMessages(), OpenAIChat(), OpenAIResponses(), GENERIC)
each = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)


def texts(places: Any) -> dict[Place, str]:
    return {place: MINT.new() for place in PLACES if place in places}


def sent(dialect: Dialect, stimulus: Stimulus, given_texts: dict[Place, str], joined: tuple[str, ...] = ()) -> Any:
    return json.loads(dialect.render(stimulus, "model-a", given_texts, joined, LIMIT).body)


def found(raw: bytes, canaries: dict[str, str]) -> set[str | None]:
    registry = Registry(LITERAL, b"key")
    for name, canary in canaries.items():
        registry.add(name, canary)
    return {s.canary for s in Seeker(LITERAL, registry.identify).search(raw)}


CHAT: dict[Place, str] = {
    "message": "/messages/0/content", "system": "/messages/0/content", "history": "/messages/0/content", "prefill": "/messages/1/content",
    "tool_name": "/tools/0/function/name", "unknown_field": "/client_note",
    "tool_description": "/tools/0/function/description", "tool_schema": "/tools/0/function/parameters/properties/query/enum/1",
    "tool_input": "/messages/1/tool_calls/0/function/arguments", "tool_result": "/messages/2/content",
    "document_title": "/messages/0/content/0/file/filename", "user_id": "/user", "stop_sequence": "/stop/0",
}  # fmt: skip
RESPONSES: dict[Place, str] = {
    "message": "/input/0/content/0/text", "system": "/instructions", "history": "/input/0/content", "prefill": "/input/1/content",
    "tool_name": "/tools/0/name", "unknown_field": "/client_note",
    "tool_description": "/tools/0/description", "tool_schema": "/tools/0/parameters/properties/query/enum/1",
    "tool_input": "/input/1/arguments", "tool_result": "/input/2/output",
    "document_title": "/input/0/content/0/filename", "user_id": "/user",
}  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "place", "where"),
    [
        *((OpenAIChat(), place, where) for place, where in CHAT.items()),
        *((OpenAIResponses(), place, where) for place, where in RESPONSES.items()),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_canary_stands_in_the_place_that_is_named(dialect, place, where):
    chosen = {place: MINT.new()}
    body = sent(dialect, Stimulus(places=frozenset(chosen)), chosen)
    assert chosen[place] in pointer(body, where)
    assert json.dumps(body).count(chosen[place]) == (2 if place == "history" else 1)


@each
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=stimuli(("model-a", "model-b")))
def test_of_a_generated_shape_every_canary_that_the_dialect_can_say_is_found_and_no_other(dialect, drawn):
    stimulus, left_out = fitted(drawn, dialect.features)
    if stimulus is None:
        assert drawn.session is not None or not drawn.places & dialect.features
        return
    assert stimulus.places | set(left_out) >= drawn.places
    chosen, expected = texts(stimulus.places), MINT.new()
    rendered = dialect.render(stimulus, "model-a", chosen, parts(expected), LIMIT)
    raw = rendered.body + b"\n" + "\n".join(rendered.headers.values()).encode()
    assert found(raw, {**chosen, "answer": expected}) == set(chosen), "the parts to be joined are no canary"


@each
def test_what_goes_into_a_wrong_request_is_wrong_and_carries_its_canary(dialect):
    for kind in WRONG:
        if f"wrong:{kind}" not in dialect.features:
            continue
        chosen = {"message": MINT.new()}
        rendered = dialect.render(Stimulus(wrong=kind, answer=False), "model-a", chosen, (), LIMIT)
        assert found(rendered.body, chosen) == {"message"}, kind
        right = dialect.render(Stimulus(answer=False), "model-a", chosen, (), LIMIT)
        assert rendered != right or kind == "bad_credential", kind
        if kind == "too_large":
            assert len(rendered.body) > LIMIT
        if kind == "broken_json":
            with pytest.raises(ValueError):
                json.loads(rendered.body)


@each
def test_noise_takes_the_room_that_it_should_and_padding_too(dialect):
    plain = len(dialect.render(Stimulus(answer=False), "m", {}, (), LIMIT).body)
    assert len(dialect.render(Stimulus(answer=False, noise=6000), "m", {}, (), LIMIT).body) >= plain + 6000
    assert len(dialect.render(Stimulus(answer=False, padding=6000), "m", {}, (), LIMIT).body) >= plain + 6000


def test_images_and_documents_of_openai_are_what_they_say():
    chosen = texts({"image", "document", "document_title"})
    for dialect in (OpenAIChat(), OpenAIResponses()):
        raw = json.dumps(sent(dialect, Stimulus(places=frozenset(chosen)), chosen)).encode()
        assert found(raw, chosen) == set(chosen)
        data = raw.split(b"data:application/pdf;base64,")[1].split(b'"')[0]
        assert base64.b64decode(data).startswith(b"%PDF-1.4")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200))
def test_the_offsets_of_a_pdf_lead_to_its_objects(text):
    made = pdf(text)
    start = int(made.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert made[start:].startswith(b"xref\n0 6\n")
    rows = made[start:].split(b"\n")[3:8]
    for number, row in enumerate(rows, 1):
        assert made[int(row[:10]) :].startswith(b"%d 0 obj\n" % number)


def test_members_of_the_profile_go_into_every_request():
    body = sent(OpenAIChat(99, {"seed": 7}, "max_completion_tokens"), Stimulus(), {})
    assert (body["seed"], body["max_completion_tokens"], "max_tokens" in body) == (7, 99, False)
    assert sent(AnthropicMessages(99, {"top_k": 1}), Stimulus(), {})["top_k"] == 1
    assert sent(OpenAIResponses(99), Stimulus(), {})["max_output_tokens"] == 99


@each
def test_a_body_for_counting_has_no_bound_on_the_answer(dialect):
    body = dialect.render(Stimulus(stream=True), "m", {"message": "words"}, (), LIMIT).body
    assert not {"stream", "max_tokens", "max_output_tokens"} & json.loads(dialect.counting(body)).keys()
    assert b"words" in dialect.counting(body)


# -- what a dialect cannot say --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_said_is_left_out_and_named():
    stimulus = Stimulus(places=frozenset({"message", "image"}), stream=True, cache=True)
    left, missing = fitted(stimulus, {"message", "answer"})
    assert left == Stimulus()
    assert missing == ("image", "stream", "cache")
    assert features(Stimulus(wrong="bad_role", session="s")) == ("message", "session", "answer", "wrong:bad_role")


@pytest.mark.parametrize(
    "stimulus",
    [
        Stimulus(places=frozenset({"image"})),
        Stimulus(session="s"),
        Stimulus(wrong="bad_role"),
        Stimulus(stream=True, abandon_after=100),
    ],
)
def test_what_would_not_be_the_same_stimulus_is_not_sent(stimulus):
    assert fitted(stimulus, {"message", "answer"})[0] is None
    assert fitted(stimulus, AnthropicMessages.features) == (stimulus, ())


def test_documents_that_are_files_have_no_blocks_inside():
    for dialect in (OpenAIChat(), OpenAIResponses(), GENERIC):
        assert not dialect.features & {*IN_BLOCKS, "cache_hour"}
        assert fitted(Stimulus(places=IN_BLOCKS), dialect.features)[0] is None


def test_the_generic_dialect_has_the_places_that_its_template_names():
    assert GENERIC.features & set(PLACES) == {"message", "user_id", "document", "image", "header"}
    assert {"stream", "session", "wrong:unknown_model", "wrong:empty_messages"} <= GENERIC.features
    assert not {"cache", "wrong:bad_role", "wrong:no_version"} & GENERIC.features
    silent = GenericJsonDialect(GenericJson(body={"q": "Say: {text}"}, answer=""))
    assert not {"stream", "session", "system", "wrong:unknown_model"} & silent.features


# -- answers --------------------------------------------------------------------------------------------------------------------------


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + (e.encode() if isinstance(e, str) else json.dumps(e).encode()) + b"\n\n" for e in events)


def delta(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


PIECE = {"type": "response.output_text.delta", "delta": "ab"}
WHOLE: list[tuple[Dialect, bytes, bool, str]] = [
    (OpenAIChat(), b'{"choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]}', False, "ab"),
    (OpenAIChat(), b'{"choices": [{"message": {"content": [{"type": "text", "text": "ab"}]}}]}', False, "ab"),
    (OpenAIChat(), b'{"choices": [{"message": {"content": null, "refusal": "no"}, "finish_reason": "stop"}]}', False, "no"),
    (OpenAIChat(), b'{"choices": [{"message": {"content": null, "tool_calls": [{"function": {"arguments": "{}"}}]}}]}', False, "{}"),
    (OpenAIChat(), b'{"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}', False, ""),
    (OpenAIChat(), sse(delta("a"), delta("b"), delta("", "stop"), "[DONE]"), True, "ab"),
    (OpenAIChat(), sse(delta("ab"), "[DONE]"), True, "ab"),
    (OpenAIChat(), sse({"choices": []}, delta("ab", "stop")), True, "ab"),
    (OpenAIResponses(), b'{"status": "completed", "output": [{"content": [{"type": "output_text", "text": "ab"}]}]}', False, "ab"),
    (OpenAIResponses(), b'{"status": "incomplete", "output": [{"type": "reasoning", "summary": []}]}', False, ""),
    (OpenAIResponses(), b'{"output": [{"type": "function_call", "arguments": "{}"}]}', False, "{}"),
    (OpenAIResponses(), sse(PIECE, PIECE, {"type": "response.completed"}), True, "abab"),
    (OpenAIResponses(), sse(PIECE, {"type": "response.incomplete"}), True, "ab"),
    (GENERIC, b'{"say": "ab"}', False, "ab"),
    (GENERIC, b'{"say": ["a", "b"]}', False, "ab"),
    (GENERIC, sse({"bit": "a"}, {"bit": "b"}, "END"), True, "ab"),
    (GENERIC, sse({"bit": "ab"}, "END")[:-2], True, "ab"),
    (AnthropicMessages(), b'{"type": "message", "content": [], "stop_reason": "refusal"}', False, ""),
]
BROKEN: list[tuple[Dialect, bytes, bool, str]] = [
    (OpenAIChat(), b"{", False, "the answer is not JSON"),
    (OpenAIChat(), b'{"choices": []}', False, "the answer is not a chat completion"),
    (OpenAIChat(), b'{"choices": [{"message": {"content": ""}}]}', False, "the message is empty"),
    (OpenAIChat(), sse(delta("ab")), True, "the stream broke off"),
    (OpenAIChat(), sse(delta("ab"), {"error": {"message": "overloaded"}}, "[DONE]"), True, "the stream ended in an error event"),
    (OpenAIChat(), sse("[DONE]"), True, "the message is empty"),
    (OpenAIResponses(), b'{"output": "ab"}', False, "the answer is not a response"),
    (OpenAIResponses(), b'{"status": "failed", "output": []}', False, "the response failed"),
    (OpenAIResponses(), sse(PIECE), True, "the stream broke off"),
    (OpenAIResponses(), sse(PIECE, {"type": "response.failed"}), True, "the stream ended in an error event"),
    (GENERIC, b'{"said": "ab"}', False, "the answer has no text at /say"),
    (GENERIC, b'{"say": ""}', False, "the message is empty"),
    (GENERIC, sse({"bit": "ab"}), True, "the stream broke off"),
    (GENERIC, sse("{", "END"), True, "a piece of the stream is not JSON"),
]


def kind(streamed: bool) -> str:
    return "text/event-stream; charset=utf-8" if streamed else "application/json"


@pytest.mark.parametrize(("dialect", "body", "streamed", "text"), WHOLE)
def test_a_whole_answer_is_read(dialect, body, streamed, text):
    read = dialect.parse(200, kind(streamed), body, streamed=streamed)
    assert (read.ok, read.text, read.problem) == (True, text, "")


@pytest.mark.parametrize(("dialect", "body", "streamed", "problem"), BROKEN)
def test_what_is_no_whole_answer_is_said_to_be_none(dialect, body, streamed, problem):
    read = dialect.parse(200, kind(streamed), body, streamed=streamed)
    assert (read.ok, read.problem) == (False, problem)


def test_lines_of_json_end_by_a_mark_or_by_themselves():
    lines = b'{"bit": "a"}\n\n{"bit": "b", "last": true}\n'

    def read(body: bytes, **more: Any) -> tuple[bool, str]:
        stream = GenericStream(format="lines", answer="/bit", **more)
        parsed = GenericJsonDialect(GenericJson(body={"q": "{text}"}, answer="", stream=stream)).parse(200, "", body, streamed=True)
        return parsed.ok, parsed.text

    assert read(lines, done_at="/last") == (True, "ab")
    assert read(lines[:13], done_at="/last") == (False, "a")
    assert read(lines[:13]) == (True, "a")


@each
@pytest.mark.parametrize("streamed", [False, True])
@settings(max_examples=30, deadline=None)
@given(body=st.binary(max_size=300) | st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["choices", "message", "delta", "content", "output", "type", "say", "bit", "error", "text"]), x)).map(
        lambda v: json.dumps(v).encode()))  # fmt: skip
def test_nothing_breaks_the_reading(dialect, streamed, body):
    raw = b"data: " + body + b"\n\n" if streamed else body
    dialect.parse(200, kind(streamed), raw, streamed=streamed)


@each
def test_no_other_status_brings_an_answer(dialect):
    assert not dialect.parse(500, "application/json", b'{"say": "ab"}', streamed=False).ok
    assert not dialect.parse(None, "", b"", streamed=False).ok


@pytest.mark.parametrize(
    ("dialect", "member"), [(OpenAIChat(), "messages"), (OpenAIResponses(), "input")], ids=lambda v: getattr(v, "name", v)
)
def test_storage_and_sampling_are_asked_for_in_the_words_of_the_interface(dialect, member):
    plain, asked = (
        sent(dialect, Stimulus(store=told, sampling="nucleus" if told else None), texts(("message",))) for told in (False, True)
    )
    assert "store" not in plain and (asked["store"], asked["top_p"]) == (True, 0.95)
    assert set(asked) - set(plain) == {"store", "top_p"} and member in asked


def test_a_single_text_can_be_the_whole_input():
    given = texts(("message",))
    assert given["message"] in sent(OpenAIResponses(), Stimulus(bare=True), given)["input"]
    assert isinstance(sent(OpenAIResponses(), Stimulus(bare=True, turns=1), given)["input"], list)


@pytest.mark.parametrize(
    ("dialect", "any_of_them", "named"),
    [
        (OpenAIChat(), "required", {"type": "function", "function": {"name": "look_up"}}),
        (OpenAIResponses(), "required", {"type": "function", "name": "look_up"}),
        (AnthropicMessages(), {"type": "any"}, {"type": "tool", "name": "look_up"}),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_the_choice_of_a_tool_is_said_in_the_words_of_the_interface_where_there_are_tools(dialect, any_of_them, named):
    given = texts(("tool_schema",))
    assert sent(dialect, Stimulus(tool_choice="any"), given)["tool_choice"] == any_of_them
    assert sent(dialect, Stimulus(tool_choice="named", sampling="warm", tools=3), given)["tool_choice"] == named
    assert sent(dialect, Stimulus(tool_choice="none"), given)["tool_choice"] in ("none", {"type": "none"})
    assert "tool_choice" not in sent(dialect, Stimulus(), given)
    assert "tool_choice" not in sent(dialect, Stimulus(tool_choice="named"), texts(("message",)))
    assert fitted(Stimulus(tool_choice="any"), {"message", "answer"}) == (Stimulus(), ("tool_choice",))
