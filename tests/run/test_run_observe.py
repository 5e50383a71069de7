"""An interface that gives stored content back is read page by page, item by item, and what could not be read is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import requests_mock

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence.model import Reading
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.operation import Operation, Page
from zdr_audit.run import observe, read_back
from zdr_audit.run.observe import read_source
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.transport import Transport

LITERAL = new_literal()
CANARY = Mint(LITERAL).new()
LIST = Operation(
    method="GET",
    path="/v1/exports",
    by="admin",
    query={"organization": "{org}"},
    items="/data",
    fields={"export": "/id"},
    page=Page(parameter="after", cursor="/last", more="/more"),
)
DETAIL = Operation(method="GET", path="/v1/exports/{export}", by="admin")
SOURCE = Evidence(id="api", kind="http", what="exports", operation="exports.list", detail="exports.read")


def party(name: str, *roles: str) -> Party:
    actors = {r: Actor(f"{name}.{r}", r, name, f"org_{name}", "standard", "x-api-key", f"key-{name}-{r}") for r in roles}
    return Party(name, f"org_{name}", None, "standard", actors)


SUBJECT = party("subject", "member", "admin")


@pytest.fixture
def mocker() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as found:
        yield found


@pytest.fixture
def read(mocker: requests_mock.Mocker) -> Callable[..., Reading]:
    """Reads the interface, as the given answers by path and query let it."""

    def run(answers: dict[str, Any], source: Evidence = SOURCE, parties: tuple[Party, ...] = (SUBJECT,)) -> Reading:
        def content(request: Any, context: Any) -> bytes:
            found = answers.get(request.path_url, 404)
            found = next(found) if isinstance(found, Iterator) else found
            if isinstance(found, Exception):
                raise found
            context.status_code, found = found if isinstance(found, tuple) else (found, {}) if isinstance(found, int) else (200, found)
            return found if isinstance(found, bytes) else json.dumps(found).encode()

        mocker.register_uri(requests_mock.ANY, requests_mock.ANY, content=content)
        registry = Registry(LITERAL, b"key")
        registry.add("c-1", CANARY)
        operations = {"exports.list": LIST, "exports.read": DETAIL}
        return read_source(
            source, Seeker(LITERAL, registry.identify), lambda _: Transport("http://127.0.0.1:9", 2, 1 << 16), operations, parties
        )

    return run


FIRST = "/v1/exports?organization=org_subject"


def test_every_item_of_every_page_is_read(read, mocker):
    found = read(
        {
            FIRST: {"data": [{"id": "a"}, {"id": "b/c"}], "more": True, "last": "b+c="},
            f"{FIRST}&after=b%2Bc%3D": {"data": [{"id": "d"}], "more": False, "last": "d"},
            "/v1/exports/a": {"text": "nothing"},
            "/v1/exports/b%2Fc": {"text": "nothing"},
            "/v1/exports/d": {"text": CANARY},
        }
    )
    assert (found.objects, found.error, found.not_examined) == (5, None, ())
    assert [(h.object, h.canary) for h in found.hits] == [("GET /v1/exports/d as subject.admin", "c-1")]
    assert {r.headers["x-api-key"] for r in mocker.request_history} == {"key-subject-admin"}


def test_a_list_is_searched_too_and_needs_no_details(read):
    found = read({FIRST: {"data": [{"id": "a", "title": CANARY}]}}, SOURCE.model_copy(update={"detail": None}))
    assert [h.object for h in found.hits] == [f"GET {FIRST} as subject.admin"]
    assert found.objects == 1


def test_each_organization_is_read_as_itself(read, mocker):
    found = read({FIRST: {"data": []}, "/v1/exports?organization=org_control": {"data": []}}, parties=(SUBJECT, party("control", "member")))
    assert found.objects == 2
    assert [r.headers["x-api-key"] for r in mocker.request_history] == ["key-subject-admin", "key-control-member"], (
        "the member where there is no admin"
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (401, "status 401"),
        (429, "status 429"),
        (500, "status 500"),
        (requests.exceptions.ReadTimeout("Read timed out."), "timed out"),
        (b" " * 70_000, "the answer is larger than 65536 bytes"),
    ],
)
def test_what_could_not_be_read_is_said_and_is_not_taken_for_clean(read, answer, reason):
    found = read({FIRST: {"data": [{"id": "a"}, {"id": "b"}]}, "/v1/exports/a": answer, "/v1/exports/b": {"text": CANARY}})
    assert [(n.object, n.reason) for n in found.not_examined] == [("GET /v1/exports/a as subject.admin", reason)]
    assert [h.object for h in found.hits] == ["GET /v1/exports/b as subject.admin"]
    assert found.objects == 2
    assert found.error == f"GET /v1/exports/a as subject.admin: {reason}"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_a_gateway_does_not_answer_at_once_is_asked_for_again(read, status):
    found = read({FIRST: iter([status, {"data": [{"id": "a"}]}]), "/v1/exports/a": iter([status, {"text": CANARY}])})
    assert (found.error, found.not_examined, len(found.hits)) == (None, (), 1)


CONTROL = "/v1/exports?organization=org_control"
REFUSAL = {"type": "error", "error": {"type": "permission_error", "message": "not allowed by your organization's policy"}}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (500, "status 500"),
        (401, "status 401"),
        (429, "status 429"),
        (400, "status 400 (client error)"),
        (403, "status 403 (denied)"),
        ({"error": {"type": "overloaded_error"}}, "the answer has no list at /data"),
        ({"data": [], "more": True}, "it says that there is more, and not where"),
    ],
)
def test_where_the_list_of_an_organization_is_not_had_the_source_is_not_read(read, answer, reason):
    control = {CONTROL: {"data": [{"id": "a"}]}, "/v1/exports/a": {"text": CANARY}}
    found = read({FIRST: answer, **control}, parties=(SUBJECT, party("control", "admin")))
    assert found.error == f"GET {FIRST} as subject.admin: {reason}"
    assert len(found.hits) == 1, "what is seen stays"
    assert found.searched == ()


def test_a_later_page_that_fails_is_missing_too(read):
    found = read({FIRST: {"data": [{"id": "a"}], "more": True, "last": "x"}, f"{FIRST}&after=x": 500, "/v1/exports/a": {"text": CANARY}})
    assert (found.error, len(found.hits)) == (f"GET {FIRST}&after=x as subject.admin: status 500", 1)


def test_a_list_that_is_refused_by_policy_gives_nothing_back(read):
    found = read({FIRST: (403, REFUSAL), CONTROL: {"data": []}}, parties=(SUBJECT, party("control", "admin")))
    assert (found.error, found.objects, found.not_examined) == (None, 2, ())


def test_what_is_missing_of_the_control_organization_costs_sight_alone(read):
    found = read({FIRST: {"data": []}, CONTROL: 500}, parties=(SUBJECT, party("control", "admin")))
    assert (found.error, [n.reason for n in found.not_examined]) == (None, ["status 500"])
    found = read(
        {FIRST: {"data": []}, CONTROL: {"data": [{"id": "a"}, {}]}, "/v1/exports/a": 500}, parties=(SUBJECT, party("control", "admin"))
    )
    assert (found.error, len(found.not_examined)) == (None, 2)


def test_an_answer_that_nothing_is_there_is_an_answer(read):
    found = read({FIRST: {"data": [{"id": "a"}]}, "/v1/exports/a": 404})
    assert (found.objects, found.not_examined) == (2, ())


@pytest.mark.parametrize("data", [{"data": {"id": "a"}}, {"data": "abc"}, {"data": 5}, {}, [], "text", b"<html>", b""])
def test_a_list_of_another_shape_has_no_items(read, data):
    found = read({FIRST: data})
    assert (found.objects, found.error) == (1, f"GET {FIRST} as subject.admin: the answer has no list at /data")


def test_a_list_that_is_null_is_empty(read):
    found = read({FIRST: {"data": None}})
    assert (found.objects, found.error) == (1, None)


@pytest.mark.parametrize("item", [{}, {"id": None}, "text", None, 5, ["a"]])
def test_an_item_without_name_is_said_not_to_be_examined(read, item):
    found = read({FIRST: {"data": [item, {"id": "b"}]}, "/v1/exports/b": {"text": CANARY}})
    assert [(n.object, n.reason) for n in found.not_examined] == [
        ("/v1/exports/{export} of subject", "an item of the list names no 'export'")
    ]
    assert len(found.hits) == 1
    assert found.error == "/v1/exports/{export} of subject: an item of the list names no 'export'"


def test_pages_without_end_are_bounded_and_the_rest_is_named(read, monkeypatch):
    monkeypatch.setattr(read_back, "MAX_PAGES", 3)
    endless = {"data": [], "more": True, "last": "x"}
    found = read({FIRST: endless, f"{FIRST}&after=x": endless})
    assert found.objects == 3
    assert [n.reason for n in found.not_examined] == ["more than 3 pages: the rest was not read"]
    assert found.error == "/v1/exports of subject: more than 3 pages: the rest was not read"


def test_items_without_end_are_bounded_and_the_rest_is_named(read, monkeypatch):
    monkeypatch.setattr(read_back, "MAX_DOCUMENTS", 2)
    found = read({FIRST: {"data": [{"id": "a"}] * 5}, "/v1/exports/a": {}})
    assert found.objects == 3
    assert [n.reason for n in found.not_examined] == ["more than 2 items: the rest was not read"]
    assert found.error == "/v1/exports/{export} of subject: more than 2 items: the rest was not read"


def test_a_reader_that_breaks_does_not_pass_for_a_clean_source(read, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(observe, "read_documents", broken)
    found = read({})
    assert (found.error, found.objects) == ("reading it failed: RuntimeError: no luck", 0)


def test_a_source_on_disk_that_is_not_there_is_an_error(tmp_path, read):
    for kind in ("files", "sqlite"):
        found = read({}, Evidence(id="log", kind=kind, what="log", path=str(tmp_path / "none")))
        assert found.error
        assert found.hits == ()
