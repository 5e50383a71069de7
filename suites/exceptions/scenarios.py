"""Sessions flagged for a policy violation and sessions under a legal hold, in an organization made for the run; later, two years pass."""

from __future__ import annotations

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.marks import scenario
from zdr_audit.target.stimulus import Stimulus

DAY = 86_400


def _session(name: str, *, stream: bool = False) -> Stimulus:
    return Stimulus(session=f"zdr-audit-{name}", stream=stream)


@scenario()
def a_flagged_session_and_a_legal_hold(assay: Assay) -> None:
    """A flagged session and a legal hold, each beside an ordinary session"""
    operator = assay.staff("operator")
    org = assay.enable(assay.fresh())
    excepted = org.under("exception")
    assay.must("session.flag", operator, step="flag a session", org=org, session="zdr-audit-flagged")
    for stream in (False, True):
        assay.infer(excepted.member, _session("flagged", stream=stream), step="ask in the flagged session")
        assay.infer(org.member, _session("ordinary", stream=stream), step="ask in another session")
        assay.infer(org.admin, _session("colleague", stream=stream), step="a colleague asks")
        assay.infer(org.member, Stimulus(stream=stream), step="ask without a session")
    hold = assay.must("hold.place", operator, step="place a hold", org=org, session="zdr-audit-held")
    assay.infer(excepted.member, _session("held"), step="ask in the held session")
    assay.infer(org.member, _session("beside"), step="ask beside the held session")
    read_exceptions(assay, org.id)
    assay.must("hold.release", operator, step="release the hold", org=org, hold=hold.values["hold"])
    assay.infer(org.member, _session("held"), step="ask after the release")
    assay.call("zdr.status", org.admin, step="status afterwards", org=org, counts=True)
    assay.list_all("audit.list", org.admin, step="audit log", org=org)
    for role, actor in (
        ("member", org.member),
        ("admin", org.admin),
        ("neighbour", assay.other("neighbour").admin),
        ("account_team", assay.staff("account_team")),
    ):
        listed = assay.list_all("exceptions.list", operator, step="operator lists", org=org)
        for item in listed.items:
            assay.attempt("exceptions.read", actor, step="others read", org=org, labels={"reader": role}, exception=item["exception"])


def read_exceptions(assay: Assay, organization: str) -> None:
    """The operator reads each kept item, which shows that it is there to be read."""
    operator = assay.staff("operator")
    listed = assay.list_all("exceptions.list", operator, step="operator lists", org=assay.subject, _query={"organization_id": organization})
    for item in listed.items:
        assay.call("exceptions.read", operator, step="operator reads", exception=item["exception"])


@scenario(late=True)
def two_years_pass(assay: Assay) -> None:
    """The clock moves past the longest retention, and the purge runs"""
    operator = assay.staff("operator")
    days = assay.profile.limits.exception_retention_days + 1
    assay.must("clock.advance", operator, step="advance the clock", seconds=days * DAY)
    assay.must("purge.run", operator, step="purge")
