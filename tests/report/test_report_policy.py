"""The report carries the whole policy in the catalogue's words, and says of each sentence who checks it or why nobody can."""

from __future__ import annotations

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.verdict.judge import policy_lines


def test_every_statement_of_the_catalogue_is_a_line_in_its_order() -> None:
    catalogue = load_catalogue()
    assert [(line.id, line.section, line.paraphrase) for line in policy_lines(catalogue)] == [
        (statement.id, statement.section, statement.paraphrase) for statement in catalogue.statements
    ]


def test_a_line_names_exactly_the_controls_that_name_it() -> None:
    catalogue = load_catalogue()
    pairs = {(line.id, control) for line in policy_lines(catalogue) for control in line.controls}
    assert pairs == {(statement, control.id) for control in catalogue.controls for statement in control.policy}


def test_a_line_without_a_control_says_why() -> None:
    assert all(line.controls or line.why_not for line in policy_lines(load_catalogue()))
