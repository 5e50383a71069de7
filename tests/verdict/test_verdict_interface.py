"""How much of the documented interface the suite exercised: by operation, and by role."""

from __future__ import annotations

import pytest
from engine_events import Record, interaction

from zdr_audit.journal.events import Interaction
from zdr_audit.report.model import InterfaceCoverage
from zdr_audit.suite.contract.labels import ENTITLED, NOT_ENTITLED, OPERATION, SAID
from zdr_audit.verdict.interface import FLOOR, interface_coverage

GET, POST, LIST = "GET /v1/files", "POST /v1/files", "GET /v1/audit"


def document(number: int, *labels: str, **changes: object) -> Interaction:
    return interaction(number, **({"operation": "openapi.read", "data": {"documented": list(labels)}} | changes))


def tried(number: int, label: str, role: str = "member", *, entitled: bool = True, **changes: object) -> Interaction:
    labels = {OPERATION: label, SAID: "true" if entitled else "false"}
    return interaction(number, role=role, labels=labels, step=ENTITLED if entitled else NOT_ENTITLED, **changes)


def coverage(*items: Interaction) -> InterfaceCoverage | None:
    record = Record()
    record.interactions += items
    return interface_coverage(record.history())


def refusal(status: int = 403, outcome: str = "denied") -> dict[str, object]:
    return {"status": status, "outcome": outcome, "accepted": False}


def test_four_in_five_documented_operations_must_be_reached():
    assert FLOOR == 0.8


@pytest.mark.parametrize("operation", ["messages.create", "a.read", "zdr.status"])
def test_where_no_document_was_read_there_is_none(operation):
    assert coverage(tried(31, GET)) is None
    assert coverage(document(30, GET, operation=operation)) is None
    assert coverage(document(30, data=[GET])) is None
    assert coverage(document(30, data={"documented": GET})) is None
    assert coverage(document(30)) is None


def test_operations_are_counted_that_the_document_has_that_were_tried_and_that_were_reached():
    found = coverage(
        document(30, GET, POST), document(31, LIST, GET), tried(32, GET), tried(33, POST, **refusal()), tried(34, "PUT /v1/other")
    )
    assert found is not None
    assert (found.documented, found.tried, found.reached, found.floor) == (3, 2, 1, FLOOR)
    assert [(row.operation, row.sent, row.accepted) for row in found.operations] == [(LIST, 0, 0), (GET, 1, 1), (POST, 1, 0)], (
        "by path, then method"
    )


def test_what_each_role_met_is_told_apart():
    found = coverage(
        document(30, GET),
        tried(31, GET, "admin"),
        tried(32, GET, "admin"),
        tried(33, GET, "member", **refusal(401, "denied")),
        tried(34, GET, "owner", **refusal(404, "not_found")),
        tried(35, GET, "reader", entitled=False, **refusal()),
        tried(36, GET, "guest", entitled=False),
        tried(37, GET, "staff", entitled=False, status=None, outcome="no_answer", accepted=False),
        tried(38, GET, "reviewer", **refusal(403, "refused_by_policy")),
    )
    assert found is not None
    (row,) = found.operations
    assert row.let_through == ("admin",)
    assert row.refused == ("reader",)
    assert row.wrong == ("guest", "member"), "one whom nobody entitled was served, and one who is entitled was denied"
    assert row.undecided == ("owner", "reviewer")


def test_refusals_of_an_operation_that_nobody_reached_decide_nothing():
    found = coverage(
        document(30, GET), tried(31, GET, "reader", entitled=False, **refusal()), tried(32, GET, "admin", **refusal(404, "not_found"))
    )
    assert found is not None
    (row,) = found.operations
    assert (row.let_through, row.refused, row.wrong, row.undecided) == ((), (), (), ("admin", "reader"))
