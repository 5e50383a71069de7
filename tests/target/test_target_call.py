"""Calls as sets of what can be taken away from them, and templates of which parts are left."""

from __future__ import annotations

import json

import pytest

from zdr_audit.target.call import Call, described, pruned, words
from zdr_audit.target.prune import INSIDE, leaves, only, said
from zdr_audit.target.shape import Feature

NESTED = {"content": '{"description": "{canary}", "transcript": [{"role": "user", "text": "{canary}"}]}', "session": "s"}
DESCRIPTION, TEXT = ("content", INSIDE, "description"), ("content", INSIDE, "transcript", 0, "text")
ROLE, SESSION = ("content", INSIDE, "transcript", 0, "role"), ("session",)


def test_leaves_are_found_in_json_within_json():
    assert [path for path, _ in leaves(NESTED)] == [DESCRIPTION, ROLE, TEXT, SESSION]


def test_all_leaves_are_the_template_itself():
    again = only(NESTED, [path for path, _ in leaves(NESTED)])
    assert again == NESTED | {"content": json.dumps(json.loads(NESTED["content"]))}


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ([SESSION], {"session": "s"}),
        ([DESCRIPTION], {"content": '{"description": "{canary}"}'}),
        ([TEXT], {"content": '{"transcript": [{"text": "{canary}"}]}'}),
        ([], {}),
    ],
)
def test_what_is_left_is_what_leads_to_the_leaves_that_are_kept(kept, left):
    assert only(NESTED, kept) == left


@pytest.mark.parametrize("template", ["text", "{canary}", "[not json", "{}", "[]", [], {}, None, 7, ["a", ["b", {}]]])
def test_odd_templates_are_leaves_or_survive(template):
    paths = [path for path, _ in leaves(template)]
    assert paths
    assert only(template, paths) == template


def test_a_call_is_taken_apart_by_where_its_content_stands():
    call = described({"body": NESTED, "query": {"v": "1"}}, "feature:feedback.submit", "Feedback", "POST", "/feedback")
    assert call.content == (("body", *DESCRIPTION), ("body", *TEXT))
    assert call.fields == (("body", *ROLE), ("body", *SESSION), ("query", "v"))
    assert len(call.features()) == 5
    assert call.having(call.features()) == call


def test_the_smallest_calls_hold_content_in_one_place_and_nothing_else():
    call = described({"body": NESTED}, "o", "", "POST", "/x").model_copy(update={"form": "f", "form_words": "odd", "role": "admin"})
    first, second = call.least()
    assert call.having(first) == Call(operation="o", title="", method="POST", path="/x", content=(("body", *DESCRIPTION),))
    assert pruned({"body": NESTED}, call.having(second))["body"] == {"content": '{"transcript": [{"text": "{canary}"}]}'}
    odd = call.having(first | {Feature("form", "f"), Feature("role", "admin")})
    assert (odd.form, odd.role) == ("f", "admin")


def test_a_body_of_which_nothing_is_left_is_none():
    call = described({"body": {"a": 1}, "multipart": {"file": "{canary}"}}, "o", "", "POST", "/x")
    assert pruned({"body": {"a": 1}, "multipart": {"file": "{canary}"}}, call.having(call.least()[0])) == {
        "body": None,
        "multipart": {"file": "{canary}"},
        "query": {},
    }


def test_a_call_survives_its_data():
    call = described({"body": NESTED}, "o", "T", "POST", "/x").model_copy(update={"form": "f", "form_words": "odd"})
    assert Call.model_validate(json.loads(json.dumps(call.model_dump(mode="json", exclude_defaults=True)))) == call


def test_words_say_what_is_left():
    call = described({"body": NESTED}, "o", "Feedback", "POST", "/x")
    assert words(call.having(call.least()[1])) == "one request to POST /x (Feedback) with content in content / transcript / text"
    odd = call.model_copy(update={"form": "f", "form_words": "two content types", "role": "admin"})
    assert words(odd.having(odd.least()[0] | {Feature("form", "f"), Feature("role", "admin"), Feature("field", ("body", *SESSION))})) == (
        "one request to POST /x (Feedback) with content in content / description, and with the field session, "
        "sent in another form (two content types), with the credential of the admin"
    )
    assert said((INSIDE, 0)) == "the body"
