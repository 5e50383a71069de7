"""What clients are told that they may do: which features are said to be closed, and whether the organization is said to be under ZDR."""

from __future__ import annotations

from collections.abc import Iterable
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
