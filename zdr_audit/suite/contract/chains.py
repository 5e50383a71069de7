"""The stateful phase: Schemathesis follows the links between operations, those that the document states and those that it infers, in chains of its own."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Collection, Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, seed, settings
from hypothesis import Phase as HypothesisPhase
from hypothesis.errors import Flaky
from schemathesis.core.transport import Response
from schemathesis.generation.stateful import run_state_machine_as_test

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.deliver import deliver
from zdr_audit.suite.contract.fuzz import entitled_roles, harmless
from zdr_audit.suite.contract.generator import without_security
from zdr_audit.suite.contract.interface import ORGANIZATION, called, meaning, read
from zdr_audit.suite.party import Actor

STEPS = 8
AT_A_TIME = 4


class NoAnswer(Exception):
    """The target did not answer: the chain ends here, and the journal says so."""


def follow(assay: Assay, document: Any, actors: Mapping[str, Actor], *, writes: bool, chains: int) -> None:
    """So many chains of at most `STEPS` requests, each sent by a role that may. Interactions have the step `chain`; judging is left to the journal."""
    known = read(document, assay.profile)
    organization = next(iter(actors.values())).organization_id
    meant = meaning(called(known.values(), assay.profile), ORGANIZATION)
    ours = {label.replace(f"{{{name}}}", organization): label for label, one in known.items() for name in [_organization(one.path, meant)]}
    schema = schemathesis.openapi.from_dict(without_security(_for(document, organization, meant)))

    def passes(context: Any) -> bool:
        one = known.get(ours.get(context.operation.label, ""))
        if one is None or one.moves_the_target() or _of_organizations(one.profiled, assay) or not (writes or harmless(one, assay)):
            return False
        return bool(entitled_roles(one, actors, assay))

    class Chain(schema.include(passes).as_state_machine()):  # type: ignore[misc]
        def call(self, case: Any, **_more: Any) -> Response:
            label = ours[case.operation.label]
            role = entitled_roles(known[label], actors, assay)[0]
            got = deliver(assay, case, actors[role], step="chain", labels={"phase": "stateful"}, label=label)
            if got.wire is None:
                raise NoAnswer
            return got.wire

        def validate_response(self, response: Response, case: Any, *_more: Any, **_others: Any) -> None:
            """Nothing here: the journal holds what was seen."""

    few = settings(
        max_examples=AT_A_TIME,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        phases=(HypothesisPhase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    for number in range(-(-chains // AT_A_TIME)):
        # What a chain meets depends on those before it, which Hypothesis takes for whims of the test: it breaks off, and the next few are drawn.
        Chain.rule_order_seed = assay.seed + number
        with contextlib.suppress(NoAnswer, Flaky):
            run_state_machine_as_test(seed(assay.seed * 1000 + number)(Chain), settings=few)


def _organization(path: str, meant: Collection[str]) -> str:
    """The name of the path parameter that takes the organization (by the profile one of `meant`), a name that no path has where there is none."""
    found: list[str] = re.findall(r"\{([^{}]*)\}", path)
    return next((name for name in found if name in meant or re.fullmatch("org[a-z_]*", name)), "-")


def _for(document: Any, organization: str, meant: Collection[str]) -> Any:
    """The document for one organization: its identifier stands in the paths, and headers that may be left out are: chains begin where no other object
    is needed, and either is taken for one."""
    paths: dict[str, Any] = {}
    for path, item in document.get("paths", {}).items():
        name = _organization(path, meant)
        paths[path.replace(f"{{{name}}}", organization)] = {
            verb: spec | {"parameters": [p for p in spec.get("parameters", ()) if _stays(p, name)], "responses": _linked(spec, name)}
            if isinstance(spec, dict) and "responses" in spec
            else spec
            for verb, spec in item.items()
        }
    return document | {"paths": paths}


def _stays(parameter: Any, organization: str) -> bool:
    if not isinstance(parameter, dict):
        return True
    return not (parameter.get("in") == "header" and not parameter.get("required")) and parameter.get("name") != organization


def _linked(spec: dict[str, Any], organization: str) -> Any:
    """The answers, without what links say of the organization."""
    answers = copy.deepcopy(spec["responses"])
    for answer in answers.values() if isinstance(answers, dict) else ():
        for link in answer.get("links", {}).values() if isinstance(answer, dict) and isinstance(answer.get("links"), dict) else ():
            if isinstance(link, dict) and isinstance(link.get("parameters"), dict):
                link["parameters"].pop(organization, None)
    return answers


def _of_organizations(profiled: tuple[str, ...], assay: Assay) -> bool:
    """Organizations are made and removed as the profile says, nowhere else."""
    specs = [assay.profile.operations[name] for name in profiled if name in assay.profile.operations]
    return any(spec.creates == "organization" for spec in specs) or any(name.startswith("organization.") for name in profiled if specs)
