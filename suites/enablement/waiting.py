"""A request for ZDR that nobody decides on, while time goes by: silence is no review. The scenario that moves the clock calls this before and after."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.party import NotOffered, Party

FILED, TRIED, TOLD = "file a request that waits", "enable what nobody decided", "status when nobody decided"
"""How the steps are called that are judged by."""


@dataclass(frozen=True)
class Waiting:
    """An organization without ZDR, and the request that was filed for it."""

    org: Party
    request: Any


def file_one(assay: Assay) -> Waiting | None:
    """A request that waits for its review. None where requests are approved at once, and where none could be filed: the rest of the scenario goes on."""
    with suppress(NotOffered, ScenarioBroken):
        assay.needs("zdr.request", "zdr.approve", "zdr.enable", "zdr.status")
        if assay.separate("zdr.approve"):
            org = assay.fresh(step="create one whose request waits")
            filed = assay.call("zdr.request", assay.doer("zdr.request"), step=FILED, org=org)
            return Waiting(org, filed.values.get("request", "none")) if filed.accepted else None
    return None


def try_it(assay: Assay, waiting: Waiting) -> None:
    """Whoever enables takes it for approved, where enabling is a step by itself; and what the target says of ZDR."""
    with suppress(NotOffered):
        if assay.separate("zdr.enable"):
            enabler = assay.doer("zdr.enable")
            assay.call("zdr.enable", enabler, step=TRIED, org=waiting.org, weigh="decision", request=waiting.request)
        assay.call("zdr.status", waiting.org.admin, step=TOLD, org=waiting.org)
