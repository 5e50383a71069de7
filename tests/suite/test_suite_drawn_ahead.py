"""Requests drawn in a process of their own are those that would have been drawn here; a process that fails costs time alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from zdr_audit.suite.contract import ahead
from zdr_audit.suite.contract.generator import Generator
from zdr_audit.suite.contract.volumes import VOLUMES, cases, valid

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/v1/things/{thing}": {
            "post": {
                "parameters": [{"name": "thing", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 5}}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}}},
                },
                "responses": {"200": {"description": "ok"}},
            },
            "get": {
                "parameters": [{"name": "thing", "in": "path", "required": True, "schema": {"type": "string"}, "example": "first"}],
                "responses": {"200": {"description": "ok"}},
            },
        }
    },
}


def sent(generator: Generator) -> list[tuple[str, object]]:
    """Every request that a run would send, as it would be sent."""
    found = []
    for operation in generator.operations:
        for phase, case in [("walk", valid(generator, operation, 7)), *cases(generator, operation, VOLUMES["standard"], 7, {})]:
            request = case.as_transport_kwargs(base_url="http://target")
            del request["headers"]["X-Schemathesis-TestCaseId"]  # random
            found.append((phase, repr(sorted(request.items(), key=str))))
    return found


def made(document) -> bytes:
    return ahead.drawn(json.dumps({"document": document, "depth": "standard", "seed": 7}).encode())


def test_what_another_process_drew_is_what_would_have_been_drawn_here():
    plain, fed = Generator(DOCUMENT), Generator(DOCUMENT)
    told = made(DOCUMENT)
    asked = []
    fed.expect(lambda: asked.append(1) or ahead.unpacked(told, fed))
    assert sent(fed) == sent(plain)
    assert {phase for phase, _ in sent(plain)} == {"walk", "examples", "coverage", "fuzzing"}
    assert asked == [1], "it is asked for once"
    assert fed.drawn.keys() == plain.drawn.keys()


@pytest.mark.parametrize("told", [b"", b"not a pickle", made(DOCUMENT)[:-20]])
def test_what_cannot_be_read_is_drawn_here(told):
    fed = Generator(DOCUMENT)
    fed.expect(lambda: ahead.unpacked(told, fed))
    assert sent(fed) == sent(Generator(DOCUMENT))


@pytest.fixture
def few(monkeypatch):
    """The documents of these tests are worth a process."""
    monkeypatch.setattr(ahead, "FEW", 0)


def test_for_few_operations_no_process_is_started():
    document = {**DOCUMENT, "info": {"title": "few", "version": "1"}}
    ahead.draw_ahead(document, "standard", 7)
    assert not Generator.of(document).knows_something


@pytest.mark.usefixtures("few")
def test_a_process_is_started_once_and_gets_no_credential(monkeypatch):
    monkeypatch.setenv("STAGING_KEY", "not-for-others")
    began = []

    def start(command, *, env, **more):
        began.append(env)
        return popen([sys.executable, "-c", "import sys; sys.exit(3)"], env=env, **more)

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", start)
    ahead.draw_ahead(DOCUMENT, "standard", 7)
    ahead.draw_ahead(DOCUMENT, "standard", 7)
    (environment,) = began
    assert "STAGING_KEY" not in environment
    assert sent(Generator.of(DOCUMENT)) == sent(Generator(DOCUMENT)), "the process failed, and nothing is missing"


@pytest.mark.usefixtures("few")
def test_the_module_draws_when_it_is_run():
    ahead.draw_ahead({**DOCUMENT, "info": {"title": "another", "version": "1"}}, "standard", 7)
    generator = Generator.of({**DOCUMENT, "info": {"title": "another", "version": "1"}})
    drawing = generator._expected
    assert drawing is not None
    found = drawing()
    assert found.keys() == made_keys()


def made_keys():
    generator = Generator(DOCUMENT)
    sent(generator)
    return generator.drawn.keys()
