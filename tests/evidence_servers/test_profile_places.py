"""From the profile to the server: no server is needed where the profile or the environment is what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from zdr_audit.evidence.server import ServerPlace, secrets_in
from zdr_audit.profile.credentials import required
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import ProfileError, load
from zdr_audit.run.observe import read_source
from zdr_audit.run.place import server_place, server_secrets

PROFILE = """
schema = 1
name = "paper"
target = { base_url = "http://127.0.0.1:1" }
organizations = { subject = { id = "a" }, control = { id = "b" } }
actors = { subject = { member = { env = "A" } }, control = { member = { env = "B" } } }
operations = { "messages.create" = { method = "POST", path = "/v1/messages" } }
evidence = [
    { id = "db", kind = "postgres", what = "rows", dsn_env = "APP_DSN", data_dir = "${FOLDER:-/srv/db}" },
    { id = "blobs", kind = "s3", what = "objects", bucket = "${BUCKET}", endpoint = "http://${HOST}:1" },
]
"""
ENVIRONMENT = {
    "A": "credential-a",
    "B": "credential-b",
    "APP_DSN": "postgresql://u:the-password@h/d",
    "BUCKET": "kept",
    "HOST": "127.0.0.1",
}


def evidence(**keys) -> Evidence:
    return Evidence.model_validate({"id": "it", "what": "something", **keys})


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "paper.toml").write_text(PROFILE)
    return str(tmp_path / "paper.toml")


def test_a_profile_leads_to_its_servers(file):
    profile = load(file, ENVIRONMENT).profile
    required(profile, ENVIRONMENT)
    assert [server_place(item, ENVIRONMENT) for item in profile.evidence] == [
        ServerPlace(url="postgresql://u:the-password@h/d", data_dir=Path("/srv/db")),
        ServerPlace(bucket="kept", endpoint="http://127.0.0.1:1"),
    ]
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert server_place(profile.evidence[1], ENVIRONMENT | keys).credentials == ("key", "secret", "")


def test_a_variable_that_is_not_set_ends_the_run_before_anything_is_sent(file):
    profile = load(file, ENVIRONMENT).profile
    with pytest.raises(ProfileError, match=r"^evidence\.0\.dsn_env: the environment variable APP_DSN is not set$"):
        required(profile, ENVIRONMENT | {"APP_DSN": ""})


def test_every_secret_is_given_to_the_redactor(file):
    profile = load(file, ENVIRONMENT).profile
    found = server_secrets(profile.evidence, ENVIRONMENT | {"AWS_SECRET_ACCESS_KEY": "of the store"})
    assert found == {"postgresql://u:the-password@h/d", "the-password", "of the store"}


@pytest.mark.parametrize("kind", ["postgres", "redis"])
def test_a_server_is_read_through_the_environment(lab, kind):
    pytest.importorskip({"postgres": "psycopg", "redis": "redis"}[kind])
    scheme, variable = {"postgres": ("postgresql", "dsn_env"), "redis": ("redis", "url_env")}[kind]
    item = evidence(kind=kind, **{variable: "PLACE"})
    reading = read_source(item, lab.seeker, None, {}, (), environment={"PLACE": f"{scheme}://u:the-password@127.0.0.1:1/0"})
    assert (reading.source, reading.kind, reading.objects) == ("it", kind, 0)
    assert "refused" in (reading.error or "")
    assert "the-password" not in str(reading)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kind": "postgres"}, "needs either 'dsn_env' or 'url'"),
        ({"kind": "postgres", "dsn_env": "A", "url": "postgresql://h/d"}, "needs either 'dsn_env' or 'url'"),
        ({"kind": "redis"}, "needs either 'url_env' or 'url'"),
        ({"kind": "redis", "dsn_env": "A"}, "has no 'dsn_env'"),
        ({"kind": "redis", "url_env": "A", "path": "/x"}, "has no 'path'"),
        ({"kind": "s3"}, r"needs either 'url' \(s3://BUCKET/PREFIX\) or 'bucket'"),
        ({"kind": "s3", "bucket": ""}, "should name a bucket"),
        ({"kind": "s3", "url": "gs://b/p"}, "should name a bucket"),
        ({"kind": "s3", "url": "s3://"}, "should name a bucket"),
        ({"kind": "gcs", "url": "gs://b", "prefix": "p"}, r"needs either 'url' \(gs://BUCKET/PREFIX\)"),
        ({"kind": "gcs", "bucket": "b", "data_dir": "/x"}, "has no 'data_dir'"),
        ({"kind": "command"}, "needs 'command'"),
        ({"kind": "command", "command": []}, "at least 1 item"),
        ({"kind": "command", "command": ["ls"], "path": "/x"}, "has no 'path'"),
        ({"kind": "files", "path": "/x", "command": ["ls"]}, "has no 'command'"),
        ({"kind": "s3", "bucket": "b", "url": "s3://h"}, "needs either 'url'"),
        ({"kind": "files", "path": "/x", "bucket": "b"}, "has no 'bucket'"),
        ({"kind": "http", "operation": "o", "url": "http://h"}, "has no 'url'"),
        ({"kind": "redis", "url": "redis://u:secret@h"}, "holds a password"),
        ({"kind": "redis", "url": "redis://h?password=secret"}, "holds a password"),
        ({"kind": "postgres", "url": "host=h password=secret"}, "holds a password"),
        ({"kind": "s3", "bucket": "b", "endpoint": "http://u:secret@h"}, "holds a password"),
        ({"kind": "postgres", "dsn_env": "postgresql://u:p@h"}, "dsn_env"),
    ],
)
def test_what_does_not_lead_to_a_server_is_refused(keys, words):
    with pytest.raises(ValidationError, match=words):
        evidence(**keys)


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgresql://u:pass%20word@h/d", {"pass%20word", "pass word"}),
        ("host=h password=one-word user=u", {"one-word"}),
        ("host=h password = 'two words' user=u", {"two words"}),
        ("redis://h/0?db=1&password=in-query&x=y", {"in-query"}),
        ("redis://h:6379/0", None),
        ("postgresql://u:abc@h/d", set()),
    ],
)
def test_passwords_are_known_however_they_are_written(url, secrets):
    assert set(secrets_in(url)) == (set() if secrets is None else {url, *secrets})


def test_a_dsn_in_place_of_a_variable_name_is_not_shown(tmp_path):
    (tmp_path / "paper.toml").write_text(PROFILE.replace('"APP_DSN"', '"password=in-the-clear"'))
    with pytest.raises(ProfileError) as caught:
        load(str(tmp_path / "paper.toml"), ENVIRONMENT)
    assert "evidence.0.dsn_env" in str(caught.value)
    assert "in-the-clear" not in str(caught.value)
