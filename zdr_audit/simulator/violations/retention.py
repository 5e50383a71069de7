"""Violations that keep what must not be kept. Which requests, what of them, where and in which form is data."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from zdr_audit.simulator.cache import prefixes
from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.errors import ApiError
from zdr_audit.simulator.operations import Reply
from zdr_audit.simulator.schemas.admin import LocalSession, LocalSessionContent, LocalSessionList
from zdr_audit.simulator.schemas.messages import MessagesRequest
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import FORMS, PLACES, WHAT, also, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Record = Callable[[RequestContext], None]


def keep(parts: Parts, what: str, where: str, form: str = "plain", when: Mapping[str, Any] | None = None) -> None:
    """Keeps a part of every request that meets the conditions, whoever's it is."""

    def kept(ctx: RequestContext) -> None:
        content = WHAT[what](ctx)
        if content and applies(ctx, when):
            PLACES[where](parts, ctx, FORMS[form](content))

    also(parts, kept)


def keep_sampled(parts: Parts, what: str, where: str, every: int, form: str = "plain", when: Mapping[str, Any] | None = None) -> None:
    """Keeps one in so many of each organization's requests that meet the conditions, for quality control."""
    counts: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))

    def kept(ctx: RequestContext) -> None:
        content = WHAT[what](ctx)
        if content and applies(ctx, when) and next(counts[ctx.organization if ctx.caller else ""]) % every == 0:
            PLACES[where](parts, ctx, FORMS[form](content))

    also(parts, kept)


def keep_for_a_while(parts: Parts, what: str, seconds: float) -> None:
    """Keeps content for some seconds, then deletes it for good: the window is short, and it is one."""

    def delete(request_id: str) -> None:
        with parts.stores.write() as session:
            session.execute(text("DELETE FROM request_archive WHERE request_id = :id"), {"id": request_id})

    def kept(ctx: RequestContext) -> None:
        if applies(ctx, None):
            PLACES["database"](parts, ctx, WHAT[what](ctx))
            job = threading.Timer(seconds, delete, (ctx.request_id,))
            job.daemon = True
            job.start()

    also(parts, kept)


def semantic_cache(parts: Parts, when: Mapping[str, Any]) -> None:
    """A cache that finds similar prompts: the prompt, its embedding and the answer of requests that meet the conditions."""

    def kept(ctx: RequestContext) -> None:
        prompt = WHAT["last text of the user"](ctx)
        if prompt and applies(ctx, when):
            vector = struct.pack("<32f", *(byte / 255 for byte in hashlib.sha256(prompt).digest()))
            PLACES["cache"](parts, ctx, vector + prompt + b"\0" + WHAT["answer"](ctx))

    also(parts, kept)


def keep_when_quiet(parts: Parts, what: str, where: str, form: str, seconds: float) -> None:
    """Buffers, and writes the whole batch when no request has come for so long: nothing is there right after the answer."""
    lock = threading.Lock()
    batch: list[tuple[RequestContext, bytes]] = []
    waiting: list[threading.Timer] = []

    def flush() -> None:
        with lock:
            due, batch[:] = list(batch), []
        for ctx, content in due:
            PLACES[where](parts, ctx, FORMS[form](content))

    def buffered(ctx: RequestContext) -> None:
        with lock:
            if applies(ctx, None):
                batch.append((ctx, WHAT[what](ctx)))
            for timer in waiting:
                timer.cancel()
            waiting[:] = [threading.Timer(seconds, flush)]
            waiting[0].daemon = True
            waiting[0].start()

    also(parts, buffered)


def keep_and_delete(parts: Parts, what: str, overwrite: bool = False) -> None:
    """Stores and deletes at once, over a connection of its own that does not overwrite what it frees; or does, and leaves the write-ahead log."""
    place = str(parts.stores.folder / "zdr.db")

    def outbox(ctx: RequestContext) -> None:
        if not applies(ctx, None):
            return
        with parts.stores.exclusive(), closing(sqlite3.connect(place, timeout=10)) as connection:
            connection.execute(f"PRAGMA secure_delete={'ON' if overwrite else 'OFF'}")
            connection.execute("CREATE TABLE IF NOT EXISTS outbox (id TEXT PRIMARY KEY, payload BLOB)")
            connection.execute("INSERT INTO outbox VALUES (?, ?)", (ctx.request_id, WHAT[what](ctx)))
            connection.commit()
            connection.execute("DELETE FROM outbox")
            connection.commit()

    also(parts, outbox)


def keep_under_concurrency(parts: Parts, what: str, where: str, form: str, others: int) -> None:
    """Keeps requests that run while at least so many others do: an overload handler parks them."""
    running: set[str] = set()
    crowded: set[str] = set()

    def make(check: Record) -> Record:
        def check_and_count(ctx: RequestContext) -> None:
            running.add(ctx.request_id)
            if len(running) > others:
                crowded.add(ctx.request_id)
            check(ctx)

        return check_and_count

    def parked(ctx: RequestContext) -> None:
        running.discard(ctx.request_id)
        if ctx.request_id in crowded and applies(ctx, None):
            crowded.discard(ctx.request_id)
            PLACES[where](parts, ctx, FORMS[form](WHAT[what](ctx)))

    wrap(parts.cost, "check", make)
    also(parts, parked)


def read_back_from_memory(parts: Parts) -> None:
    """The read-back of stored sessions also serves what the prompt cache has in memory, whoever's it is."""
    held: dict[str, LocalSessionContent] = {}

    def hold(ctx: RequestContext) -> None:
        if applies(ctx, None) and isinstance(ctx.parsed, MessagesRequest) and prefixes(ctx.parsed):
            held[ctx.request_id] = LocalSessionContent(
                id=ctx.request_id, session_id="", created_at=parts.clock.stamp(), request=ctx.request_text, response=ctx.response
            )

    def listed(inner: Callable[[Parts, RequestContext], Reply]) -> Callable[[Parts, RequestContext], Reply]:
        def handle(parts: Parts, ctx: RequestContext) -> Reply:
            reply = inner(parts, ctx)
            if isinstance(reply.body, LocalSessionList) and not reply.body.has_more:
                cached = [LocalSession(id=item.id, session_id=item.session_id, created_at=item.created_at) for item in list(held.values())]
                reply.body.data += cached
            return reply

        return handle

    def read(inner: Callable[[Parts, RequestContext], Reply]) -> Callable[[Parts, RequestContext], Reply]:
        def handle(parts: Parts, ctx: RequestContext) -> Reply:
            try:
                return inner(parts, ctx)
            except ApiError:
                if ctx.path["id"] in held:
                    return Reply(held[ctx.path["id"]])
                raise

        return handle

    also(parts, hold)
    alter(parts, "local_sessions.list", handler=listed)
    alter(parts, "local_sessions.read", handler=read)
