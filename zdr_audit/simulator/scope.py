"""What ZDR covers, as the provider states it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

COVERS = ("claude_code_inference",)
NOT_COVERED = ("chat", "cowork", "analytics_metadata", "user_and_seat_management", "third_party_integrations")
PLATFORMS = ("anthropic",)
OTHER_PLATFORMS = ("bedrock", "vertex", "foundry")
NOTICE = "This traffic goes to a third party and is not covered by zero data retention."


class Scope:
    def __init__(self, parts: Parts):
        self.parts = parts

    def statement(self, organization_id: str) -> dict[str, Any]:
        """The ZDR status of an organization and the scope of the promise."""
        organization = self.parts.directory.organization(organization_id)
        last = self.parts.workflow.last_request(organization_id)
        return {
            "organization_id": organization_id,
            "status": "enabled" if organization.zdr_since else "disabled",
            "request_status": last.status if last else None,
            "since": organization.zdr_since,
            "covers": list(COVERS),
            "not_covered": list(NOT_COVERED),
            "platforms_covered": list(PLATFORMS),
            "platforms_not_covered": list(OTHER_PLATFORMS),
        }
