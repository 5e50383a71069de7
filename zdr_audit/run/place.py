"""From a profile's evidence to what its reader needs, and whether it is there: checked before anything is sent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from zdr_audit.evidence import gcs, s3
from zdr_audit.evidence.command import MAX_BYTES, MAX_SECONDS, Command
from zdr_audit.evidence.reach import unreachable
from zdr_audit.evidence.registry import SERVER_READERS
from zdr_audit.evidence.server import ServerPlace, secrets_in
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import Profile

SQLITE = b"SQLite format 3\x00"
_CLOUD = {"s3": s3.CREDENTIALS, "gcs": gcs.CREDENTIALS}


def server_place(evidence: Evidence, environment: Mapping[str, str]) -> ServerPlace:
    """Where the server is that holds the evidence. Raises KeyError when the variable that says so is not set."""
    variable = evidence.dsn_env or evidence.url_env
    bucket, prefix = evidence.in_bucket
    return ServerPlace(
        url="" if bucket else environment[variable] if variable else evidence.url or "",
        data_dir=Path(evidence.data_dir) if evidence.data_dir else None,
        bucket=bucket,
        prefix=prefix,
        endpoint=evidence.endpoint,
        credentials=_credentials(evidence.kind, environment),
    )


def _credentials(kind: str, environment: Mapping[str, str]) -> tuple[str, ...] | None:
    found = tuple(environment.get(name, "") for name in _CLOUD.get(kind, ()))
    enough = all(found[:2]) if kind == "s3" else any(found)
    return found if enough else None


def server_secrets(evidence: tuple[Evidence, ...], environment: Mapping[str, str]) -> set[str]:
    """What must not be written of what leads to the servers: passwords, and the addresses that hold them."""
    found = {secret for item in evidence if item.kind in SERVER_READERS for secret in secrets_in(server_place(item, environment).url)}
    if any(item.kind == "s3" for item in evidence):
        found |= {environment[name] for name in s3.CREDENTIALS if environment.get(name)}
    if any(item.kind == "gcs" for item in evidence) and environment.get(gcs.CREDENTIALS[1]):
        found.add(environment[gcs.CREDENTIALS[1]])
    return found


def command_of(evidence: Evidence) -> Command:
    """What a source of kind `command` runs."""
    return Command(evidence.command or (), evidence.timeout_seconds or MAX_SECONDS, evidence.max_bytes or MAX_BYTES, evidence.size_command)


def check_places(profile: Profile, environment: Mapping[str, str]) -> None:
    """Raises ProfileError for a source that cannot be read as things are. A file or folder may be made during the run, so only the folder above must be
    there already."""
    for number, item in enumerate(profile.evidence):
        wrong = _wrong(item, environment)
        if wrong:
            key, words = wrong
            raise ProfileError(f"evidence.{number}.{key}: {words}")


def _wrong(item: Evidence, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """(key, what is wrong), None where nothing is."""
    for key, place in (("path", item.path), ("data_dir", item.data_dir)):
        if place is not None and (words := _on_disk(Path(place)) or (_no_database(Path(place)) if item.kind == "sqlite" else "")):
            return key, words
    for key, command in (("command", item.command), ("size_command", item.size_command)):
        if command and shutil.which(command[0]) is None:
            return key, f"there is no program '{command[0]}' that can be run"
    refused = unreachable(item.kind, server_place(item, environment)) if item.kind in SERVER_READERS else None
    if refused:
        keys = ("dsn_env", "url_env", "url", "bucket")
        return next(key for key in keys if getattr(item, key) is not None), f"the source '{item.id}' cannot be reached: {refused}"
    return None


def _no_database(path: Path) -> str:
    """A database that is not there yet, or that holds nothing yet, may become one."""
    if path.is_dir():
        return f"{path} is a folder, not a SQLite database"
    beginning = path.open("rb").read(len(SQLITE)) if path.exists() else b""
    return f"{path} is no SQLite database" if beginning not in (b"", SQLITE) else ""


def _on_disk(path: Path) -> str:
    try:
        if path.exists():
            return "" if os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)) else f"{path} cannot be read"
        return "" if path.parent.is_dir() else f"neither {path} nor the folder above it is there"
    except OSError as exc:
        return f"{path} cannot be read: {exc.strerror}"
