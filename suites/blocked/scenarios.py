"""Features that need storage, tried by the control organization (where they must work) and by the subject (where they must be refused)."""

from __future__ import annotations

from zdr_audit.profile.model import FeatureEndpoint
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.detours import CLAIMS, detours
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.openapi import declared_storage_operations


@scenario()
def web_sessions(assay: Assay) -> None:
    """Claude Code on the web is used"""
    assay.use_feature_both("web_sessions", step="use")


@scenario()
def remote_sessions(assay: Assay) -> None:
    """Remote sessions are used"""
    assay.use_feature_both("remote_sessions", step="use")


@scenario()
def feedback(assay: Assay) -> None:
    """Feedback is submitted"""
    assay.use_feature_both("feedback", step="use")


@scenario()
def other_features(assay: Assay) -> None:
    """The other known features that need storage are used"""
    for name, feature in assay.profile.features.items():
        if not feature.named_in_policy:
            assay.use_feature_both(name, step="use")


@scenario()
def declared_features(assay: Assay) -> None:
    """Features that only the interface document declares are used"""
    known = {(e.method, e.path) for f in assay.profile.features.values() for e in f.endpoints}
    document = assay.document("openapi.read", step="read the interface document")
    for number, operation in enumerate(declared_storage_operations(document, known)):
        pair = f"{assay.scenario}/declared/{number}"
        for party in (assay.control, assay.subject):
            assay.call_declared(operation, party.member, step="use", pair=pair, counts=party.key == "subject")


@scenario()
def clients_that_claim_things(assay: Assay) -> None:
    """Feature requests whose headers claim to be allowed"""
    for name in assay.profile.features:
        for number, headers in enumerate(CLAIMS[: assay.count(5, len(CLAIMS), len(CLAIMS))]):
            step = f"claim {number}"
            assay.use_feature(name, assay.control.member, step=step, counts=False, only=_main)
            values = {"_headers": {k: v.replace("{control}", assay.control.id) for k, v in headers.items()}}
            assay.use_feature(name, assay.subject.member, step=step, only=_main, values=values)


@scenario()
def detours_to_features(assay: Assay) -> None:
    """Feature requests by other path forms, methods and credential kinds"""
    for number, (name, feature) in enumerate(assay.profile.features.items()):
        endpoint = next((e for e in feature.endpoints if _main(e)), None)
        if endpoint is None:
            continue
        assay.use_feature(name, assay.control.member, step="direct", counts=False, only=_main)
        assay.use_feature(name, assay.subject.member, step="direct", only=_main)
        known = {"org": assay.subject.id}
        # A quick audit takes another few at each feature, so that all are tried at one of them.
        for detour in detours(endpoint, known, assay.subject.member)[number % assay.count(5, 1, 1) :: assay.count(5, 1, 1)]:
            assay.use_feature(
                name,
                detour.actor,
                step=f"detour: {detour.name}",
                counts=False,
                only=_main,
                values=detour.values,
                labels={"detour": detour.name},
            )


def _main(endpoint: FeatureEndpoint) -> bool:
    return endpoint.carries and not endpoint.helper and not endpoint.continues


@scenario()
def a_session_begun_before(assay: Assay) -> None:
    """A session is begun, then ZDR is enabled, then the session goes on"""
    org = assay.fresh()
    known: dict[str, object] = {}
    for reply in assay.use_feature("remote_sessions", org.member, step="begin", counts=False):
        known |= {k: v for k, v in reply.values.items() if not k.startswith("_")}
    org = assay.enable(org)
    assay.use_feature("remote_sessions", org.member, step="go on", values=known, only=lambda e: e.name != "create")


@scenario()
def policy_limits(assay: Assay) -> None:
    """Clients read what they are allowed"""
    for party in (assay.subject, assay.control):
        assay.call("policy_limits.read", party.member, step=f"{party.key} reads", counts=party.key == "subject")
