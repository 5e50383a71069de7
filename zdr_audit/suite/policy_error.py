"""The contract of a policy error, beyond one answer: equal everywhere, equal for what exists and what does not, and not misleading.

Wording and language are the target's own. What is held against it is meaning: a client that reads the answer must not try again, and must not
learn whether something exists.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Refusal
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.outcomes import Inconclusive
from zdr_audit.target.template import pointer

ROLE = "by_role"
"""Label of an attempt by somebody of whom nobody says that they may use the feature; it names the role."""
WORDS = Path(__file__).with_name("policy_error.toml")
_CHANGING = re.compile(r"[\w-]*\d[\w-]*")


@cache
def misleading_words(path: Path = WORDS) -> dict[str, tuple[str, ...]]:
    """What an answer would claim -> words that claim it, in several languages."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {entry["claim"]: tuple(word.casefold() for word in entry["words"]) for entry in data["misleading"]}


def of_entitled(items: Iterable[Interaction]) -> list[Interaction]:
    """Those whose refusal is due to the policy: a role that may not use the feature at all may be refused for that, in other words."""
    return [i for i in items if ROLE not in i.labels or i.outcome == "refused_by_policy"]


def refused_here(expect: Expect) -> list[Interaction]:
    """Attempts of organizations under ZDR that were refused and whose refusal means something, main and helper endpoints alike. Not those by HEAD: what
    answers them has no words."""
    attempts = [i for i in expect.interactions if i.content == "zdr" and "feature" in i.labels and i.method != "HEAD"]
    meaningful = [i for i in attempts if not i.pair or (c := expect.history.counterpart(i)) is None or c.outcome == "accepted"]
    refused = of_entitled(i for i in meaningful if not i.served)
    if not refused:
        raise Inconclusive("nothing was refused that works without ZDR, so there is no policy error to judge")
    expect.dealt_with(refused)
    return refused


def same_kind(expect: Expect, refused: Iterable[Interaction]) -> None:
    """Every refusal has the status and the type that most have, and is a policy error. Endpoints of which the profile says that they refuse in a way of their
    own are held against each other."""
    items = list(refused)
    rules = [rule_of(expect.profile, item) for item in items]
    seen: dict[Refusal, Counter[tuple[int | None, str, bool]]] = {}
    for item, rule in zip(items, rules, strict=True):
        seen.setdefault(rule, Counter())[_kind(item, rule)] += 1
    for item, rule in zip(items, rules, strict=True):
        (usual, _), kind = seen[rule].most_common(1)[0], _kind(item, rule)
        promise = f"the policy error must be the same at every endpoint and for every form, {_said(usual)}, not {_said(kind)}"
        expect.that(kind == usual, promise, item)
        expect.that(item.outcome == "refused_by_policy", f"every refusal must be a policy error, and {_said(kind)} is none", item)


def rule_of(profile: Profile, item: Interaction) -> Refusal:
    """What the profile counts as a policy refusal of this request: the endpoint's own rule, or that for all."""
    feature, _, name = item.operation.removeprefix("feature:").partition(".")
    endpoints = profile.features[feature].endpoints if feature in profile.features else ()
    return next((e.refusal for e in endpoints if e.name == name and e.refusal), profile.refusal)


def _kind(item: Interaction, rule: Refusal) -> tuple[int | None, str, bool]:
    return item.status, str(pointer(item.data, rule.type_pointer)), pointer(item.data, rule.code_pointer) is not None


def _said(kind: tuple[int | None, str, bool]) -> str:
    status, name, coded = kind
    return f"{status} {name} {'with' if coded else 'without'} a code"


def differs(one: Interaction, other: Interaction) -> str:
    """In what two refusals differ, empty where in nothing but names, numbers and times."""
    if one.status != other.status:
        return f"status {one.status} and {other.status}"
    here, there = dict(leaves(one.data)), dict(leaves(other.data))
    for place in sorted(set(here) | set(there)):
        if here.get(place) != there.get(place):
            return f"{place or 'the body'} is {here.get(place)!r} and {there.get(place)!r}"
    return ""


def leaves(data: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Pointer and text of each value, with every word that holds a digit blotted out: identifiers, times, counts."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from leaves(value, f"{place}/{name}")
    elif isinstance(data, list):
        for at, value in enumerate(data):
            yield from leaves(value, f"{place}/{at}")
    else:
        yield place, _CHANGING.sub("#", f"{data}")


def misleads(item: Interaction, rule: Refusal) -> str:
    """What is wrong with a policy error for whoever acts on it, empty where nothing is."""
    if item.labels.get("retry"):
        return f"it asks the client to try again ({item.labels['retry']})"
    said = [pointer(item.data, where) or "" for where in (rule.text_pointer, "/title", "/detail")]  # the latter two of a problem document
    text = " ".join(map(str, said)).casefold()
    for claim, words in misleading_words().items():
        for word in words:
            if re.search(rf"(?<!\w){re.escape(word)}", text):
                return f"it says that {claim} ('{word}')"
    return ""
