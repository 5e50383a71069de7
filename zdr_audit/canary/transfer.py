"""Transfer encodings that pack bytes into text: base32, the base-85 family, uuencode, yEnc, and bytes written as separate numbers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence

from .form import Decoded, Form, Pattern, letters, run, unpacked


def _base32(name: str, to_standard: bytes, from_standard: bytes, units: bytes) -> Form:
    """Five bits a letter, of either case, wrapped or not; `to_standard` and `from_standard` translate the alphabet."""
    pattern = re.compile(rb"(\\\\{0,3}[nr]|[\r\n]+[ \t]*)|" + units)

    def encode(payload: bytes) -> list[Pattern]:
        found: list[Pattern] = []
        for lead in range(5):
            first, last = -(-lead * 8 // 5), (lead + len(payload)) * 8 // 5
            text = base64.b32encode(bytes(lead) + payload)[first:last].translate(from_standard)
            found += [(text, first), (text.lower(), first)]
        return found

    def decode(window: bytes, start: int, phase: int) -> Decoded | None:
        found = letters(name, window, start, pattern)
        if found is None:
            return None
        text, place = found
        skip = (place - phase) % 8
        digits = text.data[skip:].upper().translate(to_standard)
        return unpacked(name, text, skip, 5, base64.b32decode(digits + b"A" * (-len(digits) % 8)))

    return Form(name, encode, decode)


_STANDARD32, _HEX32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV"


# A line ends with its break and the length of the next; lines hold 45 bytes, so groups of four characters go on across them.
_UU_UNITS = re.compile(rb"(\r?\n[!-`])|[ -`]")


def _uu_encode(payload: bytes) -> list[Pattern]:
    found: list[Pattern] = []
    for lead in range(3):
        first, last = -(-lead * 4 // 3), (lead + len(payload)) * 8 // 6
        text = binascii.b2a_uu(bytes(lead) + payload, backtick=True)[1:][first:last]
        found += [(text, first), (text.replace(b"`", b" "), first)]  # zero is written in two ways
    return found


def _uu_decode(window: bytes, start: int, phase: int) -> Decoded | None:
    found = letters("uuencode", window, start, _UU_UNITS)
    if found is None:
        return None
    text, place = found
    skip = (place - phase) % 4
    bits = b"".join(
        sum((code - 32 & 63) << 6 * (3 - at) for at, code in enumerate(text.data[group : group + 4])).to_bytes(3)
        for group in range(skip, len(text.data), 4)
    )
    return unpacked("uuencode", text, skip, 6, bits)


def _base85(name: str, alphabet: bytes) -> Form:
    """Groups of five digits for four bytes; the patterns are the groups that lie wholly in the payload."""
    values = {code: value for value, code in enumerate(alphabet)}
    units = re.compile(rb"([\r\n]+)|[" + re.escape(alphabet) + rb"]")

    def group(data: bytes) -> bytes:
        number = int.from_bytes(data)
        return bytes(alphabet[number // 85**power % 85] for power in (4, 3, 2, 1, 0))

    def encode(payload: bytes) -> list[Pattern]:
        return [
            (b"".join(group(payload[at : at + 4]) for at in range(lead, len(payload) - 3, 4)), 0)
            for lead in range(4)
        ]  # fmt: skip

    def decode(window: bytes, start: int, _phase: int) -> Decoded | None:
        found = letters(name, window, start, units)
        if found is None:
            return None
        text, place = found
        skip = place % 5
        data, starts, ends = bytearray(), [], []
        for at in range(skip, len(text.data), 5):
            digits = text.data[at : at + 5]
            number = 0
            for code in digits.ljust(5, alphabet[-1:]):
                number = number * 85 + values[code]
            for place in range(len(digits) - 1):
                data.append(number >> 8 * (3 - place) & 0xFF)
                starts.append(text.starts[at])
                ends.append(text.ends[at + len(digits) - 1])
        return Decoded(name, bytes(data), starts, ends)

    return Form(name, encode, decode)


_YENC_UNITS = re.compile(rb"(\r?\n)|=([^\r\n])|[^=]", re.DOTALL)


def _yenc_decode(window: bytes, start: int, _phase: int) -> Decoded | None:
    def value(match: re.Match[bytes]) -> int | None:
        if match[1] is not None:
            return None
        return (ord(match[2]) - 106 if match[2] is not None else ord(match[0]) - 42) & 0xFF

    return run("yenc", window, start, _YENC_UNITS, value)


def _numbers(name: str, separators: Sequence[str], write: Sequence[Callable[[int], str]], units: bytes, base: int) -> Form:
    """Bytes as numbers with something between them; `units` matches one with its digits in group 1."""
    pattern = re.compile(units)

    def encode(payload: bytes) -> list[Pattern]:
        # In halves, one of which no line break cuts.
        half = (len(payload) + 1) // 2
        halves = (payload[:half], payload[half:])
        texts = [separator.join(map(one, piece)).encode() for separator in separators for one in write for piece in halves]
        return [(text, 0) for text in texts]

    def decode(window: bytes, start: int, _phase: int) -> Decoded | None:
        return run(name, window, start, pattern, lambda match: int(match[1], base) & 0xFF)

    return Form(name, encode, decode)


_Z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_BREAK = rb"(?:\s|\\\\{0,3}[nrt])"  # as it is, or in JSON
_SEPARATED = rb"([0-9a-fA-F]{2})[ :-]?(?:(?:\r?\n|(?:\\\\{0,3}r)?\\\\{0,3}n)[ \t]*)?"

TRANSFER: tuple[Form, ...] = (
    _base32("base32", bytes(range(256)), bytes(range(256)), rb"[A-Za-z2-7]"),
    _base32("base32hex", bytes.maketrans(_HEX32, _STANDARD32), bytes.maketrans(_STANDARD32, _HEX32), rb"[0-9A-Va-v]"),
    Form("uuencode", _uu_encode, _uu_decode),
    Form("yenc", lambda payload: [(bytes(code + 42 & 0xFF for code in payload), 0)], _yenc_decode),
    _base85("ascii85", bytes(range(33, 118))),
    _base85("base85", _B85),
    _base85("z85", _Z85),
    _numbers("binary", ("", " "), ("{:08b}".format,), rb"([01]{8}) ?", 2),
    _numbers("hex-separated", (" ", ":", "-"), ("{:02x}".format, "{:02X}".format), _SEPARATED, 16),
    _numbers("hex-list", (", 0x", ",0x"), ("{:02x}".format, "{:02X}".format), rb"([0-9a-fA-F]{2})(?:,%b*0x)?" % _BREAK, 16),
    _numbers("decimal-list", (", ", ",", " ", "\n", "\\n"), (str,), rb"([0-9]{2,3})(?:,?%b{1,20}|,|(?=\D))" % _BREAK, 10),
)
