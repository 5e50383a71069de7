"""Histories read from the journal and judged by the model alone; the shortest that fails, as a story and as a script."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.base import TEMPLATE_NAME as _NAME
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.histories.model import Model, Row, Unknown
from zdr_audit.suite.histories.play import LIMITS_UNDER, LIMITS_WITHOUT
from zdr_audit.suite.limits import SILENT, Telling, telling
from zdr_audit.suite.outcomes import Inconclusive, Violated, answer_finding
from zdr_audit.target.transport import auth_headers

_QUOTED_NUMBER = re.compile(r'"(\{[a-z][a-z0-9_]*:number\})"')


@dataclass(frozen=True)
class Told:
    """One history: its steps, and what is wrong with the last of them (empty: nothing). `unknown` says why it could not be judged to its end."""

    number: str
    steps: tuple[Interaction, ...]
    problem: str = ""
    unknown: str = ""


def histories(items: Iterable[Interaction]) -> dict[str, list[Interaction]]:
    found: dict[str, list[Interaction]] = {}
    for item in items:
        if "history" in item.labels:
            found.setdefault(item.labels["history"], []).append(item)
    return found


def replay(profile: Profile, number: str, items: list[Interaction], standing: dict[str, bool], told: Telling = SILENT) -> Told:
    """Feed one history to a fresh model. `standing` are organizations that are there before: id and whether they have ZDR; `told` is what the target tells
    its clients of ZDR."""
    model = Model(profile, told)
    for organization, zdr in standing.items():
        model.know(organization, zdr=zdr)
    steps: list[Interaction] = []
    for at, item in enumerate(items):
        if steps and item.operation == steps[-1].operation and _turn(item) == _turn(steps[-1]):
            continue  # a further page of the list before it, or a further node that begins anew
        steps.append(item)
        try:
            problem = model.take(item, rows_of(item, items[at + 1 :]))
        except Unknown as exc:
            return Told(number, tuple(steps), unknown=str(exc))
        if problem:
            return Told(number, tuple(steps), problem)
    return Told(number, tuple(steps))


def rows_of(first: Interaction, following: list[Interaction]) -> list[Row]:
    """The rows of a list and of the pages that follow it at once."""
    rows = list(first.data.get("items", [])) if isinstance(first.data, dict) else []
    for item in following:
        if item.operation != first.operation or _turn(item) != _turn(first):
            break
        rows += item.data.get("items", []) if isinstance(item.data, dict) else []
    return rows


def _turn(item: Interaction) -> tuple[str | None, str | None]:
    return item.labels.get("move"), item.labels.get("turn")


def judge_histories(expect: Expect) -> None:
    """No history departs from the model. The failure tells the shortest that does."""
    runs = expect.history.run.organizations
    standing = {runs["subject"]: True, runs["control"]: False}
    limits = telling(expect.profile, *(next(iter(expect.where(step=step)), None) for step in (LIMITS_UNDER, LIMITS_WITHOUT)))
    told = [replay(expect.profile, number, items, standing, limits) for number, items in histories(expect.interactions).items()]
    if not told:
        raise Inconclusive("no history was driven")
    expect.weigh(sum(len(t.steps) for t in told))
    failed = sorted((t for t in told if t.problem), key=lambda t: (len(t.steps), t.number))
    if failed:
        shortest = failed[0]
        last = shortest.steps[-1]
        message = f"step {len(shortest.steps)} of a history departs from the model: {shortest.problem}\n{story(shortest)}\n{script(expect.profile, shortest)}"
        raise Violated(message, [answer_finding(last, f"{shortest.problem}\n{story(shortest)}")])
    unknown = [t for t in told if t.unknown]
    if unknown:
        raise Inconclusive(f"a history could not be judged to its end: {unknown[0].unknown}")


# -- telling ------------------------------------------------------------------------------------------------------------------------


def story(told: Told) -> str:
    """One line a step: who did what to which organization, and what came of it."""
    letters = _letters(told.steps)
    lines = []
    for number, item in enumerate(told.steps, 1):
        about = letters.get(_about(item), "another")
        request = f" (request {item.labels['asked'][-6:]})" if item.labels.get("asked") else ""
        what = item.labels.get("audit") or item.labels["move"]
        lines.append(
            f"{number}. {item.role} of {_whose(item, letters)}: {what} {item.operation}{request}, organization {about} -> {item.outcome} ({item.id})"
        )
    return "\n".join(lines)


def script(profile: Profile, told: Told) -> str:
    """The story as curl commands; keys and identifiers are shell variables, taken from answers where an answer gives them."""
    letters = _letters(told.steps)
    lines = ["# BASE, and the keys named KEY_..., come from the environment; jq reads identifiers out of answers"]
    for item in told.steps:
        spec = _spec(profile, item)
        if spec is None:
            continue
        values = {"org": f"$ORG_{letters.get(_about(item), 'X')}", "marker": "story", "canary": "some text", "model": item.model or "model"}
        values["request"] = "$REQUEST_" + item.labels.get("asked", "none")[-6:]
        values |= {"account": "$ACCOUNT", "name": "story"} | {n: item.labels[n] for n in ("session", "seconds") if n in item.labels}
        path = _NAME.sub(lambda found, v=values: v.get(found[1], f"${found[1].upper()}"), spec.path)  # type: ignore[misc]
        query = "&".join(f"{k}={_NAME.sub(lambda f, v=values: v.get(f[1], f[1]), v0)}" for k, v0 in spec.query.items())  # type: ignore[misc]
        key = f"$KEY_{item.role.upper()}_{letters.get(item.organization_id, 'STAFF')}"
        command = f'curl -s -X {spec.method} "$BASE{path}{"?" + query if query else ""}" -H "{_credential(profile, item, key)}"'
        if spec.body is not None:
            # Numbers stand without quotes.
            whole = _QUOTED_NUMBER.sub(r"\1", json.dumps(spec.body)).replace('"{seconds}"', item.labels.get("seconds", "1"))
            body = _NAME.sub(lambda found, v=values: v.get(found[1], found[1]), whole)  # type: ignore[misc]
            command += f" -H 'content-type: application/json' -d {shlex.quote(body)}"
            command = command.replace("'\"'\"'", "'")
        made = _made(item, letters)
        lines.append(f"{made}=$({command} | jq -r {shlex.quote(_jq(spec, made))})" if made else command)
    return "\n".join(lines)


def _credential(profile: Profile, item: Interaction, key: str) -> str:
    """The header in which the target wants a key; members of organizations made for the run bring theirs as the subject's do, or as the step says."""
    like = profile.actors["subject"]["member"]
    actor = profile.actors.get(item.organization, {}).get(item.role, like)
    other = item.labels.get("header")
    header, prefix = (other, None) if other else (actor.header, actor.prefix)
    return "".join(f"{name}: {value}" for name, value in auth_headers(header, key, prefix).items())


def _spec(profile: Profile, item: Interaction) -> Operation | None:
    if item.operation.startswith("feature:"):
        name, _, endpoint = item.operation.removeprefix("feature:").partition(".")
        return next((e for e in profile.features[name].endpoints if e.name == endpoint), None)
    return profile.operations.get(item.operation)


def _made(item: Interaction, letters: dict[str, str]) -> str:
    """The shell variable that takes what the answer made, empty where it makes nothing that is used."""
    data = item.data if isinstance(item.data, dict) else {}
    if item.labels["move"] == "create" and data.get("organization") in letters:
        return f"ORG_{letters[data['organization']]}"
    if item.labels.get("audit") == "requested" and data.get("request"):
        return f"REQUEST_{str(data['request'])[-6:]}"
    return ""


def _jq(spec: Operation, made: str) -> str:
    where = spec.extract.get("organization" if made.startswith("ORG_") else "request", "/id")
    return where.replace("/", ".")


def _about(item: Interaction) -> str:
    data = item.data if isinstance(item.data, dict) else {}
    return str(data.get("organization")) if item.labels["move"] == "create" else item.labels.get("about", item.organization_id)


def _letters(steps: Iterable[Interaction]) -> dict[str, str]:
    """A, B, C for the organizations in the order in which they come up."""
    found = dict.fromkeys(_about(item) for item in steps)
    return {organization: chr(ord("A") + number % 26) for number, organization in enumerate(found)}


def _whose(item: Interaction, letters: dict[str, str]) -> str:
    return "the provider" if item.organization == "staff" else letters.get(item.organization_id, "another organization")
