"""Text in the Huffman code of HTTP/2 and HTTP/3 headers (RFC 7541, appendix B), as captures of traffic hold it: at any bit of a byte."""

from __future__ import annotations

from .form import Decoded, Form, Pattern

# Bits that the code of each character takes, from the space on: A for five, B for six, and so on. The code is canonical, so that they tell it.
_LENGTHS = "BFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJI"
_NUL = 13  # bits of the one other code as short as some of these
_FARTHEST = 96


def _codes() -> dict[int, str]:
    lengths = {0: _NUL} | {32 + at: ord(letter) - ord("A") + 5 for at, letter in enumerate(_LENGTHS)}
    found: dict[int, str] = {}
    code = before = 0
    for symbol in sorted(lengths, key=lambda symbol: (lengths[symbol], symbol)):
        code <<= lengths[symbol] - before
        before = lengths[symbol]
        found[symbol] = f"{code:0{before}b}"
        code += 1
    return found


_CODES = _codes()
_SYMBOLS = {code: symbol for symbol, code in _CODES.items()}
_SIZES = sorted(set(map(len, _SYMBOLS)))


def _encode(payload: bytes) -> list[Pattern]:
    bits = "".join(_CODES[code] for code in payload)
    found: list[Pattern] = []
    for skip in range(8):  # bits in the byte where the text begins, which holds the end of something else too
        whole = (len(bits) - skip) // 8 * 8
        found.append((int(bits[skip : skip + whole], 2).to_bytes(whole // 8), skip))
    return found


def _decode(window: bytes, start: int, skip: int) -> Decoded | None:
    """The text from the literal on: what stands before it cannot be told apart into characters."""
    first = start * 8 - skip
    if first < 0:
        return None
    piece = window[first // 8 : start + _FARTHEST]
    bits = "".join(f"{code:08b}" for code in piece)
    base, at = first // 8, first % 8
    data, starts, ends = bytearray(), [], []
    while at < len(bits):
        for size in _SIZES:
            symbol = _SYMBOLS.get(bits[at : at + size])
            if symbol is not None:
                break
        else:
            break
        data.append(symbol)
        starts.append(base + at // 8)
        at += size
        ends.append(base + (at + 7) // 8)
    return Decoded("hpack", bytes(data), starts, ends) if data else None


HPACK = Form("hpack", _encode, _decode)
