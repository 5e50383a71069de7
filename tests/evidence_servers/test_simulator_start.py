"""Servers that cannot be used end the simulator with status 2 and one line, in which there is no URL and so no password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zdr_audit.run.launch import LaunchError, launched
from zdr_audit.run.servers import ServerError
from zdr_audit.run.servers.process import free_port, started
from zdr_audit.simulator.blobs import BlobUrlError, BucketBlobs

CASES = {
    "database": (
        ["--database-url", "postgresql+psycopg://u:the-password@127.0.0.1:{port}/app"],
        "cannot use the database: OperationalError",
    ),
    "cache": (["--cache-url", "redis://:the-password@127.0.0.1:{port}/0"], "cannot use what --cache-url names: "),
    "blobs": (["--blob-url", "s3://bucket?endpoint=http://127.0.0.1:{port}"], "cannot use what --blob-url names: "),
    "no bucket": (["--blob-url", "http://u:the-password@h/b"], "--blob-url: should be s3://BUCKET"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_server_that_cannot_be_used_is_said_in_one_line(name, tmp_path, monkeypatch):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "the-password")
    options, words = CASES[name]
    port = free_port()
    command = [sys.executable, "-m", "zdr_audit.simulator", "--port", "0", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(
        [*command, *(option.format(port=port) for option in options)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"zdr-audit simulate: {words}")
    assert "the-password" not in line


@pytest.mark.parametrize("url", ["s3://", "https://bucket", "s3://key@bucket", "bucket"])
def test_a_url_that_names_no_bucket_is_refused(url):
    with pytest.raises(BlobUrlError, match=r"^should be s3://BUCKET"):
        BucketBlobs(url)


def test_a_violation_without_its_server_is_said_in_one_line():
    with pytest.raises(LaunchError, match=r"the violation needs Redis \(--cache-url\)$"), launched("simulator", ["ret-redis-stream"]):
        pytest.fail("it started")


def test_a_server_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path):
    command = [sys.executable, "-c", "print('first'); print('the port is taken'); raise SystemExit(3)"]
    with (
        pytest.raises(ServerError, match=r"^Thing did not start: the port is taken$"),
        started("Thing", command, tmp_path / "log", lambda: False),
    ):
        pytest.fail("it started")
