"""Harmless variants: each makes the service differ in a way that breaks no promise. Which there are is data (`fixtures/benign/*.toml`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zdr_audit.simulator import seeding

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def load() -> dict[str, dict[str, Any]]:
    """Variant id -> entry, from all files."""
    return seeding.load("benign", "variant")


def install(parts: Parts, variant_id: str) -> None:
    """Changes `parts` in the way that the variant says; UnknownSeedError where there is none of that id."""
    seeding.install(parts, __name__, load(), "variant", variant_id)
