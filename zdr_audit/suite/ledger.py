"""To which customer belongs what the run made and whoever it acted as; and that no answer names what is another customer's.

Organizations of one account may well know of each other, so that accounts are what is told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.outcomes import DoesNotApply, Violated, answer_finding, describe

SHORTEST = 6
"""Characters that an identifier has at least: what is shorter may stand anywhere."""


def accounts(history: History, profile: Profile) -> dict[str, str]:
    """Organization -> account, of those of the profile that name one and of those that the run made under them."""
    found = {o.id: o.account for o in profile.organizations.values() if o.account}
    for made in history.created:
        parent = history.interactions.get(made.interaction)
        if made.kind == "organization" and parent is not None and parent.labels.get("about") in found:
            found[made.id] = found[parent.labels["about"]]
    return found


def owners(history: History, profile: Profile) -> dict[str, str]:
    """Identifier or address -> the account that it is of, where it is of one alone."""
    under = accounts(history, profile)
    told = [(made.id, made.id if made.kind == "organization" else made.organization) for made in history.created]
    told += [(item.labels["email"].lower(), item.organization_id) for item in history.interactions.values() if "email" in item.labels]
    found: dict[str, set[str]] = {}
    for name, organization in told:
        if len(name) >= SHORTEST and organization in under:
            found.setdefault(name, set()).add(under[organization])
    return {name: next(iter(of)) for name, of in found.items() if len(of) == 1}


def names_nothing_of_other_customers(expect: Expect, promise: str) -> None:
    """No answer to a customer, of the whole run, names what is another customer's, unless the request did. Raises DoesNotApply where nothing could be told:
    one account alone, or answers that name nothing at all."""
    under, owner = accounts(expect.history, expect.profile), owners(expect.history, expect.profile)
    if len(set(owner.values())) < 2:
        raise DoesNotApply("the run acted for one account alone, as far as the profile says ('account' of its organizations)")
    own, foreign = 0, list[tuple[Interaction, str]]()
    for item in expect.history.interactions.values():
        if item.organization_id not in under or not item.served:
            continue
        named = _named(item, owner)
        own += any(of == under[item.organization_id] for of in named.values())
        foreign += [(item, name) for name, of in named.items() if of != under[item.organization_id] and name not in item.path][:1]
    if foreign:
        first, name = foreign[0]
        said = f"{promise}, but {len(foreign)} do, first: {describe(first)} names {name}"
        raise Violated(said, [answer_finding(item, promise) for item, _ in foreign])
    expect.weigh(own)
    if not own:
        raise DoesNotApply("no answer named even what is its customer's own, as far as the profile reads answers")


def _named(item: Interaction, owner: Mapping[str, str]) -> dict[str, str]:
    """What an answer names, with the account that it is of; addresses in whatever case."""
    return {text: owner[text] for said in _texts(item.data) for text in (said, said.lower()) if text in owner}


def _texts(data: Any) -> Iterator[str]:
    """Every text that stands in what was read from an answer."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)
