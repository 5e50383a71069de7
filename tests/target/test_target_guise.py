"""Content amid signs that nobody sees, and content said as what detectors look for, is whole in every dialect, in each of its values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from zdr_audit.canary.mint import CANARY_LENGTH, Mint, new_literal, parts
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.profile.model import GenericJson
from zdr_audit.target import shape
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.base import Dialect
from zdr_audit.target.dialects.generic_json import GenericJsonDialect
from zdr_audit.target.dialects.openai_chat import OpenAIChat
from zdr_audit.target.dialects.openai_responses import OpenAIResponses
from zdr_audit.target.guise import GUISES, PROSE, SIGNS, dressed
from zdr_audit.target.stimulus import PLACES, Place, Stimulus, fitted

LITERAL = new_literal()
MINT = Mint(LITERAL)
GENERIC = GenericJsonDialect(GenericJson(body={"ask": "{text}", "result": "{tool_result}", "papers": "{document}"}, answer="/say"))
DIALECTS = (AnthropicMessages(), OpenAIChat(), OpenAIResponses(), GENERIC)
DRESSES: list[dict[str, Any]] = [*({"signs": signs} for signs in SIGNS), *({"guise": guise} for guise in GUISES)]
DRESSES.append({"signs": "terminal", "guise": "credentials"})
each_dress = pytest.mark.parametrize("dress", DRESSES, ids=str)
TOKEN = "k" * CANARY_LENGTH


def found(raw: bytes, canaries: dict[Place, str]) -> set[str | None]:
    registry = Registry(LITERAL, b"key")
    for name, canary in canaries.items():
        registry.add(name, canary)
    return {s.canary for s in Seeker(LITERAL, registry.identify).search(raw)}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
@each_dress
def test_each_canary_is_found_in_the_body_whatever_it_wears(dialect: Dialect, dress: dict[str, Any]) -> None:
    plain: set[Place] = {"message", "tool_result", "document"}
    stimulus = Stimulus(places=frozenset(plain), **dress)
    assert fitted(stimulus, dialect.features) == (stimulus, ())
    canaries, expected = {place: MINT.new() for place in PLACES if place in plain}, MINT.new()
    texts = {place: dressed(stimulus, place, canary) for place, canary in canaries.items()}
    raw = dialect.render(stimulus, "model-a", texts, parts(expected), 4096).body
    assert found(raw, canaries) == plain
    assert all(any(text in whole for whole in strings(json.loads(raw))) for place, text in texts.items() if place != "document")


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


@each_dress
def test_the_content_is_whole_in_each_line_by_itself(dress: dict[str, Any]) -> None:
    """As whoever finds values in a text takes out one of them, and leaves the rest."""
    lines = dressed(Stimulus(**dress), "message", TOKEN).split("\n")
    carrying = [line for line in lines if TOKEN in line]
    assert carrying
    for line in carrying:
        canary = MINT.new()
        for said in (line, "".join(sign for sign in line if sign.isprintable())):
            assert found(said.replace(TOKEN, canary).encode(), {"message": canary}) == {"message"}


VALUES = {
    "personal": [
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        r"https?://\S+",
        r"/home/[^/\s]+",
        r"/Users/[^/\s]+",
        r"C:\\Users\\[^\\\s]+",
        r"user name is \w+",
    ],
    "credentials": [
        r"\bsk-[A-Za-z0-9]{32,}",
        r"\bsk-ant-api03-[\w-]{93}AA\b",
        r"\bsk-proj-[\w-]{74}T3BlbkFJ[\w-]{74}\b",
        r"\bghp_[A-Za-z0-9]{36}\b",
        r"\bglpat-[\w-]{20,}",
        r"\bxoxb-\d{10,13}-\d{10,13}-?[A-Za-z0-9-]*",
        r"\bAKIA\w{16,}",
        r"(?i)aws_secret_access_key\s*=\s*[A-Za-z0-9/+]{40}\b",
        r"\bAIza[\w-]{35}\b",
        r"\bsk_live_[A-Za-z0-9]{24,}",
        r"\b\w+://[^:/\s]+:[^@\s]+@",
        r"(?i)password\s*=\s*\S+",
        r'"password": "[^"]+"',
        r"Bearer [\w.-]+",
        r"\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----",
    ],
}


@pytest.mark.parametrize(("guise", "pattern"), [(guise, pattern) for guise, patterns in VALUES.items() for pattern in patterns])
def test_detectors_of_well_known_values_find_the_content(guise: Any, pattern: str) -> None:
    assert any(TOKEN in value for value in re.findall(pattern, dressed(Stimulus(guise=guise), "tool_result", TOKEN)))


def test_the_signs_are_those_that_cleaners_take_out() -> None:
    said = {signs: dressed(Stimulus(signs=signs), "system", "") for signs in SIGNS}
    assert {"\x1b", "\b", "\r", "\x07"} <= set(said["terminal"])
    assert {"\ufeff", "\u200b", "\u200d", "\u202e", "\u00ad", "\u2028"} <= set(said["invisible"])
    assert {"\0", "\x01", "\x1f", "\x7f"} <= set(said["binary"])
    for text in said.values():
        assert text.encode().decode() == text, "no half of a pair: it is text that any client can send"


def test_what_takes_no_free_text_is_said_as_it_is() -> None:
    for place in set(PLACES) - PROSE:
        assert dressed(Stimulus(signs="binary", guise="credentials"), place, TOKEN) == TOKEN
    assert dressed(Stimulus(), "message", TOKEN) == TOKEN
    assert {"tool_name", "header", "image", "document_title", "user_id"} <= set(PLACES) - PROSE


def test_a_target_that_takes_neither_gets_the_content_alone() -> None:
    stimulus = Stimulus(signs="terminal", guise="personal")
    assert fitted(stimulus, {"message", "answer"}) == (Stimulus(), ("signs", "guise"))


@each_dress
def test_each_is_said_in_words_and_can_be_taken_away(dress: dict[str, Any]) -> None:
    stimulus = Stimulus(answer=False, **dress)
    assert shape.build(shape.features(stimulus)) == stimulus
    assert Stimulus.model_validate(shape.data(stimulus)) == stimulus
    words = {shape.feature_words(feature) for feature in shape.features(stimulus) if feature.name in dress}
    assert len(words) == len(dress) and all("the content" in said for said in words)
