"""Sends one generated request as an actor, journals it, and holds the answer against the interface document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.interface import shape
from zdr_audit.suite.contract.labels import OPERATION, served
from zdr_audit.suite.party import Actor
from zdr_audit.suite.recorder import Judged, Planned
from zdr_audit.target.outcome import document, is_policy_refusal
from zdr_audit.target.template import pointer
from zdr_audit.target.transport import Answer, Outgoing

NOT_DEALT_WITH = frozenset({401, 403, 404, 405, 429})
"""Out of the box Schemathesis is content with a target that answers 401 to everything. What counts here is what got further than these."""
_CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
_OWN_HEADERS = frozenset(
    {"authorization", "x-api-key", "host", "content-length", "cookie", "connection", "transfer-encoding", "user-agent"}
)


Look = Callable[[Answer, Any], Mapping[str, str]]
Reshape = Callable[[bytes | None, dict[str, str]], tuple[bytes | None, dict[str, str]]]


@dataclass(frozen=True)
class Delivered:
    """An interaction with the answer's JSON, which may hold secrets: it stays in memory."""

    interaction: Interaction
    body: Any
    wire: Response | None = None

    @property
    def served(self) -> bool:
        return served(self.interaction)


def prepared(case: Any, base: str) -> requests.PreparedRequest:
    """The request that a case stands for, at an origin: what path the target's address has is the transport's matter."""
    kwargs = case.as_transport_kwargs(base_url=base)
    wanted = ("method", "url", "params", "headers", "json", "data", "files", "cookies")
    return requests.Request(**{k: v for k, v in kwargs.items() if k in wanted}).prepare()


def headers_of(request: requests.PreparedRequest) -> dict[str, str]:
    """Its headers, but for those that the transport and the actor see to."""
    return {str(k): _text(v) for k, v in (request.headers or {}).items() if str(k).lower() not in _OWN_HEADERS}


def deliver(
    assay: Assay,
    case: Any,
    actor: Actor | None,
    *,
    step: str,
    labels: Mapping[str, str],
    counts: bool = True,
    pair: str | None = None,
    content: str = "none",
    canaries: tuple[str, ...] = (),
    interaction: str | None = None,
    reshape: Reshape | None = None,
    look: Look | None = None,
    label: str | None = None,
    malformed: Mapping[str, Any] | None = None,
) -> Delivered:
    """`label` names the documented operation where it is not the case's own. `look` gives further labels of an answer. `reshape` changes body and headers
    on their way out. `malformed` is the shape of a request that is so on purpose."""
    request = prepared(case, assay.recorder.transport.origin)
    headers = headers_of(request)
    body = request.body if isinstance(request.body, bytes) else request.body.encode() if isinstance(request.body, str) else None
    if reshape is not None:
        body, headers = reshape(body, headers)
    label = label or f"{case.operation.method.upper()} {case.operation.path}"
    about = {OPERATION: label, **labels}
    planned = Planned(
        assay.scenario, step, assay.epoch, "fuzz", counts, pair, content, labels=about, settles=(503,), node=assay.at,
        at=actor.organization if actor else "", malformed=malformed,
    )  # fmt: skip
    seen: list[tuple[Any, Response]] = []

    def judge(answer: Answer) -> Judged:
        if answer.status is None:
            return Judged("no_answer", False)
        dealt = answer.status not in NOT_DEALT_WITH
        wire = _response(request, answer)
        seen.append((document(answer), wire))
        _hide(assay, label, seen[-1][0])
        problem = _nonconforming(case, wire)
        more = dict(look(answer, seen[-1][0])) if look is not None else {}
        data = {"nonconforming": problem} if problem else {}
        denied = "refused_by_policy" if is_policy_refusal(answer, assay.profile.refusal) else "denied"
        return Judged("accepted" if dealt else denied, dealt, "", data, labels=more)

    outgoing = Outgoing(request.method or "GET", request.path_url, headers, body)
    recorded, _ = assay.recorder.exchange(interaction or assay.recorder.new_interaction(), planned, actor, outgoing, canaries, judge)
    found, wire = seen[-1] if seen else (None, None)
    return Delivered(recorded, found, wire)


def _hide(assay: Assay, label: str, body: Any) -> None:
    """Credentials in an answer, which the profile names, must not reach the journal by way of a message about it."""
    for spec in assay.profile.operations.values():
        if spec.secret and f"{spec.method} {shape(spec.path)}" == shape(label):
            for name in spec.secret:
                found = pointer(body, spec.extract[name])
                if isinstance(found, str):
                    assay.recorder.journal.redactor.add_secret(found)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _response(request: requests.PreparedRequest, answer: Answer) -> Response:
    return Response(
        status_code=answer.status or 0,
        headers={k: [v] for k, v in answer.headers.items()},
        content=answer.body,
        request=request,
        elapsed=0.0,
        verify=True,
    )


def _nonconforming(case: Any, response: Response) -> str:
    try:
        case.validate_response(response, checks=_CHECKS)
    except FailureGroup as group:
        return "; ".join(dict.fromkeys(f"{f.title}: {_first_line(f.message)}" for f in group.exceptions))[:500]
    return ""


def _first_line(text: str) -> str:
    return " ".join(text.split())[:200] if text else ""
