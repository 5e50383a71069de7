"""The machine: Hypothesis chooses move after move, each is made and journaled, and the model says at once whether to go on or to look for a shorter way.

What it finds live only steers the search. The verdict comes from the journal (`replay`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import Reply, ScenarioBroken
from zdr_audit.suite.histories.model import Model, Unknown
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.stimulus import Stimulus

MOST_ORGANIZATIONS = 2
KINDS = (*7 * ("lead",), "wrong", "see")
KINDS_THROUGH_TIME = (*4 * ("lead",), "wrong", "see", *3 * ("time",))
DAY = 86_400
MOST_DAYS = 30 * 366
"""How far the histories of a run may move the clock in all: targets have their bounds, and other scenarios move it, too."""


class Enough(BaseException):
    """The time or number of attempts that shrinking may take is used up. Not an Exception: Hypothesis must not take it for a failure."""


class Departed(AssertionError):
    """The target departed from the model."""


@dataclass(frozen=True)
class Bounds:
    """How many histories, how long, and what finding a shorter one may take."""

    histories: int
    steps: int
    attempts: int
    seconds: float


QUICK = Bounds(3, 24, 40, 6)
STANDARD = Bounds(7, 30, 120, 15)
THOROUGH = Bounds(80, 60, 200, 60)
# Through time: after each such move everything is looked at.
QUICK_THROUGH_TIME = Bounds(2, 12, 20, 6)
STANDARD_THROUGH_TIME = Bounds(2, 18, 60, 15)
THOROUGH_THROUGH_TIME = Bounds(12, 40, 60, 60)


@dataclass(frozen=True)
class Move:
    """One move that can be made now; its name is what Hypothesis prints."""

    name: str
    make: Callable[[], None] = field(repr=False, compare=False)


class Play:
    """One history: the organizations made for it, the requests filed, and the model."""

    def __init__(self, assay: Assay, number: int, *, changes: bool, through_time: bool = False, passed: list[int] | None = None) -> None:
        self.assay, self.number, self.changes, self.through_time = assay, number, changes, through_time
        self.passed = [] if passed is None else passed
        self.model = Model(assay.profile)
        self.enabling = assay.profile.enabling[1]
        self.parties: list[Party] = []
        self.requests: dict[str, list[str]] = {}
        self.begun: dict[str, dict[str, Any]] = {}
        self.flagged: dict[str, str] = {}
        self.holds: dict[str, str] = {}
        self.revoked: dict[str, Actor] = {}
        self.turn = 0
        if changes:
            self.create("organization.create")
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
            Move(f"go on with {name} as {at}", partial(self.go_on, party, name))
            for name in self.assay.profile.features
            if f"{party.id}/{name}" in self.begun
        ]
        found += self._administering(at, party)
        if self.changes and self.assay.offers("audit.list") and self.assay.profile.audit_types is not None:
            found += 2 * [Move(f"read the log of {at}", partial(self.log, party))]
            if "neighbour" in self.assay.others and "admin" in self.assay.others["neighbour"].actors:
                found.append(Move(f"another organization reads the log of {at}", partial(self.stranger, party)))
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
        what must last, a key is revoked and a session flagged; then the service begins anew, and the longest period passes."""
        released = [partial(self.release, party) for party in self.parties if party.id in self.holds]
        if not self.through_time:
            return [*released, *(partial(last, party) for party in self.parties for last in (self.look, self.log))]
        offers, first = self.assay.offers, self.parties[0]
        found: list[Callable[[], None]] = [*released, partial(self.lead_to_zdr, first)]
        found += [partial(self.revoke, first)] if offers("key.create") and offers("key.revoke") else []
        found += [partial(self.flag, first)] if "operator" in self.assay.staff_actors and offers("session.flag") else []
        found += [self.restart] if offers("service.restart") else []
        return [*found, *(partial(self.wait, days) for days in self.periods()[-1:])]

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
        if party.id in self.holds:
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
        self.model.know(party.id, zdr=operation.endswith("api_zdr"), product="api" if operation.endswith("api_zdr") else "enterprise")

    def act(self, kind: str, party: Party, request: str = "", by: Actor | None = None) -> None:
        about = {"request": request} if request else {}
        reply = self.assay.act(kind, party, by, labels=self.labels("act"), **about)
        if made := reply.values.get("request") if kind == "requested" else None:
            self.requests.setdefault(party.id, []).append(str(made))
        self.judge(reply)
        if kind in (self.enabling, "disabled", "migrated") and reply.interaction.outcome == "accepted":
            self.see_all(party)

    def see_all(self, changed: Party) -> None:
        """After a change: the state that each organization has, and whether a feature follows it, and content to be looked for."""
        names = list(self.assay.profile.features)
        for party in self.parties:
            self.turn += 1
            self.look(party)
        self.use(changed, names[self.turn % len(names)])
        self.ask(changed)

    def look(self, party: Party) -> None:
        self.judge(self.assay.call("zdr.status", party.member, step="look", org=party, labels=self.labels("look"), counts=True))

    def ask(self, party: Party) -> None:
        zdr = self.model.organizations[party.id].world.zdr
        actor = party.under("zdr" if zdr else "standard").member
        stimulus = Stimulus(stream=self.turn % 2 == 0, session=self.assay.session(f"history-{self.number}"))
        self.judge(self.assay.infer(actor, stimulus, step="ask", labels=self.labels("ask", about=party.id)))

    def use(self, party: Party, name: str) -> None:
        actor = party.under("zdr" if self.model.organizations[party.id].world.zdr else "none").member
        first = self.assay.feature(name).first
        (reply,) = self.assay.use_feature(name, actor, step="use", only=lambda e: e is first, labels=self.labels("use"))
        made = {k: v for k, v in reply.values.items() if not k.startswith("_")}
        if reply.accepted and reply.interaction.outcome == "accepted" and made:
            self.begun[f"{party.id}/{name}"] = made
        self.judge(reply)

    def go_on(self, party: Party, name: str) -> None:
        known = self.begun[f"{party.id}/{name}"]
        actor = party.under("zdr" if self.model.organizations[party.id].world.zdr else "none").member
        reader = next((e for e in self.assay.feature(name).endpoints if e.method == "GET" and "{" in e.path), None)
        if reader is not None:
            (reply,) = self.assay.use_feature(
                name, actor, step="go on", values=known, only=lambda e: e is reader, labels=self.labels("go on")
            )
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
        self.holds[party.id] = str(placed.values.get("hold", "none"))
        self.judge(placed)

    def release(self, party: Party) -> None:
        known = {"hold": self.holds.pop(party.id)}
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


def drive(assay: Assay, bounds: Bounds, *, changes: bool, through_time: bool = False) -> None:
    """Histories until one departs from the model or all are made; of one that departs, shorter ones within the bounds, unless the run is to look for
    nothing shorter. All are in the journal. `through_time`: among the moves are the passing of time and restarts of the service, where the target has
    them."""
    kinds = KINDS_THROUGH_TIME if through_time else KINDS
    attempts = bounds.attempts if assay.shortens else 0
    count = [0]
    failed_at: list[tuple[int, float]] = []
    badly_ended: list[int] = []
    passed: list[int] = []

    class Histories(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            if failed_at and (count[0] - failed_at[0][0] >= attempts or time.monotonic() - failed_at[0][1] > bounds.seconds):
                raise Enough
            count[0] += 1
            self.departed = False
            self.play = Play(assay, count[0], changes=changes, through_time=through_time, passed=passed)

        @rule(data=st.data())
        def move(self, data: st.DataObject) -> None:
            moves = self.play.moves()
            kind = data.draw(st.sampled_from([kind for kind in kinds if kind in moves]), label="kind")
            chosen = data.draw(st.sampled_from(moves[kind]), label="move")
            self.play.turn += 1
            try:
                chosen.make()
            except Departed:
                self.departed = True
                if not failed_at:
                    failed_at.append((count[0], time.monotonic()))
                raise

        def teardown(self) -> None:
            if self.departed or not self.play.changes or (failed_at and not badly_ended):
                return
            for last in self.play.endings():
                self.play.turn += 1
                try:
                    last()
                except Departed:
                    badly_ended.append(count[0])
                    if not failed_at:
                        failed_at.append((count[0], time.monotonic()))
                    raise

    shape = settings(
        max_examples=bounds.histories,
        stateful_step_count=bounds.steps,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    try:
        run_state_machine_as_test(seed(assay.seed)(Histories), settings=shape)
    except Enough:
        return
    except Unknown as exc:
        raise ScenarioBroken(str(exc)) from None
    except Exception:
        if not failed_at:
            raise
