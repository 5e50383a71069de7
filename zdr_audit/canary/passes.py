"""Searches for what no fixed pattern can show: each is a pass of its own over the data, made cheap enough to run over everything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from .form import Decoded, Form, Needle, letter, run
from .gates import TOKEN_RUN, alike, changes, stretches, tokens
from .mint import CANARY_LENGTH, LITERAL_LENGTH, PIECE_LENGTH
from .parts import Beginnings
from .split import SplitSearch

REACH = 512
Event = tuple[int, int, Needle]


@dataclass(frozen=True)
class Pass:
    """`find(data)` gives the places (start and end in bytes) where the literal stands in the form, each with what reads it."""

    name: str
    find: Callable[[bytes], Iterator[Event]]


def _no_patterns(_payload: bytes) -> list[tuple[bytes, int]]:
    return []


def _xor_decode(window: bytes, _start: int, key: int) -> Decoded:
    return Decoded("xor", bytes(code ^ key for code in window), range(len(window)), range(1, len(window) + 1))


def _xor(literal: bytes) -> Pass:
    """XOR with any one byte: what each byte differs in from the next does not depend on the key."""
    form = Form("xor", _no_patterns, _xor_decode)
    # One by one, since differences of common bytes are common: for two patterns at once the library would stop at many of them.
    searches = [
        (text, BytesAhoCorasick([bytes(a ^ b for a, b in pairwise(text))], MatchKind.LeftmostFirst)) for text in (literal, literal.upper())
    ]

    def find(data: bytes) -> Iterator[Event]:
        for low, high in alike(data) if len(data) > len(literal) else ():
            part = data[low:high]
            differences = changes(part)
            for text, search in searches:
                for _, at, _ in search.find_matches_as_indexes(differences):
                    place = part[at : at + len(literal)]
                    key = place[0] ^ text[0]
                    if key and (key != 0x20 or place.lower() != literal):
                        yield low + at, low + at + len(text), Needle(b"", form, key, CANARY_LENGTH)

    return Pass("xor", find)


# What may stand between two characters: white space, soft breaks, quotes, signs. Not zero bytes: that is another form.
_GAP = rb"(?:=\r?\n|\\[nrt]|[^A-Za-z0-9\x00]){0,12}"
_SPACED_UNITS = re.compile(rb"(=\r?\n|\\[nrt]|[^A-Za-z0-9\x00])|[A-Za-z0-9]")


def _spaced_decode(window: bytes, start: int, _phase: int) -> Decoded | None:
    return run("spaced", window, start, _SPACED_UNITS, letter)


# Where the pieces of an answer's canary are cut, which a prompt lists to have them joined: in the first literal, and in the second.
PROMPTED = tuple(
    tuple(cut - first for cut in range(0, CANARY_LENGTH, PIECE_LENGTH) if first < cut < first + LITERAL_LENGTH)
    for first in (0, CANARY_LENGTH - LITERAL_LENGTH)
)


def _gaps(text: bytes) -> tuple[int, ...]:
    """After how many characters each gap stands."""
    found: list[int] = []
    count = 0
    for unit in _SPACED_UNITS.finditer(text):
        if unit[1] is None:
            count += 1
        elif not found or found[-1] != count:
            found.append(count)
    return tuple(found)


def _spaced(literal: bytes, beginnings: Beginnings) -> Pass:
    """Characters with something between them: wrapped lines, one character a line, quoted-printable with soft breaks, quoted pieces."""
    form = Form("spaced", _no_patterns, _spaced_decode)
    wanted = [re.compile(_GAP.join(text[at : at + 1] for at in range(len(text)))) for text in (literal, literal.upper())]

    def find(data: bytes) -> Iterator[Event]:
        for place in beginnings.find(data):
            for text in wanted:
                found = text.match(data, place)
                if found and len(found[0]) > len(literal) and _gaps(found[0]) not in PROMPTED:
                    yield found.start(), found.end(), Needle(b"", form, reach=REACH)

    return Pass("spaced", find)


_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES = {code: value for value, code in enumerate(_BASE58)}
_LEAST, _MOST = TOKEN_RUN, 1500  # a canary takes 44 digits
_BASE58_RUN = re.compile(rb"[%b]{%d,%d}" % (_BASE58, _LEAST, _MOST))
_BASE58_CLASS = bytes(code in _BASE58 for code in range(256))
# A run that ends at one of these is a stretch of some other text without spaces.
_NEIGHBOURS = frozenset(b"0OIl+/_-")


def _base58_decode(window: bytes, start: int, _phase: int) -> Decoded | None:
    found = _BASE58_RUN.match(window, start)
    if found is None:
        return None
    number = 0
    for code in found[0]:
        number = number * 58 + _BASE58_VALUES[code]
    data = number.to_bytes((number.bit_length() + 7) // 8)
    return Decoded("base58", data, [start] * len(data), [found.end()] * len(data))


def _base58(literal: bytes) -> Pass:
    """Base58 has no alignment, so a run of its digits must be decoded whole."""
    form = Form("base58", _no_patterns, _base58_decode)

    def find(data: bytes) -> Iterator[Event]:
        for low, high in tokens(data):
            yield from within(data, low, high)

    def within(data: bytes, low: int, high: int) -> Iterator[Event]:
        for start, end in stretches(data, low, high, _BASE58_CLASS, _LEAST):
            alone = (start == 0 or data[start - 1] not in _NEIGHBOURS) and (end == len(data) or data[end] not in _NEIGHBOURS)
            if alone and end - start <= _MOST:
                decoded = _base58_decode(data, start, 0)
                if decoded and literal in decoded.data.lower():
                    yield start, end, Needle(b"", form)

    return Pass("base58", find)


def passes(literal: bytes, beginnings: Beginnings) -> list[Pass]:
    """All of these searches, for one literal."""
    return [_xor(literal), _spaced(literal, beginnings), _base58(literal), Pass("split", SplitSearch(literal, beginnings).find)]
