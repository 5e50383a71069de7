"""Evidence that an interface gives back: its lists page by page and each item of them, as each organization."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from zdr_audit.profile.base import OF_THE_REQUEST
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.operation import Operation, Refusal
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.outcome import document, outcome
from zdr_audit.target.pace import NO_ANSWER, TRY_AGAIN
from zdr_audit.target.template import MissingValue, fill, fill_path, pointer, present, with_query
from zdr_audit.target.transport import Answer, Outgoing, Transport

MAX_PAGES = 200
MAX_DOCUMENTS = 5000
_TOLD = ("refused_by_policy", "not_found")
"""Answers in place of a list that say that nothing is given back."""


class ReadBack:
    """The documents that a read-back interface gives, list pages and each item of them, for each organization.

    `problem` says, after `documents`, why the list of an organization other than the control one, or an item of it, was not had whole: what it shows is then
    not all there is.
    """

    def __init__(
        self,
        evidence: Evidence,
        transport_of: Callable[[str], Transport],
        operations: dict[str, Operation],
        parties: tuple[Party, ...],
        refusal: Refusal,
    ) -> None:
        self.evidence, self.transport_of, self.operations, self.parties, self.refusal = evidence, transport_of, operations, parties, refusal
        self.problem = ""

    def documents(self) -> Iterator[tuple[str, bytes | str]]:
        """(name, body) of each document, or (name, why there is none)."""
        listing = self.operations[self.evidence.operation or ""]
        for party in self.parties:
            actor = party.actors.get(listing.by) or party.actors["member"]
            yield from self._of(party, actor, listing)

    def _of(self, party: Party, actor: Actor, listing: Operation) -> Iterator[tuple[str, bytes | str]]:
        query: dict[str, str] = {}
        fetched = 0
        for _ in range(MAX_PAGES):
            name, answer = self._get(listing, actor, party, {}, query)
            yield name, _body(answer)
            self._missed(party, name, self._no_list(answer, listing))
            data = document(answer)
            items = pointer(data, listing.items or "")
            for item in items if self.evidence.detail and isinstance(items, list) else ():
                detail = self.operations[self.evidence.detail or ""]
                values = {k: v for k, p in listing.fields.items() if p != OF_THE_REQUEST and (v := pointer(item, p)) is not None}
                if fetched == MAX_DOCUMENTS:
                    yield self._cut(party, f"{detail.path} of {party.key}", f"more than {MAX_DOCUMENTS} items: the rest was not read")
                    return
                fetched += 1
                try:
                    where, reply = self._get(detail, actor, party, values, {})
                except MissingValue as exc:
                    yield self._cut(party, f"{detail.path} of {party.key}", f"an item of the list names no '{exc}'")
                    continue
                body = _body(reply)
                yield where, body
                self._missed(party, where, body if isinstance(body, str) else "")
            page = listing.page
            if page is None or not pointer(data, page.more):
                return
            if not pointer(data, page.cursor):
                self._missed(party, name, "it says that there is more, and not where")
                return
            query = {page.parameter: str(pointer(data, page.cursor))}
        yield self._cut(party, f"{listing.path} of {party.key}", f"more than {MAX_PAGES} pages: the rest was not read")

    def _cut(self, party: Party, name: str, reason: str) -> tuple[str, str]:
        self._missed(party, name, reason)
        return name, reason

    def _missed(self, party: Party, name: str, reason: str) -> None:
        # What is missing of the control organization can only cost the sight, which shows by itself.
        if reason and party.key != "control":
            self.problem = self.problem or f"{name}: {reason}"

    def _no_list(self, answer: Answer, listing: Operation) -> str:
        """Why an answer neither lists what there is nor says that nothing is given back; empty where it does."""
        word = outcome(answer, listing, self.refusal)
        if word in _TOLD:
            return ""
        if word != "accepted":
            body = _body(answer)
            return body if isinstance(body, str) else f"status {answer.status} ({word.replace('_', ' ')})"
        data = document(answer)
        items = pointer(data, listing.items or "")
        if listing.items is None or isinstance(items, list) or (items is None and present(data, listing.items)):
            return ""
        return f"the answer has no list at {listing.items}"

    def _get(self, operation: Operation, actor: Actor, party: Party, values: dict[str, Any], query: dict[str, str]) -> tuple[str, Answer]:
        known = {"org": party.id, **values}
        path = with_query(fill_path(operation.path, known), {**fill(operation.query, known), **query})
        headers = {**{name: str(value) for name, value in fill(operation.headers, known).items()}, **actor.headers()[0]}
        name = next((n for n, spec in self.operations.items() if spec is operation), "")
        outgoing = Outgoing(operation.method, path, headers, operation=name)
        transport = self.transport_of(party.key)
        answer = transport.send(outgoing)
        attempts = itertools.count(1)
        while answer.status in TRY_AGAIN | NO_ANSWER and transport.pace.back_off(name, next(attempts), answer.header("retry-after")):
            answer = transport.send(outgoing)
        return f"{operation.method} {path} as {actor.key}", answer


def _body(answer: Answer) -> bytes | str:
    if answer.status is None or answer.error:
        return answer.error or "no answer"
    if answer.status in (401, 429) or answer.status >= 500:
        return f"status {answer.status}"
    return answer.body
