"""Schemathesis generates requests from a target's interface document, phase by phase; we send, journal and judge them.

examples: what the document itself gives. coverage: every value at its boundaries. fuzzing: valid and invalid requests drawn at random. The phase `stateful`
is in `chains.py`. An operation is driven by a role that may call it, so that the request gets as far as its handler; thorough runs drive it by every such role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.deliver import deliver
from zdr_audit.suite.contract.generator import POSITIVE, Generator
from zdr_audit.suite.contract.interface import SAFE, Documented, read
from zdr_audit.suite.contract.volumes import VOLUMES, cases
from zdr_audit.suite.party import Actor


def fuzz(assay: Assay, document: Any, actors: Mapping[str, Actor], *, writes: bool) -> None:
    """Drive each operation as its roles. Interactions have the step `fuzz`. `writes` false: only what changes nothing."""
    generator, known, volume = Generator.of(document), read(document, assay.profile), VOLUMES[assay.depth]
    for operation in generator.operations:
        one = known.get(operation.label)
        if one is None or one.moves_the_target() or (not writes and not harmless(one, assay)):
            continue
        entitled = entitled_roles(one, actors, assay)
        for number, role in enumerate(entitled if volume.every_role else entitled[:1]):
            actor = actors[role]
            owned = {p.name: actor.organization_id for p in operation.path_parameters if "org" in p.name.lower() and actor.organization_id}
            if one.method == "DELETE" and set(one.profiled) & assay.profile.removals and len(operation.path_parameters) == len(owned):
                owned = {}  # what the run itself lives in is not to be removed
            makes = role not in ("member", "admin") and any(assay.profile.operations[n].creates for n in one.profiled if ":" not in n)
            for phase, case in cases(generator, operation, volume, assay.seed + number, owned):
                if makes and case.meta is not None and case.meta.generation.mode == POSITIVE:
                    continue  # made as the profile says, where its removal is known
                mode = case.meta.generation.mode.value if case.meta is not None else POSITIVE.value
                deliver(assay, case, actor, step="fuzz", labels={"phase": phase, "mode": mode})


def entitled_roles(one: Documented, actors: Mapping[str, Actor], assay: Assay) -> list[str]:
    """The roles at hand that may call an operation, most entitled customer first; where nothing says who may, the customer's own."""
    said = [role for role in actors if one.may(role, actors, assay.profile)]
    return said or [role for role in ("admin", "member") if role in actors and one.may(role, actors, assay.profile) is None]


def harmless(one: Documented, assay: Assay) -> bool:
    """Whether an operation may be driven without leave to change the target: a safe method, or one that the profile names as changing nothing."""
    specs = [assay.profile.operations[name] for name in one.profiled if name in assay.profile.operations]
    return one.method in SAFE or (bool(specs) and not any(spec.changes or spec.creates for spec in specs) and not one.needs_storage)
