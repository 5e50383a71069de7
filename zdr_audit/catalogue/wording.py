"""Whether two texts share wording: the catalogue speaks in its own words, and this shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def shared_runs(text: str, other: str, words: int = 8) -> list[str]:
    """Every stretch of `other` of at least `words` words that is also in `text`, in the order of `other`, as lower-case words.

    Case, punctuation, markup and line breaks do not count. Stretches that overlap are reported as one. ValueError where `words` is below 1.
    """
    if words < 1:
        raise ValueError(f"a run has at least 1 word, not {words}")
    known = set(_windows(_words(text), words))
    tokens = _words(other)
    runs: list[str] = []
    start = end = 0
    for index, window in enumerate(_windows(tokens, words)):
        if window not in known:
            continue
        if index >= end:
            runs += _joined(tokens[start:end])
            start = index
        end = index + words
    return runs + _joined(tokens[start:end])


def _words(text: str) -> list[str]:
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.casefold())]


def _windows(tokens: Sequence[str], words: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[start : start + words]) for start in range(len(tokens) - words + 1)]


def _joined(tokens: Sequence[str]) -> list[str]:
    return [" ".join(tokens)] if tokens else []
