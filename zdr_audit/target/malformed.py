"""The shape of a request that is malformed on purpose: where content stands in it, what can be taken away, how it is written, and what it is in words."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from zdr_audit.target.shape import Feature, Features
from zdr_audit.target.template import with_query

Mistake = Literal["list", "broken", "types", "query"]
JSON = "application/json"
ITEM, NAME, VALUE = "an item", "a name", "a value"
MEMBER, END = "a member", "the broken end"
UNKNOWN = "(a name that no document has)"
"""Stands, among the members of a body, for one that is itself called by content."""
_ELSE = "wrong"
PLACES: dict[Mistake, tuple[str, ...]] = {"list": (ITEM, NAME, VALUE), "broken": (MEMBER, END)}

Pairs = tuple[tuple[str, str], ...]


class Malformed(BaseModel):
    """One request to a documented operation, with the same canary in every place of `content`.

    `path` is as it was sent, without a query. `content` are places of a body, or the one parameter of the query that takes no text; `kinds` are the
    JSON types that members of the body would have. `headers` and `query` are what it has beside its mistake, `role` is
    whose credential it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    method: str
    path: str
    mistake: Mistake
    content: tuple[str, ...]
    kinds: Pairs = ()
    headers: Pairs = ()
    query: Pairs = ()
    role: str = "member"

    @property
    def operation(self) -> str:
        """What the search for a smaller one calls all requests of this kind."""
        return f"malformed:{self.mistake} {self.label}"

    def features(self) -> Features:
        """What it has beyond an empty request to its endpoint."""
        found = {Feature("content", place) for place in self.content}
        return frozenset(found | {Feature("header", pair) for pair in self.headers} | {Feature("query", pair) for pair in self.query})

    def least(self) -> tuple[Features, ...]:
        """The smallest requests that could leak: content in one place, and nothing else."""
        return tuple(frozenset({Feature("content", place)}) for place in self.content)

    def having(self, chosen: Features) -> Malformed:
        """The request that has these features alone."""
        return self.model_copy(
            update={
                "content": tuple(place for place in self.content if Feature("content", place) in chosen),
                "headers": tuple(pair for pair in self.headers if Feature("header", pair) in chosen),
                "query": tuple(pair for pair in self.query if Feature("query", pair) in chosen),
            }
        )

    def target(self, canary: str) -> str:
        """Path and query."""
        return with_query(self.path, dict(self.query) | (dict.fromkeys(self.content, canary) if self.mistake == "query" else {}))

    def body(self, canary: str) -> bytes | None:
        """The body with the canary in its places; None for a mistake in the query."""
        match self.mistake:
            case "list":
                named = {canary if NAME in self.content else _ELSE: canary if VALUE in self.content else _ELSE}
                items = [*([canary] if ITEM in self.content else []), *([named] if {NAME, VALUE} & {*self.content} else [])]
                return json.dumps(items).encode()
            case "broken":
                member = f'"content": "{canary}", ' if MEMBER in self.content else ""
                return f'{{{member}"{canary if END in self.content else ""}'.encode()
            case "types":
                kinds = dict(self.kinds)
                found: dict[str, Any] = {name: _wrong(kinds[name], canary) for name in self.content if name in kinds}
                return json.dumps(found | ({canary: canary} if UNKNOWN in self.content else {})).encode()
            case "query":
                return None


def _wrong(kind: str, canary: str) -> Any:
    """A value that is surely not of that JSON type."""
    return {canary: [canary]} if kind == "string" else canary


_WORDS: dict[Mistake, str] = {
    "list": "a list in place of the object",
    "broken": "broken JSON",
    "types": "members of the wrong type",
    "query": "text in the query parameter",
}


def mistake(request: Malformed) -> str:
    """What is wrong with it, in a few words."""
    return f"{_WORDS['query']} {', '.join(request.content)}" if request.mistake == "query" else _WORDS[request.mistake]


def words(request: Malformed) -> str:
    """The request in words: `one malformed request to POST /v1/files (broken JSON) with content in a member`."""
    text = f"one malformed request to {request.label} ({mistake(request)})"
    text += f" with content in {', '.join(place.strip('()') for place in request.content)}" if request.mistake != "query" else ""
    more = [f"the header {name}" for name, _ in request.headers] + [f"the query parameter {name}" for name, _ in request.query]
    text += f", and with {', '.join(more)}" if more else ""
    return text + (f", with the credential of the {request.role}" if request.role != "member" else "")
