"""What the suites send: generated shapes, the smallest body of an operation that only a document declares."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zdr_audit.suite.generate import CLIENTS, MANNERS, PLAINLY, shapes
from zdr_audit.suite.openapi import DeclaredOperation, declared_storage_operations, smallest
from zdr_audit.suite.party import Actor, NotOffered, NotThere, Party, at_will, in_the_other_header
from zdr_audit.target.stimulus import IN_BLOCKS, INSIDE, PLACES, REFUSABLE

MODELS = ("model-a", "model-b")
ACTOR = Actor("subject.member", "member", "subject", "org_subject", "zdr", "x-api-key", "sk-secret-1", "me@subject.example")


# -- generated shapes ---------------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_shapes():
    first = shapes(MODELS, 25, 7)
    assert shapes(MODELS, 25, 7) == first
    assert shapes(MODELS, 25, 8) != first


def test_as_many_different_shapes_as_asked_for():
    found = shapes(MODELS, 25, 1)
    assert len(found) == 25
    assert len(set(found)) == 25


def test_a_smaller_depth_sends_the_first_of_the_same_kind():
    assert len(shapes(MODELS, 3, 1)) == 3


def test_the_shapes_vary_in_every_field():
    found = shapes(MODELS, 60, 1)
    assert {p for s in found for p in s.places} == set(PLACES) - REFUSABLE
    assert all("message" in s.places for s in found), "the user's words are what is kept most often"
    assert {s.stream for s in found} == {s.cache for s in found} == {s.thinking for s in found} == {True, False}
    assert {s.model for s in found} == set(MODELS)
    assert len({s.padding for s in found}) > 3
    assert all(s.wrong is None and s.places for s in found), "each is one that a target must serve"


def test_the_fewest_shapes_have_the_younger_places_too_but_none_of_the_first():
    found = shapes(MODELS, 14, 1)
    younger = IN_BLOCKS - INSIDE - REFUSABLE
    assert not any(s.places & younger for s in found[:PLAINLY])
    assert {p for s in found[PLAINLY:] for p in s.places} >= younger


def test_the_first_shapes_ask_for_nothing_that_a_model_might_not_take():
    found = shapes(MODELS, 25, 1)
    assert not any(s.steady or s.brief or s.turns for s in found[:PLAINLY])
    later = found[PLAINLY:]
    assert any(s.steady for s in later) and any(s.brief for s in later) and any(s.turns for s in later) and any(s.scripts for s in later)
    assert not any(s.thinking and (s.steady or s.brief) for s in found)


@pytest.mark.parametrize("seed", range(5))
def test_the_fewest_shapes_come_in_the_manner_of_every_client_and_every_wish(seed):
    found = shapes(MODELS, 14, seed)
    sent = {name for s in found for name, _ in s.headers}
    assert sent == {name for client in CLIENTS for name, _ in client}
    assert all("{" not in value for s in found for _, value in s.headers)
    assert {key for s in found[PLAINLY:] for wish in MANNERS for key in wish if getattr(s, key) == wish[key]} >= {
        "steady",
        "brief",
        "turns",
        "tools",
        "copies",
        "tool_choice",
    }
    forced = [s.places for s in shapes(MODELS, 60, seed) if s.tool_choice]
    assert all("tool_schema" in places and "prefill" not in places for places in forced)


@pytest.mark.parametrize(("header", "other"), [("x-api-key", "authorization"), ("Authorization", "x-api-key")])
def test_a_credential_can_be_brought_as_clients_of_another_age_do(header, other):
    (again,) = in_the_other_header(replace(ACTOR, header=header))
    assert other in {name.lower() for name in again.headers()[0]}
    assert ACTOR.secret in "".join(again.headers()[0].values())


def test_a_credential_in_a_header_of_the_targets_own_is_brought_there_alone():
    assert in_the_other_header(replace(ACTOR, header="x-house-key")) == ()


# -- parties ------------------------------------------------------------------------------------------------------------------------


def test_an_actor_does_not_show_its_credential():
    assert ACTOR.secret not in repr(ACTOR)
    assert ACTOR.secret not in repr(Party("subject", "org_subject", None, "zdr", {"member": ACTOR}))


def test_a_party_under_another_promise_passes_it_on_to_its_actors():
    party = Party("subject", "org_subject", None, "standard", {"member": ACTOR})
    assert (party.member.content, party.under("exception").member.content) == ("standard", "exception")
    with pytest.raises(NotOffered, match="no credential for the role 'admin' of the organization 'subject'"):
        _ = party.admin


def test_what_adds_to_other_scenarios_is_absent_where_the_profile_gives_no_means():
    with pytest.raises(NotThere, match="no purge"), at_will():
        raise NotOffered("no purge")
    with pytest.raises(NotThere, match="the target has none"), at_will():
        raise NotThere("the target has none")


# -- smallest bodies ----------------------------------------------------------------------------------------------------------------

closed = st.booleans()
leaf = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "integer", "minimum": 10},
        {"type": "number", "exclusiveMinimum": 3},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["null", "string"]},
        {"const": "fixed"},
        {"enum": ["a", "b"]},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        {"$ref": "#/components/schemas/Text"},
        {},
        True,
    ]
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def make(draw: st.DrawFn) -> dict[str, Any]:
        properties = draw(st.dictionaries(st.sampled_from("abcd"), inner, max_size=3))
        required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
        schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
        return schema | ({"additionalProperties": False} if draw(closed) else {})

    return make()


schemas = st.recursive(
    leaf,
    lambda inner: (
        objects(inner)
        | st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3))
        | st.builds(
            lambda a, b: {"allOf": [a, b]}, objects(inner).map(lambda s: s | {"additionalProperties": True}), st.just({"type": "object"})
        )
    ),
    max_leaves=6,
)
DOCUMENT = {
    "components": {
        "schemas": {"Text": {"type": "string"}, "Loop": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Loop"}}}}
    }
}


@settings(deadline=None)
@given(objects(schemas))
def test_the_smallest_body_fits_its_schema(schema):
    value = smallest(schema, DOCUMENT)
    jsonschema_rs.validate({**schema, **DOCUMENT}, value)


@given(st.sampled_from("abc"), st.booleans())
def test_free_text_of_a_body_carries_the_canary(name, required):
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"}, "z": {"type": "integer"}},
        "required": [name] if required else ["z"],
    }
    assert smallest(schema, {})[name] == "{canary}"


def test_a_body_without_any_text_is_given_some_unless_it_is_closed():
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert smallest(schema, {}) == {"n": 1, "content": "{canary}"}
    assert smallest(schema | {"additionalProperties": False}, {}) == {"n": 1}


def test_a_schema_that_contains_itself_comes_to_an_end():
    assert json.dumps(smallest({"$ref": "#/components/schemas/Loop"}, DOCUMENT)).count("next") < 20
    assert smallest({"$ref": "#/a"}, {"a": {"$ref": "#/a"}}) == "{canary}"


@pytest.mark.parametrize("part", [{"$ref": "#/a"}, {"type": "array", "minItems": 50, "items": {"$ref": "#/a"}}])
def test_a_schema_that_asks_for_itself_many_times_is_filled_in_bounds(part):
    names = [f"n{number}" for number in range(30)]
    schema = {"type": "object", "properties": dict.fromkeys(names, part), "required": names}
    assert len(json.dumps(smallest(schema, {"a": schema}))) < 100_000


@pytest.mark.parametrize("schema", [None, True, [], "text", 5, {"$ref": "#/nowhere"}])
def test_what_is_no_schema_gives_a_body_all_the_same(schema):
    assert smallest(schema, {}) == {"content": "{canary}"}


def test_an_absurd_number_of_items_is_bounded():
    assert len(smallest({"type": "array", "items": {"type": "string"}, "minItems": 10**9}, {})) == 50


def declared(**more: Any) -> dict[str, Any]:
    return {"x-zdr-requires-storage": True, "x-zdr-feature": "archives", **more}


BODY = {"content": {"application/json": {"schema": {"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}}}}


def test_declared_operations_that_the_profile_does_not_list_are_found_writing_ones_first():
    document = {
        "paths": {
            "/v1/archives/{archive_id}": {"get": declared(), "parameters": []},
            "/v1/archives": {"get": declared(), "post": declared(requestBody=BODY), "x-note": "text"},
            "/v1/sessions/{id}": {"post": declared()},
            "/v1/messages": {"post": {"requestBody": BODY}},
        }
    }
    found = declared_storage_operations(document, [("POST", "/v1/sessions/{session}")])
    assert found == [
        DeclaredOperation("POST", "/v1/archives", "archives", {"note": "{canary}"}),
        DeclaredOperation("GET", "/v1/archives", "archives", None),
        DeclaredOperation("GET", "/v1/archives/{archive_id}", "archives", None),
    ]


def test_a_writing_operation_without_a_described_body_gets_one():
    (found,) = declared_storage_operations({"paths": {"/v1/x": {"post": {"x-zdr-requires-storage": True}}}}, [])
    assert (found.body, found.feature) == ({"content": "{canary}"}, "/v1/x")


@pytest.mark.parametrize(
    "document", [None, [], {}, {"paths": None}, {"paths": []}, {"paths": {"/x": None}}, {"paths": {"/x": {"get": "text"}}}]
)
def test_what_is_no_document_declares_nothing(document):
    assert declared_storage_operations(document, []) == []


@pytest.mark.parametrize("run_seed", range(40))
def test_whatever_the_seed_every_place_option_and_model_occurs(run_seed):
    found = shapes(MODELS, 10, run_seed)
    assert len(set(found)) == len(found) == 10
    assert {place for shape in found for place in shape.places} == set(PLACES) - REFUSABLE - (IN_BLOCKS - INSIDE)
    assert {shape.model for shape in found} == set(MODELS)
    for option in (
        lambda s: s.thinking,
        lambda s: s.stream,
        lambda s: not s.stream,
        lambda s: s.cache,
        lambda s: s.padding >= 20_000,
        lambda s: s.session is not None,
    ):
        assert any(option(shape) for shape in found)
    assert not any(shape.thinking and "prefill" in shape.places for shape in found)
