"""The reference simulator in the same process: no server, no ports; requests go straight to its ASGI application."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from engine_events import started

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.load import load
from zdr_audit.simulator.bootstrap import bootstrap
from zdr_audit.simulator.lives import Lives
from zdr_audit.simulator.parts import Parts, build_parts
from zdr_audit.simulator.violations import install
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.history import History
from zdr_audit.suite.party import Actor, Party
from zdr_audit.suite.recorder import Recorder
from zdr_audit.target.transport import Answer, Outgoing, Transport, now

BASE_URL = "http://127.0.0.1:9"


class Inside(Transport):
    """A transport that calls the application. One request at a time."""

    def __init__(self, app: Any) -> None:
        super().__init__(BASE_URL, 30, 1 << 22)
        self.app = app
        self.loop = asyncio.new_event_loop()

    def send(self, outgoing: Outgoing) -> Answer:
        began = now()
        status, headers, body = self.loop.run_until_complete(self._call(outgoing))
        return Answer(status, headers, body, "", began, now(), request_bytes=len(outgoing.body or b""))

    async def _call(self, outgoing: Outgoing) -> tuple[int, dict[str, str], bytes]:
        path, _, query = outgoing.raw_path.partition("?")
        body = outgoing.body or b""
        headers = {"host": "127.0.0.1:9", "content-length": str(len(body)), **outgoing.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": outgoing.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), str(value).encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 9),
        }
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[dict[str, Any]] = []
        over = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop()
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        over.set()
        found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:])


class Lab:
    """A simulator, perhaps with a seeded violation, and assays on it that journal to a folder of their own."""

    def __init__(self, folder: Path, violation: str | None = None) -> None:
        def make() -> Parts:
            parts = build_parts(folder / "data", None, True)
            if violation:
                install(parts, violation)
            if not bootstrap(parts):
                parts.recovery.run()
            return parts

        self.lives = Lives(make)
        self.profile = load("simulator", {"ZDR_SIM_DATA": str(folder / "data")}).profile
        literal = new_literal()
        redactor = Redactor()
        redactor.set_literal(literal)
        registry = Registry(literal, b"key")
        self.transport = Inside(self.lives)
        self.journal = Journal(folder / "journal.sqlite", redactor)
        self.recorder = Recorder(self.transport, self.journal, Mint(literal), registry, Seeker(literal, registry.identify))
        self.parties: dict[str, Party] = {}
        self.staff: dict[str, Actor] = {}
        for group, roles in self.profile.actors.items():
            organization = self.profile.organizations.get(group)
            for role, section in roles.items():
                identity = organization.id if organization else ""
                content = "zdr" if group == "subject" else "standard"
                actor = Actor(f"{group}.{role}", role, group, identity, content, section.header, section.sample or "", section.email)
                if organization is None:
                    self.staff[role] = actor
                else:
                    party = self.parties.get(group) or Party(group, identity, organization.account, content, {})
                    self.parties[group] = party.with_actor(actor)

    @property
    def parts(self) -> Parts:
        """Those of the present life."""
        return self.lives.parts

    def assay(self, scenario: str, seed: int, depth: Any = "standard") -> Assay:
        others = {name: party for name, party in self.parties.items() if name not in ("subject", "control")}
        models = ("claude-haiku-sim-1",)
        return Assay(
            self.profile, self.recorder, self.parties["subject"], self.parties["control"], others, self.staff, models, depth, seed, scenario
        )

    def history(self) -> History:
        return History([started(organizations={n: p.id for n, p in self.parties.items()}), *self.journal.events()])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.journal.close()
        self.parts.stores.close()
        self.transport.loop.close()
