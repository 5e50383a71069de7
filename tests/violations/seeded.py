"""Which seeds the default run takes, and which controls it asks for. By rule, never by hand."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from typing import TypeVar

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.violations import Seed, Variant, Violation

# Checked by generated requests, which take a quarter of an audit's time: the default run asks for them only where the violation names them.
GENERATED = {"ZDR-CON-01", "ZDR-CON-02"}
# How many of a family's violations the default run takes; the environment variable ZDR_AUDIT_VIOLATIONS=all takes all of all families.
SHARE = {"ret": 2, "blk": 2}
SHARE_OF_OTHERS = 1
VARIANTS = 4

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


def controls_for(seed: Seed) -> tuple[str, ...]:
    """The controls that the default run selects: all but those on generated requests, unless the violation names one of them."""
    globs = (*seed.controls, *seed.related) if isinstance(seed, Violation) else ()
    named = any(fnmatch.fnmatchcase(name, glob) for name in GENERATED for glob in globs)
    return tuple(control.id for control in load_catalogue().controls if named or control.id not in GENERATED)
