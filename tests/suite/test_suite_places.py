"""Every place of a request that can hold content is filled by the scenarios of the retention family, and the reference backend takes it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from inside import Lab

from suites.retention.reports import renamed
from zdr_audit.suite.marks import Scenario
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.stimulus import IN_BLOCKS, RESULT, SEARCH, Place

RETENTION = importlib.import_module("suites.retention.scenarios")
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


def test_events_get_other_names_at_any_depth_and_what_is_no_report_stays() -> None:
    report = {"events": [{"event_type": "Internal", "event_data": {"event_name": "prompt", "name": 5, "prompt": "x"}, "kind": "k"}]}
    body, headers = renamed("feedback", json.dumps(report).encode(), {"a": "b"})
    data = {"event_name": "feedback", "name": 5, "prompt": "x"}
    assert json.loads(body) == {"events": [{"event_type": "Internal", "event_data": data, "kind": "feedback"}]}
    assert headers == {"a": "b"}
    assert [renamed("feedback", odd, {})[0] for odd in (b"not json", b"", None)] == [b"not json", b"", None]


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
