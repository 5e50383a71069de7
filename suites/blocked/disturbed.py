"""Blocked features right after something went wrong or was administered: whatever takes over then must have the gate, too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.operation import FeatureEndpoint
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.inference import How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import NotOffered, Party, at_will
from zdr_audit.target.stimulus import Stimulus, Wrong

MISTAKES: tuple[Wrong, ...] = ("negative_max_tokens", "unknown_model", "empty_messages", "bad_role")
"""Of these the first that the dialect can say."""


@dataclass(frozen=True)
class State:
    """What may have happened just now. `bring` makes it happen to an organization and says whether it did; it raises NotOffered where the profile gives no
    means. `each`: it says something of every feature, so every feature is tried."""

    name: str
    bring: Callable[[Assay, Party], bool]
    each: bool = False


def _failed(assay: Assay, party: Party, status: int, *, stream: bool) -> bool:
    injected = assay.call("fault.inject", assay.staff("operator"), step=f"inject {status}", org=party, status=status)
    how = How(expects=(status,))
    request = Stimulus(stream=stream, answer=False)
    return injected.accepted and assay.infer(party.member, request, step="fail", counts=False, how=how).interaction.accepted


def _mistaken(assay: Assay, party: Party) -> bool:
    said = next((wrong for kind in MISTAKES if assay.can_say(wrong := Stimulus(wrong=kind, answer=False))), None)
    return said is not None and assay.infer(party.member, said, step="make a mistake", counts=False).interaction.accepted


def _abandoned(assay: Assay, party: Party) -> bool:
    return assay.infer(
        party.member, Stimulus(stream=True, abandon_after=2_500, padding=200), step="go away", counts=False
    ).interaction.accepted


def _revoked(assay: Assay, party: Party) -> bool:
    assay.needs("key.create", "key.revoke")
    if party.member.user is None:  # of an organization that the run did not make, nobody is to lose a key
        return False
    made = assay.call("key.create", party.admin, step="give a colleague a key", org=party, user=party.member.user)
    taken = made.accepted and made.values.get("key_id")
    return bool(taken) and assay.call("key.revoke", party.admin, step="revoke the key", org=party, key_id=taken).accepted


def _over_the_limit(assay: Assay, party: Party) -> bool:
    assay.needs("cost.set")
    if party.member.user is None:
        return False
    limited = assay.call("cost.set", party.admin, step="set the limit", org=party, user=party.member.user, amount="0")
    how = How(expects=assay.profile.operations["cost.set"].refused)
    return (
        limited.accepted
        and assay.infer(party.member, Stimulus(answer=False), step="spend more", counts=False, how=how).interaction.accepted
    )


def _settings_open_all(assay: Assay, party: Party) -> bool:
    """Managed settings that name every feature and say yes: they are the customer's, and the gate is not."""
    assay.needs("settings.write")
    names = [name for key, feature in assay.profile.features.items() for name in (key, f"allow_{key}", feature.restriction or key)]
    return assay.call("settings.write", party.admin, step="say yes to all", org=party, settings=dict.fromkeys(names, True)).accepted


def _purged(assay: Assay, _party: Party) -> bool:
    return assay.call("purge.run", assay.staff("operator"), step="purge").accepted


WENT_WRONG = (
    State("the backend failed", partial(_failed, status=500, stream=False)),
    State("the backend was overloaded", partial(_failed, status=529, stream=True)),
    State("a request was in error", _mistaken),
    State("a stream was abandoned", _abandoned),
)
WAS_ADMINISTERED = (
    State("a key was revoked", _revoked),
    State("managed settings said yes to every feature", _settings_open_all, each=True),
    State("a user was stopped by a limit", _over_the_limit),
)
WAS_PURGED = (State("the purge ran", _purged),)


def _try(assay: Assay, party: Party, state: State, feature: str, endpoint: FeatureEndpoint) -> bool:
    """The endpoint is the next thing that the organization asks for in that state; gives whether the state came about. Where the answer neither gives
    the feature nor names the policy, the control organization shows in the same state what it is worth."""

    def use(who: Party) -> Interaction:
        step, labels = f"use after {state.name}", {"state": state.name}
        counts = who is party
        (reply,) = assay.use_feature(feature, who.member, step=step, counts=counts, only=lambda e: e is endpoint, labels=labels)
        return reply.interaction

    if not state.bring(assay, party):
        return False
    if use(party).outcome not in ("accepted", "refused_by_policy") and state.bring(assay, assay.control):
        use(assay.control)
    return True


def _try_all(assay: Assay, party: Party, states: tuple[State, ...]) -> None:
    """Every state with the beginning of some feature, at others for every state; the seed says where to begin. Raises NotOffered where none of the states
    comes about."""
    features = [(name, next((e for e in feature.endpoints if e.begins), None)) for name, feature in assay.profile.features.items()]
    places = [(name, endpoint) for name, endpoint in features if endpoint is not None]
    tried = 0
    for number, state in enumerate(states):
        for further in range(len(places) if state.each else min(assay.count(1, 2, len(places)), len(places))):
            with suppress(NotOffered):
                tried += _try(assay, party, state, *places[(assay.seed + number + further) % len(places)])
    if not tried:
        raise NotOffered(f"the target or the profile has none of: {', '.join(state.name for state in states)}")


@scenario()
def features_after_what_went_wrong(assay: Assay) -> None:
    """Blocked features right after the backend failed, after a request in error and after an abandoned stream"""
    with at_will():
        _try_all(assay, assay.subject, WENT_WRONG)


@scenario()
def features_after_administration(assay: Assay) -> None:
    """Blocked features right after a key was revoked, after managed settings that allow them, and after a request over the spend limit"""
    with at_will():
        if not any(assay.offers(name) for name in ("key.revoke", "settings.write", "cost.set")):
            raise NotOffered("the profile offers none of 'key.revoke', 'settings.write', 'cost.set'")
        _try_all(assay, assay.enable(assay.fresh()), WAS_ADMINISTERED)


@scenario(late=True, first=True)
def features_after_a_purge(assay: Assay) -> None:
    """Blocked features right after the purge ran"""
    with at_will():  # late, since what is purged could not be found in the main readings any more
        _try_all(assay, assay.subject, WAS_PURGED)
