"""The forms that text takes in a store: how each looks (the patterns to search for) and how to read it back around a hit.

A form is an entry of `FORMS`: a name and two functions, most of them made by a family below. `CHAINS` lists the compositions searched for.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import itertools
import re
from collections.abc import Sequence
from functools import cache

from zdr_audit.extension import extensions

from .form import Decoded, Form, Needle, Pattern, letters, run, unpacked
from .huffman import HPACK
from .mint import CANARY_LENGTH, LITERAL_LENGTH
from .transfer import TRANSFER

__all__ = ["CHAINS", "FORMS", "REACH", "Decoded", "Form", "Needle", "Pattern", "needles"]

# Context kept around a hit: a literal may stand at either end of its canary, and the longest form takes 8 bytes a character.
REACH = 512
_LEAST = 128


def escaped(name: str, templates: Sequence[str], unit: str, base: int) -> Form:
    """A form that writes every character as an escape: `templates` format its code, `unit` matches one with its digits in group 1."""
    units = re.compile(unit.encode())

    def encode(payload: bytes) -> list[Pattern]:
        return [(b"".join(template.format(code).encode() for code in payload), 0) for template in templates]

    def decode(window: bytes, start: int, _phase: int) -> Decoded | None:
        return run(name, window, start, units, lambda match: int(match[1], base) & 0xFF)

    return Form(name, encode, decode)


def wide(name: str, width: int) -> Form:
    """UTF-16 or UTF-32. Both byte orders share a pattern, the text with zeros between; which it was shows where the run begins and ends.

    Where it begins is not always in the window: then the place tells, since such text begins at multiples of its width.
    """
    zeros = bytes(width - 1)
    units = re.compile(rb"[^\x00]" + zeros.replace(b"\x00", rb"\x00"), re.DOTALL)

    def encode(payload: bytes) -> list[Pattern]:
        return [(zeros.join(bytes([code]) for code in payload), 0)]

    def decode(window: bytes, start: int, phase: int) -> Decoded | None:
        found = run(name, window, start, units, lambda match: match[0][0])
        if found is None:
            return None
        data, starts, last = found.data, list(found.starts), found.starts[-1]
        if last + width < len(window) and window[last + width]:  # the last character of a big-endian run has no zeros after it
            last += width
            data, starts = data + window[last : last + 1], [*starts, last]
        first = starts[0]
        led_by_zeros = window[first - len(zeros) : first] == zeros and window[last + 1 : last + width] != zeros
        big = phase % width == width - 1 if first < width else led_by_zeros
        shift = len(zeros) if big else 0
        starts = [max(0, at - shift) for at in starts]
        return Decoded(f"{name}{'be' if big else 'le'}", data, starts, [min(at + width, len(window)) for at in starts])

    return Form(name, encode, decode, by_place=True)


_BASE64_UNITS = re.compile(rb"(\\\\{0,3}[nr]|[\r\n]+[ \t]*|\\\\{0,3}(?=/))|[A-Za-z0-9+/_-]")
_TELLING = re.compile(rb"[-_+/]")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def _base64_encode(payload: bytes) -> list[Pattern]:
    found: list[Pattern] = []
    for lead in range(3):
        text = base64.b64encode(bytes(lead) + payload)
        first, last = -(-lead * 4 // 3), (lead + len(payload)) * 8 // 6  # the characters that the payload alone determines
        for pattern in dict.fromkeys((text[first:last], text[first:last].replace(b"+", b"-").replace(b"/", b"_"))):
            found.append((pattern, first))
    return found


def _base64_decode(window: bytes, start: int, phase: int) -> Decoded | None:
    found = letters("base64", window, start, _BASE64_UNITS)
    if found is None:
        return None
    digits, place = found
    skip = (place - phase) % 4
    text = digits.data[skip:]
    text += b"A" * (-len(text) % 4)
    data = binascii.a2b_base64(text.translate(_TO_STANDARD))
    # Where characters of both alphabets stand around it, some belong to a neighbour: the nearest tells.
    telling = min(_TELLING.finditer(digits.data), key=lambda found: abs(found.start() - place), default=None)
    name = "base64url" if telling is not None and telling[0] in b"-_" else "base64"
    return unpacked(name, digits, skip, 6, data)


def _hex_encode(payload: bytes) -> list[Pattern]:
    # A whole literal in halves, one of which no line break cuts.
    half = (len(payload) + 1) // 2 if len(payload) >= LITERAL_LENGTH else len(payload)
    texts = [piece.hex().encode() for piece in (payload[:half], payload[half:]) if piece]
    return [(text, 0) for one in texts for text in (one, one.upper())]


_HEX_UNITS = re.compile(rb"(\\\\{0,3}[nr]|[\r\n]+[ \t]*)|[0-9a-fA-F]")


def _hex_decode(window: bytes, start: int, _phase: int) -> Decoded | None:
    found = letters("hex", window, start, _HEX_UNITS)
    if found is None:
        return None
    digits, place = found
    skip = place % 2
    whole = (len(digits.data) - skip) // 2
    data = bytes.fromhex(digits.data[skip : skip + 2 * whole].decode())
    return Decoded("hex", data, digits.starts[skip::2][:whole], digits.ends[skip + 1 :: 2][:whole])


def _reversed_decode(window: bytes, _start: int, _phase: int) -> Decoded | None:
    size = len(window)
    return Decoded("reversed", window[::-1], range(size - 1, -1, -1), range(size, 0, -1))


def _mapped(name: str, to: bytes) -> Form:
    """Each byte as another one: `to` gives it, for bytes that text is made of."""
    back = bytearray(range(256))
    for code in range(32, 127):
        back[to[code]] = code
    table = bytes(back)

    def decode(window: bytes, _start: int, _phase: int) -> Decoded:
        return Decoded(name, window.translate(table), range(len(window)), range(1, len(window) + 1))

    return Form(name, lambda payload: [(payload.translate(to), 0)], decode)


_ROT47 = bytes((code - 33 + 47) % 94 + 33 if 33 <= code < 127 else code for code in range(256))
_EBCDIC = bytes(range(256)).decode("latin-1").encode("cp037")


def _rot13(data: bytes) -> bytes:
    return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")


def _rot13_decode(window: bytes, _start: int, _phase: int) -> Decoded | None:
    return Decoded("rot13", _rot13(window), range(len(window)), range(1, len(window) + 1))


FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form("base64", _base64_encode, _base64_decode),
        Form("hex", _hex_encode, _hex_decode),
        wide("utf-16", 2),
        wide("utf-32", 4),
        escaped(
            "unicode-escape",
            ("\\u{:04x}", "\\u{:04X}", "\\u{{{:x}}}", "\\U{:08x}"),
            r"\\(?:u00|u\{0{0,4}|U0{6})([0-9a-fA-F]{2})\}?",
            16,
        ),
        escaped(
            "unicode-escape-twice",
            ("\\\\u{:04x}", "\\\\u{:04X}", "\\\\u{{{:x}}}", "\\\\U{:08x}", "\\\\\\\\u{:04x}", "\\\\\\\\u{:04X}"),
            r"\\{2,4}(?:u00|u\{0{0,4}|U0{6})([0-9a-fA-F]{2})\}?",
            16,
        ),
        escaped("hex-escape", ("\\x{:02x}", "\\x{:02X}", "\\x{{{:02x}}}", "\\{:06x}"), r"\\(?:x\{?|0{2,4})([0-9a-fA-F]{2})[} ]?", 16),
        escaped("quoted-printable", ("={:02X}", "={:02x}"), r"=([0-9a-fA-F]{2})(?:=\r?\n)?", 16),
        escaped(
            "hex-escape-twice",
            ("\\\\x{:02x}", "\\\\x{:02X}", "\\\\x{{{:02x}}}", "\\\\\\\\x{:02x}", "\\\\\\\\x{:02X}"),
            r"\\{2,4}x\{?([0-9a-fA-F]{2})\}?",
            16,
        ),
        escaped("octal-escape", ("\\{:03o}", "\\\\{:03o}"), r"\\{1,2}([0-7]{3})", 8),
        escaped("percent-twice", ("%25{:02x}", "%25{:02X}"), r"%25([0-9a-fA-F]{2})", 16),
        escaped("percent", ("%{:02x}", "%{:02X}"), r"%([0-9a-fA-F]{2})", 16),
        escaped("html-decimal", ("&#{:d};", "&#{:03d};"), r"&#0*([0-9]{1,3});", 10),
        escaped("html-hex", ("&#x{:x};", "&#x{:X};"), r"&#[xX]0*([0-9a-fA-F]{1,2});", 16),
        Form("reversed", lambda payload: [(payload[::-1], 0)], _reversed_decode),
        Form("rot13", lambda payload: [(_rot13(payload), 0)], _rot13_decode),
        _mapped("rot47", _ROT47),
        _mapped("ebcdic", _EBCDIC),
        HPACK,
        *TRANSFER,
    )
}

# Outermost first, with the letter cases of the literal that are worth a pattern in that composition.
_BOTH, _LOWER = ("lower", "upper"), ("lower",)
CHAINS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    *(((name,), _LOWER if FORMS[name] in (*TRANSFER, HPACK) else _BOTH) for name in FORMS),
    (("base64", "base64"), _LOWER),
    (("base64", "base64", "base64"), _LOWER),
    (("base64", "utf-16"), _LOWER),
    (("utf-16", "base64"), _LOWER),
    (("hex", "base64"), _LOWER),
    (("base64", "unicode-escape"), _LOWER),
)


@cache
def added() -> dict[str, Form]:
    """Forms that installed packages add by the entry point group `zdr_audit.forms`. Raises ExtensionError."""
    return {name: form for name, form in extensions("zdr_audit.forms").items() if name not in FORMS}


def plain_patterns(literal: str) -> list[bytes]:
    """The literal in every combination of upper and lower case."""
    return ["".join(letters).encode() for letters in itertools.product(*(sorted({letter, letter.upper()}) for letter in literal))]


def needles(literal: str) -> list[Needle]:
    """Every pattern to search for, each once; the simpler form first where two forms share a pattern."""
    found = {pattern: Needle(pattern, None, reach=CANARY_LENGTH) for pattern in plain_patterns(literal)}
    more = added()
    known = FORMS | more
    for names, cases in (*CHAINS, *(((name,), _BOTH) for name in more)):
        outer = known[names[0]]
        for case in cases:
            patterns = [literal.upper().encode() if case == "upper" else literal.encode()]
            for name in reversed(names[1:]):
                patterns = [encoded for pattern in patterns for encoded, _ in known[name].encode(pattern)]
            for pattern in patterns:
                for encoded, phase in outer.encode(pattern):
                    reach = REACH if any(known[name].by_place for name in names) else max(_LEAST, 4 * len(encoded))
                    found.setdefault(encoded, Needle(encoded, outer, phase, min(REACH, reach)))
    return list(found.values())
