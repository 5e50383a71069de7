"""Minting canaries: random per run, never derived from the run's seed, so that a repeated seed cannot meet an old run's canaries."""

from __future__ import annotations

import re
import secrets
import threading

LITERAL_LENGTH = 10
TAIL_LENGTH = 12
CANARY_LENGTH = 2 * LITERAL_LENGTH + TAIL_LENGTH
PIECE_LENGTH = 5
SHORTEST_CUT = 3
"""Characters of the tail, at either end, by which a canary that was cut short is still told from others."""
_TRIES = 16

_RARE = "zqxj"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
# r: rare letter, d: digit, l: letter. Few letters, because every letter doubles the number of case variants that the search must know, and
# digits in short runs, because scrubbers replace long numbers. Rare letters first: a back-reference in lz4 or snappy takes four bytes that
# ordinary text shares.
_SHAPE = "rrrdddlddd"
_ALPHABETS = {"r": _RARE, "d": _DIGITS, "l": _LETTERS}
_LITERAL = re.compile(rf"[a-z0-9]{{{LITERAL_LENGTH}}}")


def new_literal() -> str:
    """The literal that all canaries of one run share: 10 characters of a-z and 0-9 that begin with three rare letters."""
    while True:
        literal = "".join(secrets.choice(_ALPHABETS[kind]) for kind in _SHAPE)
        # Not its own reverse: else two reversed ones side by side would pass for one that is not.
        if literal not in 2 * literal[::-1] and not _repeats(literal):
            return literal


def check_literal(literal: str) -> str:
    """The literal itself. Raises ValueError when it is not 10 characters of a-z and 0-9."""
    if not _LITERAL.fullmatch(literal):
        raise ValueError(f"a literal is {LITERAL_LENGTH} characters of a-z and 0-9, not {literal!r}")
    return literal


class Mint:
    """Makes the canaries of one run: literal, 12 random characters, literal again, so that one literal survives a cut anywhere. Safe for several threads."""

    def __init__(self, literal: str) -> None:
        self.literal = check_literal(literal)
        self._lock = threading.Lock()
        self._cuts: set[tuple[str, str]] = set()

    def new(self) -> str:
        """A fresh canary of 32 characters of a-z and 0-9. As long as there are enough, none shares its shortest cuts with another, which would leave both
        without a name where no more of them is kept."""
        with self._lock:
            cuts: set[tuple[str, str]] = set()
            for _ in range(_TRIES):
                tail = self._tail()
                cuts = {("begin", tail[:SHORTEST_CUT]), ("end", tail[-SHORTEST_CUT:])}
                if not cuts & self._cuts:
                    break
            self._cuts |= cuts
            return f"{self.literal}{tail}{self.literal}"

    def _tail(self) -> str:
        while True:
            tail = "".join(secrets.choice(_LETTERS + _DIGITS) for _ in range(TAIL_LENGTH))
            # Nothing twice but the literal, which so stands in it exactly twice.
            if _repeats(f"{self.literal}{tail}{self.literal[:2]}") == _repeats(self.literal):
                return tail


def _repeats(text: str) -> int:
    """How often three characters stand in it again: a compressor would write a reference for them, in the midst of a literal."""
    return len(text) - 2 - len({text[at : at + 3] for at in range(len(text) - 2)})


def parts(canary: str) -> tuple[str, ...]:
    """The canary in pieces of 5 characters (the last may be shorter).

    A prompt that lists the pieces and asks for them joined does not hold the literal, which is longer than a piece: the answer then carries
    a canary that the prompt did not contain.
    """
    return tuple(canary[start : start + PIECE_LENGTH] for start in range(0, len(canary), PIECE_LENGTH))
