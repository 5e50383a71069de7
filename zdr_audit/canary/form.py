"""What a form is: patterns that show it, and a function that reads it back around a hit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# A pattern and its phase: where in a group of its encoding (4 characters of base64) its first byte stands.
# For a form that is `by_place` the phase is that of the place in the stored object instead, 0 where that is unknown.
Pattern = tuple[bytes, int]


@dataclass(frozen=True)
class Decoded:
    """Text read back from a window: the bytes, and for each of them where it starts and ends in the window (offsets in bytes)."""

    name: str
    data: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """The range of the window that holds the decoded bytes `start` to `end` (at least one byte)."""
        return min(self.starts[start], self.starts[end - 1]), max(self.ends[start], self.ends[end - 1])


@dataclass(frozen=True)
class Form:
    """One encoding. `encode(payload)` gives patterns one of which occurs wherever the payload was encoded, at whatever alignment;
    `decode(window, start, phase)` reads the encoded run around a pattern that starts at `start` in the window, None when it cannot."""

    name: str
    encode: Callable[[bytes], list[Pattern]]
    decode: Callable[[bytes, int, int], Decoded | None]
    by_place: bool = False


@dataclass(frozen=True)
class Needle:
    """A byte pattern that betrays the literal. `form` decodes it; None for the literal itself, in any case of its letters."""

    pattern: bytes
    form: Form | None
    phase: int = 0
    reach: int = 0
    """Bytes to read on either side of the pattern so as to see the whole canary, and for wide characters where their text begins."""
    sighted: tuple[tuple[str, ...], str] | None = None
    """The forms and the canary of what was recognised already, so that nothing is to be read: a digest."""


def letter(unit: re.Match[bytes]) -> int | None:
    """The value of a unit of one letter; None for a break, which is its group 1."""
    return None if unit[1] is not None else ord(unit[0])


def letters(name: str, window: bytes, start: int, units: re.Pattern[bytes]) -> tuple[Decoded, int] | None:
    """The unbroken run of letters around the one at `start`, with the number of that one among them; None where there is none."""
    found = run(name, window, start, units, letter)
    return (found, found.starts.index(start)) if found and start in found.starts else None


def unpacked(name: str, digits: Decoded, skip: int, bits: int, data: bytes) -> Decoded:
    """What digits of so many bits each, without the first `skip`, were decoded to; without what filled up the last group."""
    whole = (len(digits.data) - skip) * bits // 8
    starts = [digits.starts[skip + at * 8 // bits] for at in range(whole)]
    ends = [digits.ends[skip + (at * 8 + 7) // bits] for at in range(whole)]
    return Decoded(name, data[:whole], starts, ends)


def run(name: str, window: bytes, start: int, units: re.Pattern[bytes], value: Callable[[re.Match[bytes]], int | None]) -> Decoded | None:
    """The unbroken run of units around `start`. A unit whose value is None (a line break) is skipped without breaking the run."""
    data = bytearray()
    starts: list[int] = []
    ends: list[int] = []
    edge = 0
    for unit in units.finditer(window):
        if unit.start() != edge:
            if edge > start:
                break
            data, starts, ends = bytearray(), [], []
        edge = unit.end()
        byte = value(unit)
        if byte is not None:
            data.append(byte)
            starts.append(unit.start())
            ends.append(edge)
    return Decoded(name, bytes(data), starts, ends) if data and starts[0] <= start < edge else None
