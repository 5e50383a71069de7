"""Features without content, words in lists, and scripts for targets with another header and with numbers."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import interaction

from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Feature, Operation
from zdr_audit.suite.histories.replay import Told, script


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def changed(profile: Profile, **operations: dict[str, Any]) -> Profile:
    """The profile with other members of some operations; `__` stands for the dot in a name."""
    new = {name.replace("__", "."): update for name, update in operations.items()}
    made = {name: Operation.model_validate(profile.operations[name].model_dump() | update) for name, update in new.items()}
    return profile.model_copy(update={"operations": profile.operations | made})


def test_a_feature_begins_though_no_content_goes_into_it() -> None:
    listed = {"name": "list", "method": "GET", "path": "/exports", "carries": False}
    export = {"name": "create", "method": "POST", "path": "/exports", "body": {"kind": "all"}, "carries": False}
    note = {"name": "note", "method": "POST", "path": "/notes", "body": "{canary}"}
    for endpoints, first in (([export, listed], "create"), ([listed, note], "note"), ([note | {"helper": True}], "note")):
        assert Feature.model_validate({"title": "Exports", "endpoints": endpoints}).first.name == first


def test_words_of_a_list_are_translated_one_by_one() -> None:
    means = {"covers": {"claude_code_inference": ["inference"], "nothing": [["none"]]}}
    spec = Operation.model_validate({"method": "GET", "path": "/zdr", "extract": {"covers": "/covers"}, "means": means})
    assert spec.read("covers", ["inference", "else"]) == ["claude_code_inference", "else"]
    assert spec.read("covers", ["none"]) == "nothing"


def test_a_script_brings_keys_in_the_targets_header_and_numbers_as_numbers(profile: Profile) -> None:
    body = {"seconds": "{seconds:number}", "name": "{org}"}
    other = changed(profile, clock__advance={"body": body})
    staff = {role: actor.model_copy(update={"header": "authorization"}) for role, actor in other.actors["staff"].items()}
    other = other.model_copy(update={"actors": other.actors | {"staff": staff}})
    labels = {"history": "1", "move": "wait", "turn": "1", "seconds": "60", "about": "org_1"}
    step = interaction(1, operation="clock.advance", organization="staff", organization_id="", role="operator", labels=labels)
    written = script(other, Told("1", (step,)))
    assert '-H "authorization: Bearer $KEY_OPERATOR_STAFF"' in written and '"seconds": 60' in written
