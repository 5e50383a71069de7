"""A candidate for the smallest request that leaks, of whatever kind it is: how it is sent, and how anybody can send it."""

from __future__ import annotations

from zdr_audit.journal.events import Interaction, LeakReduced
from zdr_audit.profile.model import Profile
from zdr_audit.run.minimise_calls import script_of, script_of_malformed, send_call
from zdr_audit.run.script import curl
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.malformed import send_malformed
from zdr_audit.suite.inference import How
from zdr_audit.target.call import Call
from zdr_audit.target.dialects.base import Dialect
from zdr_audit.target.malformed import Malformed
from zdr_audit.verdict.reduced import Shape, shape_of


def send(assay: Assay, profile: Profile, operation: str, shape: Shape) -> Interaction:
    """The request, with fresh content, for the subject; it counts for nothing."""
    if isinstance(shape, Call):
        return send_call(assay, profile, shape)
    if isinstance(shape, Malformed):
        return send_malformed(assay, shape)
    return assay.infer(assay.subject.member, shape, step="candidate", counts=False, how=How(operation)).interaction


def script(profile: Profile, dialect: Dialect, event: LeakReduced, model: str) -> str:
    """The request that leaked as a bash script; empty where none can be written."""
    shape, where = shape_of(event.stimulus), f"{event.source}, {event.object}"
    if isinstance(shape, Call):
        return script_of(profile, shape, model, where)
    if isinstance(shape, Malformed):
        return script_of_malformed(profile, shape, where)
    return curl(profile, dialect, event.operation, shape, model, where)
