"""Captured traffic: bodies in chunks as HTTP/1.1 sends them, and packets put together to the streams of TCP that they carry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from .walk import MOST_DECODED, Emit, Parser, Walk

CHUNKED = (b"ransfer-Encoding: chunked", b"ransfer-encoding: chunked", b"RANSFER-ENCODING: chunked")
_END_OF_HEAD = b"\r\n\r\n"
_MOST_HEAD, _MOST_SIZE = 16 * 1024, 64
_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,40})?\r\n")


def is_chunked(head: bytes) -> bool:
    """Whether a header says that a body follows in chunks."""
    return head.startswith(CHUNKED)


class Chunked:
    """Decodes the chunks that follow the end of a message's head."""

    def __init__(self) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._held = b""
        self._in_body = False
        self._left = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The chunks' content."""
        self._held += data
        if not self._in_body:
            end = self._held.find(_END_OF_HEAD)
            if end < 0:
                self.ended = len(self._held) > _MOST_HEAD
                return
            self._in_body = True
            self._take(end + len(_END_OF_HEAD))
        while self._held and not self.ended:
            if self._left > 2:
                piece = self._held[: self._left - 2]
                self._left -= len(piece)
                self._take(len(piece))
                yield piece
            elif self._left:  # what ends a chunk
                if len(self._held) < self._left:
                    return
                self._take(self._left)
                self._left = 0
            else:
                found = _SIZE.match(self._held)
                if found is None:
                    self.ended = len(self._held) > _MOST_SIZE
                    return
                self._take(found.end())
                size = int(found[1], 16)
                self._left = size + 2
                self.ended = not size

    def _take(self, count: int) -> None:
        self._held = self._held[count:]
        self.consumed += count

    def close(self) -> Iterator[bytes]:
        """Nothing is left: a body that breaks off is read as far as it goes."""
        self.ended = True
        return iter(())


_Order = Literal["little", "big"]
_MAGICS: dict[bytes, _Order] = {
    b"\xd4\xc3\xb2\xa1": "little",
    b"\x4d\x3c\xb2\xa1": "little",
    b"\xa1\xb2\xc3\xd4": "big",
    b"\xa1\xb2\x3c\x4d": "big",
}
PCAP = tuple(magic + (b"\x02\x00\x04\x00" if order == "little" else b"\x00\x02\x00\x04") for magic, order in _MAGICS.items())
PCAPNG = (b"\x0a\x0d\x0d\x0a",)
_MOST_PACKET = 1 << 20
# Where the network packet begins in a frame of each link type.
_LINKS = {1: 14, 0: 4, 12: 0, 101: 0, 113: 16, 228: 0, 229: 0, 276: 20}


def is_pcap(head: bytes) -> bool:
    """Whether bytes begin as a capture of a link type that is known."""
    return len(head) >= 24 and int.from_bytes(head[20:24], _MAGICS[head[:4]]) & 0xFFFF in _LINKS


def is_pcapng(head: bytes) -> bool:
    """Whether bytes begin with a section header of the newer format."""
    return len(head) >= 28 and head[8:12] in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d")


def pcap_decoder() -> Walk:
    """Gives the streams of TCP, one after another, and what datagrams carry."""
    return Walk(_pcap)


def pcapng_decoder() -> Walk:
    """The same for the newer format."""
    return Walk(_pcapng)


_Placed = tuple[int | None, bytes]
"""Content with its place in its stream; a datagram has none."""


class _Streams:
    """What packets carry, by sender and receiver."""

    def __init__(self) -> None:
        self._streams: dict[bytes, list[_Placed]] = {}
        self._size = 0
        self.passed_over = 0

    def add(self, frame: bytes, link: int) -> None:
        """Take what a frame carries."""
        start = _LINKS.get(link)
        if start is None:
            return
        if link == 1 and frame[12:14] == b"\x81\x00":  # a virtual network's tag
            start += 4
        carried = _segment(frame[start:])
        if carried is None:
            return
        stream, place, content = carried
        if self._size + len(content) > MOST_DECODED:
            self.passed_over += 1
            return
        self._size += len(content)
        self._streams.setdefault(stream, []).append((place, content))

    def give(self, emit: Emit) -> None:
        """Every stream, put together."""
        for segments in self._streams.values():
            emit(_joined(segments) + b"\n")
        if self.passed_over:
            raise ValueError(f"{self.passed_over} packets are beyond the {MOST_DECODED} bytes that are put together")


def _segment(packet: bytes) -> tuple[bytes, int | None, bytes] | None:
    """The stream to which a packet of IP belongs, the place of its content in it, and the content."""
    if len(packet) < 20:
        return None
    if packet[0] >> 4 == 4:
        head, kind, ends = (packet[0] & 15) * 4, packet[9], packet[12:20]
        packet = packet[: int.from_bytes(packet[2:4]) or None]
    elif packet[0] >> 4 == 6:
        head, kind, ends = 40, packet[6], packet[8:40]
    else:
        return None
    inner = packet[head:]
    if kind == 6 and len(inner) >= 20:
        return ends + inner[:4], int.from_bytes(inner[4:8]), inner[(inner[12] >> 4) * 4 :]
    if kind == 17 and len(inner) > 8:
        return ends + inner[:4], None, inner[8:]
    return None


def _joined(segments: list[_Placed]) -> bytes:
    """The content in order, each byte once."""
    first = segments[0][0]
    if first is None:
        return b"\n".join(content for _, content in segments)
    # Places wrap around, and the first segment seen need not be the first.
    placed = sorted(((place - first + (1 << 31)) % (1 << 32), content) for place, content in segments if place is not None)
    out, end = bytearray(), 0
    for place, content in placed:
        out += content[max(0, end - place) :]
        end = max(end, place + len(content))
    return bytes(out)


def _pcap(emit: Emit) -> Parser:
    head = yield 24
    order = _MAGICS[head[:4]]
    link = int.from_bytes(head[20:24], order) & 0xFFFF
    streams = _Streams()
    while True:
        try:
            about = yield 16
            size = int.from_bytes(about[8:12], order)
            if size > _MOST_PACKET:
                break
            streams.add((yield size), link)
        except EOFError:
            break
    streams.give(emit)


def _pcapng(emit: Emit) -> Parser:
    order: _Order = "little"
    links: list[int] = []
    streams = _Streams()
    while True:
        try:
            head = yield 8
            if head[:4] == b"\x0a\x0d\x0d\x0a":
                mark = yield 4
                order = "little" if mark == b"\x4d\x3c\x2b\x1a" else "big"
                links = []
                size, taken = int.from_bytes(head[4:8], order), 12
            else:
                size, taken = int.from_bytes(head[4:8], order), 8
            if not 12 <= size <= 16 * _MOST_PACKET or size % 4:
                break
            body = yield size - taken
        except EOFError:
            break
        kind = int.from_bytes(head[:4], order)
        if kind == 1:
            links.append(int.from_bytes(body[:2], order))
        elif kind == 6 and len(body) >= 20:
            which, held = int.from_bytes(body[:4], order), int.from_bytes(body[12:16], order)
            streams.add(body[20 : 20 + held], links[which] if which < len(links) else 1)
        elif kind == 3 and links:
            streams.add(body[4:-4], links[0])
    streams.give(emit)
