"""What must hold whatever was selected: the target serves both organizations as the profile says, and its clock is right; and what proves sight."""

from __future__ import annotations

from zdr_audit.suite.assay import Assay
from zdr_audit.target.stimulus import Stimulus

SIGHT = (
    Stimulus(),
    Stimulus(stream=True),
    Stimulus(places=frozenset({"message", "system"}), cache=True, padding=20_000),
    Stimulus(places=frozenset({"message", "image", "document"})),
    Stimulus(places=frozenset({"message", "tool_result"}), stream=True),
)
"""What the control organization sends so that the sources in which its content is kept are seen."""


def served(assay: Assay) -> str:
    """What is wrong with the target, empty where nothing is: each of the two organizations is asked for, and its ZDR status where it can be read."""
    for party in (assay.subject, assay.control):
        reply = assay.infer(party.member, Stimulus(), step=f"{party.key} is served", counts=False)
        seen = reply.interaction
        if not reply.accepted:
            return f"inference for the {party.key} organization gave {seen.outcome} (status {seen.status}) {seen.error}".strip()
        if assay.offers("zdr.status"):
            status = assay.call("zdr.status", party.member, step=f"{party.key} status", org=party)
            expected = party.key == "subject"
            if status.accepted and (status.values.get("status") == "enabled") != expected:
                found = status.values.get("status")
                return (
                    f"the {party.key} organization {party.id} has ZDR status '{found}', the profile needs it {'on' if expected else 'off'}"
                )
    return ""


def clock(offset: float | None, tolerance: float) -> str:
    """What is wrong with a target's clock that is so many seconds ahead (None: it never said), empty where that is tolerable."""
    if offset is None or abs(offset) <= tolerance:
        return ""
    return (
        f"the target's clock is {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'} (Date header), the tolerance is {tolerance:g} s"
    )
