"""Bodies by organization and id: a file each in a folder, or an object each in a bucket that several nodes share. Ids are ours, never a client's text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit


class Blobs(Protocol):
    def put(self, organization: str, blob_id: str, data: bytes) -> None: ...

    def get(self, organization: str, blob_id: str) -> bytes: ...

    def delete(self, organization: str, blob_id: str) -> int:
        """Deletes the blob and its parts (`<id>.<n>`) for good; answers how many went."""

    def delete_all(self, organization: str) -> None:
        """Deletes every blob of an organization for good."""


class FolderBlobs:
    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, organization: str, blob_id: str, data: bytes) -> None:
        place = self.folder / organization
        place.mkdir(exist_ok=True)
        (place / blob_id).write_bytes(data)

    def get(self, organization: str, blob_id: str) -> bytes:
        return (self.folder / organization / blob_id).read_bytes()

    def delete(self, organization: str, blob_id: str) -> int:
        place = self.folder / organization
        gone = [place / blob_id, *place.glob(f"{blob_id}.*")]
        found = [path for path in gone if path.is_file()]
        for path in found:
            path.unlink()
        return len(found)

    def delete_all(self, organization: str) -> None:
        place = self.folder / organization
        if place.is_dir():
            for path in place.iterdir():
                path.unlink()
            place.rmdir()


class BlobUrlError(ValueError):
    """A URL that does not name a bucket; the message is one line."""


class BucketBlobs:
    """Below `s3://bucket[/prefix][?endpoint=http://host:port]`. Credentials come from the AWS_* variables of the environment.

    Deleting takes every version and delete marker with it, should the bucket keep versions.
    """

    def __init__(self, url: str):
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.hostname or parts.username:
            raise BlobUrlError("should be s3://BUCKET, perhaps with /PREFIX and ?endpoint=URL, and without credentials")
        self.bucket = parts.netloc
        self.prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self.client = _client(parse_qs(parts.query).get("endpoint", [None])[0])
        self._make()

    def _make(self) -> None:
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except self.client.exceptions.ClientError:
            known = self.client.exceptions
            with contextlib.suppress(known.BucketAlreadyOwnedByYou, known.BucketAlreadyExists):  # another node was faster
                self.client.create_bucket(Bucket=self.bucket)

    def key(self, organization: str, blob_id: str) -> str:
        return f"{self.prefix}{organization}/{blob_id}"

    def put(self, organization: str, blob_id: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.key(organization, blob_id), Body=data)

    def get(self, organization: str, blob_id: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=self.bucket, Key=self.key(organization, blob_id))["Body"].read()
        return data

    def delete(self, organization: str, blob_id: str) -> int:
        key = self.key(organization, blob_id)
        return len(set(self._remove(key, exactly=key)))

    def delete_all(self, organization: str) -> None:
        for _ in self._remove(self.key(organization, "")):
            pass

    def _remove(self, prefix: str, exactly: str | None = None) -> Iterator[str]:
        """Deletes every version below `prefix`; of keys that are `exactly` that or parts of it, where given. Their keys."""
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix):
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                key = str(item["Key"])
                if exactly is None or key == exactly or key.startswith(f"{exactly}."):
                    version = item.get("VersionId")
                    which = {"VersionId": version} if version and version != "null" else {}
                    self.client.delete_object(Bucket=self.bucket, Key=key, **which)
                    yield key


def _client(endpoint: str | None) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        s3={"addressing_style": "path" if endpoint else "auto"},
        retries={"max_attempts": 3, "mode": "standard"},
        connect_timeout=10,
        read_timeout=30,
        max_pool_connections=40,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint, config=config, region_name="us-east-1" if endpoint else None)
