"""Reads every evidence source of a profile once, for all canaries."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zdr_audit.canary import tokens
from zdr_audit.canary.seeker import Seeker
from zdr_audit.canary.tokens import Tokenizer
from zdr_audit.evidence.command import read_command
from zdr_audit.evidence.documents import read_documents
from zdr_audit.evidence.earlier import Earlier
from zdr_audit.evidence.model import Reading
from zdr_audit.evidence.registry import READERS, SERVER_READERS, more_readers
from zdr_audit.evidence.sqlite import read_sqlite
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.run.place import command_of, server_place
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.outcome import document
from zdr_audit.target.pace import TRY_AGAIN
from zdr_audit.target.template import MissingValue, fill, fill_path, pointer, with_query
from zdr_audit.target.transport import Answer, Outgoing, Transport

MAX_PAGES = 200
MAX_DOCUMENTS = 5000


def read_source(
    evidence: Evidence,
    seeker: Seeker,
    transport_of: Callable[[str], Transport],
    operations: dict[str, Operation],
    parties: tuple[Party, ...],
    progress: Callable[[int], None] | None = None,
    environment: Mapping[str, str] | None = None,
    earlier: Earlier | None = None,
) -> Reading:
    """One reading of one source. Never raises for what the source does: that is a Reading with `error`.

    `transport_of` gives the way to the deployment that serves an organization. What leads to a server with a password is looked up in
    `environment` (None: that of the process). `earlier` is what earlier readings of the run gave.
    """
    try:
        if evidence.kind == "http":
            pages = _Pages(evidence, transport_of, operations, parties)
            return read_documents(evidence.id, "http", pages.documents(), seeker)
        if evidence.kind == "extension":
            return more_readers()[evidence.reader or ""](evidence.id, evidence.options, seeker, progress)
        if evidence.kind == "command":
            return read_command(evidence.id, command_of(evidence), seeker, progress)
        if evidence.kind in SERVER_READERS:
            return SERVER_READERS[evidence.kind](
                evidence.id, server_place(evidence, os.environ if environment is None else environment), seeker, progress
            )
        if evidence.kind == "sqlite":
            return read_sqlite(evidence.id, Path(evidence.path or ""), seeker, progress, earlier)
        return READERS[evidence.kind](evidence.id, Path(evidence.path or ""), seeker, progress)
    except Exception as exc:  # a reader that breaks must not pass for a clean source
        words = " ".join(str(exc).split())[:200]
        return Reading(
            source=evidence.id, kind=evidence.kind, objects=0, bytes=0, error=f"reading it failed: {type(exc).__name__}: {words}"
        )


def tokenizer_of(profile: Profile) -> Tokenizer | None:
    """The tokenizer that the profile names. Raises ProfileError where it cannot be had."""
    if profile.target.tokenizer is None:
        return None
    try:
        return tokens.load(profile.target.tokenizer)
    except ValueError as problem:
        raise ProfileError(f"target.tokenizer: {problem}") from None


class _Pages:
    """The documents that a read-back interface gives, list pages and each item of them, for each organization."""

    def __init__(
        self, evidence: Evidence, transport_of: Callable[[str], Transport], operations: dict[str, Operation], parties: tuple[Party, ...]
    ) -> None:
        self.evidence, self.transport_of, self.operations, self.parties = evidence, transport_of, operations, parties

    def documents(self) -> Iterator[tuple[str, bytes | str]]:
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
            data = document(answer)
            items = pointer(data, listing.items or "")
            for item in items if self.evidence.detail and isinstance(items, list) else ():
                detail = self.operations[self.evidence.detail or ""]
                values = {k: v for k, p in listing.fields.items() if (v := pointer(item, p)) is not None}
                if fetched == MAX_DOCUMENTS:
                    yield f"{detail.path} of {party.key}", f"more than {MAX_DOCUMENTS} items: the rest was not read"
                    return
                fetched += 1
                try:
                    where, reply = self._get(detail, actor, party, values, {})
                except MissingValue as exc:
                    yield f"{detail.path} of {party.key}", f"an item of the list names no '{exc}'"
                    continue
                yield where, _body(reply)
            page = listing.page
            if page is None or not pointer(data, page.more) or not pointer(data, page.cursor):
                return
            query = {page.parameter: str(pointer(data, page.cursor))}
        yield f"{listing.path} of {party.key}", f"more than {MAX_PAGES} pages: the rest was not read"

    def _get(self, operation: Operation, actor: Actor, party: Party, values: dict[str, Any], query: dict[str, str]) -> tuple[str, Answer]:
        known = {"org": party.id, **values}
        path = with_query(fill_path(operation.path, known), {**fill(operation.query, known), **query})
        headers = {**operation.headers, **actor.headers()[0]}
        name = next((n for n, spec in self.operations.items() if spec is operation), "")
        outgoing = Outgoing(operation.method, path, headers, operation=name)
        transport = self.transport_of(party.key)
        answer = transport.send(outgoing)
        attempts = itertools.count(1)
        while answer.status in TRY_AGAIN and transport.pace.back_off(name, next(attempts), answer.header("retry-after")):
            answer = transport.send(outgoing)
        return f"{operation.method} {path} as {actor.key}", answer


def _body(answer: Answer) -> bytes | str:
    if answer.status is None or answer.error:
        return answer.error or "no answer"
    if answer.status in (401, 429) or answer.status >= 500:
        return f"status {answer.status}"
    return answer.body
