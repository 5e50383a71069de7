"""Valid requests for documented operations, filled with what is known of an organization's objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.generator import Generator
from zdr_audit.suite.contract.interface import ORGANIZATION, USER, Documented, called, meaning, profiled, read
from zdr_audit.suite.contract.known import ID, Known, is_identifier
from zdr_audit.suite.contract.volumes import valid
from zdr_audit.suite.party import Party
from zdr_audit.target.template import names, pointer

NOBODY = "zdraudit00nobody"
"""Stands where nothing is known to put there."""
Place = tuple[str, str]
"""Where in a request (`path`, `query`, `header`, `body`) and the name there."""


class Requests:
    """Cases for one organization of one target, that learn from the answers."""

    def __init__(self, assay: Assay, document: Any, org: Party) -> None:
        self.profile = assay.profile
        self.generator = Generator.of(document)
        self.documented = read(document, assay.profile)
        self.operations = {operation.label: operation for operation in self.generator.operations}
        self.seed = assay.seed
        parameters = called(self.documented.values(), assay.profile)
        self.organization = meaning(parameters, ORGANIZATION)
        user = meaning(parameters, USER) - {"user"}
        self.known = Known(dict.fromkeys(self.organization, org.id) | (dict.fromkeys(user, org.member.user) if org.member.user else {}))

    def case(self, one: Documented) -> Any:
        """A valid request, with what is known in its path and in the members of its body that take identifiers; None where none can be made."""
        operation = self.operations.get(one.label)
        drawn = valid(self.generator, operation, self.seed) if operation is not None else None
        if operation is None or drawn is None:
            return None
        case = _copy(drawn)
        if one.collection is not None:
            case.path_parameters = self.path(one)
        required = {parameter.name for parameter in operation.query if parameter.is_required}
        query = {name: value for name, value in (case.query or {}).items() if name in required}
        case.query = {name: (is_identifier(name) and self.known.value(name, one)) or value for name, value in query.items()}
        if isinstance(case.body, dict):
            known = {name: self.known.value(name, one) for name in case.body if is_identifier(name) or name in self.organization}
            case.body = {**case.body, **{name: _like(case.body[name], value) for name, value in known.items() if value}}
        return case

    def learn(self, one: Documented, body: Any) -> None:
        """Take in an answer: first where the profile says that identifiers stand, since the target may call them as it likes."""
        calls = profiled(self.profile)
        used = {ID} | ({name for spec in calls.values() for name in names(spec.path)} - self.organization)
        for spec in (calls[name] for name in one.profiled):
            listed = pointer(body, spec.items) if spec.items is not None else None
            told = listed[0] if isinstance(listed, list) and listed else body
            for name, where in (spec.extract if listed is None else spec.fields).items():
                value = pointer(told, where) if name in used and name not in spec.secret else None
                if isinstance(value, str | int) and not isinstance(value, bool):
                    self.known.told(one, str(value))
        self.known.learn(one, body)

    def path(self, one: Documented) -> dict[str, str]:
        """What stands for each parameter of the path."""
        return {name: self.known.value(name, one) or NOBODY for name in re.findall(r"\{([^{}]*)\}", one.path)}

    def places(self, one: Documented) -> list[Place]:
        """Where a request of the operation takes identifiers."""
        operation = self.operations[one.label]
        found = [("path", name) for name in self.path(one)]
        found += [("query", parameter.name) for parameter in operation.query if is_identifier(parameter.name)]
        found += [("header", parameter.name) for parameter in operation.headers if is_identifier(parameter.name.replace("-", "_"))]
        return found + [("body", name) for name in properties(operation) if is_identifier(name)]

    def aimed(self, case: Any, place: Place, value: str, path: Mapping[str, str]) -> Any:
        """The request with a value in one place, and other parameters of its path."""
        where, name = place
        fresh = _copy(case)
        fresh.path_parameters = {n: path.get(n, v) for n, v in (case.path_parameters or {}).items()}
        if where == "path":
            fresh.path_parameters = {**fresh.path_parameters, name: quote(value, safe="")}
        elif where == "query":
            fresh.query = {**fresh.query, name: value}
        elif where == "header":
            fresh.headers[name] = value
        elif isinstance(fresh.body, dict):
            fresh.body = {**fresh.body, name: value}
        return fresh


def _like(drawn: Any, value: str) -> Any:
    """A value as a number where the document wants one."""
    return int(value) if type(drawn) is int and value.isdigit() else value


def properties(operation: Any) -> dict[str, Any]:
    """The members that a JSON body of an operation may have, by its document: name -> schema."""
    for body in operation.body:
        schema = body.resolved_schema
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
            return dict(schema["properties"])
    return {}


def _copy(case: Any) -> Any:
    fresh = case.derive()
    fresh.freeze_metadata()
    return fresh
