"""Who calls (Caller) and what is going on (RequestContext). A context lives no longer than its request and is written nowhere as such."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from zdr_audit.simulator.operations import Operation

CUSTOMER_ROLES = frozenset({"member", "admin"})
PROVIDER = "org_provider"
STAFF_ROLES = frozenset({"account_team", "reviewer", "operator", "auditor"})

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Caller:
    """An authenticated user and where the call came from."""

    user_id: str
    email: str
    role: str
    organization_id: str
    key_id: str = ""
    ip_address: str = ""
    user_agent: str = ""

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF_ROLES


@dataclass
class RequestContext:
    """Everything known of one request, in memory only.

    `raw` is the body as bytes; `parsed` the validated body; `response` the text that was answered; `zdr` whether the organization was under
    ZDR when the request was admitted; `deferred` is set by a streamed answer, which records itself at its end.
    """

    request_id: str
    headers: dict[str, str]
    ip_address: str
    started: datetime
    started_clock: float = field(default_factory=time.monotonic)
    caller: Caller | None = None
    identified: bool = False
    recorded: bool = False
    operation: Operation | None = None
    path: dict[str, str] = field(default_factory=dict)
    query: Any = None
    raw: bytes = b""
    parsed: Any = None
    upload: tuple[str, str, bytes] | None = None
    zdr: bool = False
    model: str = ""
    stream: bool = False
    status: int = 0
    error_type: str = ""
    response: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    prefixes: list[tuple[str, int]] = field(default_factory=list)
    inferred: bool = False
    aborted: bool = False
    deferred: bool = False
    concerned: str | None = None

    @property
    def known_caller(self) -> Caller:
        """The caller; only for operations that require one."""
        if self.caller is None:
            raise RuntimeError("operation without a caller")
        return self.caller

    @property
    def organization(self) -> str:
        return self.known_caller.organization_id

    @property
    def session_id(self) -> str:
        """What the client calls its session (at most 200 characters), or the empty string."""
        return self.headers.get("x-claude-code-session-id", "")[:200]

    @property
    def request_text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    def body(self, model: type[M]) -> M:
        """The parsed body, known to be a `model`."""
        if not isinstance(self.parsed, model):
            raise RuntimeError("operation without that body")
        return self.parsed

    def asked(self, model: type[M]) -> M:
        """The parsed query, known to be a `model`."""
        if not isinstance(self.query, model):
            raise RuntimeError("operation without that query")
        return self.query
