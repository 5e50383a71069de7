"""The attestation says PASSED for a compliant run alone, and its predicate is what in-toto's own library reads."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from zdr_audit.attest.statement import flaws, predicate, render, statement

from .packs import REFUSED, SERVED, checked, finding, judged

DIGESTS = {"journal.sqlite": "aa" * 32, "report.json": "bb" * 32}


def test_a_compliant_run_has_passed() -> None:
    part = predicate(judged())
    assert part["result"] == "PASSED"
    assert part["passedTests"] == [SERVED, REFUSED]
    assert part["warnedTests"] == part["failedTests"] == []


def test_a_non_compliant_run_has_failed() -> None:
    part = predicate(judged(checked(SERVED), checked(REFUSED, "violated", (finding(),))))
    assert (part["result"], part["passedTests"], part["failedTests"]) == ("FAILED", [SERVED], [REFUSED])


@pytest.mark.parametrize("outcome", ["inconclusive", "not_tested"])
def test_an_inconclusive_control_fails_the_attestation_and_is_named_as_such(outcome: str) -> None:
    part = predicate(judged(checked(SERVED), checked(REFUSED, outcome)))
    assert (part["result"], part["passedTests"], part["failedTests"]) == ("FAILED", [SERVED], [f"{REFUSED} (inconclusive)"])


def test_a_compliant_run_of_a_part_of_the_catalogue_is_a_warning() -> None:
    part = predicate(judged(checked(SERVED), selected=(SERVED,), selection=SERVED))
    assert (part["result"], part["passedTests"], part["failedTests"]) == ("WARNED", [SERVED], [])


def test_a_run_that_cannot_be_compliant_though_nothing_failed_names_itself() -> None:
    part = predicate(judged(platform="bedrock"))
    assert (part["result"], part["failedTests"]) == ("FAILED", ["run (incomplete)"])


def test_profile_and_catalogue_digests_are_its_configuration() -> None:
    configuration = {item["name"]: item for item in predicate(judged())["configuration"]}
    assert configuration["profile"]["digest"] == {"sha256": "1f" * 32}
    assert configuration["catalogue"]["digest"] == {"sha256": "2e" * 32}
    assert configuration["zdr-audit"]["annotations"]["journalHead"] == "3d" * 32


def test_in_totos_library_reads_statement_and_predicate() -> None:
    body = statement(judged(), DIGESTS)
    read = Statement.copy_from_pb(ParseDict(body, statement_pb2.Statement()))
    read.validate()
    assert {s.name: s.digest["sha256"] for s in read.pb.subject} == DIGESTS
    result = ParseDict(body["predicate"], test_result_pb2.TestResult())
    assert list(result.passed_tests) == [SERVED, REFUSED]


def test_a_statement_of_ours_has_no_flaw() -> None:
    assert flaws(statement(judged(), DIGESTS)) == []


def test_the_payload_has_one_form() -> None:
    body = statement(judged(), DIGESTS)
    turned = dict(reversed(body.items()))
    assert render(turned) == render(body)
    assert render(body).isascii()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "statement has the type"),
        ({"predicateType": "https://slsa.dev/provenance/v1"}, "predicate has the type"),
        ({"subject": []}, "needs subjects"),
        ({"subject": [{"name": "a"}]}, "needs subjects"),
        ({"subject": [{"name": "a", "digest": {"sha256": "AA" * 32}}]}, "needs subjects"),
        ({"subject": [{"name": "a", "digest": {"sha256": "aa" * 32}}] * 2}, "a subject twice"),
        ({"predicate": None}, "no predicate"),
        ({"predicate": {"result": "MOSTLY", "configuration": [{"name": "x"}]}}, "result is MOSTLY"),
        ({"predicate": {"result": "PASSED"}}, "needs a configuration"),
        ({"predicate": {"result": "PASSED", "configuration": [{"name": "x"}], "passedTests": "all"}}, "passedTests is not a list"),
        ({"predicate": {"result": "PASSED", "configuration": [{"name": "x"}], "failedTests": ["a"]}}, "PASSED and yet lists failedTests"),
        ({"predicate": {"result": "PASSED", "configuration": [{"name": "x"}], "warnedTests": ["a"]}}, "PASSED and yet lists warnedTests"),
        ({"predicate": {"result": "WARNED", "configuration": [{"name": "x"}], "failedTests": ["a"]}}, "WARNED and yet lists failedTests"),
    ],
)
def test_each_flaw_is_named(change: dict[str, Any], said: str) -> None:
    found = flaws(statement(judged(), DIGESTS) | change)
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("body", [None, [], "PASSED", 7])
def test_what_is_no_object_is_no_statement(body: object) -> None:
    assert flaws(body) == ["the statement is not a JSON object"]
