"""Encodings that are opened as a stream from where they begin: compressed data, and text that encodes compressed data.

An entry of `OPENERS` says which patterns may begin one, how to check cheaply that one really does, and how to decode it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator

from . import compression, rdb
from .compression import Unsupported
from .containers import CONTAINERS, WHOLE_CONTAINERS
from .escapes import base32_decoder
from .escapes import openers as escaped
from .forms import FORMS
from .inflate import BLOCK, GZIP, ZLIB, Inflater, ZlibError, inflate
from .opener import Opener, StreamDecoder
from .snappy import FRAME_MAGIC
from .unmarked import Unmarked

__all__ = ["OPENERS", "UNMARKED", "WHOLE", "Opener", "StreamDecoder"]

GZIP_MAGIC = b"\x1f\x8b\x08"
_GZIP_SYSTEMS = frozenset((*range(20), 255))  # up to 19, Darwin


class TextDecoder:
    """base64 or hex text up to the first character that cannot belong to it."""

    error: str | None

    def __init__(self, run: re.Pattern[bytes], clean: Callable[[bytes], bytes], group: int, decode: Callable[[bytes], bytes]) -> None:
        self.ended, self.error, self.consumed = False, None, 0
        self._run, self._clean, self._group, self._decode = run, clean, group, decode
        self._held = b""
        self._text = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), BLOCK):
            if self.ended:
                return
            yield from self._feed(data[start : start + BLOCK])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        piece = self._held + data
        begun = _BEGUN_ESCAPE.search(piece, len(piece) - _LONGEST_BEGUN)  # it may go on in the next piece
        piece, self._held = (piece[: begun.start()], begun[0]) if begun else (piece, b"")
        length = self._run.match(piece).end()  # type: ignore[union-attr]
        self._text += self._clean(piece[:length])
        if length < len(piece):
            self.ended = True
        whole = len(self._text) // self._group * self._group
        self.consumed += length
        if whole:
            block, self._text = self._decode(self._text[:whole]), self._text[whole:]
            yield block
        if self.ended:
            yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        text, self._text = self._text, b""
        if self._group == 4 and len(text) > 1:
            yield self._decode(text + b"A" * (-len(text) % 4))[: len(text) - 1]

    def close(self) -> Iterator[bytes]:
        if not self.ended:
            self.ended = True
            yield from self._rest()


# In the address of a request, and where a JSON writer is careful, two of its characters are escaped; in JSON within JSON its breaks, too,
# stand behind more than one backslash.
_BASE64_RUN = re.compile(rb"(?:[A-Za-z0-9+/_-]+|\\\\{0,3}[nr/]|[\r\n]+|(?:%(?:25)?|\\\\{0,3}u00)2[BbFf])*")
_BASE64_ESCAPED = re.compile(rb"(?:%(?:25)?|\\\\*u00)2([BbFf])")
_BEGUN_ESCAPE = re.compile(rb"(?:%(?:2(?:52?)?)?|\\\\{0,3}(?:u(?:0(?:0(?:2)?)?)?)?)$")
_LONGEST_BEGUN = 8
_BASE64_DROPPED = re.compile(rb"[\r\n]|\\(?:\\*[nr])?")
_BASE64_PLAIN = re.compile(rb"[A-Za-z0-9+/]*")
_HEX_RUN, _HEX_PLAIN = re.compile(rb"(?:[0-9a-fA-F]+|\\\\{0,3}[nr]|[\r\n]+[ \t]*)*"), re.compile(rb"[0-9a-fA-F]*")
_HEX_DROPPED = re.compile(rb"\\+[nr]|\s+")
_URLSAFE = bytes.maketrans(b"-_", b"+/")


def _base64_clean(text: bytes) -> bytes:
    if b"%" in text or b"\\" in text:
        text = _BASE64_ESCAPED.sub(lambda found: b"+" if found[1] in b"Bb" else b"/", text)
    return _BASE64_DROPPED.sub(b"", text)


def _hex_clean(text: bytes) -> bytes:
    return text if text.isalnum() else _HEX_DROPPED.sub(b"", text)


def _base64_decoder() -> StreamDecoder:
    return TextDecoder(_BASE64_RUN, _base64_clean, 4, lambda text: binascii.a2b_base64(text.translate(_URLSAFE)))


def _hex_decoder() -> StreamDecoder:
    return TextDecoder(_HEX_RUN, _hex_clean, 2, binascii.unhexlify)


def is_gzip(data: bytes) -> bool:
    """Whether the bytes begin with a complete gzip header whose every fixed field has a value that some program writes."""
    return len(data) >= 10 and data.startswith(GZIP_MAGIC) and data[3] < 32 and data[8] in (0, 2, 4) and data[9] in _GZIP_SYSTEMS


_TELLS = 24
"""Bytes of which chance makes a beginning of zlib data in one case of a hundred; more may be damaged in what is to be read up to the damage."""


def _inflates(data: bytes) -> bool:
    try:
        inflate(ZLIB).decompress(data[:_TELLS], BLOCK)
    except ZlibError:
        return False
    return True


def _is_zlib(data: bytes) -> bool:
    """Two bytes tell little, so a third must be able to open a block (stored, with its padding zero, or with codes) and all that is there inflate."""
    return len(data) > 2 and _may_be_block(data) and _inflates(data)


def _may_be_block(data: bytes) -> bool:
    """What the first bytes of a block say without inflating, which takes some time to begin: its kind, and of a stored one that its size stands
    there twice, of one with codes of its own that those by which they are written are complete."""
    kind = data[2] >> 1 & 3
    if len(data) < 16:
        return kind in (1, 2) or data[2] in (0, 1)
    if kind == 2:
        bits = int.from_bytes(data[2:12], "little")
        lengths, room = bits >> 17, 0
        for _ in range((bits >> 13 & 15) + 4):
            room += _SHARES[lengths & 7]
            lengths >>= 3
        return bits >> 3 & 31 < 30 and bits >> 8 & 31 < 30 and room == 128
    return kind == 1 or (data[2] in (0, 1) and data[3] ^ data[5] == data[4] ^ data[6] == 0xFF)


_SHARES = (0, 64, 32, 16, 8, 4, 2, 1)  # of all codes, that one of so many bits takes


_LOOKS, _ESCAPED_LOOKS = 64, 256
"""Letters that are looked at, and bytes in which escapes write them."""


def _base64_opens(text: bytes) -> bool:
    cleaned = _base64_clean(text).translate(_URLSAFE)
    run = _BASE64_PLAIN.match(cleaned)
    data = binascii.a2b_base64(cleaned[: min(len(run[0]), _LOOKS) // 4 * 4] if run else b"")
    return any(_is_compressed(data[lead:]) for lead in range(3))


def _hex_opens(text: bytes) -> bool:
    digits = _HEX_PLAIN.match(_hex_clean(text))
    return digits is not None and _is_compressed(bytes.fromhex(digits[0][: digits.end() // 2 * 2].decode()))


def _is_compressed(data: bytes) -> bool:
    """Whether bytes begin with compressed data that have a magic: enough of it to leave no room for chance."""
    return any(
        any(data.startswith(magic) for magic, before in opener.patterns if not before) and opener.check(data) for opener in _COMPRESSED
    ) or (len(data) >= 16 and ((data[:1] == b"x" and _inflates(data)) or (data[:3] == b"\x5d\x00\x00" and _is_lzma(data))))


# The third byte of the last is the first of what follows zlib's header: deflate's block type, so that the pattern is long enough.
_MAGICS = (
    *(GZIP_MAGIC + bytes([flags]) for flags in (0, 8)),
    b"\x28\xb5\x2f\xfd",
    b"PK\x03\x04",
    b"\xfd7zXZ\x00",
    b"BZh91AY",
    b"\x04\x22\x4d\x18",
    *(b"\x5d\x00\x00" + size for size in (b"\x80\x00", b"\x10\x00", b"\x40\x00", b"\x00\x01", b"\x00\x04")),
    b"\xff\x06\x00\x00sNaP",
)


def _text_magics(form: str) -> tuple[tuple[bytes, int], ...]:
    starts = {pattern: phase for magic in _MAGICS for pattern, phase in FORMS[form].encode(magic)}
    for escape in (b"%%2%c", b"%%252%c", b"\\u002%c", b"\\\\u002%c"):
        for codes in (b"BF", b"bf"):
            starts |= {
                pattern.replace(b"+", escape % codes[:1]).replace(b"/", escape % codes[1:]): phase
                for pattern, phase in list(starts.items())
            }
    # A slash alone is escaped in JSON by some.
    starts |= {
        text[:1] + text[1:].replace(b"/", b"\\" * count + b"/"): phase
        for text, phase in list(starts.items())
        for count in (1, 2, 3)
        if b"/" in text[1:] and b"%" not in text and b"\\" not in text
    }
    return tuple(starts.items())


# zlib's header in base64, where a text of its own begins, or behind the point by which signed cookies say that they are compressed: inside
# other base64 it would be met by chance too often.
_ZLIB_TEXTS = tuple(
    f"e{second}{third}".encode() for second, thirds in (("J", "wxyz"), ("N", "opqr"), ("A", "EFGH"), ("F", "4567")) for third in thirds
)
_ZLIB_TEXT = tuple((quote + text, -1) for quote in (b'"', b"'", b" ", b"=", b"\n", b":", b".") for text in _ZLIB_TEXTS)


# The same in hex, where it begins a literal or a value.
_ZLIB_HEX = tuple(
    (lead + digits, -len(lead)) for lead in (b"\\x", b"0x", b"x'", b'"', b"'") for digits in (b"789c", b"789C", b"78da", b"78DA", b"7801")
)


def _base64_begins(text: bytes) -> bool:
    return text.startswith(_ZLIB_TEXTS) and _base64_opens(text)


def _is_zstd(data: bytes) -> bool:
    return len(data) > 5 and not data[4] & 8


def _is_lz4(data: bytes) -> bool:
    return len(data) > 6 and data[4] & 0xC2 == 0x40 and data[5] & 0x8F == 0 and data[5] >> 4 in (4, 5, 6, 7)


def _is_lzma(data: bytes) -> bool:
    """The properties that every encoder writes, a size of dictionary that is a power of two, a size of content that can be."""
    if len(data) < 14:
        return False
    size = int.from_bytes(data[1:5], "little")
    return size >= 4096 and size.bit_count() == 1 and (data[5:13] == b"\xff" * 8 or data[10:13] == bytes(3)) and data[13] == 0


def _is_bz2(data: bytes) -> bool:
    """Whether what follows the checksum is the beginning of a place in a block of at most 900,000 bytes: not where the checksum is escaped."""
    return len(data) > 14 and data[14] < 7


def _no_rar() -> StreamDecoder:
    return Unsupported("rar archives are not decoded")


_COMPRESSED: tuple[Opener, ...] = (
    Opener("gzip", ((GZIP_MAGIC, 0),), is_gzip, lambda: Inflater(GZIP), strict=True, joins=True),
    Opener("zstd", ((b"\x28\xb5\x2f\xfd", 0),), _is_zstd, compression.zstd_decoder, strict=True, joins=True),
    # Members do not join: each is a file of its own.
    Opener("zip", ((b"PK\x03\x04", 0),), compression.ZipMember.matches, compression.ZipMember, strict=True),
    Opener("xz", ((b"\xfd7zXZ\x00", 0),), lambda data: len(data) > 12, compression.xz_decoder, strict=True, joins=True),
    Opener(
        "bz2",
        tuple((b"BZh%d1AY&SY" % level, 0) for level in range(1, 10)),
        _is_bz2,
        compression.bz2_decoder,
        strict=True,
        joins=True,
    ),
    Opener("lz4", ((b"\x04\x22\x4d\x18", 0),), _is_lz4, compression.lz4_decoder, strict=True, joins=True),
    Opener("snappy", ((FRAME_MAGIC, 0),), lambda data: len(data) > 14, compression.SnappyFrames, strict=True),
)

OPENERS: tuple[Opener, ...] = (
    *_COMPRESSED,
    Opener("base64", _text_magics("base64"), _base64_opens, _base64_decoder, strict=True, looks=_ESCAPED_LOOKS, in_text=True),
    Opener("base64", _ZLIB_TEXT, _base64_begins, _base64_decoder, strict=False, looks=_ESCAPED_LOOKS, in_text=True),
    Opener("hex", _text_magics("hex"), _hex_opens, _hex_decoder, strict=True, in_text=True),
    Opener("hex", _ZLIB_HEX, _hex_opens, _hex_decoder, strict=False, in_text=True),
    Opener("lzma", ((b"\x5d\x00\x00", 0),), _is_lzma, compression.lzma_decoder, strict=False),
    Opener(
        "zlib", tuple((b"x" + level, 0) for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")), _is_zlib, lambda: Inflater(ZLIB), strict=False
    ),
    Opener("rdb-lzf", ((rdb.MAGIC, 0),), rdb.is_rdb, rdb.RdbDecoder, strict=True),
    *escaped(_is_compressed),
    *CONTAINERS,
    Opener("rar", ((b"Rar!\x1a\x07", 0),), lambda data: len(data) > 7, _no_rar, strict=True, refused=True),
)

# Without a magic, or too short a one: tried where an object begins, or what an encoding decoded to.
WHOLE: tuple[Opener, ...] = (
    Opener("deflate", (), compression.is_deflate, compression.deflate_decoder, strict=False, quiet=True),
    Opener("base64", (), _base64_begins, _base64_decoder, strict=False, quiet=True),
    Opener("brotli", (), compression.is_brotli, compression.brotli_decoder, strict=False, quiet=True),
    *WHOLE_CONTAINERS,
)

UNMARKED = Unmarked(
    lambda data: compression.is_deflate(data) or compression.is_brotli(data),
    lambda data: _is_zlib(data[:_TELLS]),
    _base64_decoder,
    _hex_decoder,
    base32_decoder,
)
