"""Compressed data written as text in other ways than base64 and hex: behind escapes, as lists of numbers, in base32 and the base-85 family.

Each way is an entry of `WAYS`: how the first bytes of compressed data look in it, up to where the text goes on, and how it is read.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .opener import Opener, StreamDecoder

# The first bytes of compressed data that have a magic; for digits in groups, so many that they make up one.
MAGICS = (
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"PK\x03\x04",
    b"\xfd7zXZ",
    b"BZh9",
    b"\x04\x22\x4d\x18",
    b"\xff\x06\x00\x00",
    b"\x5d\x00\x00",
)
GROUPED = (
    b"\x1f\x8b\x08\x00",
    b"\x1f\x8b\x08\x08",
    b"\x28\xb5\x2f\xfd",
    b"PK\x03\x04",
    b"\xfd7zX",
    b"BZh9",
    b"\x04\x22\x4d\x18",
    b"\xff\x06\x00\x00",
    *(b"\x5d\x00\x00" + size for size in (b"\x80", b"\x10", b"\x40", b"\x00")),
)
ZLIB = (b"x\x9c", b"x\xda", b"x\x01")
_SHOWN = b"BZh91AY&SY"  # which no escape hides: the first one behind it tells
_TELLING = {
    "unicode-escape": re.compile(rb"[^\\]\\u00|[\xc2\xc3][\x80-\xbf]"),
    "unicode-escape-twice": re.compile(rb"\\\\u00"),
    "hex-escape": re.compile(rb"[^\\]\\x"),
    "hex-escape-twice": re.compile(rb"\\\\x"),
    "octal-escape": re.compile(rb"\\[0-3][0-7]{2}"),
    "quoted-printable": re.compile(rb"=[0-9A-F]{2}"),
}
_MOST = 1 << 24


class Written:
    """Reads text up to the first character that cannot belong to it. `read` is given whole units alone."""

    def __init__(self, run: re.Pattern[bytes], read: Callable[[bytes], bytes], lead: int = 0) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._run, self._read, self._lead = run, read, lead
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        piece = self._held + data
        if self._lead:
            skipped = min(self._lead, len(piece))
            self._lead -= skipped
            self.consumed += skipped
            piece = piece[skipped:]
        end = self._run.match(piece).end()  # type: ignore[union-attr]
        self.consumed += end
        self._held = piece[end:]
        if len(self._held) > _LONGEST_UNIT:
            self.ended = True
        if end:
            yield self._read(piece[:end])

    def close(self) -> Iterator[bytes]:
        self.ended = True
        return iter(())


class Quoted(Written):
    """The same between quotes, where most bytes stand for themselves: what needs no reading, because no escape is in it, is not given."""

    def __init__(self, run: re.Pattern[bytes], read: Callable[[bytes], bytes], lead: int) -> None:
        super().__init__(run, self._noticed, lead)
        self._really_read, self._escaped, self._kept = read, False, bytearray()

    def _noticed(self, text: bytes) -> bytes:
        self._escaped |= b"\\" in text
        return self._really_read(text)

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in super().feed(data):
            self._kept += piece
        if self._escaped and self._kept:
            yield bytes(self._kept)
            self._kept.clear()
        elif len(self._kept) > _MOST:
            self.ended = True


class Grouped(Written):
    """The same for digits in groups: the last group may be short, and is filled up with `fill`."""

    def __init__(
        self, run: re.Pattern[bytes], clean: Callable[[bytes], bytes], read: Callable[[bytes], bytes], group: int, fill: bytes
    ) -> None:
        super().__init__(run, clean)
        self._decode, self._group, self._fill = read, group, fill
        self._digits = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in super().feed(data):
            self._digits += piece
            whole = len(self._digits) // self._group * self._group
            if whole:
                digits, self._digits = self._digits[:whole], self._digits[whole:]
                yield self._decoded(digits)
        if self.ended:
            yield from self._rest()

    def _decoded(self, digits: bytes) -> bytes:
        try:
            return self._decode(digits)
        except ValueError as problem:  # digits of a base that stand for more than their bytes hold
            self.error, self.ended = str(problem), True
            return b""

    def _rest(self) -> Iterator[bytes]:
        digits, self._digits = self._digits, b""
        if len(digits) > 1:
            size = {8: 5, 5: 4}[self._group]
            yield self._decoded(digits.ljust(self._group, self._fill))[: len(digits) * size // self._group]

    def close(self) -> Iterator[bytes]:
        if not self.ended:
            self.ended = True
            yield from self._rest()


_LONGEST_UNIT = 16


@dataclass(frozen=True)
class Way:
    """One way to write bytes as text. `write` gives how certain first bytes may look; `lead` bytes of that are not yet the text."""

    name: str
    write: Callable[[bytes], list[bytes]]
    decoder: Callable[[], StreamDecoder]
    lead: int = 0
    fits: Callable[[bytes], bool] = lambda _head: True
    """Whether what follows, as far as it is looked at, is written so and not in a way that begins the same."""


_NAMED = {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "a": 7, "v": 11, "0": 0, "Z": 26}


def _escapes(slash: bytes, named: str, literal: bytes, other_bytes: bytes) -> tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]]:
    """A pattern of any escape behind this backslash (or these two), and what gives its byte. What is escaped twice holds what only the outer
    writer escapes: a quote, where that ends no inner string, a slash, a character that the inner writer left as it was."""
    mark, letters = re.escape(slash), (b"[%b]" % named.encode() if named else b"(?!)")
    outer, other = b"", rb"[\"'\\/]"
    if len(slash) > 1:
        outer = rb"|\\(?:u00([0-9a-fA-F]{2})|(['/%b]))" % (b"" if b'"' in literal else b'"')
        other = rb"\\?[\"'/]|\\\\"
    codes = rb"u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|(%b)|(%b)" % (letters, other)
    pattern = re.compile(mark + b"(?:" + codes + b")|" + other_bytes + outer)

    def value(found: re.Match[bytes]) -> bytes:
        if code := found[1] or found[2]:
            return bytes([int(code, 16)])
        if found[3]:
            return bytes([int(found[3], 8)])
        if found[4]:
            return bytes([_NAMED[found[4].decode()]])
        if found[5]:
            return found[5][-1:]
        if found[6]:
            return bytes([(found[6][0] & 3) << 6 | found[7][0] & 0x3F])
        return found[9] or bytes([int(found[8], 16)])

    return pattern, value


def _escaped(name: str, slash: bytes, named: str, literal: bytes, write: Callable[[bytes], list[bytes]], lead: int = 0) -> Way:
    """`literal` is the class of the characters that stand for themselves."""
    # Where bytes of no text stand as they are, two of them are no character of UTF-8.
    unit, value = _escapes(slash, named, literal, b"((?!))()" if lead else rb"([\xc2\xc3])([\x80-\xbf])")
    run = re.compile(b"(?:" + literal + b"+|" + unit.pattern + b")*", re.DOTALL)

    def read(text: bytes) -> bytes:
        return unit.sub(value, text)

    # Data that begin with little to escape begin the same, escaped once or twice.
    twice = re.compile(rb"(?<!\\)(?:\\{4})*\\\\" + _TOLD_APART.get(name, b"(?!)"))

    def fits(head: bytes) -> bool:
        return name not in _TOLD_APART or (twice.search(head, 0, _end(run, head)) is not None) is (len(slash) > 1)

    return Way(name, write, lambda: Quoted(run, read, lead), lead) if lead else Way(name, write, lambda: Written(run, read), fits=fits)


_CODE, _BYTE = b"u00", b"x[0-9a-fA-F]{2}"
_TOLD_APART = {
    "unicode-escape": _CODE,
    "unicode-escape-twice": _CODE,
    "hex-escape": _BYTE,
    "hex-escape-twice": _BYTE,
    "octal-escape": b"[0-3][0-7]{2}",
}


def _json(magic: bytes) -> list[bytes]:
    text = magic.decode("latin-1")
    every = "".join(letter if " " <= letter <= "~" and letter not in '"\\' else f"\\u{ord(letter):04x}" for letter in text)
    found = {json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode(), every.encode()}
    return [one for one in _by_others(found) if one != magic]


def _by_others(texts: set[bytes]) -> set[bytes]:
    """These texts of JSON, and as other writers have them."""
    found = texts | {_for_pages(one) for one in texts} | {one.replace(b"/", b"\\/") for one in texts}
    return found | {re.sub(rb"u00..", lambda code: b"u" + code[0][1:].upper(), one) for one in found}


def _for_pages(text: bytes) -> bytes:
    """As writers of JSON have it who think of a page that it may stand in."""
    return re.sub(rb"[&<>]", lambda sign: b"\\u%04x" % ord(sign[0]), text)


def _twice(write: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """The same in a string of JSON, or of Python, which leaves double quotes as they are."""

    def twice(magic: bytes) -> list[bytes]:
        inner = [*write(magic), *([magic] if magic == _SHOWN else [])]
        found = {json.dumps(one.decode(), ensure_ascii=plain)[1:-1].encode() for one in inner for plain in (False, True)}
        found = _by_others(found) | {one.replace(b"\\", b"\\\\") for one in inner if b"\\" in one}
        return sorted(found - {magic})

    return twice


def _python(magic: bytes) -> list[bytes]:
    every = "".join(f"\\x{code:02x}" for code in magic).encode()
    upper = every.upper().replace(b"\\X", b"\\x")
    shown = repr(magic)[2:-1].encode()
    return list(dict.fromkeys(one for one in (shown, every, upper) if one != magic))


def _octal(magic: bytes) -> list[bytes]:
    every = "".join(f"\\{code:03o}" for code in magic).encode()
    shown = "".join(chr(code) if 32 <= code < 127 and code != 92 else f"\\{code:03o}" for code in magic).encode()
    return list(dict.fromkeys(one for one in (shown, every) if one != magic))


_MYSQL = {0: b"\\0", 39: b"\\'", 34: b'\\"', 10: b"\\n", 13: b"\\r", 26: b"\\Z", 92: b"\\\\"}


def _quoted(magic: bytes) -> list[bytes]:
    """As it is, but for a few bytes, behind the quote at which a literal of SQL begins."""
    text = b"'" + b"".join(_MYSQL.get(code, bytes([code])) for code in magic)
    return list(dict.fromkeys((text, text.replace(b"\x08", b"\\b"))))


def _percent(magic: bytes) -> list[bytes]:
    every = "".join(f"%{code:02X}" for code in magic)
    kept = "".join(chr(code) if bytes([code]).isalnum() else f"%{code:02X}" for code in magic)
    also = "".join(chr(code) if bytes([code]).isalnum() or code in b"/" else f"%{code:02X}" for code in magic)
    found = {one.encode() for one in (every, kept, also)}
    return [one for one in (*found, *(re.sub(rb"%..", lambda code: code[0].lower(), one) for one in found)) if b"%" in one]


def _soft(magic: bytes) -> list[bytes]:
    every = "".join(f"={code:02X}" for code in magic)
    shown = "".join(chr(code) if 33 <= code < 127 and code != 61 else f"={code:02X}" for code in magic)
    return [one.encode() for one in {every, shown} if "=" in one]


def _soft_magics_in_json(magic: bytes) -> list[bytes]:
    texts = [text.replace(b'"', b'\\"') for text in _soft(magic)]
    return [text for one in texts for text in dict.fromkeys((one, _for_pages(one)))]


def _plus_to_blank(text: bytes) -> bytes:
    return _PERCENTED.sub(lambda found: bytes([int(found[1], 16)]), text.replace(b"+", b" "))


_PERCENTED, _SOFTENED = re.compile(rb"%([0-9a-fA-F]{2})"), re.compile(rb"=([0-9a-fA-F]{2})")
_SOFT_BREAK = re.compile(rb"=\r?\n")
# In JSON its breaks are escaped, and so are two of the letters that otherwise stand for themselves. Behind a sign of equality no other backslash stands.
_BREAK_IN_JSON = rb"=(?:\\\\{0,3}r)?\\\\{0,3}n"
_SOFT_BREAK_IN_JSON, _TELLS_JSON = re.compile(_BREAK_IN_JSON), re.compile(_BREAK_IN_JSON + rb"|\\[\"\\]")
_SOFT_RUN_IN_JSON = re.compile(rb"(?:[!#-<>-\[\]-~ \t]+|\\u00[0-7][0-9a-fA-F]|\\[\"\\/t]|=[0-9A-Fa-f]{2}|" + _BREAK_IN_JSON + rb")*")
_ESCAPED_IN_JSON = re.compile(rb"\\(?:u00([0-7][0-9a-fA-F])|([\"\\/])|t)")
_PERCENT_RUN = re.compile(rb"(?:[A-Za-z0-9_.~!*'()/$,:;@+-]+|%[0-9a-fA-F]{2})*")
_SOFT_RUN = re.compile(rb"(?:[!-<>-~ \t]+|=[0-9A-Fa-f]{2}|=\r?\n)*")
_NUMBER = re.compile(rb"-?[0-9]+")
# Blanks before a number are those behind the one before it, where what is fed ends between them.
# As they are, or in JSON: any number of them, and some.
_ANY_BLANKS, _BLANKS = rb"\s*+(?:\\\\{0,3}[nrt]\s*+)*+", rb"(?:\s{1,20}|(?:\\\\{0,3}[nrt]\s{0,8}){1,4})"
_DECIMAL_RUN = re.compile(rb"(?:%b-?[0-9]{1,3}(?:%b,%b|%b|(?=[\])}])))*" % (*[_ANY_BLANKS] * 3, _BLANKS))
_HEX_LIST_RUN = re.compile(rb"(?:%b0[xX][0-9a-fA-F]{2}(?:%b,%b|%b|(?=[\])};])))*" % (*[_ANY_BLANKS] * 3, _BLANKS))
_APART_RUN = re.compile(rb"(?:\s{0,8}[0-9a-fA-F]{2}(?:[ :-]%b?|\r?\n\s{0,8}|(?:\\\\{0,3}[nrt]\s{0,8})++|(?=[^0-9a-fA-F])))*" % _BLANKS)
_HEX_PAIR = re.compile(rb"[0-9a-fA-F]{2}")


def _numbers(magic: bytes) -> list[bytes]:
    found = []
    for between in (", ", ",", "\n", " ", "\\n"):
        found.append(between.join(map(str, magic)) + between)
        found.append(between.join(str(code - 256 if code > 127 else code) for code in magic) + between)
    return [one.encode() for one in dict.fromkeys(found)]


def _listed(magic: bytes) -> list[bytes]:
    return [between.join(form.format(code) for code in magic).encode() for between in (", ", ",") for form in ("0x{:02x}", "0x{:02X}")]


def _apart(magic: bytes) -> list[bytes]:
    return [one for between in " :-" for one in (magic.hex(between).encode(), magic.hex(between).upper().encode())]


def _pairs(text: bytes) -> bytes:
    return b"".join(bytes.fromhex(pair.decode()) for pair in _HEX_PAIR.findall(text))


def _digits(encode: Callable[[bytes], bytes], group: int) -> Callable[[bytes], list[bytes]]:
    """The digits that these bytes alone decide, where they stand first."""

    def write(magic: bytes) -> list[bytes]:
        if group == 5:  # digits of a whole group depend on all its bytes
            return [encode(magic[:4])]
        text = encode(magic)[: len(magic) * 8 // 5]
        return [text, text.lower()]

    return write


def _also_for_pages(write: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    return lambda magic: [text for one in write(magic) for text in dict.fromkeys((one, _for_pages(one)))]


_Z85 = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
)
_FROM_Z85 = bytes.maketrans(
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
)
_WHITE = re.compile(rb"\s+")
_BREAKS = re.compile(rb"\\\\{0,3}[nr]|\s+")
_BASE32_RUN = re.compile(rb"(?:[A-Za-z2-7]+|\\\\{0,3}[nr]|[\r\n]+)*")
_ASCII85_RUN = re.compile(rb"(?:[!-uz]+|[\r\n]+)*")
_BASE85_RUN = re.compile(rb"(?:[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+|\\u00(?:26|3[cCeE]))*")
_Z85_RUN = re.compile(rb"(?:[0-9A-Za-z.:+=^!/*?&<>()\[\]{}@%$#-]+|\\u00(?:26|3[cCeE])|\\(?=/))*")
_PAGE_SIGN = re.compile(rb"\\u00([0-9a-fA-F]{2})|\\")


def _without_breaks(text: bytes) -> bytes:
    return _BREAKS.sub(b"", text)


def _with_signs(text: bytes) -> bytes:
    return _PAGE_SIGN.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else b"", text)


def base32_decoder() -> Grouped:
    """base32 of either case, wrapped or not."""
    return Grouped(_BASE32_RUN, lambda text: _without_breaks(text).upper(), base64.b32decode, 8, b"A")


def ascii85_decoder() -> Grouped:
    """ascii85 up to its end mark, or whatever else is none of it."""
    return Grouped(_ASCII85_RUN, lambda text: _WHITE.sub(b"", text).replace(b"z", b"!!!!!"), base64.a85decode, 5, b"u")


def _base85() -> Grouped:
    return Grouped(_BASE85_RUN, _with_signs, base64.b85decode, 5, b"~")


def _z85() -> Grouped:
    return Grouped(_Z85_RUN, lambda text: _with_signs(text).translate(_FROM_Z85), base64.b85decode, 5, b"~")


# What stands for itself in a string: of JSON, of Python, of PostgreSQL, and between the quotes of MySQL, which also hold the bytes of no text.
_IN_JSON = rb'[^"\\\x80-\xff]'
_IN_PYTHON = rb"[^\\\x80-\xff\r\n]"
_IN_SQL = rb"[^'\\]"

WAYS: tuple[Way, ...] = (
    _escaped("unicode-escape", b"\\", "bfnrt", _IN_JSON, _json),
    _escaped("unicode-escape-twice", b"\\\\", "bfnrt", rb'[^"\\\x80-\xff]', _twice(_json)),
    _escaped("hex-escape", b"\\", "nrtabfv0", _IN_PYTHON, _python),
    _escaped("hex-escape-twice", b"\\\\", "nrtabfv0", _IN_PYTHON, _twice(_python)),
    _escaped("octal-escape", b"\\", "", _IN_PYTHON, _octal),
    _escaped("octal-escape", b"\\\\", "", _IN_PYTHON, _twice(_octal)),
    _escaped("sql-escape", b"\\", "nrtb0Z", _IN_SQL, _quoted, lead=1),
    Way("percent", _percent, lambda: Written(_PERCENT_RUN, _plus_to_blank)),
    Way(
        "quoted-printable",
        _soft_magics_in_json,
        lambda: Written(_SOFT_RUN_IN_JSON, _soft_in_json),
        fits=lambda head: _TELLS_JSON.search(head, 0, _end(_SOFT_RUN_IN_JSON, head)) is not None,
    ),
    Way(
        "quoted-printable",
        _soft,
        lambda: Written(_SOFT_RUN, lambda text: _plus_kept(_SOFT_BREAK.sub(b"", text))),
        fits=lambda head: _SOFT_BREAK_IN_JSON.match(head, _end(_SOFT_RUN, head)) is None,
    ),
    Way("decimal-list", _numbers, lambda: Written(_DECIMAL_RUN, lambda text: bytes(int(one) & 0xFF for one in _NUMBER.findall(text)))),
    Way("hex-list", _listed, lambda: Written(_HEX_LIST_RUN, lambda text: _pairs(re.sub(rb"0[xX]", b"", text)))),
    Way("hex-separated", _apart, lambda: Written(_APART_RUN, _pairs)),
    Way("base32", _digits(base64.b32encode, 8), base32_decoder),
    Way("ascii85", _digits(base64.a85encode, 5), ascii85_decoder),
    Way("base85", _also_for_pages(_digits(base64.b85encode, 5)), _base85),
    Way("z85", _also_for_pages(_digits(lambda data: base64.b85encode(data).translate(_Z85), 5)), _z85),
)
_IN_GROUPS = frozenset(("ascii85", "base85", "z85", "base32"))
_SHORTEST, _NEAR = 3, 64


def _end(run: re.Pattern[bytes], text: bytes) -> int:
    """Where the run that the text begins with ends."""
    found = run.match(text)
    return found.end() if found else 0


def _soft_in_json(text: bytes) -> bytes:
    unescaped = _ESCAPED_IN_JSON.sub(
        lambda found: bytes([int(found[1], 16)]) if found[1] else found[2] or b"\t", _SOFT_BREAK_IN_JSON.sub(b"", text)
    )
    return _plus_kept(unescaped)


def _plus_kept(text: bytes) -> bytes:
    return _SOFTENED.sub(lambda found: bytes([int(found[1], 16)]), text)


def openers(is_compressed: Callable[[bytes], bool]) -> tuple[Opener, ...]:
    """What opens text in each of these ways where it shows the beginning of compressed data."""

    def opener(way: Way) -> Opener:
        telling = _TELLING.get(way.name)
        starts = {one for magic in (GROUPED if way.name in _IN_GROUPS else MAGICS) for one in way.write(magic)}
        if way.name not in _IN_GROUPS:
            starts |= {one for magic in ZLIB for one in way.write(magic) if len(one) >= _SHORTEST}
            starts |= {*way.write(_SHOWN), *((_SHOWN,) if telling else ())}

        def check(head: bytes) -> bool:
            if telling and head.startswith(_SHOWN) and not telling.search(head, 0, _NEAR):
                return False
            if way.lead and _TELLING["hex-escape"].search(head, 0, _NEAR):  # Python's quotes are such too
                return False
            if not way.fits(head):
                return False
            decoder = way.decoder()
            data = b"".join(decoder.feed(head))
            return is_compressed(data + b"".join(decoder.close()))

        in_text = all(one.isascii() for one in starts)
        return Opener(way.name, tuple((one, 0) for one in sorted(starts)), check, way.decoder, strict=False, looks=256, in_text=in_text)

    return tuple(opener(way) for way in WAYS)
