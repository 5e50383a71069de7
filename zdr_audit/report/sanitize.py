"""Text from a target, made safe to show: nothing that it contains can drive a terminal, reorder a line or hide itself."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LIMIT = 2_000
"""Characters shown of one text where the caller states no limit."""

_MARKS_IN_A_ROW = 4
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Blank by look or by rendering, yet letters or marks by category: Hangul and Khmer fillers, the grapheme joiner, variation selectors.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


@lru_cache(maxsize=4096)
def _kind(char: str) -> str:
    """`plain`, `mark` (stacks on the character before it) or `hidden` (must be escaped)."""
    category = unicodedata.category(char)
    if category in _HIDDEN or _BLANK.match(char):
        return "hidden"
    return "mark" if category in ("Mn", "Me") else "plain"


def _escape(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _note(rest: int) -> str:
    return f"... [{rest:,} more character{'s' if rest > 1 else ''}]" if rest else ""


def visible(text: str, limit: int = LIMIT, *, lines: bool = False) -> str:
    """`text` with every character that is invisible or acts on its surroundings written as an escape such as `\\x1b` or `\\u202e`.

    Escaped are control characters (so ANSI and OSC sequences lose their effect), bidirectional overrides and other format characters,
    lone surrogates, private and unassigned code points, line separators, and combining marks beyond the fourth in a row. Line feeds are
    kept with `lines`. A backslash stays as it is, so the result is for reading; the exact text is in `report.json`.

    The result holds at most `limit` characters of text; a longer one ends in a note such as `... [120 more characters]`, which counts the
    characters of the original that are not shown. Raises ValueError where `limit` is below 1.
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    head = text[:limit]
    if head.isascii() and head.isprintable():
        return head + _note(len(text) - len(head))
    shown: list[str] = []
    size = used = marks = 0
    for char in head:
        kind = "plain" if lines and char == "\n" else _kind(char)
        marks = marks + 1 if kind == "mark" else 0
        piece = _escape(char) if kind == "hidden" or marks > _MARKS_IN_A_ROW else char
        if size + len(piece) > limit:
            break
        shown.append(piece)
        size += len(piece)
        used += 1
    return "".join(shown) + _note(len(text) - used)
