"""The coverage table and its orphans."""

from __future__ import annotations

import re

import pytest

from zdr_audit.catalogue import coverage_table, load_catalogue, orphans

CATALOGUE = load_catalogue()
TESTS = {control.id: (f"suites/test_{control.id.lower()}.py::test_it",) for control in CATALOGUE.controls}


@pytest.fixture
def small(draft):
    return load_catalogue(draft.root)


def test_the_table_of_a_small_catalogue_reads_from_policy_to_violation(small):
    table = coverage_table(small, {"ZDR-RET-01": ["a.py::test_one", "a.py::test_two[x|y]"]}, {"ZDR-RET-01": ["log-body"]})
    assert table == (
        "# Coverage\n\n"
        "Generated from the catalogue, the suites and the violations; not to be edited.\n\n"
        f"Policy: A policy. Edition: 1. Catalogue: `{small.digest[:12]}`.\n\n"
        "## From the policy to the tests\n\n"
        "### Introduction\n\n"
        "| Statement | Control | Tests | Violations |\n"
        "| --- | --- | --- | --- |\n"
        "| `intro.processing` Nothing is kept. | ZDR-RET-01 Prompts are kept nowhere"
        " | `a.py::test_one`<br>`a.py::test_two[x\\|y]` | `log-body` |\n\n"
        "### Requests\n\n"
        "| Statement | Control | Tests | Violations |\n"
        "| --- | --- | --- | --- |\n"
        "| `request.contact` Ask for it. | not checkable: People talk to people. |  |  |\n\n"
        "## Families\n\n"
        "| Family | Controls | with a test | with a violation | Tests | Violations |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| RET Retention | 1 | 1 | 1 | 2 | 1 |\n"
        "| EXC Exceptions | 0 | 0 | 0 | 0 | 0 |\n"
        "| SCP Scope | 0 | 0 | 0 | 0 | 0 |\n"
        "| BLK Blocked features | 0 | 0 | 0 | 0 | 0 |\n"
        "| ENB Enablement | 0 | 0 | 0 | 0 | 0 |\n"
        "| AUD Audit log | 0 | 0 | 0 | 0 | 0 |\n"
        "| ADM Administration | 0 | 0 | 0 | 0 | 0 |\n"
        "| CON Contract | 0 | 0 | 0 | 0 | 0 |\n"
        "| all | 1 | 1 | 1 | 2 | 1 |\n\n"
        "## Controls that no seeded violation breaks\n\n"
        "none\n\n"
        "## Controls that support no framework clause\n\n"
        "none\n\n"
        "## Orphans\n\n"
        "none\n"
    )


def test_what_is_missing_is_said_in_the_table(small):
    table = coverage_table(small, {}, {})
    assert "| ZDR-RET-01 Prompts are kept nowhere | none | none |" in table
    assert "## Controls that no seeded violation breaks\n\n- ZDR-RET-01\n" in table
    assert table.endswith("## Orphans\n\n- control ZDR-RET-01 has no test\n")


def test_every_statement_and_control_of_the_shipped_catalogue_is_in_its_table():
    table = coverage_table(CATALOGUE, TESTS, {})
    assert [s.id for s in CATALOGUE.statements] == re.findall(r"^\| `([a-z0-9.-]+)`", table, flags=re.MULTILINE)
    assert {c.id for c in CATALOGUE.controls} == set(re.findall(r"\| (ZDR-[A-Z]{3}-\d\d) ", table))


def test_a_test_and_a_violation_shared_by_controls_count_once():
    shared = {"ZDR-RET-01": ["a::t"], "ZDR-RET-02": ["a::t"], "ZDR-EXC-01": ["a::t"]}
    table = coverage_table(CATALOGUE, shared, shared)
    retention = sum(control.id.startswith("ZDR-RET-") for control in CATALOGUE.controls)
    assert f"| RET Retention | {retention} | 2 | 2 | 1 | 1 |" in table
    assert f"| all | {len(CATALOGUE.controls)} | 3 | 3 | 1 | 1 |" in table


def test_a_table_row_has_as_many_cells_as_its_head():
    for line in coverage_table(CATALOGUE, TESTS, {}).splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (5, 7), line


def test_a_control_with_a_test_is_no_orphan():
    assert orphans(CATALOGUE, TESTS, {}) == []


def test_a_control_without_test_is_an_orphan():
    assert orphans(CATALOGUE, TESTS | {"ZDR-ADM-02": ()}, {}) == ["control ZDR-ADM-02 has no test"]


def test_a_test_of_an_unknown_control_is_an_orphan():
    assert orphans(CATALOGUE, TESTS | {"ZDR-RET-99": ["a::t", "a::u"]}, {}) == [
        "test a::t names unknown control ZDR-RET-99",
        "test a::u names unknown control ZDR-RET-99",
    ]


def test_a_test_of_no_control_is_an_orphan():
    assert orphans(CATALOGUE, TESTS | {"": ["a::t"]}, {}) == ["test a::t names no control"]


def test_a_violation_of_an_unknown_control_is_an_orphan():
    assert orphans(CATALOGUE, TESTS, {"ZDR-RET-99": ["log-body"]}) == ["violation log-body names unknown control ZDR-RET-99"]


def test_a_statement_without_control_and_a_control_without_statement_are_orphans(small):
    loose = small.model_copy(update={"controls": tuple(c.model_copy(update={"policy": ("gone.away",)}) for c in small.controls)})
    assert orphans(loose, {"ZDR-RET-01": ["a::t"]}, {}) == [
        "statement intro.processing has no control",
        "control ZDR-RET-01 has no statement",
    ]
    assert "| `intro.processing` Nothing is kept. | none | none | none |" in coverage_table(loose, {}, {})
