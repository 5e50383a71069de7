"""The room that a server's data take grows with what is written, whether it stays or is deleted at once."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from zdr_audit.evidence.server import ServerPlace
from zdr_audit.evidence.server_size import SizeError, server_size
from zdr_audit.run.servers import object_store, postgres_server, redis_server
from zdr_audit.run.servers.process import free_port

SIZE = 200_000


@pytest.fixture(scope="module")
def folder(server_folder: Path) -> Path:
    place = Path(tempfile.mkdtemp(prefix="size-", dir=server_folder))
    place.chmod(0o755)
    return place


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator:
    with postgres_server(folder) as server, server.connect() as connection:
        connection.execute("create table kept (body bytea)")
        yield server, connection


def test_postgres_counts_what_is_written_also_where_it_is_deleted_at_once(postgres):
    server, connection = postgres
    place = ServerPlace(url=server.dsn())

    def grown(statement: str) -> int:
        before = server_size("postgres", place)
        connection.execute(statement, (secrets.token_bytes(SIZE),) if "%s" in statement else None)
        return server_size("postgres", place) - before

    grown("insert into kept values (%s)")  # the first row makes the files
    assert grown("insert into kept values (%s)") > SIZE
    assert grown("with gone as (insert into kept values (%s) returning 1) select 1") > SIZE
    connection.execute("delete from kept")
    connection.execute("vacuum kept")
    assert grown("insert into kept values (%s)") > SIZE, "room that is used again counts"
    assert grown("select 1") == 0


def test_postgres_counts_a_table_that_is_not_logged(postgres):
    server, connection = postgres
    connection.execute("create unlogged table quiet (body bytea)")
    before = server_size("postgres", ServerPlace(url=server.dsn()))
    connection.execute("insert into quiet values (%s)", (secrets.token_bytes(SIZE),))
    assert server_size("postgres", ServerPlace(url=server.dsn())) - before > SIZE


def test_redis_counts_the_data_and_not_the_buffers(folder):
    with redis_server(folder) as server:
        client, place = server.client(), ServerPlace(url=server.url)
        before = server_size("redis", place)
        client.set("a", secrets.token_bytes(SIZE))
        client.xadd("stream", {"body": secrets.token_bytes(SIZE)})
        grown = server_size("redis", place) - before
        assert 2 * SIZE < grown < 4 * SIZE
        client.delete("a", "stream")
        client.close()
        deadline = time.monotonic() + 20  # buffers are sampled only now and then
        while server_size("redis", place) - before >= SIZE / 4 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server_size("redis", place) - before < SIZE / 4


def test_an_object_store_counts_every_version_and_every_part(folder):
    with object_store(folder) as store:
        client = store.client()
        client.create_bucket(Bucket="kept")
        client.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        place = ServerPlace(bucket="kept", endpoint=store.endpoint, credentials=(store.key, store.secret, ""))
        for number in range(3):
            client.put_object(Bucket="kept", Key="same", Body=secrets.token_bytes(1000 + number))
        client.delete_object(Bucket="kept", Key="same")
        assert server_size("s3", place) == 3003
        upload = client.create_multipart_upload(Bucket="kept", Key="open")["UploadId"]
        client.upload_part(Bucket="kept", Key="open", UploadId=upload, PartNumber=1, Body=b"x" * 500)
        assert server_size("s3", place) == 3503
        assert server_size("s3", ServerPlace(bucket="kept", prefix="other/", endpoint=store.endpoint, credentials=place.credentials)) == 0


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("postgres", ServerPlace(url="postgresql://u:the-password@127.0.0.1:{port}/app")),
        ("redis", ServerPlace(url="redis://:the-password@127.0.0.1:{port}/0")),
        ("s3", ServerPlace(bucket="some-bucket", endpoint="http://127.0.0.1:{port}")),
    ],
)
def test_a_server_that_is_gone_cannot_be_measured(kind, place):
    port = free_port()
    gone = ServerPlace(url=place.url.format(port=port), bucket=place.bucket, endpoint=place.endpoint and place.endpoint.format(port=port))
    with pytest.raises(SizeError) as caught:
        server_size(kind, gone)
    assert "the-password" not in str(caught.value)
    assert "\n" not in str(caught.value)
