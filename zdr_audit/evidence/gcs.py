"""Evidence in Google Cloud Storage: every generation of every object, what is softly deleted, and what the bucket says of itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from zdr_audit.canary.seeker import Seeker

from .collector import Collector
from .model import Reading
from .server import TIMES, MissingExtraError, ServerPlace, named, one_line
from .units import MIB

CREDENTIALS = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN")
_HOST = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_PIECE = 4 * MIB
_RETRY_SECONDS = 20
# Properties that repeat the object's name, which is searched once, or that the store makes up by itself.
_OWN = frozenset(
    (
        *("kind", "id", "acl", "owner", "selfLink", "mediaLink", "name", "bucket", "generation", "metageneration", "etag", "size"),
        *("md5Hash", "crc32c", "storageClass", "timeCreated", "updated", "timeStorageClassUpdated", "timeFinalized", "timeDeleted"),
        *("softDeleteTime", "hardDeleteTime"),
    )
)


def read_gcs(source_id: str, place: ServerPlace, seeker: Seeker, progress: Callable[[int], None] | None = None) -> Reading:
    """Search `place.bucket` below `place.prefix` at `place.endpoint` (None: Google itself).

    Credentials come from the place, or else from the file that GOOGLE_APPLICATION_CREDENTIALS names or the token in GOOGLE_OAUTH_ACCESS_TOKEN alone;
    without them requests are not signed. Generations that are not the live one are `residue`. What is softly deleted cannot be read before it is
    restored, which would change the bucket: it is listed as not examined, its name searched. `objects` counts generations, `bytes` their content.
    """
    collector = Collector(source_id, "gcs", seeker)
    try:
        _Bucket(collector, place, progress).read()
    except MissingExtraError as problem:
        return collector.reading(error=str(problem))
    except Exception as problem:  # the client raises errors of its own and of the libraries below it
        return collector.reading(error=one_line(problem, _token(place)))
    return collector.reading()


def total_size(place: ServerPlace) -> int:
    """Bytes of all generations of all objects. Raises MissingExtraError and the client's own errors."""
    return sum(int(blob.size or 0) for blob in _listed(_client(place), place, versions="true"))


def first_name(place: ServerPlace) -> None:
    """Ask for one name. Raises MissingExtraError and the client's own errors where the bucket cannot be listed."""
    client = _client(place)
    next(iter(client.list_blobs(place.bucket, prefix=place.prefix or None, max_results=1, timeout=TIMES, retry=None)), None)


def _given(place: ServerPlace) -> tuple[str, ...]:
    return place.credentials or tuple(os.environ.get(name, "") for name in CREDENTIALS)


def _token(place: ServerPlace) -> str:
    _file, token = _given(place)
    return token


def _client(place: ServerPlace) -> Any:
    try:
        from google.auth import load_credentials_from_file
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage
        from google.oauth2.credentials import Credentials
    except ImportError:
        raise MissingExtraError("gcs") from None
    if not place.bucket:
        raise ValueError("no bucket is named")
    file, token = _given(place)
    # No other source of credentials is asked: not the files of this machine's user, nor the metadata service of a cloud.
    credentials: Any = AnonymousCredentials()
    if file:
        credentials, _ = load_credentials_from_file(file, scopes=[_SCOPE])
    elif token:
        credentials = Credentials(token)
    return storage.Client(project="none", credentials=credentials, client_options={"api_endpoint": place.endpoint or _HOST})


def _retry() -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(_RETRY_SECONDS)


def _listed(client: Any, place: ServerPlace, **how: Any) -> Iterator[Any]:
    found: Iterator[Any] = iter(client.list_blobs(place.bucket, prefix=place.prefix or None, timeout=TIMES, retry=_retry(), **how))
    return found


class _Bucket:
    def __init__(self, collector: Collector, place: ServerPlace, progress: Callable[[int], None] | None) -> None:
        self._collector, self._place, self._progress = collector, place, progress
        self._client = _client(place)

    def read(self) -> None:
        """Raises the client's errors when the bucket cannot be listed at all."""
        for blob in _listed(self._client, self._place, versions="true"):
            self._object(blob)
        self._guarded("softly deleted objects", self._softly_deleted)
        self._guarded("bucket properties", self._description)

    def _guarded(self, name: str, read: Callable[[], None]) -> None:
        """What the store refuses, or does not know, is noted; where it does not answer, the reading ends."""
        try:
            read()
        except Exception as problem:
            if not isinstance(getattr(problem, "code", None), int):
                raise
            self._collector.not_examined(name, one_line(problem, _token(self._place)))

    def _object(self, blob: Any) -> None:
        residue = blob.time_deleted is not None
        title = f"{named(blob.name)} (generation {blob.generation})"
        self._collector.search(title, blob.name.encode("utf-8", "backslashreplace"), lambda _: "name", residue)
        self._properties(title, blob._properties, residue)
        self._collector.search(title, self._pieces(title, blob), residue=residue)

    def _pieces(self, title: str, blob: Any) -> Iterator[bytes]:
        """The content, counted as an object if all of it can be read: where it breaks off, what came until then is searched all the same."""
        try:
            yield from self._downloaded(blob)
        except Exception as problem:
            if getattr(problem, "code", None) != 404:  # else deleted since it was listed
                self._collector.not_examined(
                    title, f"the content cannot be read: {one_line(problem, _token(self._place))}", blob.time_created
                )
        else:
            self._collector.objects += 1

    def _downloaded(self, blob: Any) -> Iterator[bytes]:
        at, size = 0, int(blob.size or 0)
        exactly = blob.bucket.blob(blob.name, generation=int(blob.generation))  # what is listed would be asked for by its name alone
        while at < size:
            # As it is stored: what is compressed is opened by the search itself.
            piece: bytes = exactly.download_as_bytes(
                start=at, end=min(at + _PIECE, size) - 1, raw_download=True, checksum=None, timeout=TIMES, retry=_retry()
            )
            if not piece:
                raise OSError(f"only {at} of {size} bytes came")
            at += len(piece)
            self._collector.bytes += len(piece)
            if self._progress is not None:
                self._progress(len(piece))
            yield piece

    def _properties(self, title: str, properties: dict[str, Any], residue: bool = False) -> None:
        for name, value in properties.items():
            data = (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode("utf-8", "backslashreplace")
            if name not in _OWN and self._collector.seeker.may_see(data):
                self._collector.search(title, data, lambda _, name=name: f"property {name}", residue)  # type: ignore[misc]

    def _softly_deleted(self) -> None:
        for blob in _listed(self._client, self._place, soft_deleted="true"):
            if blob.soft_delete_time is None:  # a store that does not know the question lists what is live
                continue
            title = f"softly deleted {named(blob.name)} (generation {blob.generation})"
            self._collector.search(title, blob.name.encode("utf-8", "backslashreplace"), lambda _: "name", residue=True)
            self._properties(title, blob._properties, residue=True)
            self._collector.not_examined(
                title, f"{blob.size or 0} bytes: they can be read only after the object is restored", blob.time_created
            )

    def _description(self) -> None:
        bucket = self._client.get_bucket(self._place.bucket, timeout=TIMES, retry=_retry())
        self._properties("bucket properties", bucket._properties)
