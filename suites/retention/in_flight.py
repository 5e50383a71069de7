"""Requests that are in flight while ZDR is being switched on."""

from __future__ import annotations

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.inference import How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.traffic import SLOW_LINES, Traffic
from zdr_audit.target.stimulus import Stimulus

SESSIONS = 6


@scenario()
def requests_in_flight(assay: Assay) -> None:
    """Streams from many sessions, some of them on slow lines, while ZDR is being switched on"""
    for _ in range(assay.count(1, 2, 8)):
        _switch_on_under_traffic(assay)


def _switch_on_under_traffic(assay: Assay) -> None:
    org = promised = assay.fresh()
    request = assay.provide("zdr.request", step="request", org=org).values["request"]
    enabling, _ = assay.profile.enabling
    if assay.separate("zdr.enable"):
        assay.review(org, request)

    def ask(session: int) -> None:
        party = promised
        how = How(slowly=SLOW_LINES[session]) if session < len(SLOW_LINES) else How()
        assay.infer(party.member, Stimulus(stream=True), step="ask", counts=party.content == "zdr", how=how)

    with Traffic(ask, SESSIONS + len(SLOW_LINES)) as traffic:
        traffic.wait_for(SESSIONS)
        assay.provide(enabling, step="enable", org=org, request=request)
        promised = org.under("zdr")
        traffic.wait_for(2 * SESSIONS)
