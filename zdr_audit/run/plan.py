"""What a run would send, make and cost, from two rehearsals of it. Says of each request whether its number depends on the target's answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from zdr_audit import __version__
from zdr_audit.catalogue.model import Catalogue, Control
from zdr_audit.journal.events import Created
from zdr_audit.profile.model import Profile
from zdr_audit.run.availability import missing
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter
from zdr_audit.run.rehearsal import MADE_UP, Contrary, Rehearsal, Sent
from zdr_audit.run.spikes import spiked
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.operations import AWAITED
from zdr_audit.target.pace import tokens

SCHEMA: Literal["zdr-audit/plan/1"] = "zdr-audit/plan/1"
_MADE_UP = re.compile(rf"{MADE_UP}-([a-z0-9-]+?)-[0-9]{{5}}")


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Requests(Part):
    """Requests of one kind in one step of a scenario. Values in angle brackets come from earlier answers, `[canary]` is fresh content.

    `count` is how many are sent where the target answers as made up; `depends` says that answers may change that number, to none or to more.
    """

    epoch: str
    scenario: str
    step: str
    operation: str
    method: str
    path: str
    organization: str
    actor: str
    canaries: int
    count: int
    depends: bool


class Total(Part):
    operation: str
    method: str
    count: int
    depends: bool


class Made(Part):
    """What the run makes in the target: how many, and by which operation it is removed (`removal`), or why it is not (`kept`)."""

    kind: str
    operation: str
    count: int
    removal: str | None
    kept: str | None


class Cost(Part):
    """Tokens of inference, estimated at four bytes a token; of answers what the requests allow at most."""

    requests: int
    input_tokens: int
    answer_tokens: int
    currency: str | None
    amount: float | None
    at_most: float | None


class Plan(Part):
    """All of it. In JSON the first key is `schema`. `base_urls` are the addresses of the target; `programs` are those that the profile has run on this
    machine, by the key that names them."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["zdr-audit/plan/1"] = Field(SCHEMA, alias="schema")
    version: str
    target: str
    base_url: str
    base_urls: tuple[str, ...]
    programs: Mapping[str, str]
    command: str
    requests: tuple[Requests, ...]
    totals: tuple[Total, ...]
    changes: tuple[Total, ...]
    made: tuple[Made, ...]
    cost: Cost
    seconds: float
    retries: int
    budget: str | None
    tested: int
    not_tested: Mapping[str, str]
    broken: Mapping[str, str]

    @property
    def sent(self) -> int:
        return sum(item.count for item in self.requests)


def plan(options: Options, catalogue: Catalogue, selected: tuple[Control, ...], wanted: Callable[[Rehearsal], list[Scenario]]) -> Plan:
    """Rehearse the run twice and hold the two against each other. Raises ProfileError. Nothing is sent."""
    expected, contrary = Rehearsal(options, catalogue, selected, Reporter()), Contrary(options, catalogue, selected, Reporter())
    try:
        for rehearsal in (expected, contrary):
            rehearsal.open()
            rehearsal.drive(wanted(rehearsal))
        return _plan(options, expected, contrary)
    finally:
        expected.stop()
        contrary.stop()


def _plan(options: Options, expected: Rehearsal, contrary: Rehearsal) -> Plan:
    profile = expected.profile
    rows = _rows(profile, expected.rehearsed(), contrary.rehearsed())
    limits, sent = profile.limits, sum(row.count for row in rows)
    cost = _cost(profile, expected.rehearsed())
    over = []
    if limits.max_requests is not None and sent > limits.max_requests:
        over.append(f"limits.max_requests ({limits.max_requests}) is less than what is planned: the run would stop before its end")
    if limits.max_tokens is not None and cost.input_tokens > limits.max_tokens:
        over.append(f"limits.max_tokens ({limits.max_tokens}) is less than what is planned: the run would stop before its end")
    late = any(row.epoch == "late" for row in rows)
    settle = limits.settle_seconds * (2 if late else 1)
    untested = expected.unavailable | expected.without_means
    return Plan(
        version=__version__,
        target=profile.name,
        base_url=profile.target.base_url,
        base_urls=profile.target.addresses,
        programs=_programs(profile),
        command=options.command(),
        requests=rows,
        totals=_totals(rows),
        changes=_totals(row for row in rows if (spec := profile.operations.get(row.operation)) and spec.changes),
        made=_made(profile, expected),
        cost=cost,
        seconds=round(settle + (sent / limits.requests_per_second if limits.requests_per_second else 0), 1),
        retries=limits.retries,
        budget="; ".join(over) or None,
        tested=len(expected.selected) - len(untested),
        not_tested=dict(sorted(untested.items())),
        broken={name: str(ended.error) for name, ended in expected.history().scenarios.items() if ended.error},
    )


def _programs(profile: Profile) -> dict[str, str]:
    """Without their further words, which may hold what a variable holds."""
    commands = {f"actors.{group}.{role}.command": actor.command for group, roles in profile.actors.items() for role, actor in roles.items()}
    planted = spiked(profile)
    for number, item in enumerate(profile.evidence):
        commands |= {f"evidence.{number}.command": item.command, f"evidence.{number}.size_command": item.size_command}
        if item.spike is not None and item in planted:
            commands |= {f"evidence.{number}.spike.command": item.spike.command, f"evidence.{number}.spike.remove": item.spike.remove}
    return {key: command[0] for key, command in commands.items() if command}


Key = tuple[str, str, str, str, str, str, str, str]


def _rows(profile: Profile, expected: Iterable[Sent], contrary: Iterable[Sent]) -> tuple[Requests, ...]:
    samples = {value: name for feature in profile.features.values() for name, value in feature.examples.items()}
    canaries: dict[Key, int] = {}
    counts: list[Counter[Key]] = []
    for sent in (expected, contrary):
        count: Counter[Key] = Counter()
        for item in sent:
            key = _key(item, samples)
            count[key] += 1
            canaries[key] = max(canaries.get(key, 0), len(item.interaction.canaries))
        counts.append(count)
    first, second = counts
    keys = dict.fromkeys([*first, *second])
    return tuple(
        Requests(
            **dict(zip(("epoch", "scenario", "step", "operation", "method", "path", "organization", "actor"), key, strict=True)),
            canaries=canaries[key],
            count=first[key],
            depends=first[key] != second[key] or key[2].endswith(AWAITED),
        )
        for key in keys
    )


def _key(sent: Sent, samples: Mapping[str, str]) -> Key:
    seen = sent.interaction
    path = _MADE_UP.sub(lambda m: f"<{m[1]}>", seen.path)
    for value, name in samples.items():
        path = path.replace(value, f"<{name}>")
    made = seen.organization.startswith("fresh:")
    actor = f"made for the run: {seen.role}" if made else seen.actor
    organization = "made for the run" if made else seen.organization
    return seen.epoch, seen.scenario, seen.step, seen.operation, seen.method, path, organization, actor


def _totals(rows: Iterable[Requests]) -> tuple[Total, ...]:
    found: dict[tuple[str, str], Total] = {}
    for row in rows:
        key = (row.operation, row.method)
        before = found.get(key, Total(operation=row.operation, method=row.method, count=0, depends=False))
        found[key] = before.model_copy(update={"count": before.count + row.count, "depends": before.depends or row.depends})
    return tuple(found[key] for key in sorted(found))


def _made(profile: Profile, rehearsal: Rehearsal) -> tuple[Made, ...]:
    created = rehearsal.created()
    removed = {(item.kind, item.id): item for item in rehearsal.history().removed}
    actors = rehearsal.cast.keys()
    found: dict[tuple[str, str], list[Created]] = {}
    for item in created:
        found.setdefault((item.kind, item.operation), []).append(item)
    made = []
    for (kind, operation), items in sorted(found.items()):
        last = removed.get((kind, items[-1].id))
        cleanup = items[0].cleanup
        reason = missing(profile, cleanup, actors) if cleanup else None
        left = [c for c in items if not ((r := removed.get((c.kind, c.id))) and r.ok)]
        why = reason or (removed[kind, left[-1].id].detail if left and (kind, left[-1].id) in removed else None)
        went = last.detail if last and last.ok and cleanup is None else None
        made.append(Made(kind=kind, operation=operation, count=len(items), removal=cleanup or went, kept=why if left else None))
    return tuple(made)


def _cost(profile: Profile, sent: Iterable[Sent]) -> Cost:
    inference = [item for item in sent if item.interaction.model is not None]
    taken, allowed = sum(tokens(i.interaction.request_bytes) for i in inference), sum(i.answer_tokens for i in inference)
    prices = profile.prices
    amount = taken * prices.input_per_million / 1e6 if prices else None
    most = amount + allowed * prices.output_per_million / 1e6 if prices and amount is not None else None
    return Cost(
        requests=len(inference),
        input_tokens=taken,
        answer_tokens=allowed,
        currency=prices.currency if prices else None,
        amount=None if amount is None else round(amount, 4),
        at_most=None if most is None else round(most, 4),
    )
