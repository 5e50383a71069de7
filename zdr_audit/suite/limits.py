"""What clients are told that they may do: which features are said to be closed, and whether the organization is said to be under ZDR."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.limits import READ, WAYS, WORDS, way_of
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.outcomes import Inconclusive, describe

MARK = "zdr"
"""The mark of ZDR among the `taints`, in our words: a profile's `means` says what else a target calls it."""
TOLD = (*(name for name in WAYS if name != "feature"), "items", "taints")
"""Under which names an answer holds what it tells of limits."""


class Strange(Exception):
    """What a target says of its limits has another shape than its profile tells; the message says what there is."""


def closed(profile: Profile, item: Interaction) -> set[str]:
    """The restrictions of the profile's features that clients are told not to be allowed. What is not named counts as allowed for clients, unless what is
    open is listed. Raises Inconclusive where the answer has another shape than the profile says: then nobody knows what it tells."""
    keys = {feature.restriction for feature in profile.features.values() if feature.restriction is not None}
    if not keys:
        return set()
    spec = profile.operations.get(READ)
    way = "restrictions" if spec is None else way_of(spec)
    if way is None:
        _unreadable(item, f"neither 'extract' nor 'fields' of '{READ}' in the profile says where it stands ({', '.join(WAYS)})")
    told = item.data if isinstance(item.data, dict) else {}
    try:
        return {key for key in keys if _READERS[way](told, key, spec)}
    except Strange as exc:
        _unreadable(item, str(exc))


def marked(item: Interaction) -> bool | None:
    """Whether clients are told that their organization is under ZDR; None where the profile does not read it. Raises Inconclusive where what is there is
    neither a word nor a list of words."""
    said = marks(item)
    return None if said is None else MARK in said


def marks(item: Interaction) -> set[str] | None:
    """The words that an organization is marked with, in lower case; None where the profile does not read them. Raises Inconclusive as above."""
    taints = item.data.get("taints") if isinstance(item.data, dict) else None
    if taints is None:
        return None
    said: list[Any] = taints if isinstance(taints, list) else [taints]
    if not all(isinstance(taint, str) for taint in said):
        _unreadable(item, "'taints' is neither a word nor a list of words")
    return {taint.casefold() for taint in said}


def unknown_marks(under: Interaction, without: Interaction) -> str:
    """Words that an organization with ZDR is marked with, and one without is not, where none of them is the one for ZDR: it may be the target's own. Empty
    where there are none."""
    said = marks(under) or set()
    return "" if MARK in said else ", ".join(sorted(said - (marks(without) or set())))


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
    """What a reading under ZDR and one without, side by side, show that this target tells; nothing where one cannot be read."""
    if under is None or without is None or under.outcome != "accepted" or without.outcome != "accepted":
        return SILENT
    try:
        return Telling(frozenset(closed(profile, under) - closed(profile, without)), marked(under) is True and marked(without) is False)
    except Inconclusive:
        return SILENT


def told_as_without_zdr(expect: Expect, readings: Iterable[Interaction], promise: str) -> None:
    """In each of these readings clients are told that the features are open to them, and not that they are under ZDR. Of none at all nothing is said."""
    for item in readable(expect, readings):
        said = closed(expect.profile, item)
        expect.that(not said, f"{promise}: {', '.join(sorted(said))} must be said to be allowed", item)
        expect.that(not marked(item), f"{promise}: they must not be said to be under ZDR", item)


def told_as_before(expect: Expect, before: Iterable[Interaction], now: Iterable[Interaction], promise: str) -> None:
    """In each of the readings `now` clients are told of features and of ZDR what they were told before. Of none at all nothing is said."""
    first = [(closed(expect.profile, item), marked(item)) for item in readable(expect, before)]
    for item in readable(expect, now):
        expect.that(not first or (closed(expect.profile, item), marked(item)) in first, promise, item)


def readable(expect: Expect, readings: Iterable[Interaction]) -> list[Interaction]:
    """These readings; each must have been served. Raises Inconclusive where what was served is not what the profile says is there."""
    chosen = list(readings)
    for item in chosen:
        if item.outcome == "malformed":
            _unreadable(item, item.error or "the answer has another shape than the profile says")
    if chosen:
        expect.served(chosen, "clients must be able to read their limits")
    return chosen


def _unreadable(item: Interaction, why: str) -> NoReturn:
    raise Inconclusive(f"what clients are told of their limits cannot be read: {why}: {describe(item)}")


# -- the ways in which a target may tell it: whether a restriction is said to be closed ------------------------------------------------


def _by_allowed(told: Mapping[str, Any], key: str, _spec: Operation | None) -> bool:
    said = _object(told, "restrictions")
    if key not in said:
        return False
    allowed = said[key].get("allowed") if isinstance(said[key], dict) else None
    if not isinstance(allowed, bool):
        raise Strange(f"'restrictions' has no object for '{key}' in which 'allowed' is true or false")
    return not allowed


def _listed_as_closed(told: Mapping[str, Any], key: str, _spec: Operation | None) -> bool:
    return key in _names(told, "closed")


def _not_listed_as_open(told: Mapping[str, Any], key: str, _spec: Operation | None) -> bool:
    return key not in _names(told, "open")


def _by_state(told: Mapping[str, Any], key: str, spec: Operation | None) -> bool:
    said = _object(told, "states")
    if key not in said:
        return False
    return _state(key, said[key] if spec is None else spec.read("states", said[key])) == "closed"


def _by_item(told: Mapping[str, Any], key: str, _spec: Operation | None) -> bool:
    rows = _list(told, "items")
    if bare := [row for row in rows if not isinstance(row, dict) or not isinstance(row.get("feature"), str)]:
        raise Strange(f"the list has an item without a name ({str(bare[0])[:60]})")
    return "closed" in [_state(key, row.get("state")) for row in rows if row["feature"] == key]


def _state(key: str, word: Any) -> str:
    if not isinstance(word, str) or word not in WORDS:
        raise Strange(f"of '{key}' it says {str(word)[:60]!r}, which is neither closed nor open by 'means' of the profile")
    return word


def _names(told: Mapping[str, Any], name: str) -> list[Any]:
    said = _list(told, name)
    if not all(isinstance(one, str) for one in said):
        raise Strange(f"'{name}' is no list of names")
    return said


def _object(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    said = told.get(name)
    if not isinstance(said, dict):
        raise Strange(f"'{name}' is no object")
    return said


def _list(told: Mapping[str, Any], name: str) -> list[Any]:
    said = told.get(name)
    if not isinstance(said, list):
        raise Strange(f"'{name}' is no list")
    return said


_READERS: Mapping[str, Callable[[Mapping[str, Any], str, Operation | None], bool]] = {
    "restrictions": _by_allowed,
    "closed": _listed_as_closed,
    "open": _not_listed_as_open,
    "states": _by_state,
    "feature": _by_item,
}
