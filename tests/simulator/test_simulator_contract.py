"""The interface conforms to its own document, for every role: Schemathesis generates the requests."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.generation import GenerationMode

from zdr_audit.simulator.context import CUSTOMER_ROLES, STAFF_ROLES
from zdr_audit.simulator.endpoints import all_operations
from zdr_audit.simulator.features import load_features
from zdr_audit.simulator.openapi import build_document

from .backend import Backend

OPERATIONS = all_operations(load_features(), with_operator=True)
DOCUMENT = build_document(OPERATIONS)
KEYS = {
    "admin": "control-admin",
    "zdr member": "subject-member",
    "account team": "account-team",
    "reviewer": "reviewer",
    "operator": "operator",
}
# Clock and purge are the operator's: jumping years in the middle of a fuzz run is exercised elsewhere.
LEFT_ALONE = {"operator.clock", "operator.purge"}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A simulator that may be filled with rubbish."""
    running = Backend(tmp_path_factory.mktemp("fuzzed") / "data")
    yield running
    assert running.process.poll() is None
    running.stop()
    assert running.err == ""


def fuzz(backend: Backend, role: str, mode: GenerationMode, examples: int) -> Counter[int]:
    """Sends generated requests to every operation and checks each answer; how often which status came."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=backend.base_url)
    schema.config.generation.with_security_parameters = False  # we bring a real key; a made-up second one would be refused
    statuses: Counter[int] = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw["operationId"] not in LEFT_ALONE:
            fuzz_operation(operation, role, mode, examples, statuses)
    return statuses


def fuzz_operation(operation: Any, role: str, mode: GenerationMode, examples: int, statuses: Counter[int]) -> None:
    key = KEYS[role]
    organization = f"org_{key.split('-')[0]}" if role in {"admin", "zdr member"} else "org_sibling"
    # a request that is to be valid names an organization that exists, except where that would be closed
    named = mode is GenerationMode.POSITIVE and operation.method != "delete"

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if named and "organization" in (case.path_parameters or {}):
            case.path_parameters["organization"] = organization
        answer = case.call(headers={"x-api-key": f"sample-key-{key}"})
        statuses[answer.status_code] += 1
        case.validate_response(answer, excluded_checks=[schemathesis.checks.ignored_auth])
        assert answer.headers["request-id"]

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # an operation that takes nothing can be sent nothing wrong
        check()


@pytest.mark.parametrize("role", KEYS)
def test_every_answer_to_a_valid_request_is_as_documented(fuzzed: Backend, role: str) -> None:
    statuses = fuzz(fuzzed, role, GenerationMode.POSITIVE, 3)
    assert not [status for status in statuses if status >= 500]
    assert statuses[200] + statuses[201] >= {"admin": 60, "zdr member": 30}.get(role, 8), statuses


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_every_answer_to_an_invalid_request_is_as_documented(fuzzed: Backend, role: str) -> None:
    statuses = fuzz(fuzzed, role, GenerationMode.NEGATIVE, 3)
    assert not [status for status in statuses if status >= 500]
    assert statuses[400] >= {"admin": 40, "operator": 10}[role], statuses


def test_the_document_is_valid_and_names_every_operation_once(fuzzed: Backend) -> None:
    served = fuzzed.get("/openapi.json").json()
    assert served == DOCUMENT
    names = [method["operationId"] for methods in served["paths"].values() for method in methods.values()]
    assert sorted(names) == sorted(operation.name for operation in OPERATIONS)
    schemathesis.openapi.from_dict(served).validate()


@pytest.mark.parametrize("operation", [operation for operation in OPERATIONS if operation.roles], ids=lambda operation: operation.name)
def test_the_roles_that_the_document_names_are_the_ones_that_may(fuzzed: Backend, operation: Any) -> None:
    document = DOCUMENT["paths"][operation.path][operation.method.lower()]
    keys = {"member": "neighbour-member", "admin": "neighbour-admin"} | {role: role.replace("_", "-") for role in STAFF_ROLES}
    path = operation.path.format_map({"organization": "org_neighbour", "id": "none", "user_id": "none", "name": "none"})
    by_id = operation.concerns is not None  # what the id names does not exist, so nobody is told whether the role would do
    for role in CUSTOMER_ROLES | STAFF_ROLES:
        if (operation.name, role) == ("organizations.delete", "account_team"):
            continue  # it would work, and take the organization from the other tests
        answer = fuzzed.call(operation.method, path, keys[role], headers={"content-type": "application/json"})
        if role in document["x-zdr-roles"]:
            assert answer.status_code != 403, answer.text
        elif not by_id:
            assert answer.status_code == 403, answer.text
    assert fuzzed.call(operation.method, path).status_code == 401


def test_the_open_endpoints_are_few() -> None:
    open_paths = {f"{operation.method} {operation.path}" for operation in OPERATIONS if operation.roles is None}
    assert open_paths == {"HEAD /", "HEAD /api/hello", "GET /openapi.json"}
