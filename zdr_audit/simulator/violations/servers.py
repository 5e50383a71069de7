"""Violations that need real servers or several nodes: what PostgreSQL, Redis and an object store remember of what passes through them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from zdr_audit.simulator.blobs import BucketBlobs
from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.prefixes import RedisCache
from zdr_audit.simulator.violations import UnfitStoresError, wrap
from zdr_audit.simulator.violations.keeping import FORMS, PLACES, WHAT, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Keep = Callable[[RequestContext, bytes], None]
Record = Callable[[RequestContext], None]
METADATA_BYTES = 1500  # of the 2 KiB that an object store takes


def _keep(parts: Parts, what: str, when: Mapping[str, Any] | None, then: Keep) -> None:
    """Does something with a part of every request that meets the conditions, after it was recorded."""

    def make(record: Record) -> Record:
        def record_and_keep(ctx: RequestContext) -> None:
            record(ctx)
            content = WHAT[what](ctx)
            if content and applies(ctx, when):
                then(ctx, content)

        return record_and_keep

    wrap(parts.retention, "record", make)


def _need_postgres(parts: Parts) -> None:
    if parts.stores.database.dialect.name != "postgresql":
        raise UnfitStoresError("the violation needs PostgreSQL (--database-url)")


def _redis(parts: Parts) -> Any:
    if not isinstance(parts.stores.cache, RedisCache):
        raise UnfitStoresError("the violation needs Redis (--cache-url)")
    return parts.stores.cache.client


def _bucket(parts: Parts) -> BucketBlobs:
    if not isinstance(parts.stores.blobs, BucketBlobs):
        raise UnfitStoresError("the violation needs an object store (--blob-url)")
    return parts.stores.blobs


# -- PostgreSQL ---------------------------------------------------------------------------------------------------------------------


def keep_in_table(parts: Parts, what: str, table: str, *, delete: bool, form: str = "plain", when: Mapping[str, Any] | None = None) -> None:
    """A table of its own gets every such request; with `delete` the row goes at once, and its bytes stay on the page until somebody vacuums."""
    _need_postgres(parts)
    with parts.stores.starting(), parts.stores.database.begin() as connection:
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS {table} (request_id text PRIMARY KEY, payload bytea)"))

    def then(ctx: RequestContext, content: bytes) -> None:
        row = {"id": ctx.request_id, "payload": FORMS[form](content)}
        with parts.stores.database.begin() as connection:
            connection.execute(text(f"INSERT INTO {table} VALUES (:id, :payload)"), row)  # noqa: S608 - the table is ours
        if delete:
            with parts.stores.database.begin() as connection:
                connection.execute(text(f"DELETE FROM {table} WHERE request_id = :id"), {"id": ctx.request_id})  # noqa: S608

    _keep(parts, what, when, then)


def log_bound_values(parts: Parts, what: str) -> None:
    """A statement that has the content bound to it runs while the server logs statements with their values."""
    _need_postgres(parts)

    def then(_ctx: RequestContext, content: bytes) -> None:
        with parts.stores.database.begin() as connection:
            for setting, value in (("log_min_duration_statement", "0"), ("log_parameter_max_length", "-1")):
                connection.execute(text(f"SET LOCAL {setting} = {value}"))
            bound = {"payload": content.decode("utf-8", "replace").replace("\x00", "")}
            connection.execute(text("SELECT length(CAST(:payload AS text))"), bound)

    _keep(parts, what, None, then)


# -- Redis --------------------------------------------------------------------------------------------------------------------------


def keep_in_redis_string(parts: Parts, what: str, prefix: str, form: str = "plain", seconds: int | None = None) -> None:
    """A string a request, for ever or for some time."""
    client = _redis(parts)
    _keep(parts, what, None, lambda ctx, content: client.set(f"{prefix}:{ctx.request_id}", FORMS[form](content), ex=seconds))


def keep_in_redis_stream(parts: Parts, what: str, stream: str) -> None:
    """An entry of a stream a request, which its consumers acknowledge and nobody trims."""
    client = _redis(parts)
    _keep(parts, what, None, lambda ctx, content: client.xadd(stream, {"request_id": ctx.request_id, "body": content}))


def keep_in_redis_slow_log(parts: Parts, what: str, key: str) -> None:
    """A key that is deleted at once, on a server that notes every command as slow."""
    client = _redis(parts)
    client.config_set("slowlog-log-slower-than", 0)
    client.config_set("slowlog-max-len", 10_000)

    def then(_ctx: RequestContext, content: bytes) -> None:
        client.set(key, content)
        client.delete(key)

    _keep(parts, what, None, then)


# -- object store -------------------------------------------------------------------------------------------------------------------


def keep_old_version(parts: Parts, what: str, folder: str) -> None:
    """An object that is deleted at once, in a bucket that keeps versions: a delete marker hides it."""
    blobs = _bucket(parts)
    blobs.client.put_bucket_versioning(Bucket=blobs.bucket, VersioningConfiguration={"Status": "Enabled"})

    def then(ctx: RequestContext, content: bytes) -> None:
        where = {"Bucket": blobs.bucket, "Key": blobs.key(folder, ctx.request_id)}
        blobs.client.put_object(**where, Body=content)
        blobs.client.delete_object(**where)

    _keep(parts, what, None, then)


def keep_unfinished_upload(parts: Parts, what: str, folder: str, form: str = "plain") -> None:
    """An upload in parts whose first part arrives and which nobody completes or aborts."""
    blobs = _bucket(parts)

    def then(ctx: RequestContext, content: bytes) -> None:
        where = {"Bucket": blobs.bucket, "Key": blobs.key(folder, ctx.request_id)}
        upload = blobs.client.create_multipart_upload(**where)["UploadId"]
        blobs.client.upload_part(**where, UploadId=upload, PartNumber=1, Body=FORMS[form](content))

    _keep(parts, what, None, then)


def keep_in_object_metadata(parts: Parts, what: str, folder: str) -> None:
    """An empty object whose metadata hold the beginning of the content."""
    blobs = _bucket(parts)

    def then(ctx: RequestContext, content: bytes) -> None:
        said = content[:METADATA_BYTES].decode("ascii", "replace").replace("\ufffd", "?")
        shown = "".join(sign if " " <= sign <= "~" else " " for sign in said).strip()
        blobs.client.put_object(Bucket=blobs.bucket, Key=blobs.key(folder, ctx.request_id), Body=b"", Metadata={"preview": shown})

    _keep(parts, what, None, then)


# -- nodes --------------------------------------------------------------------------------------------------------------------------


def keep_on_one_node(parts: Parts, what: str, where: str, node: int) -> None:
    """One node keeps what the others do not."""

    def then(ctx: RequestContext, content: bytes) -> None:
        if parts.node == node:
            PLACES[where](parts, ctx, content)

    _keep(parts, what, None, then)


def remember_state_on_one_node(parts: Parts, node: int, seconds: float) -> None:
    """One node remembers for some time whether an organization is under ZDR, and does not hear of a change."""
    known: dict[str, tuple[float, bool]] = {}

    def make(enabled: Callable[[str], bool]) -> Callable[[str], bool]:
        def remembered(organization_id: str) -> bool:
            if parts.node != node:
                return enabled(organization_id)
            until, state = known.get(organization_id, (0.0, False))
            if until < time.monotonic():
                state = enabled(organization_id)
                known[organization_id] = (time.monotonic() + seconds, state)
            return state

        return remembered

    wrap(parts.workflow, "enabled", make)
