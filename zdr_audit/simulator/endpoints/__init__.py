"""The operations, by area. Handlers call parts and shape answers; they decide nothing about retention or policy."""

from __future__ import annotations

from zdr_audit.simulator.endpoints import admin, client, compliance, features, messages, operator, outside, zdr
from zdr_audit.simulator.features import Feature
from zdr_audit.simulator.operations import Operation


def all_operations(known: tuple[Feature, ...], with_operator: bool) -> list[Operation]:
    """Every operation of the service; the operator's only if the service was started with them."""
    # Features come first: the path of a feature may look like an id of another collection (messages/batches).
    found = [
        *features.operations(known),
        *messages.OPERATIONS,
        *client.OPERATIONS,
        *admin.OPERATIONS,
        *zdr.OPERATIONS,
        *compliance.OPERATIONS,
        *outside.OPERATIONS,
    ]
    return found + operator.OPERATIONS if with_operator else found
