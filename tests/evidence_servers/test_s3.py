from __future__ import annotations

import gzip
import uuid
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from zdr_audit.evidence import s3
from zdr_audit.evidence.s3 import read_s3
from zdr_audit.evidence.server import ServerPlace
from zdr_audit.run.servers import object_store
from zdr_audit.run.servers.process import free_port

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore")
KEY, SECRET = "access-key-of-the-tests", "secret-key-of-the-tests"


@dataclass
class Store:
    endpoint: str
    client: object
    bucket: str = ""
    folder: Path | None = None

    @property
    def place(self) -> ServerPlace:
        return ServerPlace(bucket=self.bucket, endpoint=self.endpoint)


@pytest.fixture(scope="session")
def running(server_folder: Path) -> Iterator[Store]:
    with object_store(server_folder, KEY, SECRET) as store:
        yield Store(store.endpoint, store.client(), folder=store.folder)


@pytest.fixture
def store(running, request, monkeypatch) -> Iterator[Store]:
    """A bucket with versions, of its own for each test; credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    bucket = f"evidence-{zlib.crc32(request.node.name.encode())}-{uuid.uuid4().hex[:8]}"
    client = running.client
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with ExitStack() as stack:
        stack.callback(client.delete_bucket, Bucket=bucket)
        yield Store(running.endpoint, client, bucket, running.folder)
        for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        listing = client.list_object_versions(Bucket=bucket)
        for item in listing.get("Versions", []) + listing.get("DeleteMarkers", []):
            client.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])


def plant(store: Store, text) -> None:
    """One marked text in each place of an object."""
    put = {"Bucket": store.bucket}
    store.client.put_object(**put, Key="plain", Body=f"prompt {text('content')}".encode())
    store.client.put_object(**put, Key="packed.gz", Body=gzip.compress(text("packed").encode()))
    store.client.put_object(**put, Key=f"prompts/{text('key')}.json", Body=b"x")
    store.client.put_object(**put, Key="described", Body=b"x", Metadata={"prompt": text("metadata")}, Tagging=f"prompt={text('tag')}")
    store.client.put_object(**put, Key="named", Body=b"x", ContentDisposition=f'attachment; filename="{text("disposition")}"')


def test_a_canary_is_found_in_every_place_of_an_object(lab, store):
    plant(store, lab.canary)
    reading = read_s3("blobs", store.place, lab.seeker)
    assert (reading.error, reading.not_examined, reading.objects) == (None, (), 5)
    found = {hit.canary: (hit.object.partition(" (version ")[0], hit.location, hit.forms[0], hit.residue) for hit in reading.hits}
    assert found["content"] == ("plain", "bytes 7-39", "plain", False)
    assert found["packed"][0::2] == ("packed.gz", "gzip")
    assert found["key"][1:] == ("key", "plain", False)
    assert found["metadata"][:2] == ("described", "header x-amz-meta-prompt")
    assert found["tag"][0] == "described"
    assert found["disposition"][:2] == ("named", "header content-disposition")
    assert len(found) == 6


def test_a_twin_without_canaries_gives_no_hit(lab, store):
    plant(store, lambda name: f"a-word-such-as-{name}")
    reading = read_s3("blobs", store.place, lab.seeker)
    assert (reading.error, reading.hits, reading.objects) == (None, (), 5)


def test_overwritten_and_deleted_versions_are_residue(lab, store):
    for name in ("first", "second"):
        store.client.put_object(Bucket=store.bucket, Key="doc", Body=lab.canary(name).encode())
    store.client.put_object(Bucket=store.bucket, Key=lab.canary("deleted key"), Body=lab.canary("deleted").encode())
    (key,) = (item["Key"] for item in store.client.list_objects_v2(Bucket=store.bucket)["Contents"] if item["Key"] != "doc")
    store.client.delete_object(Bucket=store.bucket, Key=key)
    hits = read_s3("blobs", store.place, lab.seeker).hits
    assert {(hit.canary, hit.residue) for hit in hits} == {("first", True), ("second", False), ("deleted", True), ("deleted key", True)}
    assert {hit.location for hit in hits if hit.canary == "deleted key"} == {"key", "key of a delete marker"}
    assert len({hit.object for hit in hits if hit.canary in ("first", "second")}) == 2


def test_an_unfinished_upload_is_listed_and_its_key_searched(lab, store):
    started_upload = store.client.create_multipart_upload(Bucket=store.bucket, Key=f"big-{lab.canary('upload')}")
    where = {"Bucket": store.bucket, "Key": started_upload["Key"], "UploadId": started_upload["UploadId"]}
    store.client.upload_part(**where, PartNumber=1, Body=b"z" * 1000)
    reading = read_s3("blobs", store.place, lab.seeker)
    assert [(hit.canary, hit.location, hit.residue) for hit in reading.hits] == [("upload", "key", False)]
    (note,) = reading.not_examined
    assert note.object.startswith("unfinished upload of big-")
    assert note.reason.startswith("1000 bytes in 1 parts")


def test_a_large_object_is_read_in_pieces_to_its_end(lab, store):
    size = 9 * 1024 * 1024 + 5
    store.client.put_object(Bucket=store.bucket, Key="large", Body=bytes(size) + lab.canary("last").encode())
    told: list[int] = []
    (hit,) = read_s3("blobs", store.place, lab.seeker, told.append).hits
    assert (hit.canary, hit.location) == ("last", f"bytes {size}-{size + 32}")
    assert sum(told) == size + 32
    assert max(told) <= 1024 * 1024


def test_more_objects_than_a_page_lists_are_all_read(lab, store):
    for number in range(1005):
        store.client.put_object(Bucket=store.bucket, Key=f"n{number:05}", Body=lab.canary("last").encode() if number == 1004 else b"x")
    reading = read_s3("blobs", store.place, lab.seeker)
    assert reading.objects == 1005
    assert {hit.canary for hit in reading.hits} == {"last"}


def test_a_prefix_bounds_the_reading(lab, store):
    store.client.put_object(Bucket=store.bucket, Key="in/a", Body=lab.canary("in").encode())
    store.client.put_object(Bucket=store.bucket, Key="out/a", Body=lab.canary("out").encode())
    place = ServerPlace(bucket=store.bucket, endpoint=store.endpoint, prefix="in/")
    assert {hit.canary for hit in read_s3("blobs", place, lab.seeker).hits} == {"in"}


def test_reading_leaves_every_version_as_it_was(lab, store):
    plant(store, lab.canary)

    def state() -> list[tuple]:
        listing = store.client.list_object_versions(Bucket=store.bucket)
        return sorted((item["Key"], item["VersionId"], item["ETag"], item["LastModified"]) for item in listing["Versions"])

    before = state()
    read_s3("blobs", store.place, lab.seeker)
    assert state() == before


def test_a_wrong_secret_gives_one_line_without_it(lab, store, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-at-all")
    reading = read_s3("blobs", store.place, lab.seeker)
    assert "SignatureDoesNotMatch" in (reading.error or "") or "AccessDenied" in str(reading)
    assert "\n" not in (reading.error or "")
    assert not any(word in str(reading) for word in ("not-the-secret-at-all", KEY))
    assert reading.objects == 0


def test_without_credentials_requests_are_not_signed_and_no_other_place_is_asked(lab, store, monkeypatch, tmp_path):
    store.client.put_object(Bucket=store.bucket, Key="a", Body=b"x")
    (tmp_path / "credentials").write_text(f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    reading = read_s3("blobs", store.place, lab.seeker)
    assert "AccessDenied" in (reading.error or "")
    assert reading.objects == 0


@pytest.mark.parametrize("change", [{"bucket": "no-such-bucket-here"}, {"bucket": ""}, {"endpoint": "no url"}])
def test_a_place_that_is_none_is_an_error_of_the_reading(lab, store, change):
    place = ServerPlace(**({"bucket": store.bucket, "endpoint": store.endpoint} | change))
    reading = read_s3("blobs", place, lab.seeker)
    assert reading.error
    assert "\n" not in reading.error


@pytest.mark.parametrize(("endpoint", "style"), [("http://127.0.0.1:1", "path"), (None, "auto")])
def test_a_client_waits_a_minute_at_most_and_signs_where_it_has_a_key_and_a_secret(monkeypatch, endpoint, style):
    for name in ("AWS_DEFAULT_REGION", *s3.CREDENTIALS):
        monkeypatch.delenv(name, raising=False)
    unsigned = s3._client(ServerPlace(bucket="b", endpoint=endpoint))
    settings = unsigned.meta.config
    assert settings.s3["addressing_style"] == style
    assert 5 <= settings.connect_timeout < settings.read_timeout <= 60
    assert 1 <= settings.retries["total_max_attempts"] <= 3
    assert settings.signature_version is botocore.UNSIGNED
    assert settings.region_name == "us-east-1"
    for credentials, signed in ((("key", "", ""), False), (("", "secret", ""), False), (("key", "secret", "token"), True)):
        client = s3._client(ServerPlace(bucket="b", endpoint=endpoint, credentials=credentials))
        assert (client.meta.config.signature_version is not botocore.UNSIGNED) is signed
    known = client._request_signer._credentials
    assert (known.access_key, known.secret_key, known.token) == ("key", "secret", "token")


def test_a_store_that_is_gone_is_an_error_of_the_reading(lab):
    reading = read_s3("blobs", ServerPlace(bucket="some-bucket", endpoint=f"http://127.0.0.1:{free_port()}"), lab.seeker)
    assert "Could not connect" in (reading.error or "")


def test_the_files_of_the_store_show_the_parts_of_an_unfinished_upload(lab, store):
    where = {"Bucket": store.bucket, "Key": "archive/day"}
    upload = store.client.create_multipart_upload(**where)["UploadId"]
    store.client.upload_part(**where, UploadId=upload, PartNumber=1, Body=f"prompt {lab.canary('part')} goes on".encode())
    store.client.put_object(Bucket=store.bucket, Key="live", Body=lab.canary("live").encode())
    without = read_s3("blobs", store.place, lab.seeker)
    assert {hit.canary for hit in without.hits} == {"live"}
    reading = read_s3("blobs", ServerPlace(bucket=store.bucket, endpoint=store.endpoint, data_dir=store.folder), lab.seeker)
    assert reading.error is None
    found = {(hit.canary, hit.residue) for hit in reading.hits if hit.object.endswith(".dat")}
    assert found == {("part", True), ("live", False)}
    assert [item.object for item in reading.not_examined if "upload" in item.object] == ["unfinished upload of archive/day"]


def test_credentials_of_the_place_come_before_those_of_the_environment(lab, store, monkeypatch):
    store.client.put_object(Bucket=store.bucket, Key="live", Body=lab.canary("live").encode())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    assert "SignatureDoesNotMatch" in (read_s3("blobs", store.place, lab.seeker).error or "")
    place = ServerPlace(bucket=store.bucket, endpoint=store.endpoint, credentials=(KEY, SECRET, ""))
    assert [hit.canary for hit in read_s3("blobs", place, lab.seeker).hits] == ["live"]
    assert SECRET not in repr(place)
