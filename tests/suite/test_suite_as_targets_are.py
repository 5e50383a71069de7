"""What targets have otherwise than the reference backend, and a profile can say: who may use what, whose a log is, what comes with what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from inside import Lab
from pydantic import ValidationError

from suites.blocked.scenarios import feedback
from suites.enablement.scenarios import enabling_without_review
from suites.retention.scenarios import answers_asked_for_again
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.operation import Operation, Refusal
from zdr_audit.run.read_back import ReadBack
from zdr_audit.suite.answers import judged_call
from zdr_audit.suite.hands import Reply
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.outcome import classify
from zdr_audit.target.transport import Answer, Outgoing, Transport

JSON = {"content-type": "application/json"}


def _answer(body: str, status: int = 200) -> Answer:
    return Answer(status, JSON, body.encode(), "", "", "")


def test_an_endpoint_that_members_may_not_use_is_used_as_their_admin(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        feature = lab.profile.features["feedback"]
        first = feature.endpoints[0].model_copy(update={"by": "admin"})
        closed = feature.model_copy(update={"endpoints": (first, *feature.endpoints[1:])})
        lab.profile = lab.profile.model_copy(update={"features": {**lab.profile.features, "feedback": closed}})
        hands = lab.assay("blocked.feedback", 0, "quick")
        org = hands.fresh()
        for party, key in ((hands.control, "control"), (org, org.key)):
            used = [reply.interaction for reply in hands.use_feature("feedback", party.member, step="use")]
            assert (used[0].actor, used[0].role) == (f"{key}.admin", "admin")
            assert {i.role for i in used[1:]} <= {"member"}
        assert hands.use_feature("feedback", org.admin, step="use")[0].interaction.role == "admin"


def test_a_user_who_is_given_a_key_at_once_needs_no_other(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("enablement.the_way_to_zdr", 0, "quick")
        org = hands.fresh()
        must = hands.must

        def with_key(operation: str, by: Actor, **more: object) -> Reply:
            reply = must(operation, by, **more)
            if operation != "user.create":
                return reply
            key = must("key.create", by, step="the target gives a key", user=reply.values["user"])
            return replace(reply, values={**key.values, **reply.values})

        hands.must = with_key
        grown = hands.add_member(org, step="come", role="newcomer")
        assert hands.call("zdr.status", grown.actor("newcomer"), step="it works", org=grown).accepted
        steps = [i.step for i in lab.history().interactions.values() if i.operation == "key.create"]
        assert steps.count("the target gives a key") == 1 and "come: give the user a key" not in steps


def _log(place: str) -> Operation:
    return Operation(method="GET", path="/orgs/{org}/log", items="/data", fields={"id": "/id", "organization": place})


def test_the_entries_of_a_log_that_is_asked_for_by_its_organization_are_of_that_one() -> None:
    items: list[object] = []
    judged_call(_log("={org}"), Refusal(), _answer('{"data": [{"id": "a"}]}'), {}, items, "success", lambda _: None, {"org": "org_1"})
    assert items == [{"id": "a", "organization": "org_1"}]


@pytest.mark.parametrize("place", ["={account}", "={org} ", "={org:number}", "org"])
def test_nothing_else_of_the_request_is_said_of_an_entry(place: str) -> None:
    with pytest.raises(ValidationError):
        _log(place)


def test_a_policy_refusal_is_one_also_where_its_status_is_accepted_for_another_reason() -> None:
    refused = _answer('{"error": {"type": "permission_error", "message": "not under your organization\'s policy"}}', 403)
    other = _answer('{"error": {"type": "permission_error", "message": "not yours"}}', 403)
    assert [classify(answer, (200, 403), Refusal()) for answer in (refused, other)] == ["refused_by_policy", "accepted"]


def test_what_is_read_back_is_asked_for_with_the_headers_of_the_profile_filled() -> None:
    sent: list[Outgoing] = []

    class Listening(Transport):
        def send(self, outgoing: Outgoing) -> Answer:
            sent.append(outgoing)
            return _answer('{"data": []}')

    listing = Operation(method="GET", path="/log", headers={"tenant": "{org}", "version": "1"}, items="/data")
    evidence = Evidence(id="api", kind="http", what="what is kept", operation="kept.list")
    party = Party(
        "subject", "org_1", None, "zdr", {"member": Actor("subject.member", "member", "subject", "org_1", "zdr", "x-api-key", "k")}
    )
    way = Listening("http://127.0.0.1:9", 5, 1 << 20)
    list(ReadBack(evidence, lambda _: way, {"kept.list": listing}, (party,), Refusal()).documents())
    assert {name: sent[0].headers[name] for name in ("tenant", "version")} == {"tenant": "org_1", "version": "1"}


def test_a_further_form_of_the_request_needs_a_review_as_well(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        operations = {**lab.profile.operations, "zdr.request.urgent": lab.profile.operations["zdr.request"]}
        lab.profile = lab.profile.model_copy(update={"operations": operations})
        enabling_without_review.drive(lab.assay(enabling_without_review.name, 0, "quick"))
        done = list(lab.history().interactions.values())
    asked = next(i for i in done if i.operation == "zdr.request.urgent")
    tried = [i for i in done if i.step == "enable before review" and i.labels["about"] == asked.labels["about"]]
    assert asked.accepted and [i.outcome for i in tried] != [] and not any(i.served for i in tried)


def test_every_role_of_the_subject_organization_tries_each_feature(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        feedback.drive(lab.assay(feedback.name, 0, "quick"))
        history = lab.history()
    tried = [i for i in history.interactions.values() if i.organization == "subject"]
    assert {i.role for i in tried} == set(lab.parties["subject"].actors) > {"member", "admin"}
    assert all(history.counterpart(i) is not None for i in tried), "each is worth what it is for an organization without ZDR"


def test_what_is_asked_for_again_is_addressed_as_inference_is(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        spec = lab.profile.operations["messages.create"]
        addressed = spec.model_copy(update={"query": {"version": "7"}, "headers": {**spec.headers, "x-tenant": "{org}"}})
        lab.profile = lab.profile.model_copy(update={"operations": {**lab.profile.operations, "messages.create": addressed}})
        sent: list[tuple[str, str, str | None]] = []
        through = lab.transport.send

        def send(outgoing: Outgoing) -> Answer:
            sent.append((outgoing.method, outgoing.raw_path, outgoing.headers.get("x-tenant")))
            return through(outgoing)

        lab.transport.send = send
        answers_asked_for_again.drive(lab.assay(answers_asked_for_again.name, 0, "quick"))
        organizations = {party.id for party in (lab.parties["subject"], lab.parties["control"])}
    again = [(path, tenant) for method, path, tenant in sent if method == "GET"]
    assert all(path.endswith("?version=7") for _, path, _ in sent) and {tenant for _, tenant in again} == organizations
    assert any(path.startswith(f"{spec.path}/") for path, _ in again) and (f"{spec.path}?version=7", lab.parties["subject"].id) in again
