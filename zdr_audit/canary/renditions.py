"""The texts of a request or an answer that a backend may digest: the whole, its parts as they would be written again, the texts in it."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .digests import ALGORITHMS, COMMON
from .mint import CANARY_LENGTH

LARGE = 64 * 1024
"""Bytes beyond which only the body and the texts in it are digested, as they are and with the common algorithms alone."""
HUGE = 1024 * 1024
"""Bytes beyond which a body is not taken apart."""
_AS_IT_IS = json.JSONEncoder(ensure_ascii=False).encode
_DEEPEST = 100
_MOST_PARTS = 200
_ALL = tuple(ALGORITHMS)
_BASE64 = re.compile(r"(?:data:[^,]{0,80},)?([A-Za-z0-9+/_-]{40,}={0,2})")
_URLSAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class Rendition:
    """Bytes that may have been digested, what they are, the first canary's text in them, and with which algorithms to expect it."""

    what: str
    data: bytes
    canary: str
    algorithms: tuple[str, ...]


def renditions(body: bytes, literal: str, whole: str) -> Iterator[Rendition]:
    """Everything in a body that carries a canary, each once. `whole` names the body itself (`request`, `answer`)."""
    seen: set[bytes] = set()
    for one in _renditions(body, literal.lower(), whole):
        if one.data not in seen:
            seen.add(one.data)
            yield one


def text_renditions(text: str, literal: str, what: str) -> Iterator[Rendition]:
    """A text as it is, and as it is often normalised before it is digested."""
    carried = _carried(text, literal)
    if not carried:
        return
    yield Rendition(what, _bytes(text), carried, _ALL)
    spaced = " ".join(text.split())
    plain = (text.strip(), text.lower(), text.strip().lower(), text + "\n", json.dumps(text), _AS_IT_IS(text))
    for variant in dict.fromkeys((*plain, spaced, spaced.lower())):
        yield Rendition(what, _bytes(variant), carried, COMMON)
    yield Rendition("canary", carried.encode(), carried, COMMON)


def _renditions(body: bytes, literal: str, whole: str) -> Iterator[Rendition]:
    try:
        document = json.loads(body) if len(body) <= HUGE else None
    except (ValueError, RecursionError):
        document = None
    if not _shallow(document):
        document = None  # nobody's prompt: what an answer nests so deep is a trap for its readers
    carried = _carried(body.decode("utf-8", "replace"), literal) or _first(document, literal)
    if not carried:
        return
    yield Rendition(f"{whole}-body", body, carried, _ALL if len(body) <= LARGE else COMMON)
    if document is not None:
        parts = _parts(document, literal, whole) if len(body) <= LARGE else _strings(document, literal, whole)
        yield from itertools.islice(parts, _MOST_PARTS)


def _shallow(document: Any) -> bool:
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            value
            for node in level
            if isinstance(node, dict | list)
            for value in (node.values() if isinstance(node, dict) else node)
            if isinstance(value, dict | list)
        ]
        if not level:
            return True
    return False


def _strings(node: Any, literal: str, whole: str) -> Iterator[Rendition]:
    """The texts of a document that carry a canary, as they are."""
    if isinstance(node, str):
        if carried := _carried(node, literal):
            yield Rendition(f"{whole}-text", _bytes(node), carried, COMMON)
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _strings(value, literal, whole)


def _parts(node: Any, literal: str, whole: str) -> Iterator[Rendition]:
    """The parts of a document that carry a canary, the whole first."""
    if isinstance(node, str):
        yield from text_renditions(node, literal, f"{whole}-text")
        attached = _attached(node)
        if attached is not None and (carried := _carried(attached.decode("latin-1"), literal)):
            yield Rendition("attachment", attached, carried, _ALL)
            yield Rendition("attachment", node.encode(), carried, COMMON)
        return
    if not isinstance(node, dict | list) or not (carried := _first(node, literal)):
        return
    for write in _WRITERS:
        yield Rendition(f"{whole}-json", _bytes(write(node)), carried, COMMON)
    if isinstance(node, list):
        texts = [text for item in node if isinstance(text := item.get("text") if isinstance(item, dict) else item, str)]
        if len(texts) > 1:
            for between in ("", "\n", " ", "\n\n"):
                yield from _joined(between.join(texts), literal, whole)
    for value in node.values() if isinstance(node, dict) else node:
        yield from _parts(value, literal, whole)


def _joined(text: str, literal: str, whole: str) -> Iterator[Rendition]:
    if carried := _carried(text, literal):
        yield Rendition(f"{whole}-text", _bytes(text), carried, COMMON)


# Made once: `json.dumps` makes an encoder for every text that it is not to write in its usual way.
_WRITERS: tuple[Callable[[Any], str], ...] = (
    json.JSONEncoder(separators=(",", ":")).encode,
    json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode,
    json.dumps,
    json.JSONEncoder(sort_keys=True).encode,
    json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode,
    json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode,
    repr,
)


def _first(node: Any, literal: str) -> str:
    """The first canary in a document's texts and keys, or in what they hold in base64."""
    if isinstance(node, str):
        attached = _attached(node) if not (carried := _carried(node, literal)) else None
        return carried or (_carried(attached.decode("latin-1"), literal) if attached else "")
    if isinstance(node, dict):
        return next((carried for pair in node.items() for part in pair if (carried := _first(part, literal))), "")
    if isinstance(node, list):
        return next((carried for part in node if (carried := _first(part, literal))), "")
    return ""


def _carried(text: str, literal: str) -> str:
    """The first canary of a text, lower-cased; empty where there is none."""
    lowered = text.lower()
    at = lowered.find(literal)
    return lowered[at : at + CANARY_LENGTH] if at >= 0 else ""


def _attached(text: str) -> bytes | None:
    found = _BASE64.fullmatch(text)
    if found is None:
        return None
    try:
        plain = found[1].rstrip("=").translate(_URLSAFE)
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
