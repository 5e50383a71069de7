"""A rendered request holds each canary in its place, and never the one that the answer is to bring."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zdr_audit.canary.mint import Mint, new_literal, parts
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.suite.generate import stimuli
from zdr_audit.target.dialects.anthropic import noise, png, render
from zdr_audit.target.dialects.content import BRIEF_TOKENS, stop
from zdr_audit.target.stimulus import PLACES, Place, Stimulus, fitted
from zdr_audit.target.template import pointer

LIMIT = 4096
LITERAL = new_literal()
MINT = Mint(LITERAL)

# Where a place is in the body of a request that has it and the message alone.
WHERE: dict[Place, str] = {
    "message": "/messages/-1/content/-1/text",
    "system": "/system/0/text",
    "history": "/messages/0/content",
    "prefill": "/messages/-1/content",
    "tool_name": "/tools/0/name",
    "tool_description": "/tools/0/description",
    "tool_schema": "/tools/0/input_schema/properties/query/enum/1",
    "tool_input": "/messages/1/content/0/input/query",
    "tool_result": "/messages/2/content/0/content",
    "result_text": "/messages/2/content/0/content/0/text",
    "result_document": "/messages/2/content/0/content/0/source/data",
    "result_search": "/messages/2/content/0/content/0/content/0/text",
    "document": "/messages/0/content/0/source/data",
    "document_title": "/messages/0/content/0/title",
    "document_text": "/messages/0/content/0/source/content/0/text",
    "document_context": "/messages/0/content/0/context",
    "search_result": "/messages/0/content/0/content/0/text",
    "search_title": "/messages/0/content/0/title",
    "search_source": "/messages/0/content/0/source",
    "server_result": "/messages/1/content/1/content/0/title",
    "earlier_thinking": "/messages/1/content/0/thinking",
    "user_id": "/metadata/user_id",
    "stop_sequence": "/stop_sequences/0",
    "unknown_field": "/client_note",
}


def texts(places: Any) -> dict[Place, str]:
    return {place: MINT.new() for place in PLACES if place in places}


def body(stimulus: Stimulus, given_texts: dict[Place, str], joined: tuple[str, ...] = ()) -> Any:
    return json.loads(render(stimulus, "model-a", given_texts, joined, LIMIT).body)


def at(document: Any, path: str) -> Any:
    """Like a JSON pointer, with -1 for the last of a list."""
    for part in path.split("/")[1:]:
        document = document[-1] if part == "-1" else pointer(document, f"/{part}")
    return document


@pytest.mark.parametrize("place", WHERE)
def test_a_canary_stands_in_the_place_that_is_named(place):
    chosen = {place: MINT.new()}
    rendered = body(Stimulus(places=frozenset(chosen)), chosen)
    assert chosen[place] in at(rendered, WHERE[place])
    assert json.dumps(rendered).count(chosen[place]) == (2 if place in ("history", "server_result") else 1)


def test_the_header_place_is_a_header_and_not_in_the_body():
    chosen = texts({"header"})
    rendered = render(Stimulus(places=frozenset({"header"})), "model-a", chosen, (), LIMIT)
    assert rendered.headers["x-client-note"] == chosen["header"]
    assert unquote(rendered.headers["baggage"]).split(",")[0] == f"note={chosen['header']}"
    assert chosen["header"].encode() not in rendered.body


def chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG, each with its checksum verified."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    found, offset = {}, 8
    while offset < len(data):
        (size,) = struct.unpack_from(">I", data, offset)
        kind, content = data[offset + 4 : offset + 8], data[offset + 8 : offset + 8 + size]
        (checksum,) = struct.unpack_from(">I", data, offset + 8 + size)
        assert checksum == zlib.crc32(kind + content)
        found[kind] = content
        offset += 12 + size
    return found


def test_the_image_place_is_a_png_that_parses():
    chosen = texts({"image"})
    rendered = body(Stimulus(places=frozenset({"image"})), chosen)
    (image,) = [b for b in rendered["messages"][-1]["content"] if b["type"] == "image"]
    assert (image["source"]["type"], image["source"]["media_type"]) == ("base64", "image/png")
    found = chunks(base64.b64decode(image["source"]["data"], validate=True))
    assert list(found) == [b"IHDR", b"tEXt", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (1, 1, 8, 2, 0, 0, 0)
    assert len(zlib.decompress(found[b"IDAT"])) == 4, "a filter byte and one pixel"
    assert found[b"tEXt"] == b"Comment\x00" + chosen["image"].encode()


def test_an_image_stands_inside_a_document_beside_a_text():
    chosen = texts({"document_text", "document_image"})
    (document,) = body(Stimulus(places=frozenset(chosen)), chosen)["messages"][-1]["content"][:-1]
    assert (document["type"], document["source"]["type"]) == ("document", "content")
    text, image = document["source"]["content"]
    assert chosen["document_text"] in text["text"] and image["source"]["media_type"] == "image/png"
    assert chunks(base64.b64decode(image["source"]["data"], validate=True))[b"tEXt"] == b"Comment\x00" + chosen["document_image"].encode()
    many = body(Stimulus(places=frozenset(chosen), copies=3), chosen)["messages"][-1]["content"]
    assert len({json.dumps(block) for block in many if block["type"] == "document"}) == 3


def test_a_tool_gives_back_blocks_beside_a_text_each_for_a_call_of_its_own():
    chosen = texts({"tool_input", "tool_result", "result_text", "result_image", "result_document", "result_search"})
    messages = body(Stimulus(places=frozenset(chosen)), chosen)["messages"]
    calls, (plain, of_blocks) = messages[1]["content"], messages[2]["content"][:2]
    assert [call["id"] for call in calls] == [plain["tool_use_id"], of_blocks["tool_use_id"]] and len({call["id"] for call in calls}) == 2
    assert chosen["tool_input"] in json.dumps(calls[0]) and chosen["tool_input"] not in json.dumps(calls[1])
    assert isinstance(plain["content"], str) and chosen["tool_result"] in plain["content"]
    assert [block["type"] for block in of_blocks["content"]] == ["text", "image", "document", "search_result"]
    shown = chunks(base64.b64decode(of_blocks["content"][1]["source"]["data"], validate=True))
    assert shown[b"tEXt"] == b"Comment\x00" + chosen["result_image"].encode()


def test_without_blocks_a_tool_gives_back_its_text_alone():
    messages = body(Stimulus(places=frozenset({"tool_result"})), texts({"tool_result"}))["messages"]
    assert len(messages[1]["content"]) == 1 and [b["type"] for b in messages[2]["content"]] == ["tool_result", "text"]


def test_earlier_thinking_bears_a_signature_and_comes_before_what_was_said():
    chosen = texts({"earlier_thinking"})
    thought, said = body(Stimulus(places=frozenset(chosen)), chosen)["messages"][1]["content"]
    assert (thought["type"], said["type"]) == ("thinking", "text") and thought["signature"]


def test_a_system_prompt_is_a_plain_string_where_a_small_client_asks():
    chosen = texts({"system"})
    plain, listed = (body(Stimulus(places=frozenset(chosen), bare=bare), chosen)["system"] for bare in (True, False))
    assert isinstance(plain, str) and chosen["system"] in plain and isinstance(listed, list)


@given(st.text(st.characters(min_codepoint=1, max_codepoint=0x2FFF), max_size=300))
def test_any_text_makes_a_png_that_parses(text):
    assert chunks(png(text))[b"tEXt"].endswith(text.encode())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stimuli(("model-a", "model-b")))
def test_of_a_generated_shape_every_canary_is_found_and_no_other(stimulus):
    registry = Registry(LITERAL, b"key")
    chosen = texts(stimulus.places)
    for place, canary in chosen.items():
        registry.add(place, canary)
    expected = MINT.new()
    registry.add("answer", expected)
    rendered = render(stimulus, "model-a", chosen, parts(expected), LIMIT)
    sent = rendered.body + b"\n" + "\n".join(rendered.headers.values()).encode()
    assert {s.canary for s in Seeker(LITERAL, registry.identify).search(sent)} == set(chosen)


@settings(max_examples=60, deadline=None)
@given(stimuli(("model-a",)))
def test_the_request_does_not_hold_the_answers_canary_in_any_joined_form(stimulus):
    expected = MINT.new()
    rendered = render(stimulus, "model-a", {}, parts(expected), LIMIT)
    decoded = json.dumps(json.loads(rendered.body), ensure_ascii=False)
    for text in (rendered.body.decode(), decoded, re.sub(r"\s", "", decoded), re.sub(r"[^A-Za-z0-9]", "", decoded)):
        assert expected not in text
        assert LITERAL not in text
    question = json.loads(rendered.body)["messages"]
    asked = next(
        b["text"] for m in question if isinstance(m["content"], list) for b in m["content"] if "Join these parts" in b.get("text", "")
    )
    assert "".join(re.findall(r'"([^"]*)"', asked.rsplit(": ", 1)[1])) == expected, "joined as the instruction says, they are the canary"


@settings(max_examples=60, deadline=None)
@given(stimuli(("model-a", "model-b")))
def test_a_generated_shape_is_a_request_of_the_dialect(stimulus):
    rendered = render(stimulus, stimulus.model or "", texts(stimulus.places), (), LIMIT)
    request = json.loads(rendered.body)
    assert (request["model"], request["max_tokens"] > 0, request.get("stream", False)) == (stimulus.model, True, stimulus.stream)
    roles = [m["role"] for m in request["messages"]]
    assert roles == [("user", "assistant")[n % 2] for n in range(len(roles))], "roles take turns, the user first"
    uses = [b["id"] for m in request["messages"] if isinstance(m["content"], list) for b in m["content"] if b["type"] == "tool_use"]
    results = [
        b["tool_use_id"] for m in request["messages"] if isinstance(m["content"], list) for b in m["content"] if b["type"] == "tool_result"
    ]
    assert uses == results
    assert ("thinking" in request) == stimulus.thinking
    assert not stimulus.thinking or request["thinking"]["budget_tokens"] < request["max_tokens"]
    assert json.dumps(request).count("cache_control") == (0 if not stimulus.cache else 2 if "system" in stimulus.places else 1)
    assert rendered.headers["anthropic-version"] == "2023-06-01"
    assert rendered.headers.get("x-claude-code-session-id") == stimulus.session
    assert len(rendered.body) >= stimulus.padding


def test_an_answer_that_ends_at_its_stop_sequence_is_asked_to_say_it():
    chosen = texts({"stop_sequence"})
    body = json.loads(render(Stimulus(places=frozenset({"stop_sequence"})), "model-a", chosen, ("ab", stop(chosen)), LIMIT).body)
    assert body["stop_sequences"] == [stop(chosen)] and f'"{stop(chosen)}"' in json.dumps(body["messages"], ensure_ascii=False).replace(
        '\\"', '"'
    )


def test_the_answer_is_asked_for_in_the_words_of_the_target():
    said = json.loads(render(Stimulus(ask="Join these parts: {parts}"), "model-a", texts({"message"}), ("ab", "cd"), LIMIT).body)
    assert 'Join these parts: "ab" then "cd"' in said["messages"][-1]["content"][-1]["text"].splitlines()


def test_headers_of_a_stimulus_are_sent_and_outrank_none_of_its_own():
    rendered = render(Stimulus(headers=(("x-note", "here"),), session="s-1"), "model-a", {}, (), LIMIT)
    assert rendered.headers["x-note"] == "here"
    assert rendered.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("wrong", "path", "value"),
    [
        ("unknown_model", "/model", "no-such-model"),
        ("negative_max_tokens", "/max_tokens", -1),
        ("empty_messages", "/messages", []),
        ("bad_role", "/messages/-1/role", "narrator"),
    ],
)
def test_a_wrong_request_is_wrong_in_that_one_place_and_still_carries_its_canaries(wrong, path, value):
    chosen = texts({"message", "system"})
    right, spoilt = body(Stimulus(), chosen), body(Stimulus(wrong=wrong), chosen)
    assert at(spoilt, path) == value
    kept = json.dumps(spoilt)
    assert chosen["message"] in kept
    assert wrong == "empty_messages" or chosen["system"] in kept
    changed = {key for key in right.keys() | spoilt.keys() if right.get(key) != spoilt.get(key)}
    assert changed == ({"messages", "system"} if wrong == "empty_messages" else {path.split("/")[1]})


def test_a_request_without_version_lacks_that_header_alone():
    right, spoilt = (render(Stimulus(wrong=wrong), "model-a", {}, (), LIMIT) for wrong in (None, "no_version"))
    assert right.body == spoilt.body
    assert right.headers.keys() - spoilt.headers.keys() == {"anthropic-version"}


def test_broken_json_is_no_json_and_carries_its_canary():
    chosen = texts({"message"})
    spoilt = render(Stimulus(wrong="broken_json"), "model-a", chosen, (), LIMIT).body
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(spoilt)
    assert chosen["message"].encode() in spoilt


@pytest.mark.parametrize("limit", [0, 10, 4096, 100_000])
def test_a_request_that_is_too_large_is_valid_and_larger_than_the_limit(limit):
    chosen = texts({"message"})
    spoilt = render(Stimulus(wrong="too_large"), "model-a", chosen, (), limit).body
    assert len(spoilt) > limit
    assert chosen["message"] in json.dumps(json.loads(spoilt))


def test_of_a_request_that_is_too_large_and_unfinished_a_beginning_alone_is_rendered():
    chosen = texts({"message"})
    begun = render(Stimulus(wrong="too_large", unfinished=True, padding=2_000), "model-a", chosen, (), 100_000).body
    assert 2_000 < len(begun) < 10_000 and chosen["message"].encode() in begun


def test_the_name_of_a_tool_is_the_same_wherever_it_stands_and_as_long_as_may_be():
    made = body(Stimulus(places=frozenset({"tool_name", "tool_input"})), texts({"tool_name", "tool_input"}))
    name = made["tools"][0]["name"]
    assert made["messages"][1]["content"][0]["name"] == name
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_noise_has_the_size_asked_for_and_does_not_compress(size):
    text = noise(size)
    assert len(text) == size
    assert len(zlib.compress(text.encode(), 9)) >= size * 6 // 8
    assert size < 100 or noise(size) != text


def test_content_that_closes_a_message_is_its_last_word():
    said = body(Stimulus(closing=True, padding=200), given := texts(("message",)), ("ab", "cd"))["messages"][-1]["content"][-1]["text"]
    assert said.endswith(f"Please note {given['message']}.") and said.count(given["message"]) == 1
    assert '"ab" then "cd"' in said


def test_what_decides_of_caching_and_sampling_can_be_asked_for():
    plain = body(Stimulus(), texts(("message",)))
    asked = body(Stimulus(steady=True, brief=True, turns=2, scripts=True, answer=False), given := texts(("message", "history")))
    assert (asked["temperature"], asked["max_tokens"]) == (0, BRIEF_TOKENS) and "temperature" not in plain
    assert [m["role"] for m in asked["messages"]] == ["user", "assistant"] * 3 + ["user"]
    assert given["history"] in asked["messages"][0]["content"]
    last = asked["messages"][-1]["content"][-1]["text"]
    assert not last.isascii() and given["message"] in last


def test_what_a_target_does_not_take_of_it_is_left_out_and_named():
    remains, missing = fitted(Stimulus(steady=True, brief=True, turns=3), {"message", "answer"})
    assert remains == Stimulus() and missing == ("steady", "brief", "turns")


def test_a_target_without_tools_gets_no_name_of_one():
    named = Stimulus(places=frozenset({"message", "tool_name", "tool_description"}))
    assert fitted(named, {"message", "answer", "tool_name"}) == (Stimulus(), ("tool_name", "tool_description"))
    assert fitted(named, {"message", "answer", "tool_name", "tool_description"}) == (named, ())
    assert fitted(named, {"message", "answer", "tool_description"})[1] == ("tool_name",)


def test_a_target_without_images_or_documents_gets_none_inside_of_one():
    inside = Stimulus(places=frozenset({"message", "document_text", "document_image"}))
    for known, left in (({"document"}, {"message", "document_text"}), ({"image"}, {"message"}), ({"document", "image"}, inside.places)):
        remains, _ = fitted(inside, {"message", "answer", "document_text", "document_image", *known})
        assert remains is not None and remains.places == left


def test_a_target_gets_no_blocks_of_a_kind_that_it_does_not_have():
    for place, needed in (
        ("result_text", {"tool_result"}),
        ("result_image", {"tool_result", "image"}),
        ("result_document", {"tool_result", "document"}),
        ("result_search", {"tool_result", "search_result"}),
        ("search_title", {"search_result"}),
        ("search_source", {"search_result"}),
        ("document_context", {"document"}),
        ("server_result", {"tool_result"}),
        ("earlier_thinking", {"history", "thinking"}),
    ):
        asked = Stimulus(places=frozenset({"message", place}))
        for lacking in needed:
            assert fitted(asked, {"message", "answer", place, *needed} - {lacking}) == (Stimulus(), (place,))
        assert fitted(asked, {"message", "answer", place, *needed}) == (asked, ())


def test_every_mark_for_the_cache_can_ask_for_an_hour():
    given = texts(("message", "system"))
    for hour, mark in ((False, {"type": "ephemeral"}), (True, {"type": "ephemeral", "ttl": "1h"})):
        made = body(Stimulus(places=frozenset(given), cache=True, opening="of-all", cache_hour=hour), given)
        marked = [block["cache_control"] for block in (*made["system"], *made["messages"][-1]["content"]) if "cache_control" in block]
        assert marked == [mark] * 3
    assert "cache_control" not in json.dumps(body(Stimulus(cache_hour=True), given)), "it marks nothing by itself"
    assert fitted(Stimulus(cache_hour=True), {"message", "answer"}) == (Stimulus(), ("cache_hour",))


def test_a_wish_to_be_stored_and_a_failed_tool_are_said_where_they_belong():
    given = texts(("message", "tool_result"))
    plain, asked = (body(Stimulus(places=frozenset(given), store=told, tool_failed=told), given) for told in (False, True))
    results = [made["messages"][2]["content"][0] for made in (plain, asked)]
    assert "store" not in plain and asked["store"] is True
    assert results[1] == {**results[0], "is_error": True} and given["tool_result"] in results[0]["content"]


def test_a_wish_to_be_stored_is_not_sent_where_there_is_no_word_for_it():
    assert fitted(Stimulus(store=True), {"message", "answer"}) == (None, ("store",))
    assert fitted(Stimulus(tool_failed=True), {"message", "answer"}) == (Stimulus(), ("tool_failed",))


def test_a_small_client_says_as_a_string_what_is_one_text_and_nothing_more():
    given = texts(("message", "system"))
    small, large = (body(Stimulus(places=frozenset(given), bare=bare), given) for bare in (True, False))
    assert (
        small["messages"][0]["content"] == large["messages"][0]["content"][0]["text"]
        and given["message"] in small["messages"][0]["content"]
    )
    assert small["system"] == large["system"][0]["text"] and given["system"] in small["system"]
    for more in ({"cache": True}, {"opening": "of-all"}, {"noise": 100}):
        marked = body(Stimulus(places=frozenset(given), bare=True, **more), given)
        assert isinstance(marked["messages"][0]["content"] if "opening" not in more else marked["system"], list)


def test_a_document_can_come_as_a_pdf_that_shows_its_text():
    given = texts(("document", "document_title"))
    block = body(Stimulus(places=frozenset(given), pdf=True), given)["messages"][-1]["content"][0]
    assert block["source"]["media_type"] == "application/pdf" and given["document_title"] in block["title"]
    assert given["document"].encode() in base64.b64decode(block["source"]["data"], validate=True)


def test_how_the_model_draws_can_be_set_and_its_choice_of_a_tool():
    warm, nucleus = (body(Stimulus(sampling=way, places=frozenset({"tool_input"})), texts(("tool_input",))) for way in ("warm", "nucleus"))
    assert (warm["temperature"], warm["top_k"], nucleus["top_p"]) == (0.7, 40, 0.95) and "temperature" not in nucleus
    assert warm["tool_choice"] == {"type": "auto"} and "tool_choice" not in body(Stimulus(sampling="warm"), texts(("message",)))
    assert fitted(Stimulus(sampling="warm"), {"message", "answer"}) == (Stimulus(), ("sampling",))
