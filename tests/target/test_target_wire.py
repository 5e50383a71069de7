"""Requests written byte by byte, against real loopback servers: nothing is tidied up, and nothing hangs."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from engine_servers import answer, closed_port, serving

from zdr_audit.target.transport import Answer, Outgoing, Transport
from zdr_audit.target.wire import MISSING_BYTES, UNFINISHED, Plain, Wire, _plain, written


def send(
    base_url: str, wire: Wire, *, method: str = "POST", path: str = "/a//../b", body: bytes | None = b'{"a": 1}', limit: int = 1 << 20
) -> Answer:
    outgoing = Outgoing(method, path, {"x-api-key": "k", "content-type": "application/json"}, body, wire=wire)
    return Transport(base_url, 3, limit).send(outgoing)


def test_path_and_lines_go_out_as_they_are() -> None:
    with serving(answer(b"ok", "201 Created", "Request-Id: r1")) as server:
        found = send(server.base_url, Wire(lines=(("X-Twice", "a"), ("x-twice", "b"))))
    raw = server.requests[0]
    assert raw.startswith(b"POST /a//../b HTTP/1.1\r\n")
    assert raw.count(b"wice: ") == 2
    assert (found.status, found.body, found.header("request-id"), found.error) == (201, b"ok", "r1", "")


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/a//../b", "/gw/anthropic/a//../b"), ("//a", "/gw/anthropic//a"), ("http://other.example/a", "http://other.example/a"), ("*", "*")],
)
def test_a_path_goes_below_that_of_the_address_and_a_whole_address_stays(path, asked) -> None:
    with serving(answer()) as server:
        send(f"{server.base_url}/gw/anthropic", Wire(), path=path)
    assert server.first_line == f"POST {asked} HTTP/1.1"


def test_the_request_before_goes_below_the_path_of_the_address_too() -> None:
    with serving(answer()) as server:
        send(f"{server.base_url}/gw", Wire(before=Plain("GET", "/v1/models", ())))
    assert server.requests[0].startswith(b"GET /gw/v1/models HTTP/1.1\r\n")


def test_the_old_protocol_is_spoken() -> None:
    with serving(b"HTTP/1.0 200 OK\r\n\r\nuntil the end") as server:
        found = send(server.base_url, Wire(version="1.0"))
    assert server.first_line.endswith("HTTP/1.0")
    assert (found.status, found.body) == (200, b"until the end")


def test_chunks_are_framed() -> None:
    data = written("POST", "/", {}, b"Hello there", Wire(chunked=True), "h")
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert b"content-length" not in head
    assert body == b"7\r\nHello t\r\n4\r\nhere\r\n0\r\n\r\n"


def test_a_body_that_stays_unfinished_is_announced_longer_than_it_is_and_the_client_goes() -> None:
    head, _, body = written("POST", "/", {}, b"Hello", Wire(unfinished=True), "h").partition(b"\r\n\r\n")
    assert f"content-length: {5 + MISSING_BYTES}".encode() in head and body == b"Hello"
    with serving(answer()) as server:
        found = send(server.base_url, Wire(unfinished=True))
    assert (found.status, found.error) == (None, UNFINISHED)


def test_of_a_body_that_is_announced_a_beginning_goes_out() -> None:
    head, _, body = written("POST", "/", {}, b"Hello", Wire(announced=40_000_000), "h").partition(b"\r\n\r\n")
    assert b"content-length: 40000005" in head and body == b"Hello"


def test_where_no_refusal_comes_to_what_is_announced_the_client_goes() -> None:
    with serving(b"") as server:
        found = send(server.base_url, Wire(announced=40_000_000))
    assert found.status is None and found.error


def test_a_value_cannot_become_a_line_of_its_own() -> None:
    data = written("GET", "/a\r\nx: y", {"a": "b\r\nc: d"}, None, Wire(), "h")
    assert b"\r\nx: y" not in data
    assert b"\r\nc: d" not in data


@contextmanager
def talking(answers: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers on one connection as often as it is told, whatever it reads; gives what it read in all."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            data = b""
            for number, each in enumerate(answers, 1):
                while data.count(b"\r\n\r\n") < number and (more := connection.recv(65_536)):
                    data += more
                heard.append(data)
                connection.sendall(each)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        thread.join(5)
        listener.close()


@contextmanager
def resetting(answer: bytes) -> Iterator[str]:
    """A server that answers, and resets the connection once that has gone out."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65_536)
        connection.sendall(answer)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(5)
        listener.close()


@pytest.mark.parametrize("pipelined", [False, True])
def test_a_request_goes_before_on_the_same_connection(pipelined: bool) -> None:
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
    with talking([first, answer(b"second", "403 Forbidden")]) as (base_url, heard):
        wire = Wire(before=Plain("GET", "/v1/models", (("x-api-key", "other"),)), pipelined=pipelined)
        found = send(base_url, wire)
    assert (found.status, found.body) == (403, b"second")
    assert heard[-1].startswith(b"GET /v1/models HTTP/1.1")
    assert (b"POST /a" in heard[0]) == pipelined


def test_an_earlier_request_that_is_not_answered_is_said() -> None:
    with talking([b""]) as (base_url, _):
        found = send(base_url, Wire(before=Plain("GET", "/", ())))
    assert (found.status, found.error) == (None, "the request before it was not answered: connection closed without an answer")


def test_the_refusal_of_what_is_announced_is_read() -> None:
    with talking([answer(b"{}", "413 Content Too Large")]) as (base_url, _):
        found = send(base_url, Wire(announced=40_000_000))
    assert (found.status, found.body, found.error) == (413, b"{}", "")


HEAD = b"HTTP/1.0 403 Forbidden\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (HEAD + b'\r\n{"a": 1}', (403, b'{"a": 1}', "", False)),
        (HEAD + b'\r\n{"a": ', (403, b'{"a": ', "connection reset", True)),
        (HEAD + b'Content-Length: 100\r\n\r\n{"a": 1}', (403, b'{"a": 1}', "connection reset", True)),
        (
            HEAD.replace(b"1.0", b"1.1") + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n',
            (403, b'{"a": 1}', "connection reset", True),
        ),
        (HEAD, (None, b"", "ConnectionResetError", False)),
    ],
    ids=["ends-with-the-connection", "ends-too-early", "shorter-than-told", "a-chunk-is-missing", "before-the-answer"],
)
def test_of_a_connection_that_is_reset_what_came_before_is_the_answer(sent, found) -> None:
    with resetting(sent) as base_url:
        got = send(base_url, Wire())
    assert (got.status, got.body, got.error, got.truncated) == found


def test_a_large_answer_is_cut() -> None:
    with serving(answer(b"x" * 100_000)) as server:
        found = send(server.base_url, Wire(), limit=1000)
    assert (found.status, len(found.body), found.error, found.truncated) == (200, 1000, "the answer is larger than 1000 bytes", True)


def test_nobody_there_and_nonsense_are_answers_too() -> None:
    assert send(closed_port(), Wire()).status is None
    with serving(b"what?\r\n\r\n") as server:
        found = send(server.base_url, Wire())
    assert (found.status, found.error) == (None, "connection closed without an answer")


def test_what_is_compressed_is_read_as_it_was_meant() -> None:
    with serving(answer(gzip.compress(b"plain"), "200 OK", "Content-Encoding: gzip")) as server:
        assert send(server.base_url, Wire()).body == b"plain"


@pytest.mark.parametrize(
    ("body", "coding", "limit", "found"),
    [
        (gzip.compress(b'{"error": {}}', mtime=0), "gzip", 100, b'{"error": {}}'),
        (zlib.compress(b"refused"), " Deflate", 100, b"refused"),
        (gzip.compress(bytes(1000), mtime=0), "gzip", 1000, bytes(1000)),
        (b"no gzip at all", "gzip", 100, b"no gzip at all"),
        (b"as it is", "br", 100, b"as it is"),
        (b"as it is", "", 100, b"as it is"),
    ],
)
def test_an_answer_is_read_without_its_content_coding(body, coding, limit, found):
    assert _plain(body, coding, limit) == (found, True)


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut_and_said_to_be() -> None:
    with serving(answer(gzip.compress(bytes(10_000_000)), "200 OK", "Content-Encoding: gzip")) as server:
        found = send(server.base_url, Wire(), limit=100_000)
    assert (len(found.body), found.error, found.truncated) == (100_000, "the answer is larger than 100000 bytes", True)
