"""Variants in what is stored: nothing of it is content."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import re
import secrets
import string
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import text

from zdr_audit.simulator.audit import clean_agent
from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.schemas.client import AnyBody
from zdr_audit.simulator.violations import wrap
from zdr_audit.simulator.violations.keeping import also

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Record = Callable[[RequestContext], None]
STANDARD_DAYS = 30
EVENT_KINDS = ("prompt_submitted", "session_started", "tool_used")
_PLAIN = re.compile(r"[^A-Za-z0-9./ ()-]")


def _row(parts: Parts, table: str, data: bytes) -> None:
    with parts.stores.write() as session:
        session.execute(text(f"CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, payload BLOB)"))
        session.execute(text(f"INSERT INTO {table} VALUES (:id, :data)"), {"id": secrets.token_hex(8), "data": data})  # noqa: S608 - our own name


def random_bytes(parts: Parts, table: str, size: int) -> None:
    """So many random bytes are stored for each request: a sealed record of its metadata, or padding."""
    also(parts, lambda _ctx: _row(parts, table, secrets.token_bytes(size)))


def salted_digests(parts: Parts) -> None:
    """The digest of each request is stored, made with a salt that is thrown away: it can be compared with nothing."""

    def kept(ctx: RequestContext) -> None:
        _row(parts, "request_marks", hashlib.blake2b(ctx.raw, key=secrets.token_bytes(32), digest_size=32).hexdigest().encode())

    also(parts, kept)


def client_and_counts(parts: Parts) -> None:
    """The name of the client's program and the counts of tokens are stored for each request."""

    def kept(ctx: RequestContext) -> None:
        agent = clean_agent(ctx.headers.get("user-agent", ""))
        _row(parts, "request_facts", f"{agent} {ctx.model} {ctx.input_tokens} {ctx.output_tokens} {ctx.status}".encode())

    also(parts, kept)


def kinds_of_events(parts: Parts) -> None:
    """Of client events what a closed list names is stored: their kinds, and how long the prompt was."""

    def kept(ctx: RequestContext) -> None:
        if ctx.operation is None or ctx.operation.name != "events.send" or not isinstance(ctx.parsed, AnyBody):
            return
        sent = (ctx.parsed.model_extra or {}).get("events")
        for event in sent if isinstance(sent, list) else ():
            told = event.get("event_data") if isinstance(event, dict) else None
            if isinstance(told, dict) and told.get("event_name") in EVENT_KINDS and isinstance(told.get("prompt_length"), int):
                _row(parts, "client_events", f"{told['event_name']} {min(told['prompt_length'], 1 << 20)}".encode())

    also(parts, kept)


def error_events(parts: Parts) -> None:
    """Each answer with an error is reported to an error tracker: type, status and frames of our own code, no values."""

    def kept(ctx: RequestContext) -> None:
        if ctx.status < 400:
            return
        frames: list[dict[str, object]] = [{"module": "pipeline", "function": name, "vars": {}} for name in ("run", "answer", "handle")]
        event = {"event_id": secrets.token_hex(16), "exception": {"type": ctx.error_type, "stacktrace": {"frames": frames}}}
        with (parts.stores.logs.folder / "errors.jsonl").open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({**event, "tags": {"status": ctx.status, "operation": ctx.operation.name if ctx.operation else None}}) + "\n"
            )

    also(parts, kept)


def counters(parts: Parts) -> None:
    """Metrics by model, status and kind of operation are written to a file."""
    counted: dict[tuple[str, str, int], int] = {}
    lock = threading.Lock()

    def kept(ctx: RequestContext) -> None:
        key = (ctx.operation.name if ctx.operation else "none", ctx.model, ctx.status)
        with lock:
            counted[key] = counted.get(key, 0) + 1
            lines = [f'requests_total{{operation="{o}",model="{m}",status="{s}"}} {n}\n' for (o, m, s), n in sorted(counted.items())]
            (parts.stores.logs.folder / "metrics.prom").write_text("".join(lines), encoding="utf-8")

    also(parts, kept)


def more_of_the_others(parts: Parts) -> None:
    """Organizations without ZDR are kept in a further table, which the purge empties with the others."""

    def kept(ctx: RequestContext) -> None:
        if ctx.inferred and parts.retention.keeps(ctx):
            _row(parts, "request_archive", ctx.raw)

    def make(run: Callable[[], dict[str, int]]) -> Callable[[], dict[str, int]]:
        def run_and_empty() -> dict[str, int]:
            if parts.clock.offset.days >= STANDARD_DAYS:
                with parts.stores.write() as session:
                    session.execute(text("DELETE FROM request_archive"))
            return run()

        return run_and_empty

    also(parts, kept)
    wrap(parts.purge, "run", make)


def growth_in_the_background(parts: Parts, size: int, seconds: float) -> None:
    """A job that has nothing to do with requests writes to the stores all the time."""

    def work() -> None:
        while not parts.ended.wait(seconds):
            _row(parts, "heartbeats", secrets.token_bytes(size))
            with (parts.stores.logs.folder / "heartbeat.log").open("ab") as log:
                log.write(secrets.token_hex(size // 2).encode() + b"\n")

    _once(parts, work)


def _once(parts: Parts, work: Callable[[], None]) -> None:
    """Starts the work beside the service with the first request."""
    begun = threading.Event()

    def start(_ctx: RequestContext) -> None:
        if not begun.is_set():
            begun.set()
            threading.Thread(target=work, daemon=True).start()

    also(parts, start)


def log_rotation(parts: Parts, every: int) -> None:
    """The log is cut into files of so many requests, older ones compressed; the purge takes them with their day."""
    counts = itertools.count(1)
    lock = threading.Lock()

    def rotate(_ctx: RequestContext) -> None:
        number = next(counts)
        if number % every:
            return
        with lock:
            for day, path in list(parts.stores.logs.files()):
                older = path.with_name(f"app-{day}.{number}.jsonl")
                path.rename(older)
                time.sleep(0.02)  # whoever had it open is done
                older.with_suffix(".jsonl.gz").write_bytes(gzip.compress(older.read_bytes()))
                older.unlink()

    def make(delete_until: Callable[[str], int]) -> Callable[[str], int]:
        def delete_all(day: str) -> int:
            old = [path for path in parts.stores.logs.folder.glob("app-*.*.jsonl.gz") if path.name[4:14] <= day]
            for path in old:
                path.unlink()
            return delete_until(day) + len(old)

        return delete_all

    also(parts, rotate)
    wrap(parts.stores.logs, "delete_until", make)


def compaction(parts: Parts, every: int) -> None:
    """The databases are rewritten and their logs emptied while the service works."""
    counts = itertools.count(1)

    def compact(_ctx: RequestContext) -> None:
        if next(counts) % every == 0:
            parts.stores.scrub()

    also(parts, compact)


def vocabulary(parts: Parts, name: str) -> None:
    """The vocabulary of a tokenizer: every string of four hexadecimal digits or three small letters, and the id of each."""
    words = itertools.chain(itertools.product("0123456789abcdef", repeat=4), itertools.product(string.ascii_lowercase, repeat=3))
    text = json.dumps({"".join(word): number for number, word in enumerate(words)})

    def lay() -> None:
        folder = parts.stores.folder / "blobs"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    _once(parts, lay)
