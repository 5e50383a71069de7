"""HTTP against real loopback servers: bounded in size and time, to one origin, byte for byte, and silent about credentials."""

from __future__ import annotations

import base64
import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from engine_servers import Write, answer, closed_port, serving, trickle

from zdr_audit.target.transport import Answer, Outgoing, Transport, auth_headers
from zdr_audit.target.wire import Wire

SECRET = "sk-very-secret-0123456789"
KEY = {"x-api-key": SECRET}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n"


def send(base_url: str, path: str = "/", *, timeout: float = 5, limit: int = 1 << 20, **more: object) -> Answer:
    return Transport(base_url, timeout, limit).send(Outgoing("GET", path, **{"headers": dict(KEY), **more}))


def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    start = time.monotonic()
    found = call()
    return found, time.monotonic() - start


# -- what comes back ----------------------------------------------------------------------------------------------------------------


def test_an_answer_has_status_headers_in_lower_case_and_body():
    with serving(answer(b'{"a": 1}', "201 Created", "Request-Id: req_1", "X-Twice: a", "X-Twice: b")) as server:
        found = send(server.base_url)
    assert (found.status, found.body, found.error, found.truncated) == (201, b'{"a": 1}', "", False)
    assert (found.header("Request-ID"), found.header("x-twice"), found.header("none")) == ("req_1", "a, b", None)
    assert found.started_at <= found.ended_at
    assert found.started_at.endswith("+00:00")


def test_a_compressed_answer_is_read_as_what_it_says():
    with serving(answer(gzip.compress(b"plain text"), "200 OK", "Content-Encoding: gzip")) as server:
        assert send(server.base_url).body == b"plain text"


def test_a_body_in_chunks_is_put_together():
    with serving(CHUNKED + b"5\r\nHello\r\n6\r\n there\r\n0\r\n\r\n") as server:
        assert send(server.base_url).body == b"Hello there"


def test_the_request_goes_out_whole():
    with serving(answer()) as server:
        found = Transport(server.base_url, 5, 1000).send(
            Outgoing("POST", "/v1/messages", {**KEY, "content-type": "application/json"}, b'{"a": 1}')
        )
    assert found.request_bytes == 8
    assert server.first_line == "POST /v1/messages HTTP/1.1"
    assert server.requests[0].endswith(b'\r\n\r\n{"a": 1}')
    headers = server.headers()
    assert (headers["x-api-key"], headers["content-type"], headers["content-length"]) == (SECRET, "application/json", "8")
    assert headers["user-agent"].startswith("zdr-audit/")


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_request_goes_below_the_path_of_the_address(slash):
    with serving(answer()) as server:
        transport = Transport(f"{server.base_url}/v1/anthropic{slash}", 5, 1000)
        assert transport.send(Outgoing("GET", "/v1/models?limit=1", dict(KEY))).status == 200
    assert server.first_line == "GET /v1/anthropic/v1/models?limit=1 HTTP/1.1"
    assert transport.origin == server.base_url


def test_a_body_in_chunks_goes_out_without_its_length():
    with serving(answer()) as server:
        found = Transport(server.base_url, 5, 1000).send(Outgoing("POST", "/v1/messages", dict(KEY), b"0123456789", chunked=True))
    headers = server.headers()
    assert (found.status, found.request_bytes, headers["transfer-encoding"]) == (200, 10, "chunked")
    assert "content-length" not in headers and headers["user-agent"].startswith("zdr-audit/")


def test_a_body_that_comes_slowly_has_its_length_and_is_whole():
    with serving(answer()) as server:
        sent = Outgoing("POST", "/v1/messages", dict(KEY), b"0123456789a", slowly=0.2)
        found, seconds = timed(lambda: Transport(server.base_url, 5, 1000).send(sent))
    assert (found.status, found.request_bytes, server.headers()["content-length"]) == (200, 11, "11")
    assert server.requests[0].endswith(b"\r\n\r\n0123456789a") and "transfer-encoding" not in server.headers()
    assert seconds >= 0.2


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_does_not_name_itself_sends_no_user_agent(chunked):
    with serving(answer()) as server:
        sent = Outgoing("POST", "/v1/messages", {**KEY, "user-agent": "client/1"}, b"{}", chunked=chunked, unnamed=True)
        assert Transport(server.base_url, 5, 1000).send(sent).status == 200
    assert "user-agent" not in server.headers() and server.headers()["x-api-key"] == SECRET


# -- size and time ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 1001])
def test_an_answer_is_bounded_in_size(size):
    with serving(answer(b"x" * size)) as server:
        found = send(server.base_url, limit=1000)
    assert len(found.body) == 1000
    assert (found.error, found.truncated) == (("", False) if size == 1000 else ("the answer is larger than 1000 bytes", True))


def test_an_answer_without_end_is_cut_off_at_the_bound():
    with serving(trickle(ENDLESS, b"x" * 65536, pause=0)) as server:
        found, seconds = timed(lambda: send(server.base_url, limit=300_000))
        assert server.closed_by_client.wait(5), "the connection is closed, not drained"
    assert (len(found.body), found.truncated) == (300_000, True)
    assert seconds < 4


def test_a_small_body_that_expands_is_bounded_too():
    with serving(answer(gzip.compress(bytes(50_000_000)), "200 OK", "Content-Encoding: gzip")) as server:
        found = send(server.base_url, limit=10_000)
    assert (len(found.body), found.error) == (10_000, "the answer is larger than 10000 bytes")


@pytest.mark.parametrize("head", [ENDLESS, CHUNKED + b"fffff\r\n"], ids=["by length", "in one chunk"])
def test_a_body_that_trickles_in_is_bounded_in_time(head):
    with serving(trickle(head, b"x")) as server:
        found, seconds = timed(lambda: send(server.base_url, timeout=0.4))
    assert (found.status, found.error, found.truncated) == (200, "the answer took too long", True)
    assert 0.3 < seconds < 3


@pytest.mark.parametrize("wire", [None, Wire()], ids=["over the library", "as it is written"])
@pytest.mark.parametrize(
    ("beginning", "more", "pause"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", 0.02),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    ],
    ids=["header", "interim answers", "interim answers now and then"],
)
def test_the_head_of_an_answer_is_bounded_in_time_like_its_body(wire, beginning, more, pause):
    with serving(trickle(beginning, more, pause=pause)) as server:
        found, seconds = timed(lambda: send(server.base_url, timeout=0.4, wire=wire))
    assert (found.status, found.error) == (None, "timed out")
    assert 0.3 < seconds < 3


@pytest.mark.parametrize("wire", [None, Wire()], ids=["over the library", "as it is written"])
@pytest.mark.parametrize("pause", [0, 0.02])
def test_what_comes_after_a_body_is_bounded_in_time_too(wire, pause):
    with serving(trickle(CHUNKED + b"5\r\nHello\r\n0\r\n", b"x-more: 1\r\n", pause=pause)) as server:
        found, seconds = timed(lambda: send(server.base_url, timeout=0.4, wire=wire))
    assert (found.status, found.body, found.error, found.truncated) == (200, b"Hello", "the answer took too long", True)
    assert 0.3 < seconds < 3


def test_a_connection_that_is_kept_gives_each_answer_its_own_time():
    ports = []

    class Kept(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ports.append(self.client_address[1])
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Kept) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        transport = Transport(f"http://127.0.0.1:{server.server_port}", 2, 1000)
        found = []
        for _ in range(3):
            found.append(transport.send(Outgoing("GET", "/", dict(KEY))).body)
            time.sleep(1)
        server.shutdown()
    assert found == [b"{}"] * 3 and len(set(ports)) == 1


def test_a_target_that_says_nothing_is_given_up():
    with serving(lambda _, __: time.sleep(3)) as server:
        found, seconds = timed(lambda: send(server.base_url, timeout=0.3))
    assert (found.status, found.error, found.body) == (None, "timed out", b"")
    assert seconds < 2.5


def test_a_request_may_have_a_time_bound_of_its_own():
    with serving(lambda _, __: time.sleep(3)) as server:
        found, seconds = timed(lambda: Transport(server.base_url, 60, 1000).send(Outgoing("GET", "/", timeout=0.3)))
    assert found.error == "timed out"
    assert seconds < 2.5


def test_a_body_that_stops_midway_is_an_error_and_not_a_short_answer():
    with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 10) as server:
        found = send(server.base_url)
    assert (found.status, found.body, found.truncated) == (200, b"x" * 10, True)
    assert found.error


def test_chunks_that_stop_midway_are_an_error():
    with serving(CHUNKED + b"5\r\nHello\r\n") as server:
        found = send(server.base_url)
    assert (found.status, found.body, found.truncated) == (200, b"Hello", True)
    assert found.error


def test_an_answer_can_be_abandoned_midway_and_the_target_notices():
    with serving(trickle(CHUNKED, b"40\r\n" + b"x" * 64 + b"\r\n", pause=0.005)) as server:
        found = send(server.base_url, abandon_after=500)
        assert server.closed_by_client.wait(5)
    assert (found.status, found.error, found.truncated) == (200, "abandoned", True)
    assert 500 <= len(found.body) < 2000


def test_whoever_waits_is_told_when_the_answer_begins_and_not_before():
    begun = threading.Event()
    with serving(trickle(CHUNKED, b"40\r\n" + b"x" * 64 + b"\r\n", pause=0.005)) as server:
        sent = Outgoing("POST", "/v1/messages", dict(KEY), b"{}", abandon_after=500, begun=begun)
        assert not begun.is_set()
        assert Transport(server.base_url, 5, 1 << 20).send(sent).error == "abandoned"
    assert begun.is_set()
    silent = threading.Event()
    with serving(b"") as server:
        assert Transport(server.base_url, 5, 1000).send(Outgoing("POST", "/v1/messages", dict(KEY), b"{}", begun=silent)).status is None
    assert not silent.is_set()


def test_an_answer_shorter_than_the_point_of_abandoning_is_whole():
    with serving(answer(b"short")) as server:
        found = send(server.base_url, abandon_after=500)
    assert (found.body, found.error, found.truncated) == (b"short", "", False)


# -- where it goes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
)
def test_a_redirect_is_not_followed_and_no_credential_reaches_another_origin(status):
    with serving(answer(b"stolen")) as elsewhere, serving(answer(b"gone", status, f"Location: {elsewhere.base_url}/v1/messages")) as server:
        found = send(server.base_url, "/v1/messages")
    assert (found.status, found.body) == (int(status[:3]), b"gone")
    assert found.header("location") == f"{elsewhere.base_url}/v1/messages"
    assert elsewhere.requests == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["http://[bad", "//", "", "http://127.0.0.1:99999/", "\x1b[31m"])
def test_a_redirect_to_nowhere_is_an_answer_like_any_other(location):
    with serving(answer(b"gone", "302 Found", f"Location: {location}")) as server:
        found = send(server.base_url)
    assert (found.status, found.body, found.error) == (302, b"gone", "")


def test_the_body_of_a_redirect_is_bounded_as_well():
    with serving(trickle(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nConnection: close\r\n\r\n", b"x" * 65536, pause=0)) as server:
        found, seconds = timed(lambda: send(server.base_url, limit=100_000))
    assert (found.status, len(found.body)) == (302, 100_000)
    assert seconds < 4


def test_cookies_of_one_actor_do_not_go_with_the_next_request():
    with serving(answer(b"{}", "200 OK", "Set-Cookie: session=of-the-first; Path=/")) as server:
        transport = Transport(server.base_url, 5, 1000)
        for _ in range(2):
            transport.send(Outgoing("GET", "/"))
    assert "cookie" not in server.headers()


@pytest.mark.parametrize(
    "path",
    [
        "/v1//sessions",
        "/v1/./sessions",
        "/v1/x/../sessions",
        "/../v1/sessions",
        "/v1/sessions/",
        "/V1/Sessions",
        "/v1%2Fsessions",
        "/v1/%73essions",
        "/v1/sessions%20",
        "/v1/sessions%00",
        "/v1/sessions;a=b",
        "/v1/;/sessions",
        "/v1/sessions?beta=true&zdr=false",
        "/v1/sessions?next=http%3A%2F%2Felsewhere%2F",
        "/v1/sessions.json",
    ],
)
def test_a_path_goes_out_as_it_is(path):
    with serving(answer()) as server:
        send(server.base_url, path)
    assert server.first_line == f"GET {path} HTTP/1.1"


def test_a_credential_in_the_address_goes_with_every_request_as_a_header():
    with serving(answer()) as server:
        transport = Transport(server.base_url.replace("http://", "http://me:word%201@"), 5, 1000)
        for method in ("GET", "POST"):
            transport.send(Outgoing(method, "/v1/x", {"x-api-key": "k"}, b"{}"))
            headers = server.headers()
            assert headers["authorization"] == "Basic " + base64.b64encode(b"me:word 1").decode()
            assert (headers["x-api-key"], headers["content-length"], server.first_line) == ("k", "2", f"{method} /v1/x HTTP/1.1")


@pytest.mark.parametrize("path", ["@127.0.0.1:1/", ".example/", "", "v1/messages", "http://127.0.0.1:1/", ":1/"])
def test_a_path_that_would_change_the_host_is_not_sent(path):
    with serving(answer()) as server:
        found = send(server.base_url, path)
    assert (found.status, found.error) == (None, "not sent: the path does not begin with /")
    assert server.requests == []


def test_proxies_and_credentials_of_the_surroundings_are_not_used(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter22\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(answer(b"of the proxy")) as proxy, serving(answer(b"of the target")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url)
        monkeypatch.delenv("no_proxy", raising=False)
        found = Transport(server.base_url, 5, 1000).send(Outgoing("GET", "/"))
    assert found.body == b"of the target"
    assert "authorization" not in server.headers()


# -- what goes wrong ----------------------------------------------------------------------------------------------------------------


def abort(_: bytes, write: Write) -> None:
    """Closes without a word."""


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (abort, "connection closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", None),
        (b"HTTP/1.1 abc OK\r\n\r\n", None),
        (b"\x16\x03\x01" * 100, None),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nHello", None),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nHello", None),
    ],
    ids=["nothing", "another protocol", "no status", "TLS", "a header without end", "no chunk size", "no gzip"],
)
def test_what_is_no_answer_is_an_error_in_few_words(script, words):
    with serving(script) as server:
        found = send(server.base_url)
    assert found.error
    assert words is None or found.error == words
    assert len(found.error) < 60
    assert SECRET not in found.error
    assert "0x" not in found.error


def test_a_closed_port_is_a_refused_connection():
    found = send(closed_port())
    assert (found.status, found.error, found.headers) == (None, "connection refused", {})


def test_a_name_that_does_not_exist_is_said_not_to():
    found = send("http://zdr-audit.invalid", timeout=3)
    assert found.status is None
    assert found.error in ("host name not found", "NameResolutionError", "ConnectionError")


def test_tls_to_a_plain_port_is_an_error():
    with serving(answer()) as server:
        found = send(server.base_url.replace("http:", "https:"), timeout=0.5)
    assert found.status is None
    assert SECRET not in found.error


@pytest.mark.parametrize("header", ["x-api-key", "authorization", "X-Custom"])
@pytest.mark.parametrize("secret", [f"{SECRET}\n", f"{SECRET}\r\nx-injected: 1", f" {SECRET}", f"{SECRET}ü€", f"{SECRET}\x00"])
def test_a_credential_that_no_header_can_carry_is_in_no_error_text(header, secret):
    with serving(answer()) as server:
        found = send(server.base_url, headers=auth_headers(header, secret))
    assert SECRET not in found.error
    assert all(b"x-injected" not in request for request in server.requests)
    assert found.status == 200 or found.error


@pytest.mark.parametrize("script", [abort, b"nonsense", answer(b"x" * 50)[:-20], answer(b"no", "401 Unauthorized")])
def test_the_credential_is_nowhere_in_what_is_made_of_an_answer(script):
    with serving(script) as server:
        found = send(server.base_url, headers=KEY | auth_headers("authorization", SECRET))
    assert SECRET not in repr(found)


def test_a_bearer_token_goes_in_the_authorization_header_alone():
    assert auth_headers("authorization", "k") == {"authorization": "Bearer k"}
    assert auth_headers("Authorization", "k") == {"Authorization": "Bearer k"}
    assert auth_headers("x-api-key", "k") == {"x-api-key": "k"}


def test_connections_are_kept_and_each_thread_has_its_own():
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                threading.Thread(target=serve, args=(connections[-1],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    transport = Transport(f"http://127.0.0.1:{listener.getsockname()[1]}", 5, 1000)
    assert [transport.send(Outgoing("GET", "/")).body for _ in range(3)] == [b"{}"] * 3
    assert len(connections) == 1
    other = threading.Thread(target=lambda: transport.send(Outgoing("GET", "/")))
    other.start()
    other.join()
    assert len(connections) == 2
    listener.close()
