"""The evidence sources of a profile: where the target may have kept something, and how to get there."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from zdr_audit.profile.base import CLOSED, Name, Variable, has_password

_KEYS: dict[str, tuple[str, ...]] = {
    "files": ("path",),
    "sqlite": ("path",),
    "http": ("operation", "detail"),
    "postgres": ("dsn_env", "url", "data_dir"),
    "redis": ("url_env", "url", "data_dir"),
    "s3": ("url", "bucket", "prefix", "endpoint", "data_dir"),
    "gcs": ("url", "bucket", "prefix", "endpoint"),
    "command": ("command", "size_command", "timeout_seconds", "max_bytes"),
    "extension": ("reader", "options"),
}
"""What each kind of evidence may say of its place."""
_PLACES = tuple(dict.fromkeys(key for keys in _KEYS.values() for key in keys))
_SCHEMES = {"s3": "s3", "gcs": "gs"}


class Closed(BaseModel):
    model_config = CLOSED


class Spike(Closed):
    """How a canary gets into a source by other means than the target: as a `file` of that name in the source's folder, which is removed afterwards, or
    by a `command` (words, no shell; `{canary}` stands for it) and perhaps another that takes it out again. Needs the permission `spike.ID`."""

    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    remove: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30

    @model_validator(mode="after")
    def _one_means(self) -> Spike:
        if (self.file is None) == (self.command is None):
            raise ValueError("needs either 'file' or 'command'")
        if self.command is not None and "{canary}" not in " ".join(self.command):
            raise ValueError("'command' needs '{canary}' where the canary goes")
        if self.remove is not None and self.command is None:
            raise ValueError("'remove' goes with 'command': a file is removed in any case")
        return self


class Evidence(Closed):
    """A place where the target may have kept something. `files` and `sqlite` have a path, `http` an operation, the role that reads, and `detail`.

    `postgres` has the name of the environment variable that holds its DSN (`dsn_env`), `redis` that of its URL (`url_env`), or either a plain
    `url` without a password; and perhaps the server's `data_dir`. `s3` has a `url` (`s3://BUCKET/PREFIX`) or a `bucket` and perhaps a `prefix`, an
    `endpoint`, and the `data_dir` of a store on this machine, where parts of unfinished uploads and deleted objects may still be; its credentials
    are those of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN). `gcs` likewise, with `gs://BUCKET/PREFIX`
    (GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_OAUTH_ACCESS_TOKEN).

    `command` is what a `command` prints (words, no shell), both its outputs, in at most `timeout_seconds` and `max_bytes` each; `size_command` prints
    how many bytes the place takes, where that is to be had at less cost than by counting the whole output.

    `of` says whose deployment it belongs to: where the control organization is served by a twin, a source of the `subject` names as `twin` the source
    of the `control` that is the same place in the twin deployment. `spike` is a second means to show that the source can be read.

    `extension` is read by the `reader` of that name that an installed package adds; `options` are handed to it.
    """

    id: Name
    kind: Literal["files", "sqlite", "http", "postgres", "redis", "s3", "gcs", "command", "extension"]
    what: str
    path: str | None = None
    operation: str | None = None
    detail: str | None = None
    dsn_env: Variable | None = None
    url_env: Variable | None = None
    url: str | None = None
    data_dir: str | None = None
    bucket: str | None = None
    prefix: str | None = None
    endpoint: str | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    size_command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=86400)] | None = None
    max_bytes: Annotated[int, Field(ge=1024)] | None = None
    reader: Name | None = None
    options: dict[str, str] = {}
    of: Literal["both", "subject", "control"] = "both"
    twin: Name | None = None
    spike: Spike | None = None

    @model_validator(mode="after")
    def _place(self) -> Evidence:
        if (self.kind == "extension") != (self.reader is not None):
            raise ValueError("'reader' goes with evidence of kind 'extension', which needs it")
        for name in ("operation", "path", "command"):  # what a kind cannot do without stands first among its keys
            if _KEYS[self.kind][0] == name and not getattr(self, name):
                raise ValueError(f"evidence of kind '{self.kind}' needs '{name}'")
        for name in _PLACES:
            if getattr(self, name) not in (None, {}) and name not in _KEYS[self.kind]:
                raise ValueError(f"evidence of kind '{self.kind}' has no '{name}'")
        if self.kind in _SCHEMES:
            self._bucket_is_named(_SCHEMES[self.kind])
        variable = {"postgres": "dsn_env", "redis": "url_env"}.get(self.kind)
        if variable and (getattr(self, variable) is None) == (not self.url):
            raise ValueError(f"evidence of kind '{self.kind}' needs either '{variable}' or 'url'")
        for name in ("url", "endpoint"):
            if has_password(getattr(self, name) or ""):
                raise ValueError(f"'{name}' of evidence '{self.id}' holds a password: put it into an environment variable")
        return self

    def _bucket_is_named(self, scheme: str) -> None:
        if (self.url is None) == (self.bucket is None) or (self.url is not None and self.prefix is not None):
            raise ValueError(
                f"evidence of kind '{self.kind}' needs either 'url' ({scheme}://BUCKET/PREFIX) or 'bucket' and perhaps 'prefix'"
            )
        if not (self.bucket if self.url is None else re.fullmatch(rf"{scheme}://[^/\s?#@]+(/[^\x00]*)?", self.url)):
            raise ValueError(
                f"'{'bucket' if self.url is None else 'url'}' of evidence '{self.id}' should name a bucket ({scheme}://BUCKET/PREFIX)"
            )

    @property
    def in_bucket(self) -> tuple[str, str]:
        """Bucket and prefix of an object store; both empty elsewhere."""
        if self.url is None or self.kind not in _SCHEMES:
            return self.bucket or "", self.prefix or ""
        bucket, _, prefix = self.url.partition("://")[2].partition("/")
        return bucket, prefix
