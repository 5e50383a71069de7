"""Limits that a target tells in other shapes than ours: a list of names, words by name, a list of objects. What has no shape that we know is not judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bound import inconclusive
from engine_events import Record, interaction

from zdr_audit.profile.limits import READ
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.suite.answers import judged_call
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.limits import closed, marked, told_as_before, told_as_without_zdr
from zdr_audit.target.transport import Answer

KEYS = {"allow_web_sessions", "allow_remote_sessions", "allow_product_feedback"}
FEEDBACK = "allow_product_feedback"
SAID = "i-00001 subject.member POST /v1/messages -> 200"
UNREADABLE = "what clients are told of their limits cannot be read:"
Bind = Callable[..., Expect]


def telling(profile: Profile, **way: Any) -> Profile:
    """The profile of a target that tells its limits in another way."""
    spec = Operation.model_validate({"method": "GET", "path": "/limits", **way})
    return profile.model_copy(update={"operations": profile.operations | {READ: spec}})


def read(profile: Profile, body: str) -> Any:
    """What the journal holds of an answer."""
    spec, answer = profile.operations[READ], Answer(200, {"content-type": "application/json"}, body.encode(), "", "", "")
    return judged_call(spec, profile.refusal, answer, {}, [], "success", lambda _: None)


LISTED: dict[str, Any] = {"extract": {"closed": "/off"}, "means": {"closed": {FEEDBACK: ("feedback",)}}}
OPEN: dict[str, Any] = {"extract": {"open": "/on"}}
STATES: dict[str, Any] = {"extract": {"states": "/f"}, "means": {"states": {"closed": ("disabled", False), "open": ("enabled", True)}}}
ITEMS: dict[str, Any] = {
    "items": "/f",
    "fields": {"feature": "/name", "state": "/enabled"},
    "means": {"state": {"closed": (False,), "open": (True,)}},
}


@pytest.mark.parametrize(
    ("way", "body", "said"),
    [
        (LISTED, '{"off": []}', set()),
        (LISTED, '{"off": ["feedback", "voice"]}', {FEEDBACK}),
        (OPEN, f'{{"on": ["{FEEDBACK}", "voice"]}}', KEYS - {FEEDBACK}),
        (OPEN, '{"on": []}', KEYS),
        (STATES, '{"f": {}}', set()),
        (STATES, f'{{"f": {{"{FEEDBACK}": "disabled", "allow_web_sessions": "enabled", "voice": "perhaps"}}}}', {FEEDBACK}),
        (STATES, f'{{"f": {{"{FEEDBACK}": true, "allow_web_sessions": false}}}}', {"allow_web_sessions"}),
        (ITEMS, '{"f": []}', set()),
        (ITEMS, f'{{"f": [{{"name": "voice", "enabled": 7}}, {{"name": "{FEEDBACK}", "enabled": false}}]}}', {FEEDBACK}),
        (ITEMS, f'{{"f": [{{"name": "{FEEDBACK}", "enabled": true}}]}}', set()),
    ],
)
def test_what_is_closed_is_read_in_each_way(profile: Profile, way: dict[str, Any], body: str, said: set[str]) -> None:
    told = telling(profile, **way)
    judged = read(told, body)
    assert judged.accepted
    assert closed(told, interaction(1, data=judged.data)) == said


@pytest.mark.parametrize(
    ("way", "body", "why"),
    [
        (LISTED, '{"off": {"feedback": true}}', "'closed' is no list"),
        (LISTED, '{"off": [{"name": "feedback"}]}', "'closed' is no list of names"),
        (OPEN, '{"on": "all"}', "'open' is no list"),
        (STATES, '{"f": []}', "'states' is no object"),
        (STATES, f'{{"f": {{"{FEEDBACK}": "paused"}}}}', f"of '{FEEDBACK}' it says 'paused', which is neither closed nor open by 'means'"),
        (STATES, f'{{"f": {{"{FEEDBACK}": 0}}}}', f"of '{FEEDBACK}' it says '0', which is neither closed nor open by 'means'"),
        (ITEMS, f'{{"f": [{{"name": "{FEEDBACK}"}}]}}', f"of '{FEEDBACK}' it says 'None', which is neither"),
        (ITEMS, '{"f": [{"called": "x"}]}', "the list has an item without a name ("),
        ({"extract": {"taints": "/t"}}, '{"t": []}', f"neither 'extract' nor 'fields' of '{READ}' in the profile says where it stands"),
    ],
)
def test_an_answer_of_another_shape_is_not_judged(profile: Profile, way: dict[str, Any], body: str, why: str) -> None:
    told = telling(profile, **way)
    item = interaction(1, data=read(told, body).data)
    said = inconclusive(lambda: closed(told, item))
    assert said.startswith(f"{UNREADABLE} {why}")
    assert said.endswith(SAID)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"restrictions": None},
        {"restrictions": "none"},
        {"restrictions": {FEEDBACK: None}},
        {"restrictions": {FEEDBACK: {"allowed": "no"}}},
    ],
)
def test_nothing_told_is_not_everything_open(bind: Bind, data: Any) -> None:
    said = inconclusive(lambda: told_as_without_zdr(bind(Record()), [interaction(1, data=data)], "no ZDR"))
    assert said.startswith(f"{UNREADABLE} 'restrictions' ")
    both = [interaction(1, data=data)]
    assert inconclusive(lambda: told_as_before(bind(Record()), both, both, "as before")) == said


def test_an_answer_without_what_the_profile_reads_is_not_judged(bind: Bind, profile: Profile) -> None:
    judged = read(telling(profile, **LISTED), '{"features": []}')
    item = interaction(1, outcome=judged.outcome, accepted=False, error=judged.error, data=None)
    said = inconclusive(lambda: told_as_without_zdr(bind(Record()), [item], "no ZDR"))
    assert said.startswith(f"{UNREADABLE} the answer lacks closed: ")


@pytest.mark.parametrize("taints", [{"zdr": True}, [True], 7])
def test_a_mark_of_another_shape_is_not_judged(taints: Any) -> None:
    said = inconclusive(lambda: marked(interaction(1, data={"taints": taints})))
    assert said == f"{UNREADABLE} 'taints' is neither a word nor a list of words: {SAID}"


def test_where_no_feature_has_a_restriction_nothing_is_read(profile: Profile) -> None:
    features = {name: feature.model_copy(update={"restriction": None}) for name, feature in profile.features.items()}
    assert closed(profile.model_copy(update={"features": features}), interaction(1, data=None)) == set()
