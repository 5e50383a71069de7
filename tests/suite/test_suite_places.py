"""Every place of a request that can hold content is filled by the scenarios of the retention family, and the reference backend takes it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from inside import Lab

from zdr_audit.suite.marks import Scenario
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.stimulus import IN_BLOCKS, RESULT, SEARCH, Place

RETENTION = importlib.import_module("suites.retention.scenarios")
ERRORS = RETENTION.requests_in_error
TURNS, TOOLS, FOUND = RETENTION.system_prompts_and_earlier_turns, RETENTION.tool_use, RETENTION.images_and_documents


@pytest.mark.parametrize(
    ("scenario", "places"),
    [(TURNS, {"earlier_thinking"}), (TOOLS, RESULT), (FOUND, {*SEARCH, "document_context"})],
    ids=["turns", "tools", "found"],
)
def test_each_place_is_sent_once_with_a_canary_of_its_own(tmp_path: Path, scenario: Scenario, places: set[Place]) -> None:
    with Lab(tmp_path) as lab:
        scenario.drive(lab.assay(scenario.name, 1, "quick"))
        history = lab.history()
    sent = history.interactions.values()
    assert all(i.accepted and i.status == 200 for i in sent)
    subject = {i.id for i in sent if i.organization == "subject"}
    made = [c.place for c in history.canaries.values() if c.interaction in subject and c.place in places]
    assert sorted(made) == sorted(places)


def test_a_system_prompt_goes_out_as_a_plain_string_and_as_a_list(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        TURNS.drive(lab.assay(TURNS.name, 1, "quick"))
        shapes = [i.stimulus or {} for i in lab.history().interactions.values()]
    assert {bool(s.get("bare")) for s in shapes if "system" in s.get("places", ())} == {True, False}


def test_a_target_that_has_no_such_blocks_gets_none(tmp_path: Path) -> None:
    for number, scenario in enumerate((TURNS, TOOLS, FOUND)):
        with Lab(tmp_path / str(number)) as lab:
            assay = lab.assay(scenario.name, 1, "quick")
            assay.offered = AnthropicMessages.features - IN_BLOCKS
            scenario.drive(assay)
            history = lab.history()
        assert history.interactions and not {c.place for c in history.canaries.values()} & IN_BLOCKS


def test_tools_with_content_in_their_schema_are_chosen_in_every_way(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        TOOLS.drive(lab.assay(TOOLS.name, 1, "quick"))
        sent = [i for i in lab.history().interactions.values() if i.organization == "subject"]
    assert all(i.accepted and i.status == 200 for i in sent)
    shapes = [i.stimulus or {} for i in sent]
    named = [s for s in shapes if s.get("tool_choice") == "named" and "tool_schema" in s["places"]]
    assert {bool(s.get("stream")) for s in named} == {True, False}
    assert {s.get("tool_choice") for s in shapes} == {None, "named", "any", "none"}


def test_what_is_wrong_in_a_request_carries_a_canary_of_its_own(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        ERRORS.drive(lab.assay(ERRORS.name, 1, "quick"))
        history = lab.history()
    wrong = {
        (i.stimulus or {}).get("wrong")
        for i in history.interactions.values()
        if any(history.canaries[c].place == "wrong_value" for c in i.canaries)
    }
    assert wrong == {"unknown_model", "bad_role"}
