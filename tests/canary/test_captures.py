"""Captured traffic made here packet by packet: chunks of HTTP, and the streams of TCP and datagrams of both formats of captures."""

from __future__ import annotations

import gzip
import struct

import pytest

from zdr_audit.canary import captures
from zdr_audit.canary.captures import Chunked, is_chunked, is_pcap, is_pcapng, pcap_decoder, pcapng_decoder


def fed(decoder, data: bytes, size: int = 1 << 20) -> bytes:
    out = b"".join(piece for at in range(0, len(data), size) for piece in decoder.feed(data[at : at + size]))
    return out + b"".join(decoder.close())


HEAD = b"ransfer-Encoding: chunked\r\nx: y\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("chunks", "rest"),
    [(b"4\r\nwiki\r\nB;name=value\r\npedia in \r\n\r\n0\r\n\r\n", 2), (b"4 \r\nwiki\r\n0b\r\npedia in \r\n\r\n000\r\nX: y", 4)],
)
def test_chunks_are_joined_whatever_pieces_they_come_in(size, chunks, rest):
    decoder = Chunked()
    assert fed(decoder, HEAD + chunks, size) == b"wikipedia in \r\n"
    assert (decoder.ended, decoder.error, decoder.consumed) == (True, None, len(HEAD + chunks) - rest)


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_body_that_breaks_off_is_read_as_far_as_it_goes(cut):
    whole = b"a\r\n0123456789\r\n5\r\nabcde\r\n"
    out = fed(Chunked(), HEAD + whole[:-cut])
    assert b"0123456789abcde".startswith(out)
    assert len(out) >= 15 - cut


@pytest.mark.parametrize(("data", "ended"), [(b"a" * 16 * 1024, False), (b"a" * (16 * 1024 + 1), True)])
def test_a_head_without_end_is_given_up(data, ended):
    decoder = Chunked()
    assert list(decoder.feed(data)) == []
    assert (decoder.ended, decoder.consumed) == (ended, 0)


@pytest.mark.parametrize(("size", "ended"), [(64, False), (65, True)])
def test_a_size_that_is_none_is_given_up(size, ended):
    decoder = Chunked()
    assert list(decoder.feed(HEAD + b"z" * size)) == []
    assert (decoder.ended, decoder.consumed) == (ended, len(HEAD))


def test_only_a_header_that_says_so_tells_of_chunks():
    assert is_chunked(b"ransfer-encoding: chunked\r\n")
    assert not is_chunked(b"ransfer-Encoding: gzip\r\n")


def tcp(content: bytes, place: int, *, port: int = 8080, options: int = 0, flags: int = 0x18) -> bytes:
    return struct.pack(">HHIIBBHHH", port, 80, place & 0xFFFFFFFF, 0, 5 + options << 4, flags, 0, 0, 0) + bytes(4 * options) + content


def udp(content: bytes) -> bytes:
    return struct.pack(">HHHH", 53, 5353, 8 + len(content), 0) + content


def ip4(inner: bytes, kind: int = 6, *, options: int = 0, padding: bytes = b"", total: int | None = None, host: int = 1) -> bytes:
    size = 20 + 4 * options + len(inner) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x45 + options, 0x10, size, 0, 0, 64, kind, 0) + bytes([10, 0, 0, host, 10, 0, 0, 9])
    return head + bytes(4 * options) + inner + padding


def ip6(inner: bytes, kind: int = 6, host: int = 1) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(inner), kind, 64) + bytes([*[0] * 15, host]) + bytes(15) + b"\x09" + inner


def ethernet(packet: bytes, tagged: bool = False) -> bytes:
    return bytes(12) + (b"\x81\x00\x00\x05" if tagged else b"") + b"\x08\x00" + packet


def pcap(*frames: bytes, link: int = 1, order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    head = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack(f"{order}IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)


def section(order: str = "<") -> bytes:
    return struct.pack(f"{order}IIIHHq", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1) + struct.pack(f"{order}I", 28)


def pcapng(*frames: tuple[int, bytes], links: tuple[int, ...] = (1,), order: str = "<") -> bytes:
    interfaces = b"".join(block(order, 1, struct.pack(f"{order}HHI", link, 0, 65535)) for link in links)
    packets = b"".join(
        block(order, 6, struct.pack(f"{order}IIIII", which, 0, 0, len(frame), len(frame)) + frame + bytes(-len(frame) % 4))
        for which, frame in frames
    )
    return section(order) + interfaces + packets


def streams(*frames: bytes, **how) -> bytes:
    return fed(pcap_decoder(), pcap(*frames, **how))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
@pytest.mark.parametrize("size", [1, 13, 4096])
def test_the_segments_of_a_stream_are_joined(order, magic, size):
    data = pcap(ethernet(ip4(tcp(b"hello ", 1000))), ethernet(ip4(tcp(b"world", 1006))), order=order, magic=magic)
    assert is_pcap(data)
    assert not is_pcap(data[:23])
    decoder = pcap_decoder()
    assert fed(decoder, data, size) == b"hello world\n"
    assert decoder.error is None


@pytest.mark.parametrize(("link", "before"), [(1, 14), (0, 4), (12, 0), (101, 0), (113, 16), (228, 0), (229, 0), (276, 20)])
def test_the_packet_begins_where_its_link_says(link, before):
    assert streams(bytes(before) + ip4(tcp(b"hello", 1)), link=link) == b"hello\n"
    assert is_pcap(pcap(link=link))
    assert streams(bytes(before + 1) + ip4(tcp(b"hello", 1)), link=link) == b""


def test_a_capture_of_another_link_is_none():
    assert not is_pcap(pcap(link=105))


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(ip4(tcp(b"hello", 1)), tagged=True),
        ethernet(ip4(tcp(b"hello", 1, options=3))),
        ethernet(ip4(tcp(b"hello", 1), options=2)),
        ethernet(ip4(tcp(b"hello", 1), padding=b"padding")),
        ethernet(ip4(tcp(b"hello", 1), total=0)),  # as a card writes it that cuts segments itself
        ethernet(ip6(tcp(b"hello", 1))),
        ethernet(ip4(udp(b"hello"), 17)),
        ethernet(ip6(udp(b"hello"), 17)),
    ],
    ids=["tag", "options of TCP", "options of IP", "padding", "no length", "version 6", "datagram", "datagram of version 6"],
)
def test_what_a_packet_carries_is_taken_without_its_heads(frame):
    assert streams(frame) == b"hello\n"


@pytest.mark.parametrize(
    "packet",
    [
        ip4(b"hello, and more text" * 3, 1),
        ip4(tcp(b"", 1)[:19]),
        ip4(udp(b"")),
        b"\x75" + ip6(tcp(b"hello", 1))[1:],
        ip6(tcp(b"hello", 1))[:39],
        b"\x45" * 19,
    ],
    ids=["no TCP", "cut head of TCP", "empty datagram", "version 7", "cut head of version 6", "cut head of version 4"],
)
def test_what_carries_nothing_is_passed_over(packet):
    assert streams(ethernet(packet), ethernet(ip4(tcp(b"after", 1)))) == b"after\n"


def test_segments_are_put_in_order_and_what_was_sent_again_stands_once():
    sent = [(b"def", 1003), (b"abc", 1000), (b"cde", 1002), (b"abc", 1000), (b"", 1009), (b"ghi", 1006)]
    assert streams(*(ethernet(ip4(tcp(content, place))) for content, place in sent)) == b"abcdefghi\n"


def test_places_wrap_around():
    assert streams(ethernet(ip4(tcp(b"after", 2))), ethernet(ip4(tcp(b"before" * 20, -118)))) == b"before" * 20 + b"after\n"


def test_what_is_missing_is_left_out_and_what_comes_after_it_is_told():
    assert streams(ethernet(ip4(tcp(b"abc", 1000))), ethernet(ip4(tcp(b"xyz", 2000)))) == b"abcxyz\n"


def test_each_sender_and_port_has_a_stream_of_its_own():
    frames = [
        ip4(tcp(b"a1", 1)),
        ip4(tcp(b"b1", 1, port=9)),
        ip4(tcp(b"c1", 1), host=2),
        ip4(tcp(b"a2", 3)),
        ip6(tcp(b"d1", 1)),
        ip6(tcp(b"e1", 1), host=2),
    ]
    assert streams(*map(ethernet, frames)) == b"a1a2\nb1\nc1\nd1\ne1\n"


def test_datagrams_are_told_one_after_another():
    assert streams(ethernet(ip4(udp(b"one"), 17)), ethernet(ip4(udp(b"two"), 17))) == b"one\ntwo\n"


def test_a_capture_that_breaks_off_is_read_to_its_last_whole_packet():
    data = pcap(ethernet(ip4(tcp(b"whole", 1))), ethernet(ip4(tcp(b"broken off", 6))))
    for cut in (1, 30, 70):
        decoder = pcap_decoder()
        assert fed(decoder, data[:-cut]) == b"whole\n"
        assert decoder.error is None


def test_a_packet_of_no_bytes_and_one_larger_than_any():
    assert streams(b"", ethernet(ip4(tcp(b"hello", 1)))) == b"hello\n"
    huge = struct.pack("<IIII", 0, 0, (1 << 20) + 1, 0)
    assert fed(pcap_decoder(), pcap(ethernet(ip4(tcp(b"hello", 1)))) + huge + bytes(100)) == b"hello\n"


def test_what_is_beyond_the_bound_is_counted(monkeypatch):
    monkeypatch.setattr(captures, "MOST_DECODED", 10)
    decoder = pcap_decoder()
    frames = [ethernet(ip4(tcp(content, place))) for content, place in ((b"12345678", 1), (b"ab", 9), (b"c", 11), (b"d", 12))]
    assert fed(decoder, pcap(*frames)) == b"12345678ab\n"
    assert decoder.error == "2 packets are beyond the 10 bytes that are put together"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [1, 13, 4096])
def test_the_newer_format_is_read_with_the_link_of_each_interface(order, size):
    data = pcapng((0, ethernet(ip4(tcp(b"one ", 1)))), (1, ip4(tcp(b"two", 5))), links=(1, 101), order=order)
    assert is_pcapng(data)
    assert not is_pcapng(data[:27])
    decoder = pcapng_decoder()
    assert fed(decoder, data, size) == b"one two\n"
    assert decoder.error is None


def test_packets_of_the_newer_format_without_an_interface_of_their_own():
    frame = ethernet(ip4(tcp(b"hello", 1)))
    assert fed(pcapng_decoder(), pcapng((7, frame))) == b"hello\n"
    simple = block("<", 3, struct.pack("<I", len(frame)) + frame)
    assert fed(pcapng_decoder(), pcapng() + simple) == b"hello\n"
    assert fed(pcapng_decoder(), pcapng(links=()) + simple) == b""
    assert fed(pcapng_decoder(), pcapng(links=(101, 1)) + simple) == b""


def test_a_new_section_has_interfaces_and_an_order_of_its_own():
    first = pcapng((0, ip4(tcp(b"one ", 1))), links=(101,))
    second = pcapng((0, ethernet(ip4(tcp(b"two", 5)))), order=">")
    assert fed(pcapng_decoder(), first + block("<", 5, bytes(8)) + second) == b"one two\n"


@pytest.mark.parametrize("size", [8, 11, 14, (16 << 20) + 4])
def test_a_block_of_a_size_that_cannot_be_ends_the_reading(size):
    data = pcapng((0, ethernet(ip4(tcp(b"hello", 1)))))
    assert (
        fed(pcapng_decoder(), data + struct.pack("<II", 6, size) + bytes(40) + pcapng((0, ethernet(ip4(tcp(b" more", 6)))))) == b"hello\n"
    )


def test_a_block_without_content_is_passed_over():
    data = pcapng() + struct.pack("<III", 0xBAD, 12, 12) + pcapng((0, ethernet(ip4(tcp(b"hello", 1)))))[len(pcapng()) :]
    assert fed(pcapng_decoder(), data) == b"hello\n"


def test_only_a_section_with_its_mark_begins_a_capture():
    assert is_pcapng(section() + bytes(8))
    assert is_pcapng(section(">") + bytes(8))
    assert not is_pcapng(section()[:8] + b"\x00" * 24)


@pytest.mark.parametrize("write", [pcap, lambda *frames: pcapng(*((0, frame) for frame in frames))], ids=["pcap", "pcapng"])
def test_what_a_packet_holds_whole_is_told_where_it_stands_and_what_packets_part_for_the_capture(lab, write):
    whole, cut = lab.canary("whole").encode(), lab.canary("cut").encode()
    contents = (b"<" + whole + b">", cut[:5], cut[5:16], cut[16:27], cut[27:])
    data = write(*(ethernet(ip4(tcp(content, 1000 + sum(map(len, contents[:at]))))) for at, content in enumerate(contents)))
    told = {(seen.canary, seen.forms, seen.start) for seen in lab.search(data) if seen.canary}
    assert {one for one in told if one[0] == "whole"} == {("whole", ("plain",), data.index(whole))}
    assert ("cut", ("pcap", "plain"), 0) in told


@pytest.mark.parametrize("kind", [kind for kind in range(12) if kind not in (1, 3, 6)])
def test_blocks_of_other_kinds_hold_no_packet_and_no_interface(kind):
    first, other, last = (ethernet(ip4(tcp(content, place))) for content, place in ((b"one ", 1), (b"other", 90), (b"two", 5)))
    enhanced, simple = struct.pack("<IIIII", 0, 0, 0, len(other), len(other)) + other, struct.pack("<I", len(other)) + other
    for body in (simple, enhanced, b"\x65\x00" + bytes(18)):
        behind = pcapng((0, last), links=())[len(section()) :]
        assert fed(pcapng_decoder(), pcapng((0, first)) + block("<", kind, body) + behind) == b"one two\n", body[:4]


def test_datagrams_of_other_ports_are_told_apart():
    def datagram(source: int, target: int) -> bytes:
        return struct.pack(">HHHH", source, target, 8 + 4, 0) + b"%4d" % (source % 7 * 100 + target % 7)

    ends = [(53, 5353), (53, 5354), (54, 5353), (309, 5353), (53, 5097), (53, 5353)]
    told = streams(*(ethernet(ip4(datagram(*one), 17)) for one in ends)).split(b"\n")[:-1]
    contents = [datagram(*one)[8:] for one in ends]
    assert told == [contents[0], contents[5], *contents[1:5]]


@pytest.mark.parametrize("size", [100, 255, 256, 300, 1000])
def test_a_packet_is_as_long_as_it_says(size):
    content = bytes(65 + at % 26 for at in range(size))
    assert streams(ethernet(ip4(tcp(content, 1), padding=b"padding"))) == content + b"\n"


def test_a_datagram_of_one_byte_is_told_and_a_segment_of_twenty_holds_none():
    assert streams(ethernet(ip4(udp(b"x"), 17))) == b"x\n"
    assert streams(ethernet(ip4(tcp(b"", 1)))) == b"\n"
    assert streams(ethernet(ip6(tcp(b"", 1)))) == b"\n"
    assert streams(ethernet(ip6(b""))) == b""


def test_a_cut_head_of_tcp_begins_no_stream():
    assert streams(ethernet(ip4(tcp(b"", 1)[:19]))) == b""
    assert streams(ethernet(ip6(tcp(b"", 1)[:19]))) == b""


def test_what_a_packet_holds_compressed_and_whole_is_told_where_it_stands(lab):
    inner = gzip.compress(lab.canary("one").encode() + bytes(at * at % 251 for at in range(300)))
    data = pcap(ethernet(ip4(tcp(inner, 1))))
    assert [(seen.forms, seen.start) for seen in lab.search(data)] == [(("gzip", "plain"), data.index(inner))]


def test_datagrams_of_one_sender_are_told_together_however_long_they_are():
    contents = [b"a", b"b" * 600, b"c" * 70]
    other = ethernet(ip4(struct.pack(">HHHH", 54, 5353, 9, 0) + b"x", 17))
    frames = [ethernet(ip4(udp(content), 17)) for content in contents]
    assert streams(frames[0], other, *frames[1:]) == b"\n".join(contents) + b"\nx\n"


def test_segments_of_one_sender_are_one_stream_wherever_their_places_are():
    frames = [
        ethernet(ip4(tcp(content, place))) for content, place in ((b"one ", 0x00FFFFFC), (b"two ", 0x01000000), (b"three", 0x01000004))
    ]
    other = ethernet(ip4(tcp(b"other", 7, port=8081)))
    assert streams(frames[0], other, *frames[1:]) == b"one two three\nother\n"


@pytest.mark.parametrize("size", range(1, 9))
def test_what_fills_a_block_up_is_no_part_of_its_packet(size):
    content = b"x" * size
    assert fed(pcapng_decoder(), pcapng((0, ip4(tcp(content, 1), total=0)), links=(101,))) == content + b"\n"
