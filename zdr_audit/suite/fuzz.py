"""Schemathesis generates requests from a target's OpenAPI document; we send, journal and judge them.

Out of the box Schemathesis is content with a target that answers 401 to everything. So what counts here is accepted interactions: answers that are
neither 401, 403, 404, 405 nor 429; the catalogue's minimum for the contract controls is held against those.
"""

from __future__ import annotations

import json
from typing import Any

import requests
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.generator import Generator
from zdr_audit.suite.party import Actor
from zdr_audit.suite.recorder import Judged, Planned
from zdr_audit.target.transport import Answer, Outgoing

_NOT_DEALT_WITH = frozenset({401, 403, 404, 405, 429})
_CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
_OWN_HEADERS = frozenset(
    {"authorization", "x-api-key", "host", "content-length", "cookie", "connection", "transfer-encoding", "user-agent"}
)


def fuzz(assay: Assay, document: Any, actors: list[Actor], examples: int) -> None:
    """Send `examples` valid and as many invalid requests to each operation as each actor. Interactions have the step `fuzz`."""
    generator = Generator.of(document)
    for operation in generator.operations:
        if any(tag in operation.path for tag in ("/operator/",)):
            continue
        for actor in actors:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                if assay.depth != "thorough" and (actor is actors[-1]) != (mode is GenerationMode.POSITIVE):
                    continue  # the strongest role sends what is valid, the weakest what is not
                owned = {p.name: actor.organization_id for p in operation.path_parameters if "org" in p.name.lower()}
                for case in generator.cases(operation, mode, examples, assay.seed, owned):
                    _send(assay, case, actor, mode)


def _send(assay: Assay, case: Any, actor: Actor, mode: GenerationMode) -> None:
    base = assay.recorder.transport.base_url
    kwargs = case.as_transport_kwargs(base_url=base)
    prepared = requests.Request(
        **{k: v for k, v in kwargs.items() if k in ("method", "url", "params", "headers", "json", "data", "files", "cookies")}
    ).prepare()
    headers = {str(k): _text(v) for k, v in (prepared.headers or {}).items() if str(k).lower() not in _OWN_HEADERS}
    body = prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode() if isinstance(prepared.body, str) else None
    path = prepared.path_url
    label = f"{case.operation.method.upper()} {case.operation.path}"
    planned = Planned(assay.scenario, "fuzz", assay.epoch, "fuzz", labels={"api_operation": label, "mode": mode.value}, settles=(503,))

    def judge(answer: Answer) -> Judged:
        if answer.status is None:
            return Judged("no_answer", False)
        dealt = answer.status not in _NOT_DEALT_WITH
        problem = _nonconforming(case, prepared, answer)
        return Judged("accepted" if dealt else "denied", dealt, "", {"nonconforming": problem} if problem else {})

    assay.recorder.exchange(
        assay.recorder.new_interaction(), planned, actor, Outgoing(prepared.method or "GET", path, headers, body), (), judge
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _nonconforming(case: Any, prepared: requests.PreparedRequest, answer: Answer) -> str:
    response = Response(
        status_code=answer.status or 0,
        headers={k: [v] for k, v in answer.headers.items()},
        content=answer.body,
        request=prepared,
        elapsed=0.0,
        verify=True,
    )
    try:
        case.validate_response(response, checks=_CHECKS)
    except FailureGroup as group:
        return "; ".join(dict.fromkeys(f"{f.title}: {_first_line(f.message)}" for f in group.exceptions))[:500]
    return ""


def _first_line(text: str) -> str:
    return " ".join(text.split())[:200] if text else json.dumps("")
