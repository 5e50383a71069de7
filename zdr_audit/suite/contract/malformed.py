"""Malformed requests to every operation, with content at every place: none of it may come back in the error, nor be kept."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.deliver import deliver, headers_of, prepared
from zdr_audit.suite.contract.interface import Documented
from zdr_audit.suite.contract.labels import OPERATION
from zdr_audit.suite.contract.requests import Requests, properties
from zdr_audit.suite.party import Actor
from zdr_audit.suite.recorder import Judged, Planned, error_data
from zdr_audit.target.malformed import JSON, PLACES, UNKNOWN, Malformed, Mistake, mistake
from zdr_audit.target.transport import Answer, Outgoing

_OF_EVERY_REQUEST = frozenset({"content-type", "accept", "accept-encoding", "x-schemathesis-testcaseid"})


def malform(assay: Assay, requests: Requests, one: Documented, by: Actor) -> None:
    """Each mistake that the operation can be sent, with a canary of its own. Every one must be answered with a client error."""
    case = requests.case(one)
    if case is None:
        return
    operation = requests.operations[one.label]
    if case.media_type == JSON:
        types = {name: kind for name, schema in properties(operation).items() if (kind := _type(schema)) is not None}
        _send(assay, case, by, _shape(assay, case, by, "list", PLACES["list"]))
        _send(assay, case, by, _shape(assay, case, by, "broken", PLACES["broken"]))
        if types:
            _send(assay, case, by, _shape(assay, case, by, "types", (*types, UNKNOWN), tuple(types.items())))
    for parameter in operation.query:
        if parameter.definition.get("schema", {}).get("type") in ("integer", "number", "boolean"):
            _send(assay, case, by, _shape(assay, case, by, "query", (parameter.name,)))


def send_malformed(assay: Assay, request: Malformed) -> Interaction:
    """The same, or a smaller one, once more, with a fresh canary, for the subject; for no check to count."""
    party = assay.subject
    by = party.actor(request.role if request.role in party.actors else "member")
    interaction, canary_id, canary = _canary(assay, by, request)
    planned = Planned(
        assay.scenario, "candidate", assay.epoch, request.operation, False, None, by.content, labels={OPERATION: request.label}, settles=(503,),
        node=assay.at, malformed=_data(request),
    )  # fmt: skip
    body = request.body(canary)
    headers = dict(request.headers) | ({"content-type": JSON} if body is not None else {})

    def judge(answer: Answer) -> Judged:
        if answer.status is None:
            return Judged("no_answer", False)
        refused = 400 <= answer.status < 500
        return Judged("accepted" if refused else "unexpected", refused, "", error_data(answer))

    outgoing = Outgoing(request.method, request.target(canary), headers, body)
    return assay.recorder.exchange(interaction, planned, by, outgoing, (canary_id,), judge)[0]


def _shape(
    assay: Assay, case: Any, by: Actor, kind: Mistake, content: tuple[str, ...], kinds: tuple[tuple[str, str], ...] = ()
) -> Malformed:
    """The valid request with a mistake of that kind in place of its body, or of one parameter."""
    valid = prepared(case, assay.recorder.transport.origin)
    path, _, query = valid.path_url.partition("?")
    headers = {name: value for name, value in headers_of(valid).items() if name.lower() not in _OF_EVERY_REQUEST}
    return Malformed(
        label=f"{case.operation.method.upper()} {case.operation.path}",
        method=valid.method or "GET",
        path=path,
        mistake=kind,
        content=content,
        kinds=kinds,
        headers=tuple(headers.items()),
        query=tuple((name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in content),
        role=by.role,
    )


def _send(assay: Assay, case: Any, by: Actor, request: Malformed) -> None:
    interaction, canary_id, canary = _canary(assay, by, request)
    fresh = case.derive()
    fresh.freeze_metadata()
    if request.mistake == "query":
        fresh.query = {**fresh.query, **dict.fromkeys(request.content, canary)}

    def reshape(body: bytes | None, headers: dict[str, str]) -> tuple[bytes | None, dict[str, str]]:
        wrong = request.body(canary)
        return (body, headers) if wrong is None else (wrong, dict(request.headers) | {"content-type": JSON})

    deliver(
        assay,
        fresh,
        by,
        step="malformed",
        labels={"form": mistake(request)},
        content=by.content,
        canaries=(canary_id,),
        interaction=interaction,
        reshape=reshape,
        malformed=_data(request),
    )


def _canary(assay: Assay, by: Actor, request: Malformed) -> tuple[str, str, str]:
    interaction = assay.recorder.new_interaction()
    return interaction, *assay.recorder.new_canary("prompt", mistake(request), interaction, by.organization_id, assay.scenario, by.content)


def _data(request: Malformed) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude_defaults=True)


def _type(schema: Any) -> str | None:
    """The one JSON type that a member has, None where it may have several or the document does not say."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind if isinstance(kind, str) else None
