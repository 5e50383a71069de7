"""What a dialect is: how a stimulus becomes a request of one interface, and how its answer is read. One small module each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from zdr_audit.target.stimulus import Place, Stimulus

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Rendered:
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Parsed:
    """`ok` says whether the answer is a complete, well-formed one; `problem` says what is not. A complete answer may be without text: a model may
    spend all its tokens on thinking, or refuse without a word. `cached` is how many tokens of the request were read from a prompt cache, None where the
    answer does not say."""

    ok: bool
    text: str
    problem: str
    cached: int | None = None


class Dialect(Protocol):
    """One interface for inference. `features` are those of a stimulus that it can say: places, `stream`, `cache`, `thinking`, `session`, `opening`,
    `answer`, `signs` and `guise` (of content in its texts, which come ready made), and `wrong:` with a kind of wrong request; and `dialect:` with what the
    interface promises of its answers (`names_request`: each names itself and the organization served; `error_envelope`: errors come in one form). `headers`
    go with every call of the interface; `request_id_header` is where an answer names itself."""

    name: str
    features: frozenset[str]
    headers: Mapping[str, str]
    request_id_header: str

    def render(self, stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...], size_limit: int) -> Rendered:
        """`texts` gives what is to be said (the canary) for each place of the stimulus, `parts` the pieces to be joined (empty: no instruction). Of
        `stimulus.noise` characters of random text (`content.noise`) all must be in the body: the growth bound rests on them."""

    def parse(self, status: int | None, content_type: str, body: bytes, *, streamed: bool) -> Parsed:
        """Read an answer. Anything but a complete one is `ok` False with the reason."""

    def counting(self, body: bytes) -> bytes:
        """The body of an inference request made one that only counts its tokens."""

    def continued(self, earlier: bytes, reply: str, body: bytes) -> bytes:
        """The body as the next request of the conversation that `earlier` is the last one of: all that was said there, the `reply` to it, then what the
        body says itself. The same body where the interface takes one question at a time."""


def counting_dialect(dialect: Dialect) -> Dialect:
    """What renders requests that count tokens: the dialect itself, unless it says (`counts_by`) that these are of another shape."""
    other: Dialect = getattr(dialect, "counts_by", dialect)
    return other


class Broken(Exception):
    """An answer that is none of the dialect's; the message says why."""


def loaded(body: bytes, what: str = "the answer") -> Any:
    """Raises Broken for what is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Broken(f"{what} is not JSON") from None


def whole(text: str, ended: bool) -> Parsed:
    """A complete answer needs text, or a word of the target on why there is none."""
    ok = bool(text) or ended
    return Parsed(ok, text, "" if ok else "the message is empty")


def tokens(answer: Any, *way: str) -> int | None:
    """The number that stands at the end of a way through objects, None where there is none."""
    for name in way:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else None


def events(body: bytes) -> Iterator[str]:
    """The data of each whole server-sent event. Lines end in CR, LF or both and nowhere else: JSON may hold U+2028 as it is."""
    data: list[str] = []
    for line in _LINE_END.split(body.decode("utf-8", "replace")):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []


def without(body: bytes, keys: tuple[str, ...]) -> bytes:
    """A JSON object without some of its members."""
    trimmed = json.loads(body)
    for key in keys:
        trimmed.pop(key, None)
    return json.dumps(trimmed).encode()


def joined(earlier: bytes, body: bytes, turns: str, call: str, reply: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The body, and its list `turns` with all turns of the earlier body and the reply ahead of its own. Its tool call `call` gets a name that no
    earlier one has."""
    before = json.loads(earlier)[turns]
    more = json.loads(body.replace(call.encode(), f"{call}_{len(before)}".encode()))
    return more, [*before, reply, *more[turns]]


def padded(body: dict[str, Any], size_limit: int) -> bytes:
    """The body made larger than the limit by white space, which changes nothing else."""
    raw = json.dumps(body).encode()
    return raw + b" " * max(0, size_limit + 1024 - len(raw))


def oversized(stimulus: Stimulus, body: dict[str, Any], size_limit: int) -> bytes:
    """The body beyond the limit, or the beginning of one where the rest of it is announced alone."""
    return json.dumps(body).encode() if stimulus.unfinished else padded(body, size_limit)
