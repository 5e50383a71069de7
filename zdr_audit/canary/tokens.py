"""Token ids: text as the numbers that a model's tokenizer makes of it, in lists of numbers and in arrays.

The tokenizer is named by the profile. What it makes of the middle of the run's literal is the same for all canaries, so a few patterns find
any of them, and the numbers around a hit are turned back into text.
"""

from __future__ import annotations

import importlib
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .form import Decoded, Form, Needle
from .mint import LITERAL_LENGTH, TAIL_LENGTH

NAME = "token-ids"
_REACH = 768
_LEAST, _FEWEST = 5, 3  # characters, and tokens, that a pattern stands for
_MOST_RUNS = 12
_BEFORE = ("", " ", "x", "-", '"', "\n", "7")
_AFTER = ("a4k9", "q", "4k9z", "07p", " ", '"')


class Tokenizer(Protocol):
    """A tokenizer as this module needs it."""

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        """The tokens of a text, each with where its characters start and end."""

    def text(self, token: int) -> bytes:
        """What one token stands for; empty where there is no such token."""


class _Encoding:
    """An encoding of tiktoken's, from a package that carries their vocabularies."""

    def __init__(self, name: str) -> None:
        package = importlib.import_module("bpe_openai")
        if name not in package.list_encoding_names():
            raise ValueError(f"there is no encoding '{name}'; there are {', '.join(package.list_encoding_names())}")
        self._encoding = package.get_encoding(name)

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        found, at = [], 0
        for token in self._encoding.encode_ordinary(text):
            size = len(self.text(token))
            found.append((token, at, at + size))
            at += size
        return found

    def text(self, token: int) -> bytes:
        try:
            return bytes(self._encoding.decode_single_token_bytes(token))
        except Exception:  # whatever it says of a number that is no token
            return b""


class _File:
    """A tokenizer.json of the library tokenizers."""

    def __init__(self, path: str) -> None:
        package = importlib.import_module("tokenizers")
        if not Path(path).is_file():
            raise ValueError(f"{path}: there is no tokenizer file here")
        try:
            self._tokenizer = package.Tokenizer.from_file(path)
        except Exception as problem:  # the library raises a bare Exception
            raise ValueError(f"{path}: not a tokenizer file: {problem}") from None

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        made = self._tokenizer.encode(text, add_special_tokens=False)
        return [(token, start, end) for token, (start, end) in zip(made.ids, made.offsets, strict=True)]

    def text(self, token: int) -> bytes:
        if self._tokenizer.id_to_token(token) is None:
            return b""
        return str(self._tokenizer.decode([token])).strip().encode()


_KINDS: dict[str, Callable[[str], Tokenizer]] = {"tiktoken": _Encoding, "tokenizers": _File}


def load(name: str) -> Tokenizer:
    """The tokenizer of a name such as `tiktoken:cl100k_base` or `tokenizers:/path/to/tokenizer.json`. Raises ValueError."""
    kind, _, which = name.partition(":")
    if kind not in _KINDS or not which:
        raise ValueError(f"a tokenizer is named tiktoken:ENCODING or tokenizers:FILE, not '{name}'")
    try:
        return _KINDS[kind](which)
    except ModuleNotFoundError:
        raise ValueError(f"the tokenizer '{name}' needs the extra 'tokens' (pip install 'zdr-audit[tokens]')") from None


def literal_runs(literal: str, tokenizer: Tokenizer) -> list[tuple[int, ...]]:
    """Sequences of tokens one of which stands for part of the literal, whatever text is around it."""
    runs: dict[tuple[int, ...], int] = {}
    for before in _BEFORE:
        for after in _AFTER:
            low, high = len(before), len(before) + LITERAL_LENGTH
            inner = [
                piece
                for piece in tokenizer.pieces(before + literal + after)
                if low <= piece[1] and piece[2] <= high and piece[1] < piece[2]
            ]
            if inner:
                runs[tuple(token for token, _, _ in inner)] = inner[-1][2] - inner[0][1]
    common = _longest_common(list(runs))
    covered = sum(len(tokenizer.text(token).strip()) for token in common)
    if len(common) >= _FEWEST and covered >= _LEAST:
        return [common]
    return [run for run, size in runs.items() if len(run) >= _FEWEST and size >= _LEAST][:_MOST_RUNS]


def _longest_common(runs: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The longest sequence that stands in all of them, empty where there is none."""
    if not runs:
        return ()
    shortest = min(runs, key=len)
    for size in range(len(shortest), 0, -1):
        for at in range(len(shortest) - size + 1):
            part = shortest[at : at + size]
            if all(any(run[place : place + size] == part for place in range(len(run) - size + 1)) for run in runs):
                return part
    return ()


@dataclass(frozen=True)
class _Writing:
    """A way to write numbers: `write` gives the bytes of a sequence, `read` the numbers around a place with where each starts and ends."""

    write: Callable[[Sequence[int]], bytes | None]
    read: Callable[[bytes, int], list[tuple[int, int, int]]]


_NUMBER = re.compile(rb"[0-9]+")
_RUN = re.compile(rb"[0-9,\s]+")


def _listed(separator: str) -> _Writing:
    def read(window: bytes, start: int) -> list[tuple[int, int, int]]:
        for run in _RUN.finditer(window):
            if run.start() <= start < run.end():
                found = [(int(number[0][:10]), number.start(), number.end()) for number in _NUMBER.finditer(window, run.start(), run.end())]
                return found[1:] if run.start() == 0 and found and found[0][1] < start else found  # the first may be cut by the window
        return []

    return _Writing(lambda tokens: separator.join(map(str, tokens)).encode(), read)


def _array(kind: str) -> _Writing:
    layout = struct.Struct(kind)

    def write(tokens: Sequence[int]) -> bytes | None:
        try:
            return b"".join(layout.pack(token) for token in tokens)
        except struct.error:
            return None  # too large for this kind

    def read(window: bytes, start: int) -> list[tuple[int, int, int]]:
        places = range(start % layout.size, len(window) - layout.size + 1, layout.size)
        return [(layout.unpack_from(window, at)[0], at, at + layout.size) for at in places]

    return _Writing(write, read)


def _varints() -> _Writing:
    def one(value: int) -> bytes:
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    def numbers(window: bytes) -> Iterator[tuple[int, int, int]]:
        value = first = 0
        for at, byte in enumerate(window):
            value |= (byte & 0x7F) << 7 * min(at - first, 9)
            if byte < 0x80:
                yield value, first, at + 1
                value, first = 0, at + 1

    def read(window: bytes, start: int) -> list[tuple[int, int, int]]:
        return list(numbers(window)) if start == 0 or window[start - 1] < 0x80 else []

    return _Writing(lambda tokens: b"".join(map(one, tokens)), read)


_LITTLE_ENDIAN, _BIG_ENDIAN = _array("<I"), _array(">I")
_WRITINGS = (_listed(", "), _listed(","), _listed(" "), _array("<H"), _LITTLE_ENDIAN, _array("<Q"), _BIG_ENDIAN, _varints())


def token_needles(literal: str, tokenizer: Tokenizer) -> list[Needle]:
    """The patterns that betray the literal in a tokenizer's ids."""
    found: dict[bytes, Needle] = {}
    for run in literal_runs(literal, tokenizer):
        for writing in _WRITINGS:
            pattern = writing.write(run)
            if pattern is not None:
                found.setdefault(pattern, Needle(pattern, _form(writing, tokenizer, literal.encode()), 0, _REACH))
    return list(found.values())


def _form(writing: _Writing, tokenizer: Tokenizer, literal: bytes) -> Form:
    whole = re.compile(literal + rb"[a-z0-9]{%d}" % TAIL_LENGTH + literal)

    def text(numbers: list[tuple[int, int, int]]) -> Decoded:
        data = bytearray()
        starts: list[int] = []
        ends: list[int] = []
        for token, first, last in numbers:
            piece = tokenizer.text(token)
            data += piece
            starts += [first] * len(piece)
            ends += [last] * len(piece)
        return Decoded(NAME, bytes(data), starts, ends)

    def decode(window: bytes, start: int, _phase: int) -> Decoded | None:
        decoded = text(writing.read(window, start))
        if writing is _BIG_ENDIAN and whole.search(decoded.data) is None:
            # Small numbers in the other order look the same from their zeros on.
            other = text(_LITTLE_ENDIAN.read(window, start + 3))
            if whole.search(other.data) is not None or literal not in decoded.data:
                decoded = other
        return decoded if decoded.data else None

    return Form(NAME, lambda _payload: [], decode)
