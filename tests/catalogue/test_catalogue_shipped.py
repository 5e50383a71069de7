"""What the shipped catalogue promises about itself."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from zdr_audit.catalogue import Evidence, Family, load_catalogue

CATALOGUE = load_catalogue()


def test_there_are_at_least_45_controls_over_all_eight_families():
    assert len(CATALOGUE.controls) >= 45
    assert {control.family for control in CATALOGUE.controls} == set(Family)
    assert len(Family) == 8


def test_ids_are_unique():
    for ids in ([c.id for c in CATALOGUE.controls], [s.id for s in CATALOGUE.statements], [f.id for f in CATALOGUE.frameworks]):
        assert [key for key, count in Counter(ids).items() if count > 1] == []


def test_controls_of_a_family_are_numbered_without_gap():
    for family in Family:
        numbers = [int(c.id[-2:]) for c in CATALOGUE.controls if c.family is family]
        assert numbers == list(range(1, len(numbers) + 1)), family


def test_titles_are_unique_and_no_two_controls_say_the_same():
    for texts in ([c.title for c in CATALOGUE.controls], [c.statement for c in CATALOGUE.controls]):
        assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_every_checkable_statement_has_a_control_and_no_other_has_one():
    named = {key for control in CATALOGUE.controls for key in control.policy}
    assert named == {s.id for s in CATALOGUE.statements if s.checkable}


def test_the_statements_of_a_section_stand_together():
    sections = [s.section for s in CATALOGUE.statements]
    assert sections == sorted(sections, key=sections.index)


@pytest.mark.parametrize("control", CATALOGUE.controls, ids=lambda control: control.id)
def test_a_control_can_be_argued_about(control):
    assert control.minimum_accepted >= 1, "a pass without an accepted interaction would be vacuous"
    assert control.requires, "a control that needs no capability of the target could never be not applicable"
    for operation in control.requires:
        assert re.fullmatch(r"feature:(\*|[a-z_]+(\|other)?)|endpoint:[a-z]+|(stimulus|dialect):[a-z_|]+|[a-z_]+\.[a-z_]+", operation), (
            operation
        )
    for text in (control.statement, control.remediation):
        assert text.endswith(".")
        assert "\n" not in text
        assert "  " not in text
        assert len(text.split()) >= 10, text
    assert not control.title.endswith(".")
    assert len(control.title) <= 70


def test_what_must_not_be_kept_rests_on_stores_or_on_what_gives_stored_content_back():
    for control in CATALOGUE.controls:
        if control.family is Family.RET:
            assert set(control.evidence) <= {Evidence.stores, Evidence.read_back}, control.id


def test_five_frameworks_are_mapped():
    assert [f.id for f in CATALOGUE.frameworks] == ["gdpr", "hipaa", "iso27001", "nist80053", "soc2"]


def test_only_the_control_that_secures_the_sight_of_others_supports_no_clause():
    # BLK-09 asks that organizations without ZDR can use what is blocked: no framework demands that of a service.
    assert [c.id for c in CATALOGUE.controls if not CATALOGUE.clauses_of(c.id)] == ["ZDR-BLK-09"]


def test_the_controls_of_a_clause_stand_in_catalogue_order():
    order = {control.id: index for index, control in enumerate(CATALOGUE.controls)}
    for framework in CATALOGUE.frameworks:
        for clause in framework.clauses:
            assert list(clause.controls) == sorted(clause.controls, key=order.__getitem__), f"{framework.id} {clause.id}"
