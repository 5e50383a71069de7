"""Evidence in an S3-compatible object store: every version of every object, delete markers, and uploads that were never finished."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from zdr_audit.canary.seeker import Seeker

from .collector import Collector
from .model import Reading
from .server import TIMES, MissingExtraError, ServerPlace, Values, named, one_line, with_files
from .units import MIB

_PIECE = MIB
_REGION = "us-east-1"  # what a store that has no regions expects to be asked with
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_NOT_SAID = ("NotImplemented", "MethodNotAllowed", "NoSuchTagSet", "NoSuchBucketPolicy")
_ONLY_LATEST = frozenset(("NotImplemented", "MethodNotAllowed", "AccessDenied"))  # to the question for all versions
# Headers of an answer that describe the transfer or the server, not the object; each is sure to hold nothing of the object.
_TRANSFER = frozenset(
    ("date", "server", "connection", "content-length", "accept-ranges", "last-modified", "x-amz-request-id", "x-amz-id-2")
)


def read_s3(source_id: str, place: ServerPlace, seeker: Seeker, progress: Callable[[int], None] | None = None) -> Reading:
    """Search `place.bucket` below `place.prefix` at `place.endpoint` (None: AWS itself).

    Credentials come from the place, or else from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if set, AWS_SESSION_TOKEN alone; without them
    requests are not signed.
    Versions that are not the latest are `residue`: deleted or overwritten for whoever reads the bucket, and still there. The parts of an
    unfinished upload cannot be read through the interface; each such upload is listed as not examined, its key searched. With `place.data_dir` the
    store's own files are searched too: they hold those parts, and what was deleted and not yet cleared away (`residue`). `objects` counts
    versions of objects and files, `bytes` their content.
    """
    collector = Collector(source_id, "s3", seeker)
    secrets = _credentials(place)
    try:
        _Bucket(collector, place, progress).read()
    except MissingExtraError as problem:
        return collector.reading(error=str(problem))
    except Exception as problem:  # the client raises errors of its own and of the libraries below it
        return collector.reading(error=one_line(problem, *secrets))
    reading = collector.reading()
    if place.data_dir is None:
        return reading
    values = Values(collector)
    values.seen = {hit.canary for hit in reading.hits if hit.canary and not hit.residue}
    return with_files(reading, place.data_dir, values, progress)


def total_size(place: ServerPlace) -> int:
    """Bytes of all versions of all objects, and of the parts of unfinished uploads. Raises MissingExtraError and the client's own errors."""
    client, where = _client(place), _where(place)
    versions = client.get_paginator("list_object_versions").paginate(**where)
    total = sum(int(item["Size"]) for page in versions for item in page.get("Versions") or ())
    for page in client.get_paginator("list_multipart_uploads").paginate(**where):
        for upload in page.get("Uploads") or ():
            which = {"Bucket": place.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            parts = client.get_paginator("list_parts").paginate(**which)
            total += sum(int(part["Size"]) for found in parts for part in found.get("Parts") or ())
    return total


def first_key(place: ServerPlace) -> None:
    """Ask for one key, as the reading will. Raises MissingExtraError and the client's own errors where the bucket cannot be listed."""
    if not place.bucket:
        raise ValueError("no bucket is named")
    client, where = _client(place), _where(place) | {"MaxKeys": 1}
    try:
        client.list_object_versions(**where)
    except Exception as problem:
        if _code(problem) not in _ONLY_LATEST:
            raise
        client.list_objects_v2(**where)


def _where(place: ServerPlace) -> dict[str, Any]:
    return {"Bucket": place.bucket} | ({"Prefix": place.prefix} if place.prefix else {})


def _credentials(place: ServerPlace) -> tuple[str, ...]:
    return place.credentials or tuple(os.environ.get(name, "") for name in CREDENTIALS)


def _client(place: ServerPlace) -> Any:
    try:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
    except ImportError:
        raise MissingExtraError("s3") from None
    key, secret, token = (word or None for word in _credentials(place))
    options: dict[str, Any] = {} if key and secret else {"signature_version": UNSIGNED}
    to_connect, to_answer = TIMES
    config = Config(
        s3={"addressing_style": "path" if place.endpoint else "auto"},
        retries={"max_attempts": 2, "mode": "standard"},
        connect_timeout=to_connect,
        read_timeout=to_answer,
        # The checksums that only some stores know; what was read is judged by its content.
        response_checksum_validation="when_required",
        **options,
    )
    # No other source of credentials is asked: not the files of this machine's user, nor the metadata service of a cloud.
    session = boto3.Session(aws_access_key_id=key or "none", aws_secret_access_key=secret or "none", aws_session_token=token)
    return session.client("s3", endpoint_url=place.endpoint, region_name=os.environ.get("AWS_DEFAULT_REGION", _REGION), config=config)


class _Bucket:
    def __init__(self, collector: Collector, place: ServerPlace, progress: Callable[[int], None] | None) -> None:
        self._collector, self._place, self._progress = collector, place, progress
        self._client = _client(place)
        self._values = Values(collector)
        self._where = _where(place)

    def read(self) -> None:
        """Raises botocore's errors when the bucket cannot be listed at all."""
        if not self._place.bucket:
            raise ValueError("no bucket is named")
        try:
            self._versions()
        except Exception as problem:
            if _code(problem) not in _ONLY_LATEST:
                raise
            self._collector.not_examined("versions", f"they cannot be listed, so only the latest were read: {one_line(problem)}")
            for item in self._listed("list_objects_v2", "Contents"):
                self._object(item["Key"], None, latest=True, written=item.get("LastModified"))
        self._guarded("unfinished uploads", self._uploads)
        self._guarded("bucket tags", lambda: self._description("bucket tags", self._client.get_bucket_tagging))
        self._guarded("bucket policy", lambda: self._description("bucket policy", self._client.get_bucket_policy))
        self._values.flush()

    def _guarded(self, name: str, read: Callable[[], None]) -> None:
        try:
            read()
        except Exception as problem:
            if _code(problem) is None:
                raise
            if _code(problem) not in _NOT_SAID:
                self._collector.not_examined(name, one_line(problem))

    def _listed(self, operation: str, *kinds: str) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator(operation).paginate(**self._where):
            for kind in kinds:
                for item in page.get(kind) or ():
                    yield item | {"kind": kind}

    def _versions(self) -> None:
        for item in self._listed("list_object_versions", "Versions", "DeleteMarkers"):
            key, version = item["Key"], item.get("VersionId")
            if item["kind"] == "DeleteMarkers":
                self._collector.search(_title(key, version), key.encode(), lambda _: "key of a delete marker", residue=True)
            else:
                self._object(key, version, latest=bool(item.get("IsLatest")), written=item.get("LastModified"))

    def _object(self, key: str, version: str | None, latest: bool, written: datetime | None) -> None:
        residue = not latest
        title = _title(key, version)
        self._collector.search(title, key.encode(), lambda _: "key", residue)
        which = {"Bucket": self._place.bucket, "Key": key} | ({"VersionId": version} if version else {})
        try:
            answer = self._client.get_object(**which)
        except Exception as problem:
            if _code(problem) is None:
                raise
            if _code(problem) not in {"NoSuchKey", "NoSuchVersion", "404"}:  # else deleted since it was listed
                self._collector.not_examined(title, one_line(problem), written)
            return
        self._collector.objects += 1
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        for name, text in headers.items():
            if name not in _TRANSFER:
                self._small(title, f"header {name}", f"{name}: {text}", residue)
        with answer["Body"] as body:
            self._collector.search(title, self._pieces(title, body, written), residue=residue)
        self._guarded(title, lambda: self._tags(title, which, residue))

    def _pieces(self, title: str, body: Any, written: datetime | None) -> Iterator[bytes]:
        """The content, which may break off: what came until then is searched all the same."""
        while True:
            try:
                piece = body.read(_PIECE)
            except Exception as problem:
                self._collector.not_examined(title, f"the content broke off: {one_line(problem)}", written)
                return
            if not piece:
                return
            self._collector.bytes += len(piece)
            if self._progress is not None:
                self._progress(len(piece))
            yield piece

    def _tags(self, title: str, which: dict[str, str], residue: bool) -> None:
        for tag in self._client.get_object_tagging(**which)["TagSet"]:
            self._small(title, f"tag {named(tag['Key'])}", f"{tag['Key']}={tag['Value']}", residue)

    def _uploads(self) -> None:
        for upload in self._listed("list_multipart_uploads", "Uploads"):
            key = upload["Key"]
            title = f"unfinished upload of {named(key)}"
            self._small(title, "key", key, residue=False)
            try:
                parts = self._client.get_paginator("list_parts").paginate(Bucket=self._place.bucket, Key=key, UploadId=upload["UploadId"])
                sizes = [part["Size"] for page in parts for part in page.get("Parts") or ()]
                size = f"{sum(sizes)} bytes in {len(sizes)} parts"
            except Exception as problem:
                if _code(problem) is None:
                    raise
                size = f"parts of unknown size ({one_line(problem)})"
            begun = upload.get("Initiated") if self._place.data_dir is None else None  # else its parts are read there
            self._collector.not_examined(title, f"{size}: no interface reads them before the upload is completed", begun)

    def _description(self, name: str, ask: Callable[..., Any]) -> None:
        answer = {key: value for key, value in ask(Bucket=self._place.bucket).items() if key != "ResponseMetadata"}
        self._values.add(name, "content", repr(answer).encode())

    def _small(self, title: str, place: str, text: str, residue: bool) -> None:
        data = text.encode("utf-8", "backslashreplace")
        if self._collector.seeker.may_see(data):
            self._collector.search(title, data, lambda _: place, residue)


def _title(key: str, version: str | None) -> str:
    return f"{named(key)} (version {version})" if version and version != "null" else named(key)


def _code(problem: Exception) -> str | None:
    """The error code that the store answered with; None where it did not answer."""
    answer = getattr(problem, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else None
