"""The encodings of one literal that a careful person would write by hand for a search tool: written apart from the engine's forms."""

from __future__ import annotations

import base64
import codecs
import re


def by_hand(literal: str) -> dict[str, bytes]:
    """Byte patterns by name."""
    raw, upper = literal.encode(), literal.upper().encode()
    found: dict[str, bytes] = {"plain": raw, "upper": upper, "title": literal.title().encode(), "reversed": raw[::-1]}
    found["rot13"] = codecs.encode(literal, "rot13").encode()
    for name, text in (("lower", raw), ("upper", upper)):
        found |= {f"base64-{name}-{lead}": _middle(base64.b64encode, text, lead, 3, 4) for lead in range(3)}
        found |= {f"hex-{name}": text.hex().encode(), f"hex-{name}-capital": text.hex().upper().encode()}
        found[f"utf-16-{name}"] = b"\x00".join(text[at : at + 1] for at in range(len(text)))
        found[f"utf-32-{name}"] = b"\x00\x00\x00".join(text[at : at + 1] for at in range(len(text)))
    found |= {f"base64-twice-{lead}": _middle(base64.b64encode, _middle(base64.b64encode, raw, lead, 3, 4), 0, 3, 4) for lead in range(3)}
    wide = literal.encode("utf-16le")
    found |= {f"base64-of-utf-16-{lead}": _middle(base64.b64encode, wide, lead, 3, 4) for lead in range(3)}
    found |= {f"base32-{lead}": _middle(base64.b32encode, raw, lead, 5, 8) for lead in range(5)}
    for name, template in (
        ("unicode-escape", "\\u{:04x}"),
        ("unicode-escape-capital", "\\u{:04X}"),
        ("unicode-escape-twice", "\\\\u{:04x}"),
        ("hex-escape", "\\x{:02x}"),
        ("octal-escape", "\\{:03o}"),
        ("percent", "%{:02X}"),
        ("percent-small", "%{:02x}"),
        ("percent-twice", "%25{:02X}"),
        ("html-decimal", "&#{};"),
        ("html-hex", "&#x{:x};"),
        ("hex-spaced", "{:02x} "),
        ("hex-colons", "{:02X}:"),
        ("hex-list", "0x{:02x}, "),
        ("decimal-list", "{}, "),
    ):
        found[name] = "".join(template.format(code) for code in raw).strip(" ,:").encode()
    return found


def _middle(encode, payload: bytes, lead: int, group: int, digits: int) -> bytes:
    """The characters that depend on the payload alone when `lead` bytes stand before it."""
    text = encode(bytes(lead) + payload + bytes(group))
    return text[-(-lead * digits // group) : (lead + len(payload)) * digits // group]


def as_regex(pattern: bytes) -> str:
    """A pattern for engines of regular expressions, every byte that is no letter or digit in hex."""
    return "".join(chr(code) if re.match(r"[A-Za-z0-9]", chr(code)) else f"\\x{code:02x}" for code in pattern)
