"""The walk through the interface document of the reference simulator: it makes, uses and removes objects of every kind, and gets through almost everywhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from inside import Lab

from zdr_audit.suite.contract.chains import follow
from zdr_audit.suite.contract.fuzz import fuzz
from zdr_audit.suite.contract.labels import ENTITLED, NOT_ENTITLED, denied, served
from zdr_audit.suite.contract.tenants import FOREIGN, NAMES, UNKNOWN
from zdr_audit.suite.contract.walk import AFTER_REMOVAL, Walk
from zdr_audit.suite.history import History
from zdr_audit.verdict.interface import interface_coverage


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("walk")) as lab:
        lab.transport.base_url += "/gateway/anthropic"  # the transport's matter, which sends everything below it
        yield lab


@pytest.fixture(scope="module")
def walked(lab: Lab) -> History:
    assay = lab.assay("contract.documented_interface", 1, "quick")
    document = assay.document("openapi.read", step="read the interface document")
    org = assay.fresh()
    Walk(assay, document, org, {"admin": org.admin, "member": org.member, **assay.staff_actors}, assay.other("neighbour")).go()
    return lab.history()


def test_nearly_every_documented_operation_lets_an_entitled_role_through(walked: History) -> None:
    found = interface_coverage(walked)
    assert found is not None
    assert found.reached >= 0.9 * found.documented, [row.operation for row in found.operations if not row.accepted]
    assert not [row.operation for row in found.operations if row.wrong]


def test_no_request_names_the_path_below_which_the_target_stands(walked: History) -> None:
    assert not [i.path for i in walked.interactions.values() if i.path.startswith("/gateway")]


def test_entitled_and_not_entitled_are_both_tried(walked: History) -> None:
    sent = list(walked.interactions.values())
    assert all(not denied(i) for i in sent if i.step == ENTITLED)
    refused = [i for i in sent if i.step == NOT_ENTITLED]
    assert {i.role for i in refused} >= {"member", "admin"}
    assert not any(served(i) for i in refused)


def test_each_foreign_identifier_stands_beside_an_unknown_one(walked: History) -> None:
    sent = list(walked.interactions.values())
    unknown = {i.pair: i for i in sent if i.step == UNKNOWN}
    foreign = [i for i in sent if i.step == FOREIGN]
    places = {i.labels["place"].split(" ")[0] for i in foreign}
    assert places == {"path", "query", "body"}
    for item in foreign:
        assert item.path != unknown[item.pair].path or item.request_bytes
        assert item.labels["kind"] == unknown[item.pair].labels["kind"]
        assert NAMES not in item.labels


def test_what_was_removed_is_asked_for(walked: History) -> None:
    asked = [i for i in walked.interactions.values() if i.step == AFTER_REMOVAL]
    assert {i.labels["api_operation"] for i in asked} >= {"GET /v1/files", "GET /v1/files/{id}", "GET /v1/files/{id}/content"}
    assert {i.labels["gone"] for i in asked} == {"gone"}


def test_no_key_of_an_answer_reaches_the_journal(lab: Lab, walked: History) -> None:
    assert not any("zdrsim-" in event.model_dump_json() for event in lab.journal.events())


def test_chains_follow_links_further_than_one_request(lab: Lab, walked: History) -> None:
    assay = lab.assay("contract.fuzzing", 1, "quick")
    org = assay.fresh()
    document = assay.document("openapi.read", step="read the interface document")
    follow(assay, document, {"admin": org.admin, "member": org.member}, writes=True, chains=8)
    sent = [i for i in lab.history().interactions.values() if i.step == "chain"]
    linked = [i for i in sent if "{" in i.labels["api_operation"].replace("{organization}", "") and i.accepted]
    assert linked, [i.labels["api_operation"] for i in sent]
    assert not [i.path for i in sent if i.status is not None and i.status >= 500]


def test_without_leave_to_change_the_target_only_reading_is_generated(lab: Lab, walked: History) -> None:
    assay = lab.assay("contract.reading", 1, "quick")
    document = assay.document("openapi.read", step="read the interface document")
    control = assay.control
    fuzz(assay, document, {"admin": control.admin, "member": control.member}, writes=False)
    sent = [i for i in lab.history().interactions.values() if i.scenario == "contract.reading" and i.labels.get("api_operation")]
    changing = {i.labels["api_operation"] for i in sent if i.method not in ("GET", "HEAD")}
    assert sent
    assert changing <= {
        "POST /v1/messages",
        "POST /v1/messages/count_tokens",
        "POST /v1/chat/messages",
        "POST /v1/cowork/messages",
        "POST /api/event_logging/v2/batch",
    }
