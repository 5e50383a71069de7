"""One waiver, as a run journal records it."""

from __future__ import annotations

from zdr_audit.evidence.model import Frozen


class Waiver(Frozen):
    """Accepts the failure of one `control`, or one `finding` (its fingerprint, 64 hex digits), until `expires` (ISO 8601, UTC)."""

    control: str | None = None
    finding: str | None = None
    owner: str
    reason: str
    expires: str

    @property
    def about(self) -> str:
        """What it waives, in words."""
        return self.control or f"finding {(self.finding or '')[:16]}"
