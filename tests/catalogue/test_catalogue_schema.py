"""The published schemas: they are those of the models, they take the shipped data and refuse what loading refuses."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from zdr_audit.catalogue.load import SHIPPED
from zdr_audit.catalogue.schema import schemas, write_schemas


def shipped(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads((SHIPPED / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["control.schema.json", "framework.schema.json", "policy.schema.json"])
def test_the_committed_schema_is_the_one_of_the_model(name):
    assert (SHIPPED / name).read_text(encoding="utf-8") == schemas()[name], "run: python -m zdr_audit.catalogue.schema"


def test_every_schema_is_committed():
    assert sorted(path.name for path in SHIPPED.glob("*.schema.json")) == sorted(schemas())


def test_writing_the_schemas_writes_what_they_say(tmp_path: Path):
    written = write_schemas(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in written} == schemas()


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("controls/*/*.toml", "control.schema.json"), ("frameworks/*.toml", "framework.schema.json"), ("policy.toml", "policy.schema.json")],
)
def test_the_shipped_data_satisfies_its_schema(pattern, name):
    validator = shipped(name)
    paths = sorted(SHIPPED.glob(pattern))
    assert paths
    for path in paths:
        assert [e.message for e in validator.iter_errors(tomllib.loads(path.read_text(encoding="utf-8")))] == [], path.name


@pytest.mark.parametrize(
    ("key", "value"), [("severity", "fatal"), ("minimum_accepted", -1), ("evidence", []), ("titel", "x"), ("id", "RET-01")]
)
def test_the_control_schema_refuses_what_loading_refuses(draft, key, value):
    data = tomllib.loads(draft.control.read_text(encoding="utf-8"))
    validator = shipped("control.schema.json")
    assert validator.is_valid(data)
    assert not validator.is_valid(data | {key: value})
