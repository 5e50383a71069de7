"""A backend on paper: answers through requests-mock, honest unless told otherwise, and keeps what standard retention keeps in one log file.

It knows just what the controls ZDR-RET-01, ZDR-BLK-03 and ZDR-ADM-06 need. `spoil` sees each request with the honest reply and gives another one, or None
to leave it; it may also raise what requests raises for a broken network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests_mock

from zdr_audit.profile.load import shipped

BASE_URL = "http://127.0.0.1:9"
CONTROLS = ("ZDR-RET-01", "ZDR-BLK-03", "ZDR-ADM-06")
WITHOUT = ("--deselect", "suites/administration/test_through_changes.py")
"""What else ZDR-ADM-06 looks at needs more than this backend knows."""
REFUSAL = "This feature is not available under your organization's data retention policy."


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


def said(body: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode())


@dataclass(frozen=True)
class Asked:
    """One request as the backend sees it. `organization` is that of the credential, empty for none that it knows."""

    method: str
    path: str
    organization: str
    body: bytes

    @property
    def subject(self) -> bool:
        return self.organization == "org_subject"


Spoil = Callable[[Asked, Reply], Reply | None]


def profile(folder: Path, **limits: object) -> Path:
    """The shipped simulator profile with one log file as its only evidence and short times; `limits` changes more of them."""
    text = shipped()["simulator"].read_text(encoding="utf-8").split("[[evidence]]")[0]
    values = {"timeout_seconds": 2, "settle_seconds": 0, "clock_tolerance_seconds": 60, "retries": 0} | limits
    lines = "\n".join(f"{name} = {value}" for name, value in values.items())
    text = re.sub(r"\[limits\]\n(.+\n)+", lambda _: f"[limits]\n{lines}\n", text)
    path = folder / "paper.toml"
    path.write_text(f'{text}[[evidence]]\nid = "log"\nkind = "files"\nwhat = "log"\npath = "{folder / "log"}"\n', encoding="utf-8")
    return path


class PaperBackend:
    """Mount it on a requests-mock mocker; `asked` are the requests that reached it."""

    def __init__(self, folder: Path, spoil: Spoil | None = None) -> None:
        self.log = folder / "log"
        self.log.mkdir(exist_ok=True)
        self.asked: list[Asked] = []
        self.closed: list[str] = []
        self._spoil = spoil
        self._zdr = {"org_subject"}
        self._keys = {
            f"sample-key-{o}-{r}": f"org_{o}" for o in ("subject", "control", "sibling", "neighbour") for r in ("member", "admin", "second")
        }
        self._keys |= {f"sample-key-{role}": "provider" for role in ("account-team", "reviewer", "operator", "auditor")}
        self._settings: dict[str, Any] = {}

    def mount(self, mocker: requests_mock.Mocker) -> None:
        mocker.register_uri(requests_mock.ANY, requests_mock.ANY, content=self._content)

    def _content(self, request: Any, context: Any) -> bytes:
        raw = request.body if isinstance(request.body, bytes) else b"".join(request.body or ())
        asked = Asked(request.method, request.path_url.split("?")[0], self._keys.get(request.headers.get("x-api-key", ""), ""), raw)
        self.asked.append(asked)
        reply = self._honest(asked)
        if self._spoil is not None:
            reply = self._spoil(asked, reply) or reply
        context.status_code = reply.status
        context.headers.update(reply.headers)
        return reply.body

    def keep(self, asked: Asked, more: bytes = b"") -> None:
        if self.log.is_dir():
            with (self.log / "app.log").open("ab") as file:
                file.write(asked.body + b"\n" + more + b"\n")

    def _honest(self, asked: Asked) -> Reply:
        if not asked.organization:
            return said({"type": "error", "error": {"type": "authentication_error", "message": "no such key"}}, 401)
        kept = asked.organization not in self._zdr
        body = json.loads(asked.body) if asked.body[:1] == b"{" else {}
        parts = asked.path.strip("/").split("/")
        if asked.path == "/v1/messages":
            return self._message(asked, body, kept)
        if asked.path == "/v1/models":
            return said({"data": [{"id": "model-a"}]})
        if asked.path in ("/api/claude_cli_feedback", "/api/claude_code_shared_session_transcripts"):
            if not kept:
                return said({"type": "error", "error": {"type": "permission_error", "message": REFUSAL}}, 403)
            self.keep(asked)
            return said({})
        if asked.path == "/api/claude_code/settings":
            return said({"settings": self._settings.get(asked.organization, {}), "checksum": "c"})
        return self._administration(asked.method, asked.path, parts, body)

    def _administration(self, method: str, path: str, parts: list[str], body: dict[str, Any]) -> Reply:
        if method == "DELETE" and len(parts) == 3:
            self.closed.append(parts[2])
            return said({})
        if path == "/v1/organizations":
            fresh = f"org_{len(self._keys)}"
            self._keys[f"key-of-admin-{fresh}"] = fresh
            return said({"id": fresh, "admin": {"key": f"key-of-admin-{fresh}", "email": f"admin@{fresh}.example"}}, 201)
        if path.endswith("/users"):
            return said({"id": f"user-of-{parts[2]}"})
        if path.endswith("/api_keys"):
            self._keys[f"key-of-member-{parts[2]}"] = parts[2]
            return said({"id": f"id-of-{parts[2]}", "key": f"key-of-member-{parts[2]}"})
        if path.endswith("/settings"):
            self._settings[parts[2]] = body["settings"]
            return said({})
        if path.endswith("/zdr/requests"):
            return said({"id": parts[2], "status": "requested"}, 201)
        if path.endswith(("/approve", "/enable")):
            self._zdr |= {parts[3]} if path.endswith("/enable") else set()
            return said({"status": "enabled"})
        if path.endswith("/zdr"):
            status = "enabled" if parts[2] in self._zdr else "disabled"
            return said({"status": status, "covers": [], "not_covered": [], "platforms_covered": [], "platforms_not_covered": []})
        return said({"type": "error", "error": {"type": "not_found_error", "message": "no such path"}}, 404)

    def _message(self, asked: Asked, body: dict[str, Any], kept: bool) -> Reply:
        texts = [b.get("text", "") for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
        joined = next((t.rsplit("only: ", 1)[1] for t in texts if "Join these parts" in t), '"Forty ships."')
        text = "".join(re.findall(r'"([^"]*)"', joined))
        if kept:
            self.keep(asked, text.encode())
        if not body.get("stream"):
            return said({"type": "message", "content": [{"type": "text", "text": text}]})
        events = [{"type": "content_block_delta", "delta": {"text": text}}, {"type": "message_stop"}]
        lines = b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)
        return Reply(200, lines, {"content-type": "text/event-stream"})
