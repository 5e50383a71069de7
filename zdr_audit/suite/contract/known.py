"""What an organization's own answers told of it: identifiers by the collection that they belong to, to fill later requests with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from zdr_audit.suite.contract.interface import Documented

ID = "id"
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:-]{6,120}")
_NAMED = re.compile(r"(?:^|_)(?:id|uuid)$|[a-z](?:Id|ID)$")
MAX_ITEMS = 50


@dataclass
class Known:
    """`fixed` are values by parameter name that hold whatever an answer says (the organization itself)."""

    fixed: dict[str, str] = field(default_factory=dict)
    collections: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    every: dict[str, str] = field(default_factory=dict)
    """Every identifier that was seen -> where."""
    made: set[str] = field(default_factory=set)
    """Those that came to be at our request: nobody else's by any means."""

    def learn(self, operation: Documented, body: Any) -> None:
        """Take in an answer of the operation."""
        for name, value in identifiers(body):
            self.every.setdefault(value, f"{operation.label} {name}")
            if operation.method == "POST":
                self.made.add(value)
        one = _first(body)
        found = one.get(ID) if isinstance(one, dict) else None
        if (isinstance(found, str) and _IDENTIFIER.fullmatch(found)) or type(found) is int:
            self.told(operation, str(found))

    def told(self, operation: Documented, value: str) -> None:
        """An answer of the operation is about the object of that identifier."""
        kind = operation.path if not operation.path.endswith("}") else operation.collection if operation.method == "GET" else None
        if kind is not None:
            self.collections.setdefault(kind, value)
            self.tags.setdefault(kind, operation.tag)

    def forget(self, body: Any) -> None:
        """What this answer of somebody else names is common property, and not the organization's own, but for what it made itself."""
        common = {value for _, value in identifiers(body)} - set(self.fixed.values()) - self.made
        self.every = {value: where for value, where in self.every.items() if value not in common}
        self.collections = {kind: value for kind, value in self.collections.items() if value not in common}

    def value(self, name: str, operation: Documented) -> str | None:
        """What a parameter (or a member of a body) of that name may be filled with; None where nothing fits."""
        if name in self.fixed:
            return self.fixed[name]
        if (stem := _stem(name)) in ("organization", "org") and "organization" in self.fixed:
            return self.fixed["organization"]
        if f"{{{name}}}" in operation.path:
            before = operation.path.partition(f"/{{{name}}}")[0]
            return self._of(before, operation.tag) or (self._named(stem) if stem else None)
        if stem == "after":
            return self._of(operation.path, operation.tag)
        return self._named(stem) if stem else None

    def _of(self, collection: str, tag: str) -> str | None:
        """The collection of that path; else the one that ends most like it, of the same tag before others."""
        if collection in self.collections:
            return self.collections[collection]
        ranked = sorted(((_likeness(collection, other), self.tags.get(other) == tag, other) for other in self.collections), reverse=True)
        return self.collections[ranked[0][2]] if ranked and ranked[0][0] > 0 else None

    def _named(self, stem: str) -> str | None:
        found = [collection for collection in self.collections if _singular(collection.rpartition("/")[2]) == stem]
        return self.collections[found[0]] if found else None


def identifiers(body: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(name, value) of whatever an answer calls an identifier."""
    if depth > 8:
        return
    if isinstance(body, dict):
        for key, value in body.items():
            if isinstance(value, str) and _NAMED.search(key) and _IDENTIFIER.fullmatch(value):
                yield key, value
            else:
                yield from identifiers(value, key, depth + 1)
    elif isinstance(body, list):
        for item in body[:MAX_ITEMS]:
            yield from identifiers(item, name, depth + 1)


def is_identifier(name: str) -> bool:
    """Whether a parameter or member of that name takes an identifier."""
    return bool(_NAMED.search(name)) or name in ("organization", "org")


def _first(body: Any) -> Any:
    """The object that an answer is about: itself, or the first of its list."""
    if isinstance(body, dict) and ID not in body:
        lists = [value for value in body.values() if isinstance(value, list) and value]
        return lists[0][0] if len(lists) == 1 else body
    return body


def _stem(name: str) -> str:
    """`user_id` -> `user`; empty where the name says no more than that it is an identifier."""
    return re.sub(r"_?(?:id|uuid)$", "", re.sub(r"(?<=[a-z])(?:Id|ID)$", "", name))


def _singular(word: str) -> str:
    return word.removesuffix("s")


def _likeness(one: str, other: str) -> int:
    """How many last segments of two paths agree, plural or not."""
    same = 0
    for left, right in zip(reversed(one.split("/")), reversed(other.split("/")), strict=False):
        if _singular(left) != _singular(right) or not left:
            break
        same += 1
    return same
