"""Which seeds a run takes, and which controls it asks for. By rule, never by hand.

ZDR_AUDIT_VIOLATIONS says how much: nothing, a sample of the violations against the controls of the families that should find them; `sample`, the same
against every control; `all`, every seed against every control, as `zdr-audit violations --matrix` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.violations import Seed, Variant, Violation

EXTENT = os.environ.get("ZDR_AUDIT_VIOLATIONS", "")
# Checked by generated requests, which take a quarter of an audit's time: the default run asks for them only where the violation names them.
GENERATED = {"ZDR-CON-01", "ZDR-CON-02"}
# How many of a family's violations the default run takes; the environment variable ZDR_AUDIT_VIOLATIONS=all takes all of all families.
SHARE = {"ret": 2, "blk": 2}
SHARE_OF_OTHERS = 1
# A variant has to be green before every control, which takes long.
VARIANTS = 4 if EXTENT else 1

S = TypeVar("S", bound=Seed)


def family(seed: Seed) -> str:
    return seed.id.split("-", 1)[0]


def spread(items: Sequence[S], share: int) -> list[S]:
    """So many of the items, evenly spread over them."""
    share = min(len(items), share)
    return [items[(number + 1) * len(items) // share - 1] for number in range(share)]


def alone(items: Iterable[S]) -> list[S]:
    """Those that need nothing but the simulator."""
    return [item for item in items if not item.needs]


def sample(violations: Iterable[Violation]) -> list[Violation]:
    """As many of each family as its share, in id order."""
    families: dict[str, list[Violation]] = {}
    for item in alone(violations):
        families.setdefault(family(item), []).append(item)
    return [item for name, items in families.items() for item in spread(items, SHARE.get(name, SHARE_OF_OTHERS))]


def sample_of_variants(variants: Iterable[Variant]) -> list[Variant]:
    return spread(alone(variants), VARIANTS)


def controls_for(seed: Seed | None) -> tuple[str, ...]:
    """The controls to select for an audit of the seed (None: of the compliant simulator); none means all."""
    if EXTENT:
        return ()
    named = set(seed.controls) if isinstance(seed, Violation) else set()
    families = {_family_of(name) for name in named}
    return tuple(
        control.id
        for control in load_catalogue().controls
        if control.id in named or ((not families or _family_of(control.id) in families) and control.id not in GENERATED)
    )


def _family_of(control: str) -> str:
    return control.rsplit("-", 1)[0]
