"""How a target's audit log names and chains what it tells of."""

from __future__ import annotations

from pydantic import model_validator

from zdr_audit.profile.base import Closed

REFUSALS_LOGGED = "audit.refused"
"""What a profile names under `absent` where the target does not log refused attempts, or logs them elsewhere."""


class AuditTypes(Closed):
    """How the target names the actions that enablement consists of, in its audit log. `denied` is the common type, if there is one, under which it logs
    what it refused, whichever action that was. `enabled` may be missing, or be `approved` again, where the approval enables (`also`) and both have one entry.
    Likewise `approved` may be missing, or be `requested` again, where a request is approved at once; and `rejected` where nothing is rejected.
    """

    requested: str
    approved: str | None = None
    rejected: str | None = None
    enabled: str | None = None
    disabled: str
    migrated: str | None = None
    flagged: str | None = None
    hold: str | None = None
    released: str | None = None
    read: str | None = None
    denied: str | None = None
    success: tuple[str, ...] = ("success",)
    refused: tuple[str, ...] = ("refused",)

    @model_validator(mode="after")
    def _denied_is_no_action(self) -> AuditTypes:
        actions = {name: value for name, value in self if isinstance(value, str) and name != "denied"}
        if same := next((name for name, value in actions.items() if value == self.denied), None):
            raise ValueError(f"'denied' is the common type for what was refused, and '{self.denied}' is that of '{same}'")
        return self


class AuditChain(Closed):
    """How entries are chained: SHA-256 over the entry as canonical JSON (sorted keys, no spaces) without the digest field."""

    digest: str
    previous: str
