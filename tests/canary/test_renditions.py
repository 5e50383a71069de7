"""What of a body may have been digested: itself, its parts as they would be written again, the texts in it, and these put together."""

from __future__ import annotations

import base64
import json

import pytest

from zdr_audit.canary.digests import COMMON
from zdr_audit.canary.renditions import HUGE, LARGE, renditions, text_renditions

LITERAL = "zqx482j913"
CANARY = f"{LITERAL}thetailofitz{LITERAL}"[:32]
OTHER = f"{LITERAL}anothertail1{LITERAL}"[:32]


def found(document: object, whole: str = "request") -> dict[bytes, tuple[str, str]]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return {one.data: (one.what, one.canary) for one in renditions(body, LITERAL.upper(), whole)}


def test_a_body_is_digested_as_it_is_and_as_it_would_be_written_again():
    document = {"model": "m", "prompt": f"é {CANARY}"}
    seen = found(json.dumps(document, indent=1).encode())
    for data in (
        json.dumps(document, indent=1).encode(),
        json.dumps(document).encode(),
        json.dumps(document, separators=(",", ":")).encode(),
        json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(),
        repr(document).encode(),
    ):
        assert seen[data][1] == CANARY
    assert seen[json.dumps(document, indent=1).encode()] == ("request-body", CANARY)
    assert seen[json.dumps(document).encode()] == ("request-json", CANARY)
    assert seen[f"é {CANARY}".encode()] == ("request-text", CANARY)
    assert seen[CANARY.encode()] == ("canary", CANARY)
    unsorted = {"b": f"é {CANARY}", "a": 1}
    for how in ({}, {"separators": (",", ":")}, {"separators": (",", ":"), "ensure_ascii": False}):
        for sort in (True, False):
            assert json.dumps(unsorted, sort_keys=sort, **how).encode() in found(unsorted)


def test_a_text_is_digested_as_deduplicators_normalise_it():
    texts = {one.data for one in text_renditions(f"Please  note\n {CANARY}.\tNow", LITERAL, "request-text")}
    assert f"Please note {CANARY}. Now".encode() in texts
    assert f"please note {CANARY}. now".encode() in texts


@pytest.mark.parametrize("between", ["", "\n", " ", "\n\n"])
def test_the_texts_of_a_list_are_digested_together(between):
    blocks = [{"type": "text", "text": "first"}, {"type": "image"}, f"second {CANARY}", 7]
    assert found({"content": blocks})[f"first{between}second {CANARY}".encode()] == ("request-text", CANARY)
    alone = found({"content": [{"text": CANARY}]})
    assert f"{CANARY}{between}x".encode() not in alone


def test_each_part_names_its_own_canary_and_what_carries_none_is_left_out():
    seen = found([{"text": CANARY}, {"text": OTHER}, {"text": "nothing"}], "answer")
    assert seen[OTHER.encode()][1] == OTHER
    assert seen[json.dumps({"text": OTHER}).encode()] == ("answer-json", OTHER)
    assert json.dumps({"text": "nothing"}).encode() not in seen
    assert b"nothing" not in seen
    assert found({"text": "nothing"}) == {}
    assert found(b"no JSON, but " + CANARY.upper().encode()) == {b"no JSON, but " + CANARY.upper().encode(): ("request-body", CANARY)}


def test_a_text_is_digested_as_it_is_often_normalised():
    text = f" See {CANARY.upper()} É "
    seen = {one.data: (one.what, one.algorithms == COMMON) for one in text_renditions(text, LITERAL, "text")}
    for variant in (text.strip(), text.lower(), text.strip().lower(), text + "\n", json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert seen[variant.encode()] == ("text", True)
    assert seen[text.encode()] == ("text", False)
    assert list(text_renditions("nothing", LITERAL, "text")) == []


@pytest.mark.parametrize(
    "encode",
    [
        base64.b64encode,
        base64.urlsafe_b64encode,
        lambda data: base64.b64encode(data).rstrip(b"="),
        lambda data: b"data:text/plain;base64," + base64.b64encode(data),
    ],
)
def test_an_attachment_is_digested_as_what_it_holds(encode):
    held = bytes([251, 255, 190]) * 5 + f"file with {CANARY}".encode()
    text = encode(held).decode()
    seen = found({"file": text})
    assert seen[held] == ("attachment", CANARY)
    assert seen[text.encode()] == ("attachment", CANARY)


def test_a_canary_in_a_key_counts():
    assert found(b'{ "' + CANARY.encode() + b'": 1 }')[json.dumps({CANARY: 1}).encode()] == ("request-json", CANARY)


def test_of_large_bodies_less_is_digested_and_of_huge_ones_the_body_alone():
    def of(size: int) -> dict[bytes, tuple[str, str]]:
        document = {"prompt": f"see {CANARY}", "filling": ""}
        document["filling"] = "x" * (size - len(json.dumps(document)))
        return found(document)

    assert {what for what, _ in of(LARGE).values()} == {"request-body", "request-json", "request-text", "canary"}
    assert {what for what, _ in of(LARGE + 1).values()} == {"request-body", "request-text"}
    assert {what for what, _ in of(HUGE).values()} == {"request-body", "request-text"}
    assert {what for what, _ in of(HUGE + 1).values()} == {"request-body"}


def test_what_is_nested_without_end_is_not_taken_apart():
    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b'"' + CANARY.encode() + b'"' + b"}" * depth

    assert len(found(nested(99))) > 1
    assert list(found(nested(101)).values()) == [("request-body", CANARY)]
    assert list(found(nested(100_000)).values()) == [("request-body", CANARY)]
