"""Before a run sends anything: a store that answers is reached at the cost of one small question, and one that does not is named in one line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zdr_audit.evidence.reach import unreachable
from zdr_audit.evidence.s3 import read_s3
from zdr_audit.evidence.server import ServerPlace
from zdr_audit.profile.load import ProfileError, load
from zdr_audit.run.observe import read_source
from zdr_audit.run.place import check_places, server_place
from zdr_audit.run.servers import object_store, postgres_server, redis_server
from zdr_audit.run.servers.process import free_port

PROFILE = """
schema = 1
name = "paper"
target = {{ base_url = "http://127.0.0.1:1" }}
organizations = {{ subject = {{ id = "a" }}, control = {{ id = "b" }} }}
actors = {{ subject = {{ member = {{ env = "A" }} }}, control = {{ member = {{ env = "B" }} }} }}
operations = {{ "messages.create" = {{ method = "POST", path = "/v1/messages" }} }}
evidence = [{{ id = "it", what = "something", {place} }}]
"""


@pytest.fixture(scope="module")
def folder(server_folder: Path) -> Path:
    place = Path(tempfile.mkdtemp(prefix="reach-", dir=server_folder))
    place.chmod(0o755)
    return place


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator:
    with object_store(folder) as running:
        running.client().create_bucket(Bucket="kept")
        yield running


@pytest.fixture
def profile(tmp_path: Path):
    def write(place: str, environment: dict[str, str]):
        (tmp_path / "paper.toml").write_text(PROFILE.format(place=place))
        return load(str(tmp_path / "paper.toml"), environment).profile

    return write


def test_postgres_and_redis_that_answer_are_reached(folder, profile):
    with postgres_server(folder) as database, redis_server(folder) as cache:
        environment = {"DSN": database.dsn(), "URL": cache.url}
        check_places(profile('kind = "postgres", dsn_env = "DSN"', environment), environment)
        check_places(profile('kind = "redis", url_env = "URL"', environment), environment)
        wrong = {"DSN": f"{database.dsn().rsplit('/', 1)[0]}/no-such-database"}
        with pytest.raises(ProfileError, match=r"^evidence\.0\.dsn_env: the source 'it' cannot be reached: .*no-such-database"):
            check_places(profile('kind = "postgres", dsn_env = "DSN"', wrong), wrong)


def test_a_bucket_named_by_a_url_is_reached_and_read_below_its_prefix(lab, store, profile):
    client = store.client()
    client.put_object(Bucket="kept", Key="day/one/log", Body=lab.canary("in").encode())
    client.put_object(Bucket="kept", Key="night/log", Body=lab.canary("out").encode())
    environment = store.credentials | {"BUCKET": "kept"}
    found = profile(f'kind = "s3", url = "s3://${{BUCKET}}/day/one", endpoint = "{store.endpoint}"', environment)
    check_places(found, environment)
    reading = read_source(found.evidence[0], lab.seeker, None, {}, (), environment=environment)
    assert (reading.error, {hit.canary for hit in reading.hits}) == (None, {"in"})
    assert server_place(found.evidence[0], environment).credentials == (store.key, store.secret, "")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ('kind = "s3", url = "s3://no-such-bucket"', "evidence.0.url: the source 'it' cannot be reached: .*NoSuchBucket"),
        ('kind = "s3", bucket = "kept"', "evidence.0.bucket: the source 'it' cannot be reached: .*(SignatureDoesNotMatch|AccessDenied)"),
    ],
)
def test_a_bucket_that_is_not_there_or_not_open_is_named(store, profile, place, words):
    environment = store.credentials | ({"AWS_SECRET_ACCESS_KEY": "not-the-secret-at-all"} if 'bucket = "kept"' in place else {})
    with pytest.raises(ProfileError, match=words) as caught:
        check_places(profile(f'{place}, endpoint = "{store.endpoint}"', environment), environment)
    assert "\n" not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in (store.key, store.secret, "not-the-secret-at-all"))


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("postgres", ServerPlace(url="postgresql://u:the-password@127.0.0.1:{port}/app")),
        ("redis", ServerPlace(url="redis://:the-password@127.0.0.1:{port}/0")),
        ("s3", ServerPlace(bucket="some-bucket", endpoint="http://127.0.0.1:{port}")),
    ],
)
def test_a_server_that_is_gone_is_not_reached(kind, place):
    port = free_port()
    gone = ServerPlace(url=place.url.format(port=port), bucket=place.bucket, endpoint=place.endpoint and place.endpoint.format(port=port))
    said = unreachable(kind, gone)
    assert said
    assert "the-password" not in said
    assert "\n" not in said


def test_a_prefix_of_a_url_is_searched_as_it_stands(lab, store):
    """`logs` names `logs-of-today` as well: a prefix is no folder."""
    store.client().put_object(Bucket="kept", Key="logs-of-today", Body=lab.canary("seen").encode())
    place = ServerPlace(bucket="kept", prefix="logs", endpoint=store.endpoint, credentials=(store.key, store.secret, ""))
    assert [hit.canary for hit in read_s3("blobs", place, lab.seeker).hits] == ["seen"]
