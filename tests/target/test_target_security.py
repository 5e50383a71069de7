"""TLS with an authority of one's own, mutual TLS, proxies: against real loopback servers; credentials go to the origin that they are for."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from engine_profiles import small
from engine_servers import answer, closed_port, serving

from zdr_audit.profile.load import ProfileError
from zdr_audit.target.security import OPEN, Security, proxy_secrets, security_of
from zdr_audit.target.transport import Answer, Outgoing, Transport
from zdr_audit.target.wire import Wire

KEY = {"authorization": "Bearer sk-very-secret-0123456789"}


@dataclass(frozen=True)
class Papers:
    """PEM files of an authority made for the test, and of what it signed."""

    ca: str
    certificate: str
    key: str
    client: str
    client_key: str


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    authority = trustme.CA()
    files = {"ca": authority.cert_pem}
    for name, issued in (("server", authority.issue_cert("127.0.0.1")), ("client", authority.issue_cert("auditor@client.example"))):
        files |= {name: issued.cert_chain_pems[0], f"{name}-key": issued.private_key_pem}
    for name, blob in files.items():
        blob.write_to_path(str(folder / f"{name}.pem"))
    return Papers(*(str(folder / f"{name}.pem") for name in ("ca", "server", "server-key", "client", "client-key")))


class Told(http.server.BaseHTTPRequestHandler):
    """Remembers what reached it; redirects where the server says so."""

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers), self.connection.getpeercert()))
        self.send_response(307 if self.server.location else 200)
        if self.server.location:
            self.send_header("location", self.server.location)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that does not trust us goes away in the middle: that is what is tested."""


@contextlib.contextmanager
def tls_server(papers: Papers, *, mutual: bool = False, location: str = "") -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Told)
    server.seen, server.location = [], location
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.certificate, papers.key)
    if mutual:
        context.load_verify_locations(papers.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.base_url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def get(base_url: str, security: Security = OPEN, wire: Wire | None = None) -> Answer:
    return Transport(base_url, 20, 1 << 20, security=security).send(Outgoing("GET", "/", dict(KEY), wire=wire))


def test_an_authority_of_one_s_own_is_trusted_where_the_profile_names_it(papers):
    with tls_server(papers) as server:
        assert get(server.base_url, Security(ca=papers.ca)).status == 200
        assert server.seen[0][1]["authorization"] == KEY["authorization"]


def test_without_it_nothing_is_sent(papers, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", papers.ca)  # the surroundings have no say in whom we trust
    monkeypatch.setenv("CURL_CA_BUNDLE", papers.ca)
    with tls_server(papers) as server:
        found = get(server.base_url)
        assert (found.status, found.error, server.seen) == (None, "TLS certificate not accepted", [])


def test_a_certificate_for_another_name_is_not_accepted(papers):
    with tls_server(papers) as server:
        found = get(server.base_url.replace("127.0.0.1", "localhost"), Security(ca=papers.ca))
        assert (found.status, found.error, server.seen) == (None, "TLS certificate not accepted", [])


def test_mutual_tls_shows_the_client_s_certificate(papers):
    with tls_server(papers, mutual=True) as server:
        assert get(server.base_url, Security(ca=papers.ca, certificate=(papers.client, papers.client_key))).status == 200
        assert "auditor@client.example" in str(server.seen[0][2])
        assert get(server.base_url, Security(ca=papers.ca)).status is None
        assert len(server.seen) == 1


def test_what_is_written_on_the_connection_as_it_is_is_secured_alike(papers):
    with tls_server(papers, mutual=True) as server:
        both = Security(ca=papers.ca, certificate=(papers.client, papers.client_key))
        assert get(server.base_url, both, Wire()).status == 200
        assert get(server.base_url, wire=Wire()).status is None
        assert [seen[1]["authorization"] for seen in server.seen] == [KEY["authorization"]]
    with serving(answer()) as proxy, serving(answer()) as target:
        found = get(target.base_url, Security(proxy=proxy.base_url), Wire())
        assert (found.status, found.error.split(":")[0], proxy.requests, target.requests) == (None, "not sent", [], [])


def test_a_redirect_to_another_origin_takes_no_credential_along(papers):
    with tls_server(papers) as other, tls_server(papers, location=f"{other.base_url}/elsewhere") as server:
        found = get(server.base_url, Security(ca=papers.ca))
        assert (found.status, other.seen, len(server.seen)) == (307, [], 1)


def test_a_proxy_is_used_where_the_profile_names_one_and_otherwise_not(monkeypatch):
    with serving(answer(b'{"by": "proxy"}')) as proxy, serving(answer(b'{"by": "target"}')) as target:
        monkeypatch.setenv("HTTP_PROXY", closed_port())
        assert get(target.base_url).body == b'{"by": "target"}'
        assert get(target.base_url, Security(proxy=proxy.base_url)).body == b'{"by": "proxy"}'
        assert proxy.first_line == f"GET {target.base_url}/ HTTP/1.1"
        assert len(target.requests) == 1


def test_a_proxy_s_own_credential_goes_to_the_proxy_as_such():
    with serving(answer()) as proxy:
        get("http://target.example", Security(proxy=proxy.base_url.replace("http://", "http://me:pass%40word-1@")))
        assert proxy.headers()["proxy-authorization"].startswith("Basic ")
        assert proxy.headers()["authorization"] == KEY["authorization"]
    assert {"pass%40word-1", "pass@word-1"} <= proxy_secrets(Security(proxy="http://me:pass%40word-1@127.0.0.1:1"))
    assert proxy_secrets(Security(proxy="http://127.0.0.1:1")) == set()


def tls(text: str) -> str:
    return f"[tls]\n{text}\n\n[organizations]"


def test_the_profile_s_files_are_read_before_anything_is_sent(papers, tmp_path):
    text = tls(f'ca = "${{PAPERS}}/ca.pem"\nclient_cert = "{papers.client}"\nclient_key = "{papers.client_key}"')
    loaded = small(tmp_path, "[organizations]", text, {"PAPERS": str(Path(papers.ca).parent)})
    assert security_of(loaded.profile, {}) == Security(papers.ca, (papers.client, papers.client_key), None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('ca = "{folder}/none.pem"', "tls.ca: {folder}/none.pem cannot be read: No such file or directory"),
        ('ca = "{folder}/client-key.pem"', "tls.ca: {folder}/client-key.pem holds no certificate in PEM"),
        ('client_cert = "{folder}/none.pem"', "tls.client_cert: {folder}/none.pem cannot be read: No such file or directory"),
        (
            'client_cert = "{folder}/client.pem"\nclient_key = "{folder}/server-key.pem"',
            "tls.client_cert: {folder}/client.pem and the key in {folder}/server-key.pem do not belong together, or are not plain PEM",
        ),
    ],
)
def test_a_file_that_is_no_use_is_said_in_a_line(papers, tmp_path, text, words):
    folder = str(Path(papers.ca).parent)
    loaded = small(tmp_path, "[organizations]", tls(text.replace("{folder}", folder)))
    with pytest.raises(ProfileError) as caught:
        security_of(loaded.profile, {})
    assert str(caught.value) == words.replace("{folder}", folder)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[organizations]", tls('client_key = "k.pem"'), "tls: 'client_key' goes with 'client_cert'"),
        ('platform = "gateway"', 'proxy = "http://me:secret-1@127.0.0.1:1"', "target.proxy: holds a password"),
        ('platform = "gateway"', 'proxy = "127.0.0.1:1"', "target.proxy: should be http:// or https://"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path, old, new, words):
    with pytest.raises(ProfileError) as caught:
        small(tmp_path, old, new)
    assert words in str(caught.value)
    assert "secret-1" not in str(caught.value)
