"""What belongs to which customer, and answers that name what is another's."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import CONTROL, SUBJECT, Record, interaction

from zdr_audit.journal.events import Created, Interaction
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.ledger import accounts, names_nothing_of_other_customers, owners
from zdr_audit.suite.outcomes import DoesNotApply, Violated

NEIGHBOUR = "org_neighbour"
PROMISE = "no answer may name who or what is another customer's"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def made(number: int, kind: str, name: str, organization: str) -> tuple[Interaction, Created]:
    """Something that the run made in an organization, with the request that made it."""
    item = interaction(
        number, operation=f"{kind}.create", organization="staff", organization_id="", actor="staff.operator", labels={"about": organization}
    )
    event = Created(
        kind=kind,
        id=name,
        operation=item.operation,
        interaction=item.id,
        organization=organization,
        actor=item.actor,
        cleanup=None,
        values={},
    )
    return item, event


def bound(profile: Profile, *answers: Interaction) -> Expect:
    """A run that made an organization under each account, and a user in each of these."""
    record = Record()
    steps = [
        made(30, "organization", "org_ours", SUBJECT),
        made(31, "organization", "org_theirs", NEIGHBOUR),
        made(32, "user", "user_ours", "org_ours"),
        made(33, "user", "user_theirs", "org_theirs"),
    ]
    record.created = [event for _, event in steps]
    by_them = interaction(34, organization="fresh:1", organization_id="org_theirs", labels={"email": "Ann@Theirs.example"})
    record.interactions += [*(item for item, _ in steps), by_them, *answers]
    return Expect(record.history(), profile, "ZDR-CON-06", (), ("main",))


def listing(number: int, organization: str, *rows: Any, **changes: Any) -> Interaction:
    fields = {"operation": "users.list", "method": "GET", "path": f"/v1/organizations/{organization}/users", "data": {"items": list(rows)}}
    return interaction(number, **(fields | {"organization": "fresh", "organization_id": organization} | changes))


def test_what_the_run_makes_belongs_to_the_account_that_it_was_made_under(profile):
    history = bound(profile).history
    ours = accounts(history, profile)[SUBJECT]
    theirs = accounts(history, profile)[NEIGHBOUR]
    assert ours != theirs
    assert accounts(history, profile)["org_ours"] == accounts(history, profile)[CONTROL] == ours
    told = owners(history, profile)
    assert (told["user_ours"], told["user_theirs"], told["org_theirs"], told["ann@theirs.example"]) == (ours, theirs, theirs, theirs)


@pytest.mark.parametrize("row", [{"user": "user_theirs"}, {"email": "ann@theirs.example"}, {"deep": [{"email": "ANN@theirs.example"}]}])
def test_an_answer_that_names_another_customers_user_is_found(profile, row):
    expect = bound(profile, listing(40, "org_ours", {"user": "user_ours"}, row))
    with pytest.raises(Violated) as caught:
        names_nothing_of_other_customers(expect, PROMISE)
    assert str(caught.value).startswith(f"{PROMISE}, but 1 do, first: i-00040")


def test_lists_of_ones_own_users_and_of_those_of_the_same_account_are_right(profile):
    own = listing(40, "org_ours", {"user": "user_ours"})
    of_the_account = listing(41, SUBJECT, {"user": "user_ours"})
    theirs = listing(42, "org_theirs", {"user": "user_theirs", "email": "ann@theirs.example"})
    names_nothing_of_other_customers(bound(profile, own, of_the_account, theirs), PROMISE)


def test_what_the_request_itself_named_and_what_was_refused_is_no_finding(profile):
    asked = listing(40, "org_ours", {"organization": "org_theirs"}, {"user": "user_ours"}, path="/v1/organizations/org_theirs/users")
    refused = listing(41, "org_ours", {"user": "user_theirs"}, status=403, outcome="denied", accepted=False)
    by_staff = listing(42, "", {"user": "user_theirs"}, actor="staff.operator")
    names_nothing_of_other_customers(bound(profile, asked, refused, by_staff), PROMISE)


def test_somebody_who_belongs_to_both_is_nobodys_secret(profile):
    twice = interaction(39, organization="fresh:2", organization_id="org_ours", labels={"email": "ann@theirs.example"})
    own = listing(40, "org_ours", {"user": "user_ours"}, {"email": "ann@theirs.example"})
    names_nothing_of_other_customers(bound(profile, twice, own), PROMISE)


def test_a_run_of_which_nothing_can_be_said_is_no_pass(profile):
    with pytest.raises(DoesNotApply, match="no answer named even what is its customer's own"):
        names_nothing_of_other_customers(bound(profile), PROMISE)
    bare = profile.model_copy(
        update={"organizations": {name: o.model_copy(update={"account": None}) for name, o in profile.organizations.items()}}
    )
    with pytest.raises(DoesNotApply, match="the run acted for one account alone"):
        names_nothing_of_other_customers(bound(bare, listing(40, "org_ours", {"user": "user_theirs"})), PROMISE)
