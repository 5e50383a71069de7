"""The one policy gate: what needs storage is refused under ZDR, before anything of the body is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import PolicyError
from zdr_audit.simulator.features import Feature, FeatureEndpoint

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class Gate:
    def __init__(self, parts: Parts):
        self.parts = parts

    def check(self, ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
        """Raises PolicyError where the organization is under ZDR and the endpoint needs storage. What the client claims plays no part."""
        if feature.stores(endpoint) and self.parts.workflow.enabled(ctx.organization):
            raise self.refusal(feature)

    def refusal(self, feature: Feature) -> PolicyError:
        return PolicyError(
            f"{feature.title} are not available: your organization's policy (custom data retention settings) does not allow this action.",
            reason="policy",
            details={"error_code": f"{feature.id}_retention_blocked"},
        )


class PolicyLimits:
    """What clients are told they may do. It follows the gate's rule, but decides nothing: the gate does."""

    def __init__(self, parts: Parts):
        self.parts = parts

    def restrictions(self, organization_id: str) -> dict[str, dict[str, bool]]:
        zdr = self.parts.workflow.enabled(organization_id)
        keys = [(key, feature) for feature in self.parts.features for key in (feature.restriction_key, *feature.also_restricts)]
        return {key: {"allowed": not (zdr and feature.requires_storage)} for key, feature in keys}

    def taints(self, organization_id: str) -> list[str]:
        return ["zdr"] if self.parts.workflow.enabled(organization_id) else []
