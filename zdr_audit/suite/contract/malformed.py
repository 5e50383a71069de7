"""Malformed requests to every operation, with content at every place: none of it may come back in the error, nor be kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.deliver import deliver
from zdr_audit.suite.contract.interface import Documented
from zdr_audit.suite.contract.requests import Requests, properties
from zdr_audit.suite.party import Actor

JSON = "application/json"
FORMS = ("a list in place of the object", "broken JSON", "members of the wrong type")
Headers = dict[str, str]


def malform(assay: Assay, requests: Requests, one: Documented, by: Actor) -> None:
    """Each form of mistake that the operation can be sent, with a canary of its own. Every one must be answered with a client error."""
    case = requests.case(one)
    if case is None:
        return
    operation = requests.operations[one.label]
    if case.media_type == JSON:
        types = {name: _type(schema) for name, schema in properties(operation).items()}
        certain = {name: kind for name, kind in types.items() if kind is not None}
        for form in FORMS if certain else FORMS[:2]:
            _send(assay, case, by, form, partial(_reshaped, form=form, types=certain))
    for parameter in operation.query:
        schema = parameter.definition.get("schema", {})
        if schema.get("type") in ("integer", "number", "boolean"):
            _send(assay, case, by, f"text in the query parameter {parameter.name}", None, parameter.name)


def _send(assay: Assay, case: Any, by: Actor, form: str, reshape: Any, parameter: str = "") -> None:
    interaction = assay.recorder.new_interaction()
    canary_id, canary = assay.recorder.new_canary("prompt", form, interaction, by.organization_id, assay.scenario, by.content)
    fresh = case.derive()
    fresh.freeze_metadata()
    if parameter:
        fresh.query = {**fresh.query, parameter: canary}
    deliver(
        assay,
        fresh,
        by,
        step="malformed",
        labels={"form": form},
        content=by.content,
        canaries=(canary_id,),
        interaction=interaction,
        reshape=partial(reshape, canary) if reshape is not None else None,
    )


def _type(schema: Any) -> str | None:
    """The one JSON type that a member has, None where it may have several or the document does not say."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind if isinstance(kind, str) else None


def _wrong(kind: str, canary: str) -> Any:
    """A value that is surely not of that type."""
    return {canary: [canary]} if kind == "string" else canary


def _reshaped(canary: str, _body: bytes | None, headers: Headers, form: str, types: Mapping[str, str]) -> tuple[bytes, Headers]:
    wrong: Mapping[str, bytes] = {
        FORMS[0]: json.dumps([canary, {canary: canary}]).encode(),
        FORMS[1]: b'{"content": "' + canary.encode() + b'", "' + canary.encode(),
        FORMS[2]: json.dumps({name: _wrong(kind, canary) for name, kind in types.items()} | {canary: canary}).encode(),
    }
    return wrong[form], {name: value for name, value in headers.items() if name.lower() != "content-type"} | {"content-type": JSON}
