"""Short pieces of patterns that are rare in ordinary data: whoever looks for these first looks at little else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from heapq import heapify, heappop, heappush
from math import prod

SHORTEST = 3
_SIZES = (4, 6, 9)
_RARE, _RARE_START = 2e-7, 3e-5
"""Of how many places in ordinary data a piece may be, and its first four bytes, by which vector instructions pick the places to look at."""
_HEX = frozenset(b"0123456789abcdefABCDEF")
_DIGITS = frozenset(b"0123456789")


def _commonness() -> list[float]:
    """How common each byte is in logs, markup, encoded text and records of numbers, whichever has most of it."""
    found = [0.004] * 256
    for code in range(1, 32):
        found[code] = 0.01
    found[0] = 0.25
    for letters, share in (
        (b"etaoinshr", 0.09),
        (b"dlcumwfgypb", 0.03),
        (b"vk", 0.01),
        (b"jxqz", 0.003),
        (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0.01),
        (b"0123456789", 0.06),
        (b" \n", 0.15),
        (b'",:.-_/=', 0.04),
        (b"\\%&#;(){}[]<>'*+|", 0.02),
    ):
        for code in letters:
            found[code] = share
    return found


_COMMON = _commonness()


def commonness(piece: bytes) -> float:
    """About how many of the places in ordinary data hold the piece: in the kind of data that is likeliest to."""
    shares = [prod(_COMMON[code] for code in piece)]
    if _DIGITS.issuperset(piece):
        shares.append(10.0 ** -len(piece))
    if _HEX.issuperset(piece):
        shares.append(16.0 ** -len(piece))
    if piece.isalnum():
        shares.append(64.0 ** -len(piece))
    return max(shares)


def anchors(patterns: Iterable[bytes]) -> list[bytes]:
    """Pieces of which every pattern (of 3 bytes or more) holds one at least: few and rare ones, taken greedily, those first that most patterns hold."""
    rest = dict.fromkeys(patterns)
    held: dict[bytes, list[bytes]] = {}
    for pattern in rest:
        for piece in _pieces(pattern):
            held.setdefault(piece, []).append(pattern)
    queue = [(-len(holders), len(piece), piece) for piece, holders in held.items() if _is_rare(piece)]
    heapify(queue)
    chosen: list[bytes] = []
    while queue and rest:
        count, size, piece = heappop(queue)
        holders = [pattern for pattern in held[piece] if pattern in rest]
        if -count != len(holders):  # some of them hold another anchor by now
            if holders:
                heappush(queue, (-len(holders), size, piece))
            continue
        chosen.append(piece)
        for pattern in holders:
            del rest[pattern]
    return [*chosen, *rest]  # patterns that hold nothing rare are themselves the rarest there is


def _pieces(pattern: bytes) -> set[bytes]:
    sizes = _SIZES if len(pattern) > _SIZES[0] else (SHORTEST, *_SIZES)  # short ones share more of three bytes than of four
    return {pattern[at : at + size] for size in sizes if size <= len(pattern) for at in range(len(pattern) - size + 1)}


@cache
def _is_rare(piece: bytes) -> bool:
    # Half bytes of several pieces make up false beginnings, and zeros come in long runs: none may begin with a half that is zero.
    return piece[0] >= 16 and commonness(piece[: _SIZES[0]]) <= _RARE_START and (len(piece) == SHORTEST or commonness(piece) <= _RARE)
