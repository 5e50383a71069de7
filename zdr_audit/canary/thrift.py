"""Thrift's compact protocol, as far as Parquet needs it: structures as numbers by field, everything else passed over."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

# A structure: its fields by number. Numbers, structures and lists of these are kept, strings are not.
Struct = dict[int, Any]
Reading = Generator[int, bytes, Any]

_DEEPEST = 8
_LONGEST = 64 * 1024 * 1024
_MOST_ITEMS = 10_000_000


def struct(depth: int = 0) -> Reading:
    """One structure. Yields what it needs (see `walk.Parser`). Raises ValueError for what is none."""
    if depth > _DEEPEST:
        raise ValueError("structures are nested deeper than any that is known")
    found: Struct = {}
    field = 0
    while head := (yield 1)[0]:
        kind = head & 15
        field = field + (head >> 4) if head >> 4 else _signed((yield from _number()))
        found[field] = kind == 1 if kind in (1, 2) else (yield from _value(kind, depth))
    return found


def _value(kind: int, depth: int) -> Reading:
    if kind in (1, 2, 3):
        return (yield 1)[0]
    if kind in (4, 5, 6):
        return _signed((yield from _number()))
    if kind == 7:
        yield 8
        return None
    if kind == 8:
        size = yield from _number()
        if size > _LONGEST:
            raise ValueError("a string is longer than any that is kept here")
        yield -size
        return None
    if kind in (9, 10):
        head = (yield 1)[0]
        count = head >> 4 if head >> 4 < 15 else (yield from _number())
        if count > _MOST_ITEMS:
            raise ValueError("a list has more items than any that is kept here")
        items = []
        for _ in range(count):
            item = yield from _value(head & 15, depth)
            if head & 15 == 12:
                items.append(item)
        return items
    if kind == 12:
        return (yield from struct(depth + 1))
    raise ValueError(f"no value is of kind {kind}")


def _number() -> Reading:
    value = 0
    for shift in range(0, 70, 7):
        byte = (yield 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ValueError("a number is longer than 64 bits")


def _signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)
