"""Few and many: what a request may have several of, and a conversation whose every request repeats all that came before."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from zdr_audit.canary.mint import Mint, new_literal, parts
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.profile.model import GenericJson
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.base import Dialect
from zdr_audit.target.dialects.generic_json import GenericJsonDialect
from zdr_audit.target.dialects.openai_chat import OpenAIChat
from zdr_audit.target.dialects.openai_responses import OpenAIResponses
from zdr_audit.target.shape import data, words
from zdr_audit.target.stimulus import PLACES, Place, Stimulus, fitted

LITERAL = new_literal()
MINT = Mint(LITERAL)
TALKING = (AnthropicMessages(), OpenAIChat(), OpenAIResponses())
each = pytest.mark.parametrize("dialect", TALKING, ids=lambda dialect: dialect.name)
TURNS = {"anthropic-messages": "messages", "openai-chat": "messages", "openai-responses": "input"}


def texts(places: Any) -> dict[Place, str]:
    return {place: MINT.new() for place in PLACES if place in places}


def raw(dialect: Dialect, stimulus: Stimulus, given: dict[Place, str], joined: tuple[str, ...] = ()) -> bytes:
    return dialect.render(stimulus, "model-a", given, joined, 4096).body


def kinds(value: Any, kind: str) -> list[dict[str, Any]]:
    """The objects of a type, wherever they are."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    here = [value] if isinstance(value, dict) and value.get("type") == kind else []
    return here + [found for part in inside for found in kinds(part, kind)]


# -- many of a thing ----------------------------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("count", [1, 3, 16])
def test_there_are_as_many_tools_as_asked_for_and_the_first_is_the_one_used(dialect, count):
    given = texts(("tool_description", "tool_input"))
    made = json.loads(raw(dialect, Stimulus(places=frozenset(given), tools=count), given))["tools"]
    told = [tool.get("function", tool) for tool in made]
    assert len({tool["name"] for tool in told}) == len(told) == count
    assert told[0]["name"] == "look_up" and all(given["tool_description"] in tool["description"] for tool in told)


@pytest.mark.parametrize("count", [1, 3, 12])
def test_blocks_images_documents_and_stop_sequences_are_said_as_often_as_asked_for(count):
    given = texts(("message", "system", "image", "document", "stop_sequence"))
    body = json.loads(raw(AnthropicMessages(), Stimulus(places=frozenset(given), copies=count, cache=True), given))
    content = body["messages"][-1]["content"]
    assert [len(kinds(content, kind)) for kind in ("image", "document")] == [count, count]
    assert len([block for block in content if block["type"] == "text" and given["message"] in block["text"]]) == count
    assert len(body["system"]) == len(body["stop_sequences"]) == count
    for said in (content, body["system"], body["stop_sequences"]):
        assert len({json.dumps(one) for one in said}) == len(said), "no two are the same"
    assert json.dumps(body).count("cache_control") == 2, "an interface takes few marks, so the last block of each has one"


@pytest.mark.parametrize(("dialect", "image", "file", "text"), [
    (OpenAIChat(), "image_url", "file", "text"),
    (OpenAIResponses(), "input_image", "input_file", "input_text"),
], ids=lambda value: getattr(value, "name", value))  # fmt: skip
def test_the_openai_interfaces_have_many_in_their_own_words_and_stop_at_four_sequences(dialect, image, file, text):
    given = texts(("message", "image", "document", "stop_sequence"))
    body = json.loads(raw(dialect, Stimulus(places=frozenset(given), copies=9), given))
    assert [len(kinds(body, kind)) for kind in (image, file, text)] == [9, 9, 9]
    assert len(body.get("stop", ())) == (4 if dialect.name == "openai-chat" else 0)


@each
def test_of_many_things_every_canary_is_found_and_no_other(dialect):
    stimulus, _ = fitted(Stimulus(places=frozenset(PLACES), tools=16, copies=5, turns=60), dialect.features)
    assert stimulus is not None
    given, expected = texts(stimulus.places), MINT.new()
    registry = Registry(LITERAL, b"key")
    for name, canary in {**given, "answer": expected}.items():
        registry.add(name, canary)
    rendered = dialect.render(stimulus, "model-a", given, parts(expected), 4096)
    said = rendered.body + b"\n" + "\n".join(rendered.headers.values()).encode()
    assert {s.canary for s in Seeker(LITERAL, registry.identify).search(said)} == set(given)


def test_what_a_dialect_has_one_of_is_sent_once_and_named():
    asked = Stimulus(tools=16, copies=5, turns=3)
    assert fitted(asked, {"message", "answer"}) == (Stimulus(), ("turns", "tools", "copies"))
    assert fitted(asked, AnthropicMessages.features) == (asked, ())


def test_many_things_and_an_address_that_says_less_are_told_in_words():
    stimulus = Stimulus(answer=False, turns=60, tools=16, copies=5, without=("beta", "x-tier"))
    said = words("messages.create", stimulus)
    assert said == (
        "one request with content in the user's message, and with 5 of each block, 16 tools, 60 earlier turns and an address without beta and x-tier"
    )
    assert Stimulus.model_validate(json.loads(json.dumps(data(stimulus)))) == stimulus
    assert words("messages.create", Stimulus(answer=False, turns=1)).endswith("with 1 earlier turn")


# -- conversations ------------------------------------------------------------------------------------------------------------------


def grown(dialect: Dialect, requests: int) -> tuple[list[dict[str, Any]], list[dict[Place, str]]]:
    """The bodies of a conversation, and what each request had to say."""
    bodies, said, lasting = [], [], texts(("system", "tool_description"))
    for number in range(requests):
        given = lasting | texts(("message", "tool_input", "tool_result"))
        body = raw(dialect, Stimulus(places=frozenset(given), cache=True, tools=4, turns=2 if number else 0), given)
        bodies.append(dialect.continued(bodies[-1], "As noted.", body) if bodies else body)
        said.append(given)
    return [json.loads(body) for body in bodies], said


@each
def test_each_request_of_a_conversation_begins_with_all_that_came_before(dialect):
    bodies, said = grown(dialect, 6)
    member = TURNS[dialect.name]

    def plain(turns: list[Any]) -> Any:
        return json.loads(json.dumps(turns).replace(', "cache_control": {"type": "ephemeral"}', ""))

    for shorter, longer in itertools.pairwise(bodies):
        before, now = plain(shorter[member]), plain(longer[member])
        assert now[: len(before)] == before
        assert now[len(before)] == {"role": "assistant", "content": "As noted."}
        assert {key: value for key, value in longer.items() if key != member} == {k: v for k, v in shorter.items() if k != member}
    last = json.dumps(bodies[-1])
    assert all(last.count(canary) == 1 for given in said for place, canary in given.items() if place in ("message", "tool_input"))
    assert last.count(said[0]["system"]) == 1, "the system prompt stands at the beginning alone"


@each
def test_tool_calls_of_a_conversation_have_names_of_their_own(dialect):
    last = grown(dialect, 6)[0][-1]
    called, answered = {
        "anthropic-messages": lambda: ([b["id"] for b in kinds(last, "tool_use")], [b["tool_use_id"] for b in kinds(last, "tool_result")]),
        "openai-chat": lambda: (
            [call["id"] for call in kinds(last["messages"], "function")],
            [turn["tool_call_id"] for turn in last["messages"] if turn["role"] == "tool"],
        ),
        "openai-responses": lambda: tuple(
            [item["call_id"] for item in kinds(last, kind)] for kind in ("function_call", "function_call_output")
        ),
    }[dialect.name]()
    assert called == answered and len(set(called)) == len(called) == 6


def test_a_long_conversation_is_marked_for_the_cache_at_its_end_as_clients_do_it():
    bodies, _ = grown(AnthropicMessages(), 9)
    for number, body in enumerate(bodies):
        marked = [n for n, turn in enumerate(body["messages"]) if "cache_control" in json.dumps(turn)]
        assert len(marked) == min(number + 1, 2) and marked[-1] == len(body["messages"]) - 1
        assert json.dumps(body).count("cache_control") <= 4
    texts_marked = [
        [block["text"] for turn in body["messages"] for block in turn["content"] if isinstance(block, dict) and "cache_control" in block]
        for body in bodies
    ]
    assert all(now[0] == before[-1] for before, now in itertools.pairwise(texts_marked)), "what was put there is read"


def test_an_interface_that_takes_one_question_at_a_time_goes_on_with_it_alone():
    dialect = GenericJsonDialect(GenericJson(body={"ask": "{text}"}, answer=""))
    assert dialect.continued(b'{"ask": "before"}', "As noted.", b'{"ask": "now"}') == b'{"ask": "now"}'
