"""HTTP to the target and nowhere else: bounded in size and time, no redirects followed, credentials only to the target's origins."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from zdr_audit import __version__
from zdr_audit.target import wire as raw
from zdr_audit.target.deadline import Punctual, answered_by
from zdr_audit.target.pace import Pace, tokens
from zdr_audit.target.security import OPEN, Security

DROPPED = frozenset({"connection reset", "connection closed without an answer"})
"""What `Answer.error` says where the connection was open and ended without an answer."""
CHUNK_BYTES = 1024
"""Of a body that is sent in chunks."""


@dataclass(frozen=True)
class Answer:
    """What came back, from which of the target's addresses. `status` is None where nothing did; `error` then says why in a few words. Times are UTC,
    ISO 8601."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    error: str
    started_at: str
    ended_at: str
    truncated: bool = False
    request_bytes: int = 0
    node: int = 0

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())


@dataclass(frozen=True)
class Outgoing:
    """A request to send. `raw_path` goes out as it is (no normalising), so that path tricks reach the backend.

    `operation` says whose limits hold for it, `inference` that it takes tokens. `node` says to which of the target's addresses (modulo their number);
    None leaves that to the transport. `chunked` sends the body in chunks, its length untold; `unnamed` leaves out the User-Agent. With `wire` the
    whole request is written on a connection of its own, byte by byte as it says.
    """

    method: str
    raw_path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    abandon_after: int | None = None
    timeout: float | None = None
    operation: str = ""
    inference: bool = False
    node: int | None = None
    wire: raw.Wire | None = None
    chunked: bool = False
    unnamed: bool = False
    slowly: float = 0.0
    """Seconds after which the second half of the body follows the first."""
    begun: threading.Event | None = None
    """Set as soon as something of the answer's body has come."""


def now() -> str:
    """This moment, UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


AT_ONCE: ContextVar[threading.Barrier | None] = ContextVar("AT_ONCE", default=None)
"""Where others wait with their next request, so that all go out at the same moment."""


def _with_the_others() -> None:
    """Waits for those that are to send at the same moment, once. Whoever is late, or held back, is not waited for longer than a barrier's own time-out."""
    others = AT_ONCE.get()
    if others is not None:
        AT_ONCE.set(None)
        with contextlib.suppress(threading.BrokenBarrierError):
            others.wait()


class _Session(requests.Session):
    """Never looks where a redirect leads: requests reads its whole body for that, however large, even where it does not follow."""

    def __init__(self) -> None:
        super().__init__()
        self._credentials: dict[str, str | None] = {}

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None

    def prepared(
        self, address: str, method: str, path: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None
    ) -> requests.PreparedRequest:
        """A request of this session, which has neither headers nor cookies of its own, to an address that is looked at once. Raises what requests does."""
        if address not in self._credentials:
            self._credentials[address] = requests.Request("GET", address + "/").prepare().headers.get("authorization")
        made = requests.PreparedRequest()
        made.prepare_method(method)
        made.url = address + path  # as it is: requests would tidy it up
        made.prepare_headers(headers)
        made.prepare_body(body, None)
        if credential := self._credentials[address]:
            made.headers["authorization"] = credential
        return made


class _Turns:
    """Which node is next: each once a cycle, in an order that is shuffled for every cycle, so that no habit of a scenario keeps away from a node."""

    def __init__(self, number: int) -> None:
        self._number, self._lock = number, threading.Lock()
        self._random = random.Random(number)  # noqa: S311 - an order, no secret
        self._left: list[int] = []

    def next(self) -> int:
        with self._lock:
            if not self._left:
                self._left = self._random.sample(range(self._number), self._number)
            return self._left.pop()


class Transport:
    """One connection pool a thread, to the addresses of one target: `nodes`, else `base_url` alone. An address may have a path, below which every request
    goes. Nothing is sent that `pace` does not let go."""

    def __init__(
        self,
        base_url: str,
        timeout: float,
        max_answer_bytes: int,
        nodes: Sequence[str] = (),
        *,
        security: Security = OPEN,
        pace: Pace | None = None,
    ) -> None:
        self.security = security
        self.base_url = base_url.rstrip("/")
        self.addresses = tuple(url.rstrip("/") for url in nodes) or (self.base_url,)
        self._turns = _Turns(len(self.addresses))
        self.timeout = timeout
        self.max_answer_bytes = max_answer_bytes
        self.pace = pace or Pace()
        self._local = threading.local()

    @property
    def origin(self) -> str:
        """The target's address without its path."""
        place = urlsplit(self.base_url)
        return f"{place.scheme}://{place.netloc}"

    def _session(self) -> _Session:
        session: _Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _Session()
            session.trust_env = False  # no .netrc credentials, no surprise proxies
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # one actor's cookie must not go with another's request
            session.headers.clear()
            session.verify = self.security.ca or True
            session.cert = self.security.certificate
            if self.security.proxy is not None:
                session.proxies = {"http": self.security.proxy, "https": self.security.proxy}
            session.mount("http://", Punctual())
            session.mount("https://", Punctual())
            self._local.session = session
        return session

    def send(self, outgoing: Outgoing) -> Answer:
        """Send one request when its turn has come. Never raises for what the network or the target does: that is an Answer with `error` set. Raises
        BudgetSpent."""
        cost = tokens(len(outgoing.body or b"")) if outgoing.inference else 0
        _with_the_others()  # before the turn: a pace that lets one request go at a time holds nobody up who waits for the others
        with self.pace.turn(outgoing.operation, cost):
            answer = self._send(outgoing)
        if outgoing.inference:
            self.pace.answered(len(answer.body))
        return answer

    def _send(self, outgoing: Outgoing) -> Answer:
        session = self._session()
        node = self._turns.next() if outgoing.node is None else outgoing.node % len(self.addresses)
        address = self.addresses[node]
        headers = {"user-agent": f"zdr-audit/{__version__}", "accept": "*/*", "connection": "keep-alive"} | outgoing.headers
        headers |= {"user-agent": SKIP_HEADER} if outgoing.unnamed else {}  # left out by us alone, the library would name itself
        sent: bytes | Iterable[bytes] | None = outgoing.body
        if outgoing.body and (outgoing.chunked or outgoing.slowly):
            sent = _pieces(outgoing.body) if outgoing.chunked else _Slowly(outgoing.body, outgoing.slowly)
        started, clock = now(), time.monotonic()
        size = len(outgoing.body or b"")
        limit = outgoing.timeout or self.timeout
        if outgoing.wire is not None:
            own = ({} if outgoing.unnamed else {"user-agent": f"zdr-audit/{__version__}"}) | {"accept": "*/*"} | outgoing.headers
            method, path, body = outgoing.method, outgoing.raw_path, outgoing.body
            got = raw.send(address, method, path, own, body, outgoing.wire, limit, self.max_answer_bytes, self.security)
            return Answer(got.status, got.headers, got.body, got.error, started, now(), got.truncated, size, node)
        if not outgoing.raw_path.startswith("/"):
            # Put behind the base URL, `@elsewhere/` would be another host.
            return Answer(None, {}, b"", "not sent: the path does not begin with /", started, now(), request_bytes=size, node=node)
        try:
            prepared = session.prepared(address, outgoing.method, outgoing.raw_path, headers, sent)
            with answered_by(clock + limit):
                response = session.send(prepared, stream=True, timeout=(min(limit, 10), limit), allow_redirects=False)
        except (requests.RequestException, OSError, ValueError) as exc:
            return Answer(None, {}, b"", _words(exc), started, now(), request_bytes=size, node=node)
        with response:
            body, error, truncated = self._read(response, clock + limit, outgoing.abandon_after, outgoing.begun)
            folded = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, folded, body, error, started, now(), truncated, size, node)

    def _read(
        self, response: requests.Response, deadline: float, abandon_after: int | None, begun: threading.Event | None
    ) -> tuple[bytes, str, bool]:
        received = bytearray()
        chunk = 64 if abandon_after is not None else 65536
        # Not iter_content: that waits until a chunk is full, so a body that trickles in would get past the time bound.
        read = getattr(response.raw, "read1", response.raw.read)
        try:
            while piece := read(chunk, decode_content=True):
                received += piece
                if begun is not None:
                    begun.set()
                if abandon_after is not None and len(received) >= abandon_after:
                    response.raw.close()
                    return bytes(received), "abandoned", True
                if len(received) > self.max_answer_bytes:
                    return bytes(received[: self.max_answer_bytes]), f"the answer is larger than {self.max_answer_bytes} bytes", True
                if time.monotonic() > deadline:
                    return bytes(received), "the answer took too long", True
        except (requests.RequestException, HTTPError, OSError, ValueError) as exc:
            return bytes(received), "the answer took too long" if time.monotonic() >= deadline else _words(exc), True
        return bytes(received), "", False


class _Slowly:
    """A body as a client on a slow line sends it: its length is known, half of it comes at once."""

    def __init__(self, body: bytes, seconds: float) -> None:
        self._body, self._seconds = body, seconds

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        half = len(self._body) // 2
        yield self._body[:half]
        time.sleep(self._seconds)
        yield self._body[half:]


def _pieces(body: bytes) -> Iterator[bytes]:
    return (body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES))


def _words(error: BaseException) -> str:
    """A short cause without addresses of objects or the request itself."""
    text = str(error).lower()
    for sign, words in (
        ("refused", "connection refused"),
        ("timed out", "timed out"),
        ("name or service", "host name not found"),
        ("certificate", "TLS certificate not accepted"),
        ("reset", "connection reset"),
        ("aborted", "connection closed without an answer"),
    ):
        if sign in text:
            return words
    return type(error).__name__


def auth_headers(header: str, secret: str, prefix: str | None = None) -> dict[str, Any]:
    """The header that carries a credential, after its prefix. Without one said: `Bearer` in `authorization`, none in any other."""
    word = ("Bearer" if header.lower() == "authorization" else "") if prefix is None else prefix
    return {header: f"{word} {secret}".strip()}
