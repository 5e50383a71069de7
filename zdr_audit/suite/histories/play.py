"""One history as it is played: the organizations made for it, the requests filed, the moves that can be made now, and how each is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from zdr_audit.profile.operation import Feature, FeatureEndpoint
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import Reply
from zdr_audit.suite.histories.model import Model
from zdr_audit.suite.limits import SILENT, Telling, telling
from zdr_audit.suite.party import Actor, Content, Party
from zdr_audit.target.stimulus import Stimulus

LIMITS_UNDER, LIMITS_WITHOUT = "limits of an organization with ZDR", "limits of one without"
"""The steps that show what this target tells its clients, before any history."""
MOST_ORGANIZATIONS = 2
MOST_NEWCOMERS = 2
DAY = 86_400
MOST_DAYS = 30 * 366
"""How far the histories of a run may move the clock in all: targets have their bounds, and other scenarios move it, too."""


class Departed(AssertionError):
    """The target departed from the model."""


def told_at_first(assay: Assay) -> Telling:
    """What this target tells its clients of ZDR, as the organizations of the profile show; nothing where it tells them nothing."""
    if not assay.offers("policy_limits.read"):
        return SILENT
    asked = ((assay.subject, LIMITS_UNDER), (assay.control, LIMITS_WITHOUT))
    under, without = (assay.call("policy_limits.read", party.member, step=step).interaction for party, step in asked)
    return telling(assay.profile, under, without)


@dataclass(frozen=True)
class Move:
    """One move that can be made now; its name is what Hypothesis prints."""

    name: str
    make: Callable[[], None] = field(repr=False, compare=False)


class Play:
    """One history: the organizations made for it, the requests filed, and the model."""

    def __init__(
        self,
        assay: Assay,
        number: int | str,
        *,
        changes: bool,
        through_time: bool = False,
        passed: list[int] | None = None,
        told: Telling = SILENT,
        born: str = "organization.create",
    ) -> None:
        self.assay, self.number, self.changes, self.through_time = assay, number, changes, through_time
        self.passed = [] if passed is None else passed
        self.model = Model(assay.profile, told)
        self.enabling = assay.profile.enabling[1]
        self.parties: list[Party] = []
        self.requests: dict[str, list[str]] = {}
        self.begun: dict[str, dict[int, dict[str, Any]]] = {}
        """What was begun, by organization and feature: one thing for each spell of the switch."""
        self.flagged: dict[str, str] = {}
        self.holds: dict[str, list[str]] = {}
        self.newcomers: dict[str, list[Actor]] = {}
        self.came = 0
        self.revoked: dict[str, Actor] = {}
        self.turn = 0
        self.asked: Counter[str] = Counter()
        if changes:
            self.create(born)
            if through_time:
                self.turn += 1
                self.ask(self.parties[0])  # content of standard retention, whatever comes after
        else:
            for party, zdr in ((assay.subject, True), (assay.control, False)):
                self.parties.append(party)
                self.model.know(party.id, zdr=zdr)

    def labels(self, move: str, **more: str) -> dict[str, str]:
        return {"history": str(self.number), "move": move, "turn": str(self.turn), **more}

    def judge(self, reply: Reply, *, rows: bool = False) -> None:
        problem = self.model.take(reply.interaction, [dict(item) for item in reply.items] if rows else [])
        if problem:
            raise Departed(problem)

    # -- moves ------------------------------------------------------------------------------------------------------------------------

    def moves(self) -> dict[str, list[Move]]:
        """Everything that can be done now, by kind: what leads on, what is out of place, what only looks. An empty kind is left out."""
        found: dict[str, list[Move]] = {"lead": [], "wrong": [], "see": [], "time": self._passing() if self.through_time else []}
        for at, party in enumerate(self.parties):
            found["see"] += self._seeing(at, party)
            if self.changes:
                # The first organization goes on three times as often: a few long ways find more than many short ones.
                found["lead"] += (1 if at else 3) * self._leading_on(at, party)
                found["wrong"] += self._other_steps(at, party)
        if self.changes and len(self.parties) < MOST_ORGANIZATIONS:
            kinds = ["organization.create", "organization.create_api_zdr"]
            found["wrong"] += [Move(f"another {kind}", partial(self.create, kind)) for kind in kinds if self.assay.offers(kind)]
        return {kind: moves for kind, moves in found.items() if moves}

    def _seeing(self, at: int, party: Party) -> list[Move]:
        found = [Move(f"look at {at}", partial(self.look, party)), Move(f"ask as {at}", partial(self.ask, party))]
        found += [Move(f"use {name} as {at}", partial(self.use, party, name)) for name in self.assay.profile.features]
        found += [
            Move(f"go on as {at} with {name} of spell {spell}", partial(self.go_on, party, name, spell))
            for name in self.assay.profile.features
            for spell in self.begun.get(f"{party.id}/{name}", ())
        ]
        if self.model.telling != SILENT:
            found.append(Move(f"read the limits of {at}", partial(self.limits, party)))
        if self.assay.offers("events.send") or self.assay.offers("metrics.send"):
            found.append(Move(f"a client of {at} reports", partial(self.report, party)))
        found += [*self._administering(at, party), *(self._members(at, party) if self.changes else [])]
        if self.changes and self.assay.offers("audit.list") and self.assay.profile.audit_types is not None:
            found += 2 * [Move(f"read the log of {at}", partial(self.log, party))]
            if "neighbour" in self.assay.others and "admin" in self.assay.others["neighbour"].actors:
                found.append(Move(f"another organization reads the log of {at}", partial(self.stranger, party)))
        return found

    def _members(self, at: int, party: Party) -> list[Move]:
        """People come, ask and leave."""
        here, found = self.newcomers.get(party.id, []), []
        if len(here) < MOST_NEWCOMERS and self.assay.offers("user.create") and self.assay.offers("key.create"):
            found.append(Move(f"a member of {at} comes", partial(self.come, party)))
        if here:
            found.append(Move(f"ask as who came to {at}", lambda: self.ask(party, here[-1])))
            if self.assay.offers("key.revoke") and here[0].key_id is not None:
                found.append(Move(f"a member of {at} leaves", partial(self.leave, party)))
        return found

    def _passing(self) -> list[Move]:
        """Time passes, or the service begins anew; as far as the target has the means."""
        found: list[Move] = []
        if self.assay.offers("service.restart"):
            found += 2 * [Move("the service begins anew", self.restart)]
        if self.assay.offers("clock.advance"):
            found += [Move(f"{days} days pass", partial(self.wait, days)) for days in (1, *self.periods()) if self.left() > 1]
        return found

    def periods(self) -> tuple[int, ...]:
        """Days after which what is kept for the standard period is past its time, and what is kept by exception."""
        limits = self.assay.profile.limits
        return tuple(days + 1 for days in (limits.standard_retention_days, limits.exception_retention_days) if self.left() > days)

    def left(self) -> int:
        """How many days the clock may still be moved."""
        return MOST_DAYS - sum(self.passed)

    def endings(self) -> list[Callable[[], None]]:
        """What every history ends with: what is held is released, and a look at the state and the log of every organization. Through time it is first led to
        what must last, a key is revoked and a session flagged, and a request is filed that nobody decides; then the service begins anew, and the longest
        period passes."""
        released = [partial(self.release, party) for party in self.parties for _ in self.holds.get(party.id, ())]
        if not self.through_time:
            return [*released, *(partial(last, party) for party in self.parties for last in (self.look, self.log))]
        offers, first = self.assay.offers, self.parties[0]
        found: list[Callable[[], None]] = [*released, partial(self.lead_to_zdr, first)]
        found += [partial(self.revoke, first)] if offers("key.create") and offers("key.revoke") else []
        found += [partial(self.flag, first)] if "operator" in self.assay.staff_actors and offers("session.flag") else []
        found += [self.restart] if offers("service.restart") else []
        waits: list[Callable[[], None]] = [partial(self.wait, days) for days in self.periods()[-1:]]
        if waits and self.assay.separate("zdr.approve"):
            found.append(self.file_what_waits)
            waits.append(self.enable_what_waited)
        return [*found, *waits]

    def file_what_waits(self) -> None:
        """One more organization, for which ZDR is requested, and nobody decides."""
        self.create("organization.create")
        self.turn += 1
        self.act("requested", self.parties[-1])

    def enable_what_waited(self) -> None:
        """Where enabling is a step by itself; else what was seen after the time tells whether it was done."""
        party = self.parties[-1]
        if self.enabling == "enabled":
            self.act("enabled", party, next(iter(self.requests.get(party.id, [])), "none"))

    def lead_to_zdr(self, party: Party) -> None:
        """The steps that are left on the way to ZDR."""
        known = self.model.organizations[party.id]
        if known.world.zdr:
            return
        if not known.open_request:
            self.act("requested", party)
        by_status = {known.world.status(request): request for request in self.requests.get(party.id, [])}
        if waiting := by_status.get("requested"):
            self.turn += 1
            self.act("approved", party, waiting)
            by_status["approved"] = waiting
        if self.enabling == "enabled":
            self.turn += 1
            self.act("enabled", party, by_status.get("approved", "none"))

    def _administering(self, at: int, party: Party) -> list[Move]:
        """What administrators and the operator do besides: none of it may touch ZDR."""
        offers, found = self.assay.offers, []
        if offers("analytics.read") and "admin" in party.actors:
            found.append(Move(f"read the usage of {at}", partial(self.usage, party)))
        if not self.changes:
            return found
        if "operator" in self.assay.staff_actors and offers("session.flag"):
            found.append(Move(f"flag a session of {at}", partial(self.flag, party)))
        if party.id in self.flagged and "session" in self.assay.offered:
            found.append(Move(f"ask in a flagged session of {at}", partial(self.ask_flagged, party)))
        if party.id in self.flagged and offers("exceptions.list"):
            found.append(Move(f"see what is kept of {at}", partial(self.kept, party)))
        if self.holds.get(party.id):
            found.append(Move(f"release the hold of {at}", partial(self.release, party)))
        elif "operator" in self.assay.staff_actors and offers("hold.place") and offers("hold.release"):
            found.append(Move(f"hold a session of {at}", partial(self.hold, party)))
        if offers("key.create") and offers("key.revoke"):
            found.append(Move(f"give a key of {at} and revoke it", partial(self.revoke, party)))
        if party.id in self.revoked:
            found.append(Move(f"try a revoked key of {at}", partial(self.try_revoked, party)))
        return found

    def _leading_on(self, at: int, party: Party) -> list[Move]:
        """The step that comes next on the way to ZDR and back; where an old request stands there, enabling that one is as tempting."""
        known = self.model.organizations[party.id]
        if known.product == "api":
            return [Move(f"migrate {at}", partial(self.act, "migrated", party))]
        if known.world.zdr:
            return 2 * [Move(f"disable {at}", partial(self.act, "disabled", party))]
        filed = self.requests.get(party.id, [])
        by_status = {known.world.status(request): request for request in filed}
        old = [by_status[status] for status in ("rejected", "used") if status in by_status]
        tempting = [Move(f"enable an old request for {at}", partial(self.act, self.enabling, party, request)) for request in old]
        if approved := by_status.get("approved"):
            return [Move(f"enable for {at}", partial(self.act, "enabled", party, approved)), *3 * tempting]
        if waiting := by_status.get("requested"):
            approve = Move(f"approve for {at}", partial(self.act, "approved", party, waiting))
            reject = Move(f"reject for {at}", partial(self.act, "rejected", party, waiting))
            return [approve, approve, reject] if old else [approve, reject]
        return [*2 * [Move(f"request for {at}", partial(self.act, "requested", party))], *tempting]

    def _other_steps(self, at: int, party: Party) -> list[Move]:
        """Steps at the wrong time, on other requests, and by those who may not."""
        admin, team = party.admin, self.assay.doer("zdr.request")
        found = [
            Move(f"disable {at} anyway", partial(self.act, "disabled", party)),
            Move(f"request for {at} anyway", partial(self.act, "requested", party)),
            Move(f"the admin of {at} requests", partial(self.act, "requested", party, by=admin)),
            Move(f"the admin of {at} disables", partial(self.act, "disabled", party, by=admin)),
        ]
        decided: tuple[tuple[str, Actor | None], ...] = (("rejected", None), ("approved", None), ("approved", team))
        steps: tuple[tuple[str, Actor | None], ...] = (*(decided if self.assay.separate("zdr.approve") else ()), (self.enabling, admin))
        if self.enabling == "enabled":
            steps = (("enabled", None), *steps)
        for number, request in enumerate(self.requests.get(party.id, [])[-4:]):
            for kind, by in steps:
                who = by.role if by else "who may"
                found.append(Move(f"{who}: {kind} for {at}, request {number}", partial(self.act, kind, party, request, by)))
        return found

    def staff(self, role: str) -> Actor:
        return self.assay.staff(role)

    # -- making them --------------------------------------------------------------------------------------------------------------------

    def create(self, operation: str) -> None:
        party = self.assay.fresh(step="create", account=self.assay.elsewhere, operation=operation, labels=self.labels("create"))
        self.parties.append(party)
        api = operation.endswith("api_zdr")
        self.model.know(party.id, zdr=api, product="api" if api else "enterprise", born=api)

    def act(self, kind: str, party: Party, request: str = "", by: Actor | None = None) -> None:
        about = {"request": request} if request else {}
        reply = self.assay.act(kind, party, by, labels=self.labels("act"), **about)
        if made := reply.values.get("request") if kind == "requested" else None:
            self.requests.setdefault(party.id, []).append(str(made))
        self.judge(reply)
        if kind in (self.enabling, "disabled", "migrated") and reply.interaction.outcome == "accepted":
            self.see_all(party)

    def see_all(self, changed: Party) -> None:
        """After a change: the state that each organization has, whether a feature and what clients are told follow it, and content to be looked for."""
        names = list(self.assay.profile.features)
        for party in self.parties:
            self.turn += 1
            self.look(party)
        self.limits(changed)
        self.use(changed, names[self.turn % len(names)])
        self.ask(changed)

    def now(self, party: Party, otherwise: Content = "standard") -> Party:
        """The organization under the promise that holds for it now."""
        return party.under("zdr" if self.model.organizations[party.id].world.zdr else otherwise)

    def look(self, party: Party) -> None:
        self.judge(self.assay.call("zdr.status", party.member, step="look", org=party, labels=self.labels("look"), counts=True))

    def limits(self, party: Party) -> None:
        """What clients are told that they may do, where this target tells them anything of it."""
        if self.model.telling != SILENT:
            self.judge(self.assay.call("policy_limits.read", party.member, step="limits", labels=self.labels("limits")))

    def report(self, party: Party) -> None:
        """A client reports events or counts, turn about, and says more than it should: the model has no say in it, but nothing may be kept of it."""
        actor, labels = self.now(party).member, self.labels("report", about=party.id)
        if offered := [name for name in ("events.send", "metrics.send") if self.assay.offers(name)]:
            operation = offered[self.turn % len(offered)]
            self.judge(self.assay.call(operation, actor, step="report", content=actor.content, labels=labels, weigh="decision"))

    def come(self, party: Party) -> None:
        """A member with a key of their own comes."""
        self.came += 1
        role = f"newcomer-{self.came}"
        larger = self.assay.add_member(party, step="a member comes", role=role, labels=self.labels("operate"))
        self.newcomers.setdefault(party.id, []).append(larger.actor(role))

    def leave(self, party: Party) -> None:
        """Who came first of those who are there has their key revoked: from now on it opens nothing."""
        gone = self.newcomers[party.id].pop(0)
        labels = self.labels("operate")
        self.judge(self.assay.attempt("key.revoke", party.admin, step="a member leaves", org=party, labels=labels, key_id=gone.key_id))
        self.revoked[party.id] = gone
        self.turn += 1
        self.try_revoked(party)

    def ask(self, party: Party, by: Actor | None = None) -> None:
        now = self.now(party)
        actor = now.member if by is None else replace(by, content=now.content)
        stimulus = Stimulus(stream=self.turn % 2 == 0, session=self.assay.session(f"history-{self.number}"))
        kinds = self.assay.kinds_of_client(actor)
        # Counted, not drawn, so that it is the same when the history is made once more. Two in a row are alike: whoever asks after each switch comes as one
        # kind of client both before a switch and after it.
        client = kinds[(self.asked[actor.key] + 1) // 2 % len(kinds)]
        self.asked[actor.key] += 1
        told = {} if client is actor else {"header": client.header}
        self.judge(self.assay.infer(client, stimulus, step="ask", labels=self.labels("ask", about=party.id, **told)))

    def use(self, party: Party, name: str) -> None:
        actor = self.now(party, "none").member
        first = self.assay.feature(name).first
        (reply,) = self.assay.use_feature(name, actor, step="use", only=lambda e: e is first, labels=self.labels("use"))
        made = {k: v for k, v in reply.values.items() if not k.startswith("_")}
        if reply.accepted and reply.interaction.outcome == "accepted" and made:
            self.begun.setdefault(f"{party.id}/{name}", {})[self.model.organizations[party.id].spell] = made
        self.judge(reply)

    def go_on(self, party: Party, name: str, spell: int) -> None:
        """With what was begun in that spell: read it, or add to it, turn about."""
        known, labels = self.begun[f"{party.id}/{name}"][spell], self.labels("go on", spell=str(spell))
        if ways := ways_on(self.assay.feature(name)):
            way, actor = ways[self.turn % len(ways)], self.now(party, "none").member
            (reply,) = self.assay.use_feature(name, actor, step="go on", values=known, only=lambda e: e is way, labels=labels)
            self.judge(reply)

    def log(self, party: Party) -> None:
        self.judge(self.assay.list_all("audit.list", party.admin, step="read log", org=party, labels=self.labels("log")), rows=True)

    def usage(self, party: Party) -> None:
        self.judge(self.assay.list_all("analytics.read", party.admin, step="usage", org=party, labels=self.labels("usage")), rows=True)

    def flag(self, party: Party) -> None:
        session = f"zdr-audit-flagged-{self.number}-{self.turn}"
        labels = self.labels("flag")
        labels["session"] = session
        reply = self.assay.attempt("session.flag", self.staff("operator"), step="flag", org=party, labels=labels, session=session)
        self.flagged[party.id] = session
        self.judge(reply)
        if self.through_time and "session" in self.assay.offered:
            self.turn += 1
            self.ask_flagged(party)

    def ask_flagged(self, party: Party) -> None:
        session = self.flagged[party.id]
        labels = self.labels("ask", about=party.id, session=session)
        self.judge(self.assay.infer(party.under("exception").member, Stimulus(session=session), step="ask flagged", labels=labels))

    def kept(self, party: Party) -> None:
        listed = self.assay.list_all("exceptions.list", self.staff("operator"), step="kept", org=party, labels=self.labels("kept"))
        self.judge(listed, rows=True)

    def hold(self, party: Party) -> None:
        """It stands until it is released: whatever happens in between, happens beside it."""
        operator, session = self.staff("operator"), f"zdr-audit-held-{self.number}-{self.turn}"
        placed = self.assay.attempt("hold.place", operator, step="hold", org=party, labels=self.labels("operate"), session=session)
        self.holds.setdefault(party.id, []).append(str(placed.values.get("hold", "none")))
        self.judge(placed)

    def release(self, party: Party) -> None:
        known = {"hold": self.holds[party.id].pop(0)}
        labels = self.labels("operate")
        self.judge(self.assay.attempt("hold.release", self.staff("operator"), step="release", org=party, labels=labels, **known))

    def revoke(self, party: Party) -> None:
        """A key that works, and then must not."""
        admin = party.admin
        made = self.assay.attempt("key.create", admin, step="give a key", org=party, labels=self.labels("operate"), user=party.member.user)
        self.judge(made)
        holder = replace(party.member, secret=str(made.values.get("key", "")), token=None)
        self.turn += 1
        self.judge(self.assay.call("zdr.status", holder, step="look", org=party, labels=self.labels("look"), counts=True))
        self.turn += 1
        known = {"key_id": made.values.get("key_id", "none")}
        self.judge(self.assay.attempt("key.revoke", admin, step="revoke", org=party, labels=self.labels("operate"), **known))
        self.turn += 1
        self.revoked[party.id] = holder
        self.try_revoked(party)

    def try_revoked(self, party: Party) -> None:
        holder = self.revoked[party.id]
        self.judge(self.assay.call("zdr.status", holder, step="revoked", org=party, labels=self.labels("revoked"), weigh="answer"))

    def wait(self, days: int) -> None:
        """Time passes, and where a period is over, what is due is purged."""
        operator, seconds = self.staff("operator"), days * DAY
        self.passed.append(days)
        labels = self.labels("time", seconds=str(seconds))
        self.judge(self.assay.call("clock.advance", operator, step="time passes", labels=labels, seconds=seconds))
        if days > 1 and self.assay.offers("purge.run"):
            self.judge(self.assay.call("purge.run", operator, step="purge", labels=self.labels("purge")))
        self.see_everything()

    def restart(self) -> None:
        self.judge(self.assay.restart(labels=self.labels("restart")))
        self.see_everything()

    def see_everything(self) -> None:
        """After what touches the whole target: state, log, features, what is kept and what was taken away, of every organization."""
        names = list(self.assay.profile.features)
        for party in self.parties:
            looks: list[Callable[[], None]] = [partial(self.look, party), partial(self.use, party, names[self.turn % len(names)])]
            if self.assay.offers("audit.list") and self.assay.profile.audit_types is not None:
                looks.append(partial(self.log, party))
            if party.id in self.flagged and self.assay.offers("exceptions.list"):
                looks.append(partial(self.kept, party))
            if party.id in self.revoked:
                looks.append(partial(self.try_revoked, party))
            for look in looks:
                self.turn += 1
                look()

    def stranger(self, party: Party) -> None:
        labels = self.labels("stranger")
        self.judge(self.assay.call("audit.list", self.assay.other("neighbour").admin, step="stranger", org=party, labels=labels))


def ways_on(feature: Feature) -> list[FeatureEndpoint]:
    """The ways to go on with a thing of that feature: to read it, and to add to it."""
    reads = next((e for e in feature.endpoints if e.method == "GET" and "{" in e.path), None)
    return [e for e in (reads, next((e for e in feature.endpoints if e.continues), None)) if e is not None]
