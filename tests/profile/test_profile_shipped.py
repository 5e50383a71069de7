"""The published schema is that of the model; the shipped profiles give every control its means."""

from __future__ import annotations

import json
import tomllib
from fnmatch import fnmatch
from typing import Any

import jsonschema_rs
import pytest
from engine_profiles import SMALL

from zdr_audit import resources
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.model import Family
from zdr_audit.profile.load import load, shipped
from zdr_audit.profile.model import Profile
from zdr_audit.profile.schema import FILE, schema, write_schema
from zdr_audit.run.availability import missing, offered, split
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.openai_chat import OpenAIChat

STARTER = resources.fixtures() / "targets" / "starter.toml.txt"


def everybody(profile: Profile) -> set[str]:
    return {f"{group}.{role}" for group, roles in profile.actors.items() for role in roles}


@pytest.fixture(scope="module")
def simulator() -> Profile:
    return load("simulator", {}).profile


@pytest.fixture(scope="module")
def validator() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads(FILE.read_text(encoding="utf-8")))


def test_the_committed_schema_is_the_one_of_the_model():
    assert FILE.read_text(encoding="utf-8") == schema(), "run: python -m zdr_audit.profile.schema"


def test_writing_the_schema_writes_what_it_says(tmp_path):
    assert write_schema(tmp_path / "schema.json").read_text(encoding="utf-8") == schema()


@pytest.mark.parametrize("path", [*shipped().values(), STARTER], ids=lambda p: p.name)
def test_shipped_profiles_satisfy_the_schema(path, validator):
    assert [
        f"{'/'.join(map(str, e.instance_path))}: {e.message}"
        for e in validator.iter_errors(tomllib.loads(path.read_text(encoding="utf-8")))
    ] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema = 1", "schema = 2"),
        ("timeout_seconds", "timeout_second"),
        ('"gateway"', '"elsewhere"'),
        ('"http://127.0.0.1:8700"', '"127.0.0.1"'),
        ('path = "/v1/messages"', 'path = "v1/messages"'),
        ('env = "PAPER_SUBJECT"', 'env = "paper"'),
        ('kind = "files"', 'kind = "folder"'),
    ],
)
def test_the_schema_refuses_what_loading_refuses(validator, old, new):
    assert validator.is_valid(tomllib.loads(SMALL))
    assert old in SMALL
    assert not validator.is_valid(tomllib.loads(SMALL.replace(old, new)))


def test_the_simulator_profile_gives_every_control_its_means(simulator):
    assert split(simulator, load_catalogue().controls, everybody(simulator)) == ({}, {})


def without_helpers(feature):
    return feature.model_copy(update={"endpoints": tuple(e for e in feature.endpoints if not e.helper)})


SEEN_LATER = "openapi.storage"
"""What the interface document alone tells, once it is read."""
EXPECTED = "audit.refused"
"""What is expected of every audit log, unless the profile says that it is not there."""


def needs() -> set[str]:
    known = {need for control in load_catalogue().controls for need in control.requires if not need.startswith(("stimulus:", "dialect:"))}
    return known - {SEEN_LATER, EXPECTED}


def test_a_log_without_refused_attempts_can_be_called_so(simulator):
    assert missing(simulator, EXPECTED, ()) is None
    without = simulator.model_copy(update={"absent": {EXPECTED: "they go to a log of their own"}})
    said = {"ZDR-AUD-02": f"the target does not have '{EXPECTED}': they go to a log of their own"}
    assert split(without, load_catalogue().controls, everybody(simulator)) == (said, {})


def test_a_document_that_says_nothing_of_storage_can_be_called_so(simulator):
    assert missing(simulator, SEEN_LATER, ()) is None
    without = simulator.model_copy(update={"absent": {SEEN_LATER: "it is made by the framework"}})
    said = {"ZDR-BLK-05": f"the target does not have '{SEEN_LATER}': it is made by the framework"}
    assert split(without, load_catalogue().controls, everybody(simulator)) == (said, {})


def test_without_sessions_nothing_can_be_flagged_or_held(simulator):
    unavailable, _ = split(simulator, load_catalogue().controls, everybody(simulator), offered(simulator, OpenAIChat()))
    assert {f"ZDR-EXC-0{number}" for number in range(1, 8)} <= unavailable.keys()
    assert unavailable["ZDR-EXC-01"].endswith("has no session in a request")


@pytest.mark.parametrize("need", sorted(needs()))
def test_a_control_whose_means_are_taken_away_is_reported(simulator, need):
    change: dict[str, Any]
    if need == "audit.chain":
        change = {"audit_chain": None}
        words = "the profile does not say how entries of the audit log are chained (audit_chain), and no reason why they are not ('audit.chain')"
    elif need == "zdr.scope":
        status = simulator.operations["zdr.status"].model_copy(update={"extract": {"status": "/status", "covers": "/covers"}})
        change = {"operations": simulator.operations | {"zdr.status": status}}
        words = "'extract' of the operation 'zdr.status' does not give not_covered, platforms_covered, platforms_not_covered"
    elif need == "endpoint:helper":
        change = {"features": {name: without_helpers(feature) for name, feature in simulator.features.items()}}
        words = "the profile marks no endpoint of a feature as a helper beside the main ones (helper = true)"
    elif need.startswith("feature:"):
        name = need.removeprefix("feature:").removesuffix("|other")
        change = {"features": {k: v for k, v in simulator.features.items() if not fnmatch(k, name)}}
        words = f"the profile names no feature '{name}'"
    else:
        change = {"operations": {k: v for k, v in simulator.operations.items() if k != need}}
        words = f"the profile names no operation '{need}', and no reason why the target does not have it"
    without = simulator.model_copy(update=change)
    unavailable, untested = split(without, load_catalogue().controls, everybody(simulator))
    wanting = {c.id for c in load_catalogue().controls if need in c.requires}
    assert unavailable == {}
    assert wanting <= untested.keys()
    assert words in {untested[c] for c in wanting}


def test_a_feature_of_the_targets_own_stands_for_those_that_it_does_not_have(simulator):
    own = simulator.features["files"]
    for features, expected in (({"archive": own}, None), ({}, "the target does not have 'feature:files': nothing is uploaded")):
        absent = {"feature:files": "nothing is uploaded", "feature:batches": "there are no batches"}
        profile = simulator.model_copy(update={"features": features, "absent": absent})
        unavailable, untested = split(profile, load_catalogue().controls, everybody(simulator))
        assert unavailable.get("ZDR-BLK-04") == expected
        assert "ZDR-BLK-04" not in untested


def test_what_the_target_does_not_have_is_not_applicable_with_the_reason(simulator):
    absent = simulator.model_copy(update={"absent": {"feature:*": "there is no storage", "evidence:read_back": "nothing is exported"}})
    unavailable, untested = split(absent, load_catalogue().controls, everybody(simulator))
    assert untested == {}
    assert unavailable["ZDR-BLK-03"] == "the target does not have 'feature:feedback': there is no storage"
    assert "ZDR-RET-17" not in unavailable, "the profile has such evidence after all"
    bare = absent.model_copy(update={"evidence": tuple(e for e in absent.evidence if e.kind != "http")})
    assert split(bare, load_catalogue().controls, everybody(simulator))[0]["ZDR-RET-17"] == "nothing is exported"


@pytest.mark.parametrize(
    "need",
    sorted({n for c in load_catalogue().controls for n in c.requires if n.startswith(("stimulus:", "dialect:"))}),
    ids=lambda n: n.split("|")[0],
)
def test_what_no_request_of_the_dialect_can_have_is_not_applicable(simulator, need):
    kind, _, listed = need.partition(":")
    names, where = listed.split("|"), " in a request" if kind == "stimulus" else ""
    keys = names if kind == "stimulus" else [f"{kind}:{name}" for name in names]
    features = AnthropicMessages.features - set(keys)
    wanting = {c.id for c in load_catalogue().controls if need in c.requires}
    unavailable, untested = split(simulator, load_catalogue().controls, everybody(simulator), features)
    assert (unavailable.keys(), untested) == (wanting, {})
    assert {unavailable[c] for c in wanting} == {
        f"the dialect anthropic-messages, as the profile describes it, has no {' or '.join(names)}{where}"
    }
    one_left, _ = split(simulator, load_catalogue().controls, everybody(simulator), features | {keys[0]})
    assert one_left == {}, "one of them is enough"
    absent = simulator.model_copy(update={"absent": {f"{kind}:{name}": "the model is small" for name in names}})
    said, _ = split(absent, load_catalogue().controls, everybody(simulator), offered(absent, AnthropicMessages()))
    assert {said[c] for c in wanting} == {f"the target does not have '{names[0]}'{where}: the model is small"}


@pytest.mark.parametrize("platform", ["bedrock", "vertex", "foundry"])
def test_of_a_platform_outside_the_scope_retention_alone_is_examined(simulator, platform):
    there = simulator.model_copy(update={"target": simulator.target.model_copy(update={"platform": platform})})
    unavailable, untested = split(there, load_catalogue().controls, everybody(simulator))
    assert unavailable.keys() == {c.id for c in load_catalogue().controls if c.family is not Family.RET}
    assert set(unavailable.values()) == {f"the platform {platform} is outside the policy's scope: only generic retention is examined"}
    assert untested == {}


def test_where_features_leave_the_promise_no_block_is_asked_for(simulator):
    milder = simulator.model_copy(update={"target": simulator.target.model_copy(update={"enforcement": "leaves_promise"})})
    unavailable, untested = split(milder, load_catalogue().controls, everybody(simulator))
    assert unavailable.keys() == {c.id for c in load_catalogue().controls if c.family is Family.BLK}
    assert all(reason.startswith("the target does not claim to block") for reason in unavailable.values())
    assert untested == {}


def test_a_change_that_is_not_permitted_is_not_tested(simulator):
    allowed = tuple(p for p in simulator.permissions.allow if p != "zdr.*")
    shy = simulator.model_copy(update={"permissions": simulator.permissions.model_copy(update={"allow": allowed})})
    _, untested = split(shy, load_catalogue().controls, everybody(simulator))
    assert untested["ZDR-ENB-02"] == "the profile's permissions do not allow 'zdr.request'"
    assert "ZDR-ADM-07" not in untested, "it changes nothing"


def test_a_role_without_credential_is_named(simulator):
    actors = everybody(simulator) - {"staff.operator"}
    _, untested = split(simulator, load_catalogue().controls, actors)
    assert "no credential for staff.operator" in untested["ZDR-EXC-01"]


def test_without_evidence_nothing_is_said_of_retention(simulator):
    blind = simulator.model_copy(update={"evidence": ()})
    _, untested = split(blind, load_catalogue().controls, everybody(simulator))
    assert untested["ZDR-RET-01"] == "the profile names no evidence of the kind 'stores'"
    assert untested["ZDR-RET-17"] == "the profile names no evidence of the kind 'read_back'"


def test_secrets_of_the_simulator_profile_are_samples_alone(simulator):
    samples = [actor.sample for roles in simulator.actors.values() for actor in roles.values()]
    assert all(sample is not None and sample.startswith("sample-key-") for sample in samples)
    assert len(set(samples)) == len(samples)
