"""What a scenario drives with: inference, operations, features, fresh organizations. Everything it does is journaled."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from zdr_audit.profile.model import STAFF
from zdr_audit.suite.hands import Reply, ScenarioBroken
from zdr_audit.suite.inference import Inference
from zdr_audit.suite.party import Actor, NotOffered, Party, in_the_other_header
from zdr_audit.target.stimulus import Stimulus

BACK_SECONDS = 0.25
"""How long to wait for a target that begins anew before it is asked again."""
IN_THE_OTHER_HEADER = "the key in the other header"
ACTIONS: Mapping[str, str] = {
    "requested": "zdr.request",
    "approved": "zdr.approve",
    "rejected": "zdr.reject",
    "enabled": "zdr.enable",
    "disabled": "zdr.disable",
    "migrated": "zdr.migrate",
}
"""Each enablement action, as the profile's audit types name it, and the operation that does it."""


class Assay(Inference):
    """One scenario's hands."""

    def restart(self, *, step: str = "restart", labels: Mapping[str, str] | None = None) -> Reply:
        """Every node of the target ends and begins anew; gives the first one's answer once all serve again. An answer may well not come, since whoever
        should give it is ended. Raises ScenarioBroken where the target refuses, or does not come back within the profile's time-out."""
        operator = self.staff("operator")
        replies = []
        for number in range(self.nodes):
            node = self.node(number)
            reply = node.call("service.restart", operator, step=step, weigh="answer", labels=labels)
            if reply.interaction.outcome not in ("accepted", "no_answer", "server_error"):
                raise ScenarioBroken(f"{step}: the restart gave {reply.interaction.outcome} (status {reply.interaction.status})")
            if reply.interaction.outcome == "accepted" and self.recorder.ends_late is not False:
                self.recorder.ends_late = node.wait_until_gone(step=f"{step}: is it gone")
            node.wait_until_served(step=f"{step}: is it back")
            replies.append(reply)
        return replies[0]

    def wait_until_gone(self, *, step: str) -> bool:
        """Whether nothing serves any more: looked at until it is so, or the settle window is over, because it went by unseen or was over with the answer."""
        waited = 0.0
        while waited < self.profile.limits.settle_seconds:
            if not self.call("zdr.status", self.subject.member, step=step, org=self.subject).accepted:
                return True
            self.pause(BACK_SECONDS)
            waited += BACK_SECONDS
        return False

    def wait_until_served(self, *, step: str) -> None:
        """Until the ZDR status of the subject organization can be read. Raises ScenarioBroken where it cannot within the profile's time-out."""
        waited = 0.0
        while not self.call("zdr.status", self.subject.member, step=step, org=self.subject).accepted:
            if waited >= self.profile.limits.timeout_seconds:
                raise ScenarioBroken(f"{step}: the target does not serve again")
            self.pause(BACK_SECONDS)
            waited += BACK_SECONDS

    def fresh(
        self,
        *,
        step: str = "create an organization",
        account: Party | None = None,
        operation: str = "organization.create",
        called: str | None = None,
        **values: Any,
    ) -> Party:
        """A new organization with an admin and a member of its own, without ZDR unless its values say so; `called` as another one may be, too. Raises
        ScenarioBroken or NotOffered."""
        self._operation(operation)
        label = f"{self.scenario.rsplit('.', 1)[-1].replace('_', '-')}-{next(self.fresh_numbers)}"
        key = f"fresh:{label}"
        name = f"zdr-audit {self.run_id} {called or label}"
        made = self.provide(operation, step=step, org=account or self.subject, name=name, **values)
        identity = str(_given(made, operation, "organization"))
        like = self.subject.actors.get("admin", self.subject.member)  # its credential goes where those of the profile go
        party = Party(key, identity, (account or self.subject).account, "standard", {})
        secret, email = str(_given(made, operation, "admin_key")), made.values.get("admin_email")
        admin = Actor(f"{key}.admin", "admin", key, identity, "standard", like.header, secret, email, prefix=like.prefix)
        return self.add_member(party.with_actor(admin), step=step)

    def add_member(
        self, party: Party, *, step: str, role: str = "member", email: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Party:
        """A further user of an organization made for the run, with a key of their own; `email` where it is to be that of somebody elsewhere."""
        email = email or f"zdr-audit-{role}-{party.key.split(':')[-1]}@{self.run_id}.example".lower()
        user = self.must("user.create", party.admin, step=f"{step}: add a user", email=email, labels=labels)
        person, like = _given(user, "user.create", "user"), self.subject.member
        # Some targets give whoever is added a key at once.
        granted = (
            user
            if user.values.get("key")
            else self.must("key.create", party.admin, step=f"{step}: give the user a key", user=person, labels=labels)
        )
        actor = Actor(
            f"{party.key}.{role}",
            role,
            party.key,
            party.id,
            party.content,
            like.header,
            str(_given(granted, "key.create", "key")),
            email,
            str(person),
            like.prefix,
            key_id=granted.values.get("key_id"),
        )
        grown = party.with_actor(actor)
        self.recorder.made[party.key] = grown.actors
        return grown

    def other_credentials(self, party: Party, actor: Actor, *, step: str) -> dict[str, Actor]:
        """Further credentials of the same person of an organization made for the run, by what they are: the one at hand in the other header, where an
        inference shows that it is taken there, and a key more, where keys can be made."""
        found: dict[str, Actor] = {}
        for other in self.taken_in_the_other_header(actor, step=step):
            found[IN_THE_OTHER_HEADER] = other
        with suppress(NotOffered):
            found["a further key"] = self.further_key(party, actor, step=f"{step}: give a further key")
        return found

    def taken_in_the_other_header(self, actor: Actor, *, step: str) -> tuple[Actor, ...]:
        """The same credential in the other header, where an inference shows that it is taken there."""
        tried = f"{step}: try the other header"
        return tuple(
            other for other in in_the_other_header(actor) if self.infer(other, Stimulus(answer=False), step=tried, counts=False).accepted
        )

    def kinds_of_client(self, actor: Actor) -> tuple[Actor, ...]:
        """Whoever it is, as each kind of client that the target serves brings the credential. Which it serves is tried once a run, for the control
        organization: it would say nothing of ZDR that a key is not taken."""
        others, like = in_the_other_header(actor), self.control.member
        if self.recorder.takes_the_other_header is None:
            same = like.token is None and like.header.lower() == actor.header.lower()
            self.recorder.takes_the_other_header = same and bool(self.taken_in_the_other_header(like, step="which clients are served"))
        return (actor, *others) if self.recorder.takes_the_other_header else (actor,)

    def further_key(self, party: Party, actor: Actor, *, step: str) -> Actor:
        """The same person of an organization made for the run, with a key of their own more. Raises ScenarioBroken or NotOffered."""
        made = self.must("key.create", party.admin, step=step, org=party, user=actor.user)
        return replace(actor, secret=str(_given(made, "key.create", "key")), token=None, key_id=made.values.get("key_id"))

    def revoke(self, party: Party, actor: Actor, *, step: str, labels: Mapping[str, str] | None = None) -> None:
        """Takes away a key that was made for the run. Raises ScenarioBroken, or NotOffered where keys cannot be revoked or have no name to do it by."""
        self.needs("key.revoke")
        if actor.key_id is None:
            raise NotOffered("'key.create' of the profile extracts no 'key_id'")
        self.must("key.revoke", party.admin, step=step, org=party, labels=labels, key_id=actor.key_id)

    def revoked_key(self, party: Party) -> Actor | None:
        """A further key of a member that was tried ("the key works") and then revoked; None where the target has no such keys. Raises ScenarioBroken."""
        with suppress(NotOffered):
            key = self.further_key(party, party.member, step="give a key")
            self.call("zdr.status", key, step="the key works", org=party)
            self.revoke(party, key, step="revoke the key")
            return key
        return None

    def doer(self, operation: str) -> Actor:
        """Who of the provider does that, as the profile's `by` says. Raises NotOffered where it names nobody of the provider, or no credential is there."""
        operation = self.profile.done_by(operation) or operation
        role = self._operation(operation).by
        if role not in STAFF:
            raise NotOffered(
                f"the profile says that '{operation}' is done by '{role}', which is no role of the provider ({', '.join(STAFF)})"
            )
        return self.staff(role)

    def provide(self, operation: str, *, step: str, org: Party | None = None, **values: Any) -> Reply:
        """A call by whoever of the provider does it, without which the scenario cannot go on. Raises ScenarioBroken or NotOffered."""
        return self.must(operation, self.doer(operation), step=step, org=org, **values)

    def act(self, kind: str, org: Party, by: Actor | None = None, *, labels: Mapping[str, str] | None = None, **values: Any) -> Reply:
        """One enablement action that must leave an entry, done or refused; `by` None: by whoever of the provider does it."""
        operation = ACTIONS[kind]
        asked = {"asked": str(values["request"])} if "request" in values else {}
        said = {"audit": kind, **asked, **(labels or {})}
        return self.attempt(operation, by or self.doer(operation), step=f"act: {kind}", org=org, labels=said, **values)

    def enable(self, party: Party, *, step: str = "enable") -> Party:
        """Request, approve and enable ZDR for an organization; each step must succeed. Gives the party under its new promise."""
        asked = self.provide("zdr.request", step=f"{step}: request", org=party)
        request = _given(asked, "zdr.request", "request")
        self.review(party, request, step=f"{step}: approve")
        self.enable_approved(party, request, step=f"{step}: enable")
        return party.under("zdr")

    def review(self, party: Party, request: Any, *, step: str = "approve") -> None:
        """The approval of a request, where it was not approved at once."""
        if self.separate("zdr.approve"):
            self.provide("zdr.approve", step=step, org=party, request=request)

    def enable_approved(self, party: Party, request: Any, *, step: str = "enable") -> None:
        """The step after an approval, where the approval has not done it already."""
        if self.separate("zdr.enable"):
            self.provide("zdr.enable", step=step, org=party, request=request)


def _given(reply: Reply, operation: str, name: str) -> Any:
    """What an answer gave under a name that the suites count on. Raises NotOffered where the profile does not say where it stands."""
    if reply.values.get(name) is None:
        raise NotOffered(f"'extract' of the operation '{operation}' in the profile does not give '{name}'")
    return reply.values[name]
