"""Templates are filled at every depth, paths and queries are encoded, pointers find what RFC 6901 says."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.target.template import MissingValue, fill, fill_path, names, pointer, present, with_query

text = st.text(st.characters(codec="utf-8"), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | text
documents = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=15)
plain = text.filter(lambda t: "{" not in t)
templates = st.recursive(
    plain | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3), max_leaves=10
)


@given(templates)
def test_a_template_without_names_stays_as_it_is(template):
    assert fill(template, {}) == template
    assert names(template) == set()


@given(documents)
def test_a_string_that_is_only_a_name_becomes_the_value_of_its_own_type(value):
    assert fill({"a": ["{it}"]}, {"it": value}) == {"a": [value]}


@pytest.mark.parametrize(("given", "sent"), [("12", 12), (12, 12), ("-3", -3), ("0.5", 0.5), ("none", "none"), ("", ""), (None, None)])
def test_a_number_is_sent_as_one_where_the_template_says_so(given, sent):
    template = {"org": "{org:number}", "text": "no. {org:number}"}
    assert names(template) == {"org"}
    filled = fill(template, {"org": given})
    assert (type(filled["org"]), filled["org"], filled["text"]) == (type(sent), sent, f"no. {given}")
    assert fill_path("/w/{org:number}", {"org": "7"}) == "/w/7"


@given(text, text, text)
def test_within_other_text_a_value_is_written_out(before, value, after):
    template = f"<{before.replace('{', '')}>{{it}}<{after.replace('{', '')}>"
    assert fill(template, {"it": value}) == template.replace("{it}", value)


def test_keys_and_numbers_are_filled_too():
    assert fill({"{k}": [1, "n={n}"], "x": {"y": "{n}"}}, {"k": "name", "n": 7}) == {"name": [1, "n=7"], "x": {"y": 7}}


def test_json_within_a_string_keeps_its_own_braces():
    assert fill('{"content": "{canary}"}', {"canary": "abc"}) == '{"content": "abc"}'
    assert names('{"content": "{canary}", "n": {}}') == {"canary"}


def test_a_value_is_not_a_template():
    assert fill("x {a} {b}", {"a": "{b}", "b": "{a}"}) == "x {b} {a}"


def test_all_names_of_a_template_are_found():
    assert names({"{a}": ["{b} and {c_1}", {"x": ("{d}",)}], "y": "{E} {1} {}"}) == {"a", "b", "c_1", "d"}


@pytest.mark.parametrize("template", ["{gone}", "x {gone}", ["{gone}"], {"{gone}": 1}])
def test_a_value_that_is_missing_is_named(template):
    with pytest.raises(MissingValue, match=r"^gone$"):
        fill(template, {"here": 1})


@given(text)
def test_a_value_in_a_path_cannot_leave_its_segment(value):
    path = fill_path("/v1/{it}/end", {"it": value})
    parts = urlsplit("http://h" + path)
    assert (parts.query, parts.fragment) == ("", "")
    assert [unquote(part) for part in parts.path.split("/")] == ["", "v1", value, "end"]


@given(st.dictionaries(text.filter(bool), text, max_size=4))
def test_a_query_reads_back_as_it_was(query):
    path = with_query("/v1/list", query)
    assert dict(parse_qsl(urlsplit("http://h" + path).query, keep_blank_values=True, strict_parsing=bool(query))) == query
    assert path.isascii()


def test_a_cursor_in_base64_arrives_whole():
    assert with_query("/v1/list", {"after": "a+b/c==", "limit": 5}) == "/v1/list?after=a%2Bb%2Fc%3D%3D&limit=5"
    assert with_query("/v1/list", {}) == "/v1/list"


def escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def places(document: object, path: str = "") -> list[tuple[str, object]]:
    """Every pointer into a document with what it points to."""
    found = [(path, document)]
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in items:
        found += places(value, f"{path}/{escape(key)}")
    return found


@given(documents)
def test_every_place_of_a_document_has_a_pointer(document):
    for path, value in places(document):
        assert pointer(document, path) is value


@given(documents, st.text("/~01ab-", max_size=6).map(lambda t: f"/{t}"))
def test_a_pointer_that_leads_nowhere_gives_none_and_never_raises(document, path):
    known = {p for p, _ in places(document)}
    if path not in known and "~" not in path:
        assert pointer(document, path) is None
    pointer(document, path)


@pytest.mark.parametrize("path", ["/-", "/01", "/-1", "/²", "/٣", "/1e0", "/ 1", "/99999999999999999999"])
def test_an_index_is_written_in_plain_digits(path):
    assert pointer([10, 11, 12, 13], path) is None


def test_the_examples_of_the_standard():
    document = json.loads('{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}')
    wanted = {
        "": document,
        "/foo": ["bar", "baz"],
        "/foo/0": "bar",
        "/": 0,
        "/a~1b": 1,
        "/c%d": 2,
        "/e^f": 3,
        '/k"l': 6,
        "/ ": 7,
        "/m~0n": 8,
    }
    assert {path: pointer(document, path) for path in wanted} == wanted


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", {"choices": [{"why": "cut", "text": "a"}, {"why": "stop", "text": "b"}], "a.b": 1}),
        ("$.choices[1].text", "b"),
        ("$.choices[-1].why", "stop"),
        ("$.choices[?@.why == 'stop'].text", "b"),
        ("$..text", "a"),
        ("$['a.b']", 1),
        ("$.nowhere[0].text", None),
        ("$.choices[?@.why == 'never'].text", None),
    ],
)
def test_a_json_path_gives_the_first_value_that_it_finds(path, found):
    assert pointer({"choices": [{"why": "cut", "text": "a"}, {"why": "stop", "text": "b"}], "a.b": 1}, path) == found


def test_a_json_path_in_what_is_nested_without_end_gives_nothing():
    deep: object = "found"
    for _ in range(5000):
        deep = [deep]
    assert pointer(deep, "$..text") is None


@given(documents)
def test_a_json_path_never_raises(document):
    assert pointer(document, "$.a[0].b") is None or isinstance(document, dict)
    pointer(document, "$..a[?@.b]")


@pytest.mark.parametrize(
    ("document", "path", "there"),
    [
        ({"data": None}, "/data", True),
        ({"data": []}, "/data", True),
        ({}, "/data", False),
        (None, "/data", False),
        ([], "/data", False),
        ({"a/b": {"c": None}}, "/a~1b/c", True),
        ({"a/b": {"c": None}}, "/a~1b/d", False),
        ({"data": None}, "$.data", True),
        ({"error": 1}, "$.data", False),
        (None, "", True),
    ],
)
def test_a_null_is_told_from_nothing(document, path, there):
    assert present(document, path) is there
