"""What clients are told that they may do: which features are said to be closed, and whether the organization is said to be under ZDR."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect

MARK = "zdr"
"""The mark of ZDR among the `taints`, in our words: a profile's `means` says what else a target calls it."""


def closed(profile: Profile, item: Interaction) -> set[str]:
    """The restrictions of the profile's features that clients are told not to be allowed. A missing key counts as allowed for clients."""
    restrictions = _object(_told(item).get("restrictions"))
    keys = {feature.restriction for feature in profile.features.values() if feature.restriction is not None}
    return {key for key in keys if _object(restrictions.get(key)).get("allowed", True) is False}


def marked(item: Interaction) -> bool | None:
    """Whether clients are told that their organization is under ZDR; None where the profile does not read it."""
    taints = _told(item).get("taints")
    said = taints if isinstance(taints, list) else [taints]
    return None if taints is None else any(str(taint).casefold() == MARK for taint in said)


@dataclass(frozen=True)
class Telling:
    """What follows ZDR in what this target tells its clients, as organizations with and without it show: which restrictions, and whether the mark does."""

    closed: frozenset[str] = frozenset()
    marks: bool = False

    def departs(self, profile: Profile, item: Interaction, *, zdr: bool) -> str:
        """What is wrong with a reading of an organization that has ZDR, or has not; empty where nothing is, or where this target tells nothing."""
        if not self.closed and not self.marks:
            return ""
        if item.outcome != "accepted":
            return f"clients must be able to read their limits, and got {item.outcome}"
        said = closed(profile, item)
        if wrong := sorted(self.closed - said if zdr else self.closed & said):
            return f"clients must be told that they are {'not ' if zdr else ''}allowed: {', '.join(wrong)}; and are told the contrary"
        if self.marks and bool(marked(item)) != zdr:
            return f"clients must {'' if zdr else 'not '}be told that they are under ZDR, and are{' not' if zdr else ''}"
        return ""


SILENT = Telling()
"""Of a target that tells its clients nothing of ZDR."""


def telling(profile: Profile, under: Interaction | None, without: Interaction | None) -> Telling:
    """What a reading under ZDR and one without, side by side, show that this target tells."""
    if under is None or without is None or under.outcome != "accepted" or without.outcome != "accepted":
        return SILENT
    return Telling(frozenset(closed(profile, under) - closed(profile, without)), marked(under) is True and marked(without) is False)


def told_as_without_zdr(expect: Expect, readings: Iterable[Interaction], promise: str) -> None:
    """In each of these readings clients are told that the features are open to them, and not that they are under ZDR. Of none at all nothing is said."""
    for item in _readable(expect, readings):
        said = closed(expect.profile, item)
        expect.that(not said, f"{promise}: {', '.join(sorted(said))} must be said to be allowed", item)
        expect.that(not marked(item), f"{promise}: they must not be said to be under ZDR", item)


def told_as_before(expect: Expect, before: Iterable[Interaction], now: Iterable[Interaction], promise: str) -> None:
    """In each of the readings `now` clients are told of features and of ZDR what they were told before. Of none at all nothing is said."""
    first = [(closed(expect.profile, item), marked(item)) for item in _readable(expect, before)]
    for item in _readable(expect, now):
        expect.that(not first or (closed(expect.profile, item), marked(item)) in first, promise, item)


def _readable(expect: Expect, readings: Iterable[Interaction]) -> list[Interaction]:
    chosen = list(readings)
    if chosen:
        expect.served(chosen, "clients must be able to read their limits")
    return chosen


def _told(item: Interaction) -> dict[str, Any]:
    return _object(item.data)


def _object(value: Any) -> dict[str, Any]:
    """What a target says there, nothing where it is of another shape."""
    return value if isinstance(value, dict) else {}
