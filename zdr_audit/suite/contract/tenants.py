"""Another customer's organization uses identifiers of ours: each parameter of an operation in turn, beside an identifier that nobody was given.

Whoever may not see a thing must not learn that it is there: the two are to be answered alike. And no answer may name what is ours beyond what the
request itself said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.bypass.shape import stranger
from zdr_audit.suite.contract.deliver import deliver
from zdr_audit.suite.contract.interface import Documented
from zdr_audit.suite.contract.known import identifiers
from zdr_audit.suite.contract.requests import Requests
from zdr_audit.suite.party import Actor, Party
from zdr_audit.suite.policy_error import leaves
from zdr_audit.target.transport import Answer

FOREIGN, UNKNOWN = "foreign identifier", "unknown identifier"
NAMES = "names"
"""The label that tells which identifiers of ours an answer named beyond those of its request."""


def reach(assay: Assay, requests: Requests, one: Documented, by: Actor, other: Party) -> None:
    """The operation as another tenant. Thorough runs put identifiers of every kind into every place."""
    case = requests.case(one)
    if case is None:
        return
    own = dict.fromkeys(sorted(requests.organization), other.id)
    for place in requests.places(one):
        for value in _values(assay, requests, one, place[1]):
            for path in _paths(requests, one, place[0], own):
                _both(assay, requests, one, by, case, place, value, path)


def _both(
    assay: Assay, requests: Requests, one: Documented, by: Actor, case: Any, place: tuple[str, str], value: str, path: Mapping[str, str]
) -> None:
    told = " and ".join([f"{place[0]} {place[1]}", *(f"with its own {name}" for name in path if f"{{{name}}}" in one.path)])
    pair = f"{assay.scenario}/{one.label}/{told}/{value}"
    sent = frozenset({value, *requests.path(one).values()})
    for step, used in ((FOREIGN, value), (UNKNOWN, stranger(value))):
        look = partial(named, ours=requests.known.every, sent=sent, used=used)
        deliver(assay, requests.aimed(case, place, used, path), by, step=step, labels={"place": told}, pair=pair, look=look)


def _values(assay: Assay, requests: Requests, one: Documented, name: str) -> Iterable[str]:
    fitting = requests.known.value(name.replace("-", "_"), one)
    every = requests.known.collections.values() if assay.depth == "thorough" else ()
    return dict.fromkeys([*([fitting] if fitting else []), *every])


def _paths(requests: Requests, one: Documented, where: str, own: Mapping[str, str]) -> list[Mapping[str, str]]:
    """With its own organization in the path, and, where it is a path that is aimed at, with ours throughout."""
    named = [name for name in own if f"{{{name}}}" in one.path]
    return [own, {}] if where == "path" and named and len(requests.path(one)) > 1 else [own]


def named(answer: Answer, body: Any, ours: Mapping[str, str], sent: frozenset[str] = frozenset(), used: str = "") -> dict[str, str]:
    """What an answer tells: the identifiers of ours in it that the request did not hold, and what kind of answer it is."""
    told = sorted({ours[value] for _, value in identifiers(body) if value in ours and value not in sent})
    kind = f"{answer.status} {_said(body, used)}"[:300] if answer.status is not None and answer.status >= 400 else str(answer.status)
    return {"kind": kind} | ({NAMES: "; ".join(told)[:400]} if told else {})


def _said(body: Any, used: str) -> str:
    """What an error says, whatever its shape, without the identifier that was used; of an envelope with an `error` only that, of others all that does not
    change from answer to answer."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        said = f"{error.get('type', '')}: {error.get('message', '')}"
        return _blotted(said, used) if used else "..."
    # What is left of an identifier are names without digits: those that were used are blotted out first.
    return "; ".join(f"{place} {text}" for place, text in leaves(_without(body, used)))


def _without(body: Any, used: str) -> Any:
    if isinstance(body, dict):
        return {name: _without(value, used) for name, value in body.items()}
    if isinstance(body, list):
        return [_without(value, used) for value in body]
    return _blotted(body, used) if used and isinstance(body, str) else body


def _blotted(text: str, used: str) -> str:
    """A text without an identifier; a short one may also be a part of some other word or number, which stays."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(used)}(?![A-Za-z0-9])", "...", text)
