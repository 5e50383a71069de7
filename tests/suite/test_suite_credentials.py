"""A rule about a person holds for each credential of theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bound import inconclusive, violated
from inside import Lab

from suites.administration.scenarios import a_spend_limit
from suites.administration.test_administration import test_a_limit_holds_for_every_credential_of_its_user as holds_for_each
from suites.contract.scenarios import a_revoked_key
from suites.contract.test_contract import test_a_revoked_key_opens_nothing as opens_nothing
from suites.enablement.scenarios import migration, the_moment_of_enabling
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.target.transport import Answer, Outgoing


def without(lab: Lab, *operations: str) -> None:
    kept = {name: spec for name, spec in lab.profile.operations.items() if name not in operations}
    lab.profile = lab.profile.model_copy(update={"operations": kept})


def taking_one_header(lab: Lab) -> None:
    """The target takes keys in `x-api-key` alone."""
    send = lab.transport.send

    def sent(outgoing: Outgoing) -> Answer:
        known = {name.lower() for name in outgoing.headers}
        return replace(send(outgoing), status=401, body=b"{}") if "authorization" in known else send(outgoing)

    lab.transport.send = sent  # type: ignore[method-assign]


def driven(lab: Lab, scenario: Scenario) -> Expect:
    scenario.drive(lab.assay(scenario.name, 0, "quick"))
    return Expect(lab.history(), lab.profile, "ZDR-ADM-01", (scenario.name,), ("main",))


def test_a_person_has_further_credentials_which_are_the_same_persons(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("administration.a_spend_limit", 0, "quick")
        org = hands.fresh()
        found = hands.other_credentials(org, org.member, step="before")
        assert list(found) == ["the key in the other header", "a further key"]
        header, key = found.values()
        assert (header.secret, header.header) == (org.member.secret, "authorization")
        assert key.secret != org.member.secret and key.header == org.member.header
        assert header.user == key.user == org.member.user
        whose = {hands.call("zdr.status", actor, step="whose").interaction.outcome for actor in found.values()}
        assert whose == {"accepted"}
        assert found["a further key"].secret not in (tmp_path / "journal.sqlite").read_bytes().decode("latin-1")


def test_a_header_that_is_not_taken_is_no_credential_and_keys_that_cannot_be_made_are_none(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        taking_one_header(lab)
        hands = lab.assay("administration.a_spend_limit", 0, "quick")
        org = hands.fresh()
        assert list(hands.other_credentials(org, org.member, step="before")) == ["a further key"]
        without(lab, "key.create")
        assert lab.assay("administration.a_spend_limit", 0, "quick").other_credentials(org, org.member, step="before") == {}


def test_which_kinds_of_client_are_served_is_tried_once_a_run(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("enablement.many_histories", 0, "quick")
        for number in (1, 2):
            kinds = lab.assay(f"enablement.kinds_{number}", 0, "quick").kinds_of_client(hands.subject.member)
            assert [actor.header for actor in kinds] == ["x-api-key", "authorization"]
        (tried,) = [i for i in lab.history().interactions.values() if "the other header" in i.step]
        assert (tried.actor, tried.content) == ("control.member", "standard")
        assert hands.kinds_of_client(replace(hands.subject.member, header="x-house-key"))[1:] == ()
    with Lab(tmp_path / "one") as lab:
        taking_one_header(lab)
        hands = lab.assay("enablement.many_histories", 0, "quick")
        assert hands.kinds_of_client(hands.subject.member) == (hands.subject.member,)


def test_whoever_asks_after_enabling_asked_before_it_by_the_same_credential(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        sent = driven(lab, the_moment_of_enabling).interactions
    after = [(i.step, i.labels["with"], i.outcome) for i in sent if "with" in i.labels]
    header, key = "the key in the other header", "a further key"
    assert after == [
        *2 * [("ask after otherwise", header, "accepted")],
        ("use after otherwise", header, "refused_by_policy"),
        ("ask after otherwise", key, "accepted"),
    ]
    before = [(i.step, i.content) for i in sent if i.step in ("use before otherwise", "before: try the other header")]
    assert before == [("before: try the other header", "standard"), ("use before otherwise", "standard")]


def test_where_one_header_alone_is_taken_the_further_key_is_the_other_client(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        taking_one_header(lab)
        sent = driven(lab, the_moment_of_enabling).interactions
    assert [i.labels["with"] for i in sent if "with" in i.labels] == ["a further key"]


def test_clients_of_both_headers_ask_before_while_and_after_an_organization_migrates(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        assay = lab.assay(migration.name, 0, "quick")
        assay.parallel = lambda jobs, workers=1: [job() for job in jobs]  # type: ignore[method-assign]
        migration.drive(assay)
        sent = lab.history().of([migration.name])
    otherwise = [i for i in sent if i.step == "ask after otherwise"]
    assert [i.outcome for i in otherwise] == 2 * ["accepted"]
    assert {i.content for i in otherwise} == {"zdr"}


def test_a_limit_is_tried_with_every_credential_of_its_user_over_it_and_below_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, a_spend_limit)
        holds_for_each(expect)
    asked = [(i.step, i.labels["with"], i.status, i.content) for i in expect.interactions if "with" in i.labels]
    credentials = ("the key in the other header", "a further key", "a key from after the limit")
    assert asked == [
        *[("ask over the limit otherwise", name, 402, "zdr") for name in credentials],
        *[("ask below the limit otherwise", name, 200, "zdr") for name in credentials],
    ]


def test_a_limit_of_one_key_alone_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "adm-limit-binds-the-first-key") as lab:
        expect = driven(lab, a_spend_limit)
        message, findings = violated(lambda: holds_for_each(expect))
    assert message.startswith("a user over the spend limit must be stopped with a further key, too, but: ")
    assert len(findings) == 1


def test_whoever_is_let_on_with_the_first_key_alone_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, a_spend_limit)
    broken = {"status": 402, "outcome": "client_error"}
    named = "a key from after the limit"
    expect.interactions = [
        i.model_copy(update=broken) if i.step.startswith("ask below") and i.labels.get("with") == named else i for i in expect.interactions
    ]
    message, _ = violated(lambda: holds_for_each(expect))
    assert message.startswith(f"a user whose limit was raised must be served with {named}, too, but: ")


def test_where_a_person_has_one_credential_the_check_does_not_apply(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, a_spend_limit)
    expect.interactions = [i for i in expect.interactions if "with" not in i.labels]
    with pytest.raises(DoesNotApply, match="the user has one credential alone"):
        holds_for_each(expect)


def test_a_credential_that_nobody_knows_any_more_proves_nothing(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, a_spend_limit)
    unknown = {"status": 401, "outcome": "denied"}
    expect.interactions = [i.model_copy(update=unknown) if i.step == "ask over the limit otherwise" else i for i in expect.interactions]
    assert inconclusive(lambda: holds_for_each(expect)).startswith("no decision from the target: ")


def test_of_two_keys_the_revoked_one_opens_nothing_in_any_header_and_the_other_goes_on(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, a_revoked_key)
        opens_nothing(expect)
    assert len([i for i in expect.where(step="revoked key") if i.operation == "messages.create"]) == 2, "in either header"
    (other,) = expect.where(step="the user's other key")
    assert other.outcome == "accepted"
    expect.interactions = [i.model_copy(update={"status": 403, "outcome": "denied"}) if i is other else i for i in expect.interactions]
    message, _ = violated(lambda: opens_nothing(expect))
    assert message.startswith("the other key of the same user must go on working, but: ")
