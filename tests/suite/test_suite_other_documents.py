"""Interface documents that call things otherwise than the reference backend's, and say neither roles nor storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_events import Record, interaction
from inside import Lab

from suites.administration import scenarios as administration
from suites.blocked import scenarios as blocked
from suites.contract import scenarios as contract
from zdr_audit.journal.events import CanaryMinted, Interaction
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.suite.contract.interface import ORGANIZATION, called, meaning, read
from zdr_audit.suite.contract.labels import OPERATION, SAID
from zdr_audit.suite.contract.reached import roles_were_decided
from zdr_audit.suite.contract.requests import Requests
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.openapi import declares_storage
from zdr_audit.suite.outcomes import Inconclusive, Violated
from zdr_audit.suite.party import NotOffered


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def changed(profile: Profile, **operations: dict[str, Any]) -> Profile:
    """The profile with other members of some operations; `__` stands for the dot in a name."""
    new = {name.replace("__", "."): update for name, update in operations.items()}
    made = {name: Operation.model_validate(profile.operations[name].model_dump() | update) for name, update in new.items()}
    return profile.model_copy(update={"operations": profile.operations | made})


DOCUMENT = {
    "paths": {
        "/v1/organizations/{team}/users": {"get": {}, "post": {}},
        "/v1/sessions": {"post": {}},
        "/operator/holds": {"post": {}},
        "/v1/zdr/requests/{number}/approve": {"post": {}},
    }
}


def test_the_profile_says_what_the_document_means_by_its_names(profile: Profile) -> None:
    parameters = called(read(DOCUMENT, profile).values(), profile)
    assert parameters["team"] == {"org"} and parameters["number"] == {"request"} and parameters["organization_id"] == {"org"}
    assert meaning(parameters, ORGANIZATION) == {"organization", "org", "organization_id", "team"}


def test_an_endpoint_of_a_feature_is_every_customers_where_the_document_is_silent(profile: Profile) -> None:
    one = read(DOCUMENT, profile)["POST /v1/sessions"]
    assert one.profiled == ("feature:remote_sessions.create",)
    assert [one.may(role, ("admin", "member"), profile) for role in ("admin", "member")] == [None, None]


def test_identifiers_are_learned_from_where_the_profile_says_they_stand(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.profile = changed(
            lab.profile, users__list={"items": "/members", "fields": {"user": "/number"}}, zdr__request={"extract": {"request": "/change"}}
        )
        assay = lab.assay("contract.documented_interface", 1, "quick")
        document = assay.document("openapi.read", step="read the interface document")
        requests = Requests(assay, document, assay.subject)
        known = requests.documented
        requests.learn(known["GET /v1/organizations/{organization}/users"], {"members": [{"number": 41}, {"number": 42}]})
        requests.learn(known["POST /v1/organizations/{organization}/zdr/requests"], {"change": "01M8D3YP"})
        assert requests.known.collections == {
            "/v1/organizations/{organization}/users": "41",
            "/v1/organizations/{organization}/zdr/requests": "01M8D3YP",
        }


def test_a_document_that_says_nothing_of_storage_is_told_from_one_that_does() -> None:
    assert not declares_storage(DOCUMENT)
    for said in (True, False):
        assert declares_storage({"paths": {"/a": {"get": {"x-zdr-requires-storage": said}}}})
    assert not any(declares_storage(broken) for broken in (None, [], {"paths": []}, {"paths": {"/a": []}}, {"paths": {"/a": {"get": 1}}}))


def test_where_the_document_says_nothing_of_storage_the_scenario_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab(tmp_path) as lab:
        assay = lab.assay("blocked.declared_features", 1)
        monkeypatch.setattr(type(assay), "document", lambda *_who, **_more: DOCUMENT)
        with pytest.raises(NotOffered, match="marks no operation as needing storage"):
            blocked.declared_features.drive(assay)


def test_operations_that_nobody_entitled_tries_are_not_counted_as_undecided(profile: Profile) -> None:
    record = Record()
    document = interaction(1, operation="openapi.read", data={"documented": ["GET /a", "POST /clock"]})
    tried = interaction(2, step="entitled", labels={OPERATION: "GET /a", SAID: "true"})
    other = interaction(3, step="not entitled", labels={OPERATION: "POST /clock"}, status=403, accepted=False, outcome="denied")
    record.interactions = [document, tried, other]
    expect = Expect(record.history(), profile, "ZDR-CON-09", (document.scenario,), ("main",))
    roles_were_decided(expect)
    record.interactions = [document, tried.model_copy(update={"accepted": False, "status": 404}), other]
    with pytest.raises(Inconclusive):
        roles_were_decided(Expect(record.history(), profile, "ZDR-CON-09", (document.scenario,), ("main",)))


def test_an_operation_that_needs_a_thing_of_its_own_is_not_asked_with_one_that_is_made_up(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.profile = changed(lab.profile, audit__entry={"path": "/v1/organizations/{org}/activities/{entry}"})
        assay = lab.assay("contract.tenants_reach_across", 1)
        contract.tenants_reach_across.drive(assay)
        own = {i.operation for i in lab.history().interactions.values() if i.step == "own"}
        assert "audit.entry" not in own and {"organization.read", "users.list", "audit.list"} <= own


def test_pages_that_are_documented_are_looked_at_as_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"/internal/streams": {"get": {}, "post": {}}, "/internal/streams/{number}": {"get": {}}, "/v1/models": {"get": {}}}
    with Lab(tmp_path) as lab:
        assay = lab.assay("administration.diagnostics_are_looked_at", 1)
        monkeypatch.setattr(type(assay), "document", lambda *_who, **_more: {"paths": pages})
        administration.diagnostics_are_looked_at.drive(assay)
        looked = [i for i in lab.history().interactions.values() if i.step == "look at what is documented"]
        assert [(i.method, i.path, i.actor) for i in looked] == [("GET", "/internal/streams", "staff.operator")]


def test_a_page_may_show_what_is_kept_without_zdr_and_nothing_else(profile: Profile) -> None:
    def expect(content: str) -> tuple[Expect, Interaction]:
        record = Record()
        page = interaction(1, echoes=("c-00001",))
        record.interactions = [page]
        record.canaries = [
            CanaryMinted(id="c-00001", kind="prompt", place="message", interaction="i-00009", organization="x", digest="d", content=content)
        ]
        return Expect(record.history(), profile, "ZDR-ADM-09", (page.scenario,), ("main",)), page

    for content in ("standard", "exception"):
        bound, page = expect(content)
        bound.echoes_nothing([page], "nothing of ZDR", of="zdr")
    bound, page = expect("zdr")
    with pytest.raises(Violated):
        bound.echoes_nothing([page], "nothing of ZDR", of="zdr")
