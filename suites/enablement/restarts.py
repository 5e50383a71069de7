"""The service ends and begins anew, right after answers: what it said must be there afterwards."""

from __future__ import annotations

from typing import Any

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.stimulus import Stimulus

from .scenarios import probe


def _act_and_restart(assay: Assay, kind: str, org: Party, by: Actor | None = None, **values: Any) -> str:
    """One action that must leave an entry, and right after its answer the end of the service; gives the request that it made."""
    reply = assay.act(kind, org, by, **values)
    if reply.interaction.outcome == "no_answer":
        raise ScenarioBroken(f"nobody knows whether the organization's ZDR was {kind}: no answer came")
    assay.restart()
    return str(reply.values.get("request", "none"))


def _see(assay: Assay, org: Party, step: str) -> None:
    assay.call("zdr.status", org.member, step=f"{step}: status", org=org, counts=True)
    probe(assay, org, f"{step}: features", counts=True)


@scenario(late=True, last=True)
def the_service_begins_anew(assay: Assay) -> None:
    """The service is restarted right after the answer to each step of enablement"""
    org = assay.fresh()
    revoked = assay.revoked_key(org)
    request = _act_and_restart(assay, "requested", org)
    if request == "none":
        raise ScenarioBroken("the request for ZDR was not accepted, so there is nothing to enable")
    if assay.separate("zdr.approve"):
        _act_and_restart(assay, "approved", org, request=request)
    if assay.separate("zdr.enable"):
        _act_and_restart(assay, "enabled", org, request=request)
    org = org.under("zdr")
    _see(assay, org, "on")
    for stream in (False, True):
        assay.infer(org.member, Stimulus(stream=stream), step="ask after a restart")
    for party in (assay.subject, assay.control):
        assay.call("zdr.status", party.member, step=f"{party.key}: status", org=party, counts=True)
    if revoked is not None:
        assay.call("zdr.status", revoked, step="a revoked key after a restart", org=org, weigh="answer", counts=True)
    _act_and_restart(assay, "disabled", org, org.admin)  # refused: a customer
    _see(assay, org, "still on")
    _act_and_restart(assay, "disabled", org)
    _see(assay, org.under("standard"), "off")
    assay.list_all("audit.list", org.admin, step="own log", org=org)
