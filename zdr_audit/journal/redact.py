"""Blots out credentials and canaries before anything reaches the journal, a log or a report."""

from __future__ import annotations

import re
from typing import Any

from ahocorasick_rs import AhoCorasick, MatchKind

SHORTEST = 8
CREDENTIAL = "[credential]"
CANARY = "[canary]"


class Redactor:
    """Replaces registered secrets, and every word that holds the run's literal, in strings at any depth of a JSON value. Of a secret at the end of a string
    the first half is enough: texts are cut to a length before they are cleaned."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._known: AhoCorasick | None = None
        self._begun: AhoCorasick | None = None
        self._ordered: list[str] = []
        self._longest = 0
        self._canary: re.Pattern[str] | None = None
        self._literal = ""

    def add_secret(self, secret: str) -> None:
        """A credential that must never be written. One shorter than `SHORTEST` is passed over: it would blot out ordinary words."""
        if len(secret) < SHORTEST:
            return
        if secret not in self._secrets:
            self._secrets.add(secret)
            self._ordered = sorted(self._secrets)
            self._longest = max(map(len, self._ordered))
            self._known = AhoCorasick(self._ordered, matchkind=MatchKind.LeftmostLongest)
            self._begun = AhoCorasick([one[: max(SHORTEST, len(one) // 2)] for one in self._ordered])

    def set_literal(self, literal: str) -> None:
        """The run's shared literal: runs of letters and digits that contain it are canaries."""
        self._literal = literal.lower()
        self._canary = re.compile(rf"[a-z0-9]*{re.escape(literal)}[a-z0-9]*", re.IGNORECASE)

    def text(self, value: str) -> str:
        """One string, cleaned. Half a surrogate pair, which JSON may hold and UTF-8 may not, is written as an escape."""
        if not value.isascii():
            value = value.encode("utf-8", "backslashreplace").decode()
        if len(value) < SHORTEST:
            return value
        # Whatever holds a secret or half of one holds the beginning of one: most texts hold none, and are searched once.
        if self._known is not None and self._begun is not None and self._begun.find_matches_as_indexes(value):
            value = self._without_beginning(self._begun, self._without_secrets(self._known, value))
        if self._canary is not None and self._literal in value.lower():
            value = self._canary.sub(CANARY, value)
        return value

    @staticmethod
    def _without_secrets(known: AhoCorasick, value: str) -> str:
        parts, end = [], 0
        for _, start, stop in known.find_matches_as_indexes(value):
            parts += [value[end:start], CREDENTIAL]
            end = stop
        return "".join([*parts, value[end:]]) if parts else value

    def _without_beginning(self, begun: AhoCorasick, value: str) -> str:
        """Without half a secret or more at the end: the text was cut before it came here."""
        at = max(0, len(value) - self._longest)
        tail = value[at:]
        for number, start, _ in begun.find_matches_as_indexes(tail, overlapping=True):
            if self._ordered[number].startswith(tail[start:]):
                return value[: at + start] + CREDENTIAL
        return value

    def clean(self, value: Any) -> Any:
        """A JSON value, cleaned at every depth, keys too. The run's bare literal under the key `literal` of the first event is kept by design."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        if isinstance(value, dict):
            return {self.text(str(k)): self.clean(v) for k, v in value.items()}
        return value
