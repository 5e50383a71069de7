"""The interface document as the contract suites read it, and what is known of an organization's objects."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import Record, interaction

from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.contract.interface import Documented, read, shape
from zdr_audit.suite.contract.known import Known, is_identifier
from zdr_audit.verdict.interface import interface_coverage

ROLES = ("admin", "member", "reviewer")


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def operation(label: str, tag: str = "", **more: Any) -> Documented:
    method, _, path = label.partition(" ")
    return Documented(method, path, tag, open=False, roles=None, **more)


def document(**operations: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for label, spec in operations.items():
        method, _, path = label.partition(" ")
        paths.setdefault(path, {})[method.lower()] = spec
    return {"paths": paths}


def test_roles_are_those_of_the_document(profile: Profile) -> None:
    found = read(document(**{"GET /v1/things": {"x-zdr-roles": ["admin"], "security": [{"key": []}]}}), profile)
    one = found["GET /v1/things"]
    assert [one.may(role, ROLES, profile) for role in ROLES] == [True, False, False]


def test_where_the_document_is_silent_the_profile_says_who_is_entitled(profile: Profile) -> None:
    one = read(document(**{"POST /v1/zdr/requests/{number}/approve": {}}), profile)["POST /v1/zdr/requests/{number}/approve"]
    assert one.profiled == ("zdr.approve",)
    assert [one.may(role, ROLES, profile) for role in ROLES] == [None, False, True]


def test_roles_that_nobody_at_hand_has_say_nothing(profile: Profile) -> None:
    one = read(document(**{"GET /v1/things": {"x-zdr-roles": ["owner"]}}), profile)["GET /v1/things"]
    assert [one.may(role, ROLES, profile) for role in ROLES] == [None, None, None]


@pytest.mark.parametrize("broken", [None, [], {"paths": []}, {"paths": {"/a": []}}, {"paths": {"/a": {"get": 1}}}])
def test_a_document_that_is_none_gives_nothing(profile: Profile, broken: Any) -> None:
    assert read(broken, profile) == {}


def test_names_of_parameters_do_not_part_one_path_from_another() -> None:
    assert shape("/v1/files/{id}/content?x=1") == shape("/v1/files/{file}/content") == "/v1/files/{}/content"


def test_an_identifier_is_found_where_its_collection_is_meant() -> None:
    known = Known({"organization": "org_1"})
    known.learn(operation("POST /v1/files", "files"), {"id": "file_12345"})
    known.learn(operation("GET /v1/models", "models"), {"data": [{"id": "model-one"}, {"id": "model-two"}]})
    known.learn(operation("POST /v1/organizations/{organization}/users"), {"id": "user_12345"})
    assert known.value("id", operation("GET /v1/files/{id}/content", "files")) == "file_12345"
    assert known.value("id", operation("GET /v1/models/{id}", "models")) == "model-one"
    assert known.value("user_id", operation("POST /v1/keys")) == "user_12345"
    assert known.value("after_id", operation("GET /v1/files", "files")) == "file_12345"
    assert known.value("organization", operation("GET /v1/organizations/{organization}")) == "org_1"
    assert known.value("id", operation("GET /v1/batches/{id}")) is None


def test_of_two_collections_of_one_name_that_of_the_same_tag_is_meant() -> None:
    known = Known()
    known.learn(operation("POST /v1/sessions", "remote"), {"id": "remote_1"})
    known.learn(operation("POST /v1/code/sessions", "web"), {"id": "web_12345"})
    assert known.value("id", operation("POST /v1/ingress/session/{id}", "remote")) == "remote_1"
    assert known.value("id", operation("POST /v1/ingress/session/{id}", "web")) == "web_12345"


def test_what_another_tenant_lists_as_its_own_is_nobodys_but_for_what_we_made() -> None:
    known = Known()
    known.learn(operation("GET /v1/models"), {"data": [{"id": "model-one"}]})
    known.learn(operation("POST /v1/files"), {"id": "file_12345"})
    known.forget({"data": [{"id": "model-one"}, {"id": "file_12345"}]})
    assert set(known.every) == set(known.collections.values()) == {"file_12345"}


@pytest.mark.parametrize(
    ("name", "takes"), [("id", True), ("user_id", True), ("accountId", True), ("organization", True), ("paid", False), ("valid", False)]
)
def test_what_takes_an_identifier_is_told_by_its_name(name: str, takes: bool) -> None:
    assert is_identifier(name) is takes


def covered(*items: Any) -> Any:
    record = Record()
    whole = {"operation": "openapi.read", "data": {"documented": ["GET /a", "GET /b"]}}
    record.interactions += [interaction(900, **whole), *items]
    return interface_coverage(record.history())


def asked(number: int, label: str, role: str, status: int, step: str = "entitled") -> Any:
    labels = {"api_operation": label} | ({"said": "true"} if step == "entitled" else {})
    through = status not in (401, 403, 404)
    return interaction(
        number, step=step, role=role, status=status, accepted=through, outcome="accepted" if through else "denied", labels=labels
    )


def test_coverage_counts_documented_operations_and_what_got_through() -> None:
    found = covered(asked(901, "GET /a", "admin", 200), asked(902, "GET /b", "admin", 404))
    assert (found.documented, found.tried, found.reached) == (2, 2, 1)
    assert [row.accepted for row in found.operations] == [1, 0]


def test_a_refusal_counts_only_where_somebody_was_let_through() -> None:
    refused = asked(902, "GET /a", "member", 403, step="not entitled")
    assert covered(asked(901, "GET /a", "admin", 200), refused).operations[0].refused == ("member",)
    alone = covered(asked(901, "GET /a", "admin", 404), refused).operations[0]
    assert (alone.refused, alone.undecided) == ((), ("admin", "member"))


def test_either_direction_against_the_document_is_wrong() -> None:
    let_in = covered(asked(901, "GET /a", "admin", 200), asked(902, "GET /a", "member", 200, step="not entitled"))
    kept_out = covered(asked(901, "GET /a", "admin", 403))
    assert (let_in.operations[0].wrong, kept_out.operations[0].wrong) == (("member",), ("admin",))


def test_without_an_interface_document_there_is_no_coverage() -> None:
    assert interface_coverage(Record().history()) is None
