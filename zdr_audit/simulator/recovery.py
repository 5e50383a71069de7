"""What a life of the service does over stores that an earlier one left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class Recovery:
    def __init__(self, parts: Parts):
        self.parts = parts

    def run(self) -> None:
        """Nothing: all that was acknowledged is in the stores, and is read from there at every use."""
