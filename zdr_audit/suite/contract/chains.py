"""The stateful phase: Schemathesis follows the links between operations, those that the document states and those that it infers, in chains of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis import Phase as HypothesisPhase
from schemathesis.core.transport import Response
from schemathesis.generation.stateful import run_state_machine_as_test

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.deliver import Delivered, deliver
from zdr_audit.suite.contract.fuzz import entitled_roles, harmless
from zdr_audit.suite.contract.generator import Generator
from zdr_audit.suite.contract.interface import read
from zdr_audit.suite.party import Actor

STEPS = 8


class NoAnswer(Exception):
    """The target did not answer: the chain ends here, and the journal says so."""


def follow(assay: Assay, document: Any, actors: Mapping[str, Actor], *, writes: bool, chains: int) -> None:
    """So many chains of at most `STEPS` requests, each sent by a role that may. Interactions have the step `chain`; judging is left to the journal."""
    generator, known = Generator.of(document), read(document, assay.profile)
    allowed = {
        label for label, one in known.items()
        if not one.moves_the_target() and (writes or harmless(one, assay)) and not _ends_the_run(one.profiled, assay)
    }  # fmt: skip
    organization = next(iter(actors.values())).organization_id

    def send(case: Any) -> Response:
        one = known[case.operation.label]
        role = next(iter(entitled_roles(one, actors, assay)))
        case.freeze_metadata()
        case.path_parameters = {n: organization if "org" in n.lower() else v for n, v in (case.path_parameters or {}).items()}
        got: Delivered = deliver(assay, case, actors[role], step="chain", labels={"phase": "stateful"})
        if got.wire is None:
            raise NoAnswer
        return got.wire

    def passes(context: Any) -> bool:
        label = context.operation.label
        return label in allowed and label in known and bool(entitled_roles(known[label], actors, assay))

    schema = generator.schema.include(passes)

    class Chain(schema.as_state_machine()):  # type: ignore[misc]
        def call(self, case: Any, **_more: Any) -> Response:
            return send(case)

        def validate_response(self, response: Response, case: Any, *_more: Any, **_others: Any) -> None:
            """Nothing here: the journal holds what was seen."""

    few = settings(
        max_examples=chains,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        phases=(HypothesisPhase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    with contextlib.suppress(NoAnswer):
        run_state_machine_as_test(seed(assay.seed)(Chain), settings=few)


def _ends_the_run(profiled: tuple[str, ...], assay: Assay) -> bool:
    """Organizations are made and removed as the profile says, nowhere else."""
    specs = [assay.profile.operations[name] for name in profiled if name in assay.profile.operations]
    return any(spec.creates == "organization" for spec in specs) or any(name.startswith("organization.") for name in profiled if specs)
