"""What interactions of the contract suites are called in the journal, and what their answers mean: once for those who send and those who judge."""

from __future__ import annotations

from zdr_audit.journal.events import Interaction

OPERATION = "api_operation"
"""The label that names the documented operation of an interaction."""
SAID = "said"
"""The label that tells whether document or profile entitle the role to it."""
ENTITLED, NOT_ENTITLED = "entitled", "not entitled"
"""Steps."""


def served(item: Interaction) -> bool:
    return item.served


def refused(item: Interaction) -> bool:
    return item.status is not None and not served(item) and item.outcome not in ("no_answer", "rate_limited")


def denied(item: Interaction) -> bool:
    """Refused for who asks, and not for what the organization's policy says."""
    return item.status in (401, 403) and item.outcome != "refused_by_policy"
